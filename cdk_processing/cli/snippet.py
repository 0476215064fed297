"""A snippet of the SageMaker SDK as an app: the imports of this library, and each ``run()`` in a job."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import click

import cdk_processing

__all__ = ["app_of_snippet"]

#: What the SDK needs to call AWS, and synth does not.
_LEFT_OUT = ("role", "sagemaker_session", "wait", "logs", "job_name", "kms_key")
_SDK = ("sagemaker", "boto3", "botocore")


def app_of_snippet(file: Path, stack: str) -> str:
    """The text of an app.py with the jobs of a snippet.

    Comments are not kept. What is neither of the SDK nor of Python's own stays as it is.

    Args:
        file: The snippet.
        stack: The name of the stack.

    Raises:
        click.ClickException: The file is no snippet that can be read.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise click.ClickException(f"{file}{f':{line}' if line else ''} is not Python: {error}") from None
    names = sorted(_imported(tree))
    unknown = [name for name in names if name not in dir(cdk_processing)]
    if unknown:
        raise click.ClickException(
            f"{file} imports {', '.join(unknown)} of the SDK, which jobs here do not have; remove what uses them"
        )
    body = [each for each in tree.body if not _is_of_sdk(each)]
    rewriter = _Jobs()
    moved = [rewriter.visit(each) for each in body]
    if not rewriter.count:
        raise click.ClickException(f"{file} calls no run() of a processor as a statement; keep the call in the snippet")
    lines = [
        '"""The jobs of a snippet of the SageMaker SDK."""',
        "",
        "from aws_cdk import App, Stack",
        f"from cdk_processing import {', '.join(sorted({*names, 'ProcessingJob'}))}",
        "",
        "app = App()",
        f'stack = Stack(app, "{stack}")',
        *(ast.unparse(ast.fix_missing_locations(each)) for each in moved),
        "app.synth()",
    ]
    return "\n".join(lines) + "\n"


def _imported(tree: ast.Module) -> Iterator[str]:
    """The names that a snippet imports from the SDK's modules."""
    for each in tree.body:
        if isinstance(each, ast.ImportFrom) and (each.module or "").partition(".")[0] == "sagemaker":
            yield from (alias.name for alias in each.names if alias.name not in ("get_execution_role", "Session"))


def _is_of_sdk(statement: ast.stmt) -> bool:
    """Whether a statement only prepares calls of AWS: imports, sessions, roles."""
    if isinstance(statement, ast.Import):
        return all(alias.name.partition(".")[0] in _SDK for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return (statement.module or "").partition(".")[0] in _SDK
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        called = ast.unparse(statement.value.func)
        return called.endswith(("get_execution_role", "Session", "boto3.client")) or called.startswith("boto3.")
    return False


class _Jobs(ast.NodeTransformer):
    """Puts each ``processor.run(...)`` into a job, and leaves out what only the SDK needs."""

    def __init__(self) -> None:
        self.count = 0

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """A statement that is a call of ``run``."""
        self.generic_visit(node)
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "run":
            self.count += 1
            name = "Job" if self.count == 1 else f"Job{self.count}"
            arguments: list[ast.expr] = [ast.Name("stack"), ast.Constant(name), call]
            node.value = ast.Call(ast.Name("ProcessingJob"), arguments, [])
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A call without the arguments that only the SDK needs."""
        self.generic_visit(node)
        called = ast.unparse(node.func)
        if called.endswith(("Processor", ".run")):
            node.keywords = [each for each in node.keywords if each.arg not in _LEFT_OUT]
        return node

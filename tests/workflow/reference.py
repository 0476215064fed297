"""The reference implementation of JSONata, from npm: what ours is held to that nobody here has written."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk_processing.local.deployment.node import path_with_node
from cdk_processing.workflow.depth import DEEPEST

_MODULE = Path(sys.prefix) / "cdk-cli" / "node_modules" / "jsonata"
_SCRIPT = Path(__file__).with_name("reference_jsonata.mjs")


@dataclass(frozen=True)
class Evaluated:
    """What became of an expression.

    Attributes:
        value: Its value; None for null, and for no value.
        defined: Whether it has one.
        depth: How deep its evaluation went.
        error: Why it failed.
    """

    depth: int
    value: Any = None
    defined: bool = False
    error: str | None = None


def evaluate_all(expressions, bindings=None, stack=None):
    """Evaluate expressions, each a body without ``{%`` and ``%}``.

    Args:
        expressions: The expressions.
        bindings: The variables, without their ``$``.
        stack: The depth beyond which an evaluation is stopped.
    """
    return evaluate_cases([(each, bindings or {}) for each in expressions], stack)


def evaluate_cases(cases, stack=None):
    """Evaluate expressions, each with variables of its own; see :func:`evaluate_all`."""
    cases = [{"expression": body, "bindings": bindings, "stack": stack} for body, bindings in cases]
    done = subprocess.run(
        ["node", str(_SCRIPT)],
        input=json.dumps({"module": str(_MODULE), "cases": cases}),
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path_with_node()},
        check=True,
    )
    return [Evaluated(**result) for result in json.loads(done.stdout)]


def evaluate_tree(tree, variables=None, deepest=DEEPEST, **states):
    """A state's field with every expression in it evaluated; ``states`` are the fields of ``$states``.

    Raises:
        AssertionError: An expression fails, has no value, or nests deeper than it may.
    """
    bodies = _bodies(tree)
    found = evaluate_all(bodies, {**(variables or {}), "states": states})
    for body, each in zip(bodies, found, strict=True):
        assert each.defined, f"{each.error or 'no value'}: {body[:300]}"
        assert each.depth <= deepest, body
    values = iter(found)
    return _filled(tree, values)


def _bodies(tree):
    if isinstance(tree, dict):
        return [body for item in tree.values() for body in _bodies(item)]
    if isinstance(tree, list):
        return [body for item in tree for body in _bodies(item)]
    return [tree[2:-2]] if isinstance(tree, str) and tree.startswith("{%") else []


def _filled(tree, values):
    if isinstance(tree, dict):
        return {key: _filled(item, values) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_filled(item, values) for item in tree]
    return next(values).value if isinstance(tree, str) and tree.startswith("{%") else tree

"""Only ``workflow`` writes JSONata: no text in ``constructs`` has a variable of it."""

import ast
import re
from pathlib import Path

import pytest

import cdk_processing

FOLDER = Path(cdk_processing.__file__).parent / "constructs"
VARIABLE = re.compile(r"\$[a-z]\w*|\{% \$")


def texts(source):
    """The texts of a module, parts of f-strings among them, without its docstrings."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body
        if isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def jsonata_in(source):
    return [text for text in texts(source) if VARIABLE.search(text)]


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_a_module_of_the_constructs_writes_no_jsonata(path):
    assert jsonata_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = '$event.detail.id'", ["$event.detail.id"]),
        ("x = f'{a} & $hash({b})'", [" & $hash("]),
        ("x = '{% $states.input %}'", ["{% $states.input %}"]),
        ("x = '$.detail.id'", []),
        ("x = '${Token[A.1]} ${AWS::Region} $$.Execution.Id'", []),
        ("def f():\n    'Reads $event.'", []),
    ],
)
def test_jsonata_is_told_from_paths_tokens_and_docstrings(source, found):
    assert jsonata_in(source) == found

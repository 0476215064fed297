"""The recipes of CONTRIBUTING.md: what a step adds in one place is in the other places too."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import cdk_processing
from cdk_processing.cli import main
from cdk_processing.client import ProcessingClient
from cdk_processing.constructs import triggers
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.local.aws.sagemaker.service import SageMaker
from cdk_processing.local.aws.sagemaker.validation import OPERATIONS
from cdk_processing.local.injection import Faults
from cdk_processing.request.compute import Compute
from tests.request.declarations import KINDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TESTS_OF_TRIGGERS = ROOT / "tests" / "constructs" / "triggers"
# XGBoostProcessor stands for them in the generated declarations: they have its fields, or take them.
LIKE_XGBOOST = {
    "FrameworkProcessor",
    "HuggingFaceProcessor",
    "MXNetProcessor",
    "PyTorchProcessor",
    "TensorFlowProcessor",
}


def found_triggers():
    for module in pkgutil.iter_modules(triggers.__path__, f"{triggers.__name__}."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, Trigger) and kind is not Trigger and kind.__module__ == module.name:
                yield kind


TRIGGERS = list(found_triggers())
COMMANDS = sorted(main.commands)
OPERATIONS_OF_THE_CLIENT = [name for name, _ in inspect.getmembers(ProcessingClient, inspect.isfunction)]


def test_there_are_triggers_commands_and_operations_to_look_at():
    assert {"OnDeploy", "OnSchedule"} <= {kind.__name__ for kind in TRIGGERS}
    assert {"start", "why"} <= set(COMMANDS)
    assert {"start", "redrive"} <= set(OPERATIONS_OF_THE_CLIENT)


@pytest.mark.parametrize("kind", TRIGGERS, ids=lambda kind: kind.__name__)
def test_a_trigger_is_public_in_the_readme_and_tested(kind):
    module = kind.__module__.rpartition(".")[2]

    assert getattr(cdk_processing, kind.__name__) is kind
    assert re.search(rf"^\| `{kind.__name__}\(", README, re.MULTILINE), "no row in the README's table of triggers"
    assert (TESTS_OF_TRIGGERS / f"test_{module}.py").is_file()
    assert f"{kind.__name__}(" in (TESTS_OF_TRIGGERS / "test_template.py").read_text(encoding="utf-8")


def processors_below(kind):
    for each in kind.__subclasses__():
        if each.__name__.endswith("Processor") and not each.__name__.startswith("_"):
            yield each
        yield from processors_below(each)


def test_every_processor_is_public_and_in_the_generated_declarations():
    for module in ("processors", "framework", "spark"):
        importlib.import_module(f"cdk_processing.request.{module}")
    found = {kind.__name__ for kind in processors_below(Compute)}

    assert found == {name for name in cdk_processing.__all__ if name.endswith("Processor")}
    assert found == {kind.__name__ for kind in KINDS} | LIKE_XGBOOST


@pytest.mark.parametrize("name", OPERATIONS_OF_THE_CLIENT)
def test_an_operation_of_the_client_names_the_errors_of_its_docstring_as_they_are_exported(name):
    text = inspect.getdoc(getattr(ProcessingClient, name)) or ""
    named = re.findall(r"^\s+(\w+Error):", text, re.MULTILINE)

    assert text or name == "__init__"
    assert [error for error in named if not hasattr(importlib.import_module("cdk_processing.client"), error)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_in_the_readme_and_says_what_it_does(command):
    assert f"cdk-processing {command}" in README
    assert main.commands[command].help


def test_the_embedded_sagemaker_checks_the_operations_that_it_serves():
    assert set(SageMaker(None, Faults())._operations) == set(OPERATIONS)

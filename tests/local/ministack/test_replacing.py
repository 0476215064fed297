import subprocess
import sys

import pytest

from cdk_processing.local.ministack import Replacement, replace_all

ONE_FUNCTION = ("ministack.services.stepfunctions", "_stop_execution")

IN_ORDER = """
from cdk_processing.local.ministack import Replacement, internal, replace_all
function = ("ministack.services.stepfunctions", "_stop_execution")
calls = []


def wrap(name):
    def wrapped(original):
        return lambda data: (calls.append(name), original(data))[1]
    return wrapped


replace_all([Replacement(*function, lambda _original: calls.append, wrap("inner"), wrap("outer"))])
internal(*function)("data")
assert calls == ["outer", "inner", "data"], calls
"""


def test_the_last_wrap_named_is_called_first():
    # In a process of its own: what is replaced stays replaced.
    subprocess.run([sys.executable, "-W", "ignore", "-c", IN_ORDER], check=True)


def test_a_function_that_is_listed_twice_is_refused_and_nothing_else_is_replaced_after_it():
    with pytest.raises(ValueError, match="_stop_execution is replaced twice; name all its wraps in one Replacement"):
        replace_all([Replacement(*ONE_FUNCTION), Replacement(*ONE_FUNCTION)])


ALL = """
from unittest.mock import MagicMock
from cdk_processing.local.ministack.names import INTERNALS
from cdk_processing.local.replacements import replacements
for each in replacements(MagicMock()):
    assert f"{each.module}:{each.name}" in INTERNALS, each.name
    assert each.wraps, each.name
"""


def test_every_function_that_is_replaced_is_checked_when_the_server_starts():
    subprocess.run([sys.executable, "-W", "ignore", "-c", ALL], check=True)

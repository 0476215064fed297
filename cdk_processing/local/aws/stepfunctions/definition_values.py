"""What Step Functions refuses in the values of a state's fields: timestamps, paths, functions, labels and resources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cdk_processing.local.aws.stepfunctions.interpreter.waits import time_of

__all__ = ["problems_of_values"]

_FAILED = "SCHEMA_VALIDATION_FAILED:"
# The fields of JSONPath that hold payload templates.
_TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Assign")
_CALL = re.compile(r"States\.[A-Za-z0-9]+\(.*\)", re.DOTALL)
# In the text of a call, only ', {, } and a backslash may be escaped. A filter may hold a regular expression.
_WRONG_ESCAPE = re.compile(r"^[^\\]*(?:\\['{}\\][^\\]*)*\\[^'{}\\]")
# "Label ... can't exceed 40 characters", and the characters that the documentation forbids:
# https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
_LABEL = re.compile(r"[^\s?*<>{}\[\]:;,\\|^~$#%&`\"\x00-\x1f\x7f-\x9f]{1,40}")
# The optimized integrations of these services, all of them.
_ACTIONS = {
    "dynamodb": {"getItem", "putItem", "deleteItem", "updateItem"},
    "events": {"putEvents"},
    "lambda": {"invoke"},
    "sns": {"publish"},
    "sqs": {"sendMessage"},
    "states": {"startExecution"},
}


def problems_of_values(state: Mapping[str, Any], path: str, language: str) -> Iterator[str]:
    """What is wrong with the values of a state."""
    timestamp = state.get("Timestamp")
    evaluated = language == "JSONata" and str(timestamp).startswith("{%")
    if timestamp is not None and not evaluated and time_of(timestamp) is None:
        yield f"{_FAILED} String does not match RFC3339 timestamp at {path}/Timestamp"
    if language != "JSONata":
        for field in _TEMPLATES:
            yield from _of_template(state.get(field), f"{path}/{field}")
    if "Label" in state and not _LABEL.fullmatch(str(state["Label"])):
        yield f"{_FAILED} The label must have 1 to 40 characters, without white space and special ones at {path}/Label"
    if state.get("Type") == "Task":
        yield from _of_resource(str(state.get("Resource", "")), f"{path}/Resource")


def _of_template(template: Any, path: str) -> Iterator[str]:
    if isinstance(template, list):
        for number, value in enumerate(template):
            yield from _of_template(value, f"{path}[{number}]")
    elif isinstance(template, Mapping):
        for name, value in template.items():
            if not name.endswith(".$"):
                yield from _of_template(value, f"{path}/{name}")
            elif not _is_path_or_call(value):
                yield (
                    f"{_FAILED} The value for the field '{name}' must be a valid JSONPath or a valid intrinsic "
                    f"function call at {path}"
                )


def _is_path_or_call(source: Any) -> bool:
    if not isinstance(source, str):
        return False
    if source.startswith("$"):
        return True
    return bool(_CALL.fullmatch(source)) and ("[?" in source or not _WRONG_ESCAPE.match(source))


def _of_resource(resource: str, path: str) -> Iterator[str]:
    _, _, called = resource.partition(":states:::")
    service, _, action = called.partition(":")
    if service in _ACTIONS and action.partition(".")[0] not in _ACTIONS[service]:
        yield (
            f"{_FAILED} The resource provided {resource} is not recognized. The value is not a valid resource ARN, or "
            f"the resource is not available in this region. at {path}"
        )

"""A declaration held to the service's model: rendered as far as synth can, and told in the declaration's own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdk_processing.errors import Problem
from cdk_processing.request.model import Violation, field_of, violations
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.tokens import KNOWN_LATER

if TYPE_CHECKING:
    from cdk_processing.request.request import ProcessingRequest

__all__ = ["KNOWN_LATER", "conformity_problems", "known_network"]

# Options of smspark-submit that are arguments of run().
_SUBMIT_OPTIONS = ("--class", "--jars", "--py-files", "--files")
_ENTRYPOINT = re.compile(r"AppSpecification\.ContainerEntrypoint(?:\[(?P<index>\d+)\])?")
_INPUT = re.compile(r"ProcessingInputs\[(?P<index>\d+)\]")
_PROCESSOR_FIELDS = re.compile(
    r"(env|tags|network_config|role|image_uri|command|entrypoint|instance_|volume_|max_|output_kms_key)"
)


def conformity_problems(
    request: ProcessingRequest, parts: Mapping[str, Callable[[], Any]], told: Sequence[Problem]
) -> list[Problem]:
    """What the service would refuse that was not told before.

    Args:
        request: The declaration, whose channels, arguments and environment have the right shapes.
        parts: The API's name of each member of the rendered request, and what renders it.
        told: The problems that are known already.
    """
    found = []
    for violation in _violations(parts, bool(told)):
        field = _field(violation.path, request)
        if not any(_covers(problem, field) for problem in told):
            problem = Problem(field, violation.value, violation.allowed, violation.fix)
            found.append(problem.on(_owner(field, request)))
    return found


def known_network(network: Any) -> Any:
    """Network options without constructs: what each is called would be a call into Node, and is right anyway."""
    if not isinstance(network, NetworkConfig) or network.vpc is not None:
        return network
    groups, subnets = network.security_group_ids, network.subnets
    if not isinstance(groups, (list, tuple)) or not isinstance(subnets, (list, tuple)):
        return network
    return replace(network, security_group_ids=_known(groups), subnets=_known(subnets))


def _known(ids: Sequence[Any]) -> list[str]:
    return [each if isinstance(each, str) else KNOWN_LATER for each in ids]


def _violations(parts: Mapping[str, Callable[[], Any]], is_told: bool) -> Iterator[Violation]:
    for member, render in parts.items():
        try:
            part = render()
        except Exception:
            if is_told:
                continue  # that is why it cannot be rendered
            raise
        if part is not None:
            yield from violations(member, part)


def _covers(problem: Problem, field: str) -> bool:
    """Whether a problem is of a field, of a part of it, or of the whole that it is a part of."""
    known = problem.field
    if known == field or known.startswith((f"{field}.", f"{field}[")):
        return True
    is_count = isinstance(problem.value, int)  # too many items say nothing of each of them
    return not is_count and field.startswith((f"{known}.", f"{known}["))


def _owner(field: str, request: ProcessingRequest) -> str:
    if field.startswith("inputs["):
        return "ProcessingInput"
    if field.startswith("outputs["):
        return "ProcessingOutput"
    return type(request.processor).__name__ if _PROCESSOR_FIELDS.match(field) else ""


def _field(path: str, request: ProcessingRequest) -> str:
    """What the user calls a place in the request; the program's own channels and words stand for what they bring."""
    if match := _ENTRYPOINT.fullmatch(path):
        return _entrypoint_field(None if match["index"] is None else int(match["index"]), request)
    match = _INPUT.match(path)
    if match and int(match["index"]) >= len(request.inputs):
        return _program_field(int(match["index"]) - len(request.inputs), request)
    return field_of(path)


def _entrypoint_field(index: int | None, request: ProcessingRequest) -> str:
    processor = request.processor
    if getattr(processor, "entrypoint", None) is not None:
        return "entrypoint" if index is None else f"entrypoint[{index}]"
    words = getattr(processor, "command", None)
    if index is None or index < len(words or ()):
        return "command" if index is None else f"command[{index}]"
    before = (request.program.entrypoint or ())[:index]
    if before and before[-1] in _SUBMIT_OPTIONS:
        return f"submit_{before[-1].strip('-').replace('-', '_')}"
    return "submit_app" if "smspark-submit" in before else "code"


def _program_field(index: int, request: ProcessingRequest) -> str:
    """The argument of run() that a channel of the program brings."""
    name = request.program.inputs[index].input_name or ""
    if "smspark-submit" not in (request.program.entrypoint or ()):
        return "code"
    return {"conf": "configuration", "code": "submit_app"}.get(name, f"submit_{name.replace('-', '_')}")

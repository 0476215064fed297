"""Checks a declaration against the service's model, and names the user's arguments in the problems.

It passes what synth cannot know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from cdk_processing.errors import Problem
from cdk_processing.request.field_names import field_of
from cdk_processing.request.model import Violation, violations
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.program import Program
from cdk_processing.request.tokens import KNOWN_LATER

__all__ = ["KNOWN_LATER", "conformity_problems", "known_network"]

_ENTRYPOINT = re.compile(r"AppSpecification\.ContainerEntrypoint(?:\[(?P<index>\d+)\])?")
_INPUT = re.compile(r"ProcessingInputs\[(?P<index>\d+)\]")
_PROCESSOR_FIELDS = re.compile(
    r"(env|tags|network_config|role|image_uri|command|entrypoint|instance_|volume_|max_|output_kms_key)"
)


def conformity_problems(
    parts: Mapping[str, Callable[[], object]], known: Sequence[Problem], program: Program, inputs: int, owner: str
) -> list[Problem]:
    """What the service would refuse, beyond the known problems.

    Args:
        parts: The API's name of each member of the rendered request, and the function that renders it.
        known: The known problems.
        program: The program, which knows the user's argument behind each of its words and channels.
        inputs: The number of the user's own inputs; the program's follow them.
        owner: The name of the processor's class.
    """
    found = []
    for violation in _violations(parts, bool(known)):
        field = _field(violation.path, program, inputs)
        if not any(_covers(problem, field) for problem in known):
            problem = Problem(field, violation.value, violation.allowed, violation.fix)
            found.append(problem.on(_owner(field, owner)))
    return found


def known_network(network: NetworkConfig) -> NetworkConfig:
    """Network options without constructs: their ids are right, and to read each would call Node."""
    if network.vpc is not None:
        return network
    groups, subnets = network.security_group_ids, network.subnets
    if not isinstance(groups, (list, tuple)) or not isinstance(subnets, (list, tuple)):
        return network
    return replace(network, security_group_ids=_known(groups), subnets=_known(subnets))


def _known(ids: Sequence[object]) -> list[str]:
    return [each if isinstance(each, str) else KNOWN_LATER for each in ids]


def _violations(parts: Mapping[str, Callable[[], object]], has_problems: bool) -> Iterator[Violation]:
    for member, render in parts.items():
        try:
            part = render()
        except Exception:
            if has_problems:
                continue  # one of the known problems is the cause
            raise
        if part is not None:
            yield from violations(member, part)


def _covers(problem: Problem, field: str) -> bool:
    """Whether a problem is about a field, a part of it, or the whole around it."""
    known = problem.field
    if known == field or known.startswith((f"{field}.", f"{field}[")):
        return True
    is_count = isinstance(problem.value, int)  # a count of items says nothing about one of them
    return not is_count and field.startswith((f"{known}.", f"{known}[", f"{known} "))


def _owner(field: str, processor: str) -> str:
    if field.startswith("inputs["):
        return "ProcessingInput"
    if field.startswith("outputs["):
        return "ProcessingOutput"
    return processor if _PROCESSOR_FIELDS.match(field) else ""


def _field(path: str, program: Program, inputs: int) -> str:
    """The user's name of a place in the request."""
    if match := _ENTRYPOINT.fullmatch(path):
        if match["index"] is None:
            return program.word_fields[0].partition("[")[0]
        return program.word_fields[int(match["index"])]
    match = _INPUT.match(path)
    if match and int(match["index"]) >= inputs:
        return program.input_fields[int(match["index"]) - inputs]
    return field_of(path)

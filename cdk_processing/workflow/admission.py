"""Admission: states between the first state and ``RunJob`` that decide whether a run may create its processing job.

Each kind of admission is one :class:`Admission`. It holds the states, variables and permissions of that kind, and says
whether it needs the platform's table. :mod:`~cdk_processing.workflow.newest` and
:mod:`~cdk_processing.workflow.turns` define one each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.access.statement import Place, Statement
from cdk_processing.workflow.jsonata import expression

__all__ = ["ADMIT", "Admission", "Gate", "MachinePolicy", "admission_states", "each_once"]

#: The Choice state that sends a run to the states of its admission.
ADMIT = "Admit"


@dataclass(frozen=True, slots=True)
class Gate:
    """The values that an admission builds its states from. Strings may be CDK tokens.

    Attributes:
        partition: ``aws``, ``aws-cn`` ...
        table: Name of the platform's table.
        owner: The beginning of the ids of the job's items in the table.
        identity: The job's identity, as JSONata.
        admitted: The next state of an admitted run.
        refused: Returns the output of a run that ends without a job, given its status.
    """

    partition: str
    table: str
    owner: str
    identity: str
    admitted: str
    refused: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class MachinePolicy:
    """Permissions that name the state machine itself.

    They need a separate policy: the state machine depends on its role, so the role cannot contain the state machine's
    name.

    Attributes:
        construct_id: Construct id of the policy.
        name: The policy's name.
        statements: Returns the permissions, given a place and the name of the state machine.
    """

    construct_id: str
    name: str
    statements: Callable[[Place, str], list[Statement]]


@dataclass(frozen=True, slots=True)
class Admission:
    """One way to decide whether a run may create its job.

    Attributes:
        name: The kind. The kinds of a job are sorted by name, so the order of its triggers does not matter.
        entries: Which runs it applies to: pairs of a JSONata condition on ``$run`` and the first state for those runs.
        states: Returns its states by name. They go on to :attr:`Gate.admitted`, or end the run.
        run_fields: The fields of ``$run`` that its states read, each with its value as JSONata in the first state.
        event_fields: The values that a trigger's event mapping supplies for those fields; see
            :class:`~cdk_processing.workflow.launches.EventMapping`.
        variables: Its variables and their values at the start of a run.
        keeps_items: Whether it keeps items in the platform's table.
        machine_policy: Permissions that name the state machine; None if it needs none.
    """

    name: str
    entries: tuple[tuple[str, str], ...]
    states: Callable[[Gate], dict[str, Any]]
    run_fields: Mapping[str, str]
    event_fields: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    keeps_items: bool = False
    machine_policy: MachinePolicy | None = None


def each_once(admissions: Iterable[Admission | None]) -> tuple[Admission, ...]:
    """The admissions that the triggers of a job ask for, without duplicates, sorted by name."""
    found = {admission.name: admission for admission in admissions if admission is not None}
    return tuple(found[name] for name in sorted(found))


def admission_states(admissions: Sequence[Admission], gate: Gate) -> dict[str, Any]:
    """The states of these admissions and the Choice state before them; empty if there are no admissions."""
    if not admissions:
        return {}
    states = {ADMIT: {"Type": "Choice", "Choices": list(_choices(admissions)), "Default": gate.admitted}}
    for admission in admissions:
        states |= admission.states(gate)
    return states


def _choices(admissions: Sequence[Admission]) -> Iterator[dict[str, Any]]:
    for admission in admissions:
        for condition, following in admission.entries:
            yield {"Condition": expression(condition), "Next": following}

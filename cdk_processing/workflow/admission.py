"""Whether a run may have its job, decided between the first state and the job: what each way to decide it brings.

A kind of admission is one :class:`Admission`: its states, its variables, its permissions, and what it needs of the
platform. :mod:`~cdk_processing.workflow.newest` and :mod:`~cdk_processing.workflow.turns` have one each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.access.statement import Place, Statement
from cdk_processing.workflow.jsonata import expression

__all__ = ["ADMIT", "Admission", "Gate", "MachinePolicy", "admission_states", "each_once"]

#: The state that leads to the states of the kinds of admission.
ADMIT = "Admit"


@dataclass(frozen=True, slots=True)
class Gate:
    """Where an admission stands; what its states are made from. Texts may be CDK tokens.

    Attributes:
        partition: ``aws``, ``aws-cn`` ...
        table: Name of the platform's table.
        job: The construct's path.
        admitted: The state that follows for a run that is admitted.
        refused: The output of a run that ends without a job, by its status.
    """

    partition: str
    table: str
    job: str
    admitted: str
    refused: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class MachinePolicy:
    """Permissions that name the state machine itself.

    They are in a policy of their own, because a state machine cannot be made before the role that its name would stand
    in.

    Attributes:
        construct_id: Id of the policy.
        name: The policy's name.
        statements: The permissions, for a place and the name of a state machine.
    """

    construct_id: str
    name: str
    statements: Callable[[Place, str], list[Statement]]


@dataclass(frozen=True, slots=True)
class Admission:
    """One way to decide whether a run may have its job.

    Attributes:
        name: The kind; a job's kinds come in the order of their names, whatever the order of its triggers.
        entries: Which runs it concerns: a condition on ``$run``, as JSONata, and the first state of those runs.
        states: Its states by name. They lead on to what is :attr:`Gate.admitted`, or end the run.
        run_fields: What its states read of ``$run``: fields, each with its value as JSONata in the first state.
        event_fields: What the mapping of a trigger's events brings for those fields; see
            :class:`~cdk_processing.workflow.launches.EventMapping`.
        variables: Its variables and their values at the start of a run.
        keeps_items: Whether it needs the platform's table.
        machine_policy: Permissions that name the state machine; None where it needs none.
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
    """The kinds that the triggers of a job ask for, each of them once, in their order."""
    found = {admission.name: admission for admission in admissions if admission is not None}
    return tuple(found[name] for name in sorted(found))


def admission_states(admissions: Sequence[Admission], gate: Gate) -> dict[str, Any]:
    """The states of these kinds, and the one that leads to them; none for no kind."""
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

"""How a run reads the events of each kind of trigger, in JSONata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cdk_processing.contract.success_event import SUCCESS_SOURCE
from cdk_processing.workflow.event_fields import EventField, compiled_parameters
from cdk_processing.workflow.jsonata import all_of, joined, quoted
from cdk_processing.workflow.launches import ARRIVAL_KEYS, EventMapping, as_text, key_expression
from cdk_processing.workflow.newest import NEWEST_ONLY
from cdk_processing.workflow.paths import part
from cdk_processing.workflow.patterns import condition

__all__ = ["DEPLOYMENT_SOURCE", "arrivals", "deployments", "events", "markers_of_all", "successes"]

#: The source of CloudFormation's events.
DEPLOYMENT_SOURCE = "aws.cloudformation"


def arrivals(pattern: Mapping[str, Any], dedupe: str, *, newest_only: bool) -> EventMapping:
    """The mapping for events of new S3 objects.

    Args:
        pattern: The event pattern that they match.
        dedupe: What makes two events the same: a key of :data:`~cdk_processing.workflow.launches.ARRIVAL_KEYS`.
        newest_only: Whether to create no job for an event that is older than the newest known one.
    """
    fields = NEWEST_ONLY.event_fields if newest_only else {}
    return EventMapping(condition(pattern), ARRIVAL_KEYS[dedupe], fields=fields)


def markers_of_all(
    patterns: Mapping[str, Mapping[str, Any]], locations: Mapping[str, str], by: Sequence[str]
) -> tuple[EventMapping, ...]:
    """The mappings for the markers of sources that a run needs together, one for each source.

    Args:
        patterns: The event pattern of each source's markers, by the source's name.
        locations: Where each source's markers are and what they are called, as text.
        by: The ``key=value`` folders whose values the markers of one run share.
    """
    which = quoted(";".join(f"{name}={locations[name]}" for name in sorted(locations)))
    texts = [quoted("all:"), f"$hash({which}, 'MD5')"]
    for number, name in enumerate(by):
        texts += [quoted(f"{'/' if number else '@'}{name}="), part(name)]
    come = all_of([f"$exists({part(name)})" for name in by])
    wanted = " and ".join(f"{name}=VALUE" for name in by)
    sources = f"[{', '.join(quoted(name) for name in sorted(patterns))}]"
    return tuple(
        EventMapping(
            condition(pattern),
            f"({come} ? {joined(texts)})",
            f"the path of a marker must have the folder {wanted}, by which markers belong together",
            fields={"source": quoted(name), "sources": sources},
            reads_path=True,
            joins=True,
        )
        for name, pattern in patterns.items()
    )


def events(
    pattern: Mapping[str, Any], run_key: EventField | None, parameters: Mapping[str, str | EventField]
) -> EventMapping:
    """The mapping for events of any kind.

    Args:
        pattern: The event pattern that they match.
        run_key: The run key; the event's id if None.
        parameters: Values for the job's parameters, by name.
    """
    key, missing = key_expression("event"), ""
    if run_key is not None:
        where = run_key.compile()
        key = f"($exists({where}) ? 'key:' & {as_text(where)})"
        missing = f"the event has no {run_key.path}, which is the run key"
    return EventMapping(condition(pattern), key, missing, parameters=compiled_parameters(parameters))


def successes(
    state_machine_arn: str, parameters: Mapping[str, str | EventField], *, has_id: bool = False
) -> EventMapping:
    """The mapping for events of successful runs of another job.

    Args:
        state_machine_arn: The other job's state machine.
        parameters: Values for the job's parameters, by name.
        has_id: Whether the other job has a ``job_id``.
    """
    machine = quoted(state_machine_arn)
    return EventMapping(
        matches=f"$event.source = {quoted(SUCCESS_SOURCE)} and $event.detail.state_machine = {machine}",
        run_key=key_expression("identity" if has_id else "upstream"),
        time="$event.detail.trigger_time",
        parameters=compiled_parameters(parameters),
    )


def deployments(version: str, parameters: Mapping[str, str], *, every_time: bool) -> EventMapping:
    """The mapping for deployments of the job's stack.

    Args:
        version: A digest of the job.
        parameters: Values for the job's parameters, by name.
        every_time: Whether each deployment starts a new run.
    """
    given = compiled_parameters(parameters)
    key = quoted(f"deployed:{version}")
    if given:  # Other values start another run. The run hashes them: tokens have no values before deployment.
        texts = " & ';' & ".join(f"{quoted(name + '=')} & $hash({value}, 'MD5')" for name, value in sorted(given))
        key += f" & ':' & $hash({texts}, 'MD5')"
    return EventMapping(
        matches=f"$event.source = {quoted(DEPLOYMENT_SOURCE)}",
        run_key=key_expression("event") if every_time else key,
        parameters=given,
    )

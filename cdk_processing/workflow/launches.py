"""What a run is known by: the first state of the machine, which reads whatever launched the run.

The *run key* is what makes a run the same run. Of an arrival: bucket, key and version (else sequencer); of a schedule:
schedule and scheduled time; by hand: what the caller gives, else the execution itself. A trigger that wants it
otherwise brings a :class:`Reading`.

The first state is a Pass, which cannot catch: nothing in its expressions may fail, whatever the event is like. What
turns out to be missing makes the run fail later, where a dead letter can be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cdk_processing.contract.parameters import declaration
from cdk_processing.contract.run_keys import RUN_KEYS, EventValue, KeyKind, KeyPart
from cdk_processing.request.runtime import RunTimeValue
from cdk_processing.workflow.jsonata import as_text, expression, parameter_value, quoted
from cdk_processing.workflow.patterns import path

__all__ = ["ARRIVAL_KEYS", "Reading", "key_expression", "parameter_values", "parameters_digest", "prepare"]

_OBJECT = "$event.detail.object"
# Other events of S3 tell of the same object and version, and are other events.
_ARRIVAL = "$event.source = 'aws.s3' and $event.`detail-type` = 'Object Created'"
_URI = f"'s3://' & $event.detail.bucket.name & '/' & {_OBJECT}.key"


def key_expression(kind: KeyKind) -> str:
    """The run key of an event, as JSONata on ``$event``; never fails, whatever the event is like."""
    return " & ".join(_key_part(part) for part in RUN_KEYS[kind])


def _key_part(part: KeyPart) -> str:
    if not isinstance(part, EventValue):
        return quoted(part)
    *others, last = [path("$." + ".".join(names)) for names in part.paths]
    value = last
    for other in reversed(others):
        value = f"($exists({other}) ? {other} : {value})"
    return as_text(value) if part.any_type else value


#: The run key of an arrival, by what makes two of them the same.
ARRIVAL_KEYS = {
    "version": key_expression("version"),
    "content": key_expression("content"),
    "event": key_expression("arrival"),
}
_GIVEN = "$event.parameters"
# A redrive without its event is none: the first state must not fail.
_AGAIN = "$exists($states.input.redrive.event)"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the events of one trigger are read, where that is not the usual way; texts are JSONata on ``$event``.

    Attributes:
        when: Whether an event is of this trigger.
        key: The run key; no value where the event does not have it.
        missing: What to tell of an event that has no run key.
        time: The run's time, in ISO 8601; the event's own where left out.
        parameters: Values for the job's parameters, by name.
        newest_only: Whether an arrival older than the newest known one of its key is superseded.
    """

    when: str
    key: str
    missing: str = ""
    time: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    newest_only: bool = False

    def render(self) -> str:
        """What the trigger's events say, as a JSONata object."""
        given = ", ".join(f"{quoted(name)}: {value}" for name, value in self.parameters)
        parts = [f"'key': {self.key}", f"'given': {{{given}}}"]
        if self.missing:
            parts.append(f"'missing': {quoted(self.missing)}")
        if self.time is not None:
            parts.append(f"'time': {self.time}")
        if self.newest_only:
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html: sequencers are
            # compared as text, the shorter one filled up with zeros on its right.
            parts.append(f"'object': {_URI}, 'sequencer': $pad($string({_OBJECT}.sequencer), 64, '0')")
        return f"{{{', '.join(parts)}}}"


def prepare(
    readings: Sequence[Reading],
    parameters: Sequence[RunTimeValue],
    *,
    instance_types: Sequence[str] = (),
    turns: bool = False,
) -> dict[str, Any]:
    """The first state, but for what follows it."""
    assign: dict[str, Any] = {
        "event": expression(f"{_AGAIN} ? $states.input.redrive.event : $states.input"),
        "run": expression(_run(readings, parameters)),
        "attempt": expression(_attempt("$states.input.redrive")),
        "tries": 0,
        "looks": 0,
    }
    if turns:
        # Not the count of looks at a job, which says when that has outlived its time.
        assign["turn_looks"] = 0
    if instance_types:
        assign["instance_types"] = list(instance_types)
    # Who starts a run reads here what they may give.
    declared = declaration(parameters)
    return {"Type": "Pass", **({} if declared is None else {"Comment": declared}), "Assign": assign}


def parameter_values(parameters: Sequence[RunTimeValue]) -> str:
    """The parameters' values in force, as a JSONata object of texts."""
    return "{" + ", ".join(f"{quoted(each.parameter)}: {parameter_value(each)}" for each in parameters) + "}"


def parameters_digest(parameters: Sequence[RunTimeValue]) -> str:
    """MD5 of the parameters' values in force, as JSONata; fails where a name is unknown or a value is wrong.

    It is that of ``name=MD5;name=MD5``, in the order of the declaration: nobody says how an object becomes text.
    """
    digests = ", ".join(
        f"{quoted(each.parameter + '=')} & $hash({parameter_value(each)}, 'MD5')" for each in parameters
    )
    names = ", ".join(quoted(each.parameter) for each in parameters)
    known = ", ".join(each.parameter for each in parameters)
    problem = f"'there is no parameter ' & $join($unknown, ', ') & {quoted(f'; the job has {known}')}"
    return f"""(
  $unknown := $keys($run.parameters)[$not($ in [{names}])];
  $exists($unknown) ? $error({problem}) : $hash($join([{digests}], ';'), 'MD5')
)"""


def _run(readings: Sequence[Reading], parameters: Sequence[RunTimeValue]) -> str:
    # Side by side, not one inside the other: a job may have a hundred triggers.
    own = "".join(f"{reading.when} ? {reading.render()},\n    " for reading in readings)
    given = ",\n    'parameters': $read.given" if parameters else ""
    newest = (
        ",\n    'object': $read.object, 'sequencer': $read.sequencer"
        if any(reading.newest_only for reading in readings)
        else ""
    )
    missing = (
        ",\n    'problem': $exists($read.key) or $type($again.run_key) = 'string' ? null : $read.missing"
        if any(reading.missing for reading in readings)
        else ""
    )
    return f"""(
  $again := {_AGAIN} ? $states.input.redrive;
  $event := $exists($again) ? $again.event : $states.input;
  $given := $type({_GIVEN}) = 'object' ? {_GIVEN} : {{}};
  $read := [{own}{_ARRIVAL} ? {{'key': {ARRIVAL_KEYS["version"]}, 'given': $given}}
    : $event.source = 'aws.scheduler' ? {{'key': {key_expression("schedule")}, 'given': $given}}
    : $exists($event.run_key) and $type($event.run_key) != 'null'
      ? {{'key': {key_expression("manual")}, 'given': $given}}
    : $exists($event.id) and $exists($event.`detail-type`) ? {{'key': {key_expression("event")}, 'given': $given}}
    : {{'key': $states.context.Execution.Id, 'given': $given}}][0];
  $key := $type($again.run_key) = 'string' ? $again.run_key
    : $exists($read.key) ? $read.key
    : $states.context.Execution.Id;
  {{
    'key': $key,
    'id': $type($again.run_id) = 'string' ? $again.run_id : $hash($states.context.StateMachine.Id & $key, 'MD5'),
    'time': $exists($read.time) ? $read.time : $exists($event.time) ? $event.time
      : $states.context.Execution.StartTime,
    'redriven': $exists($again),
    'attempt': {_attempt("$again")}{given}{newest}{missing}
  }}
)"""


def _attempt(redrive: str) -> str:
    """Counted on from by later states, so that what is no number is not let in."""
    return f"$type({redrive}.attempt) = 'number' ? {redrive}.attempt : 1"

"""What a run is known by: the first state of the machine, which reads whatever launched the run.

The *run key* is what makes a run the same run. Of an arrival: bucket, key and version (else sequencer); of a schedule:
schedule and scheduled time; by hand: what the caller gives, else the execution itself. A trigger that wants it
otherwise brings an :class:`EventMapping`.

The first state is a Pass, which cannot catch: nothing in its expressions may fail, whatever the event is like. What is
missing or wrong is noted as ``$run.problem``, and makes the run fail where a dead letter can be written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.contract.parameters import declaration
from cdk_processing.contract.run_keys import RUN_KEYS, EventValue, KeyKind, KeyPart
from cdk_processing.request.runtime import PATTERNS, RunTimeValue
from cdk_processing.request.times import Moment
from cdk_processing.workflow.admission import Admission
from cdk_processing.workflow.jsonata import expression, quoted
from cdk_processing.workflow.patterns import field as member
from cdk_processing.workflow.patterns import path
from cdk_processing.workflow.times import TIMES, moments_expression, time_problem, time_statements

__all__ = [
    "ARRIVAL_KEYS",
    "ARRIVED_SEQUENCER",
    "ARRIVED_URI",
    "FAIL_WITH_PROBLEM",
    "ORIGINAL_EVENT",
    "EventMapping",
    "as_text",
    "key_expression",
    "name_expression",
    "parameters_digest",
    "prepare",
]

_OBJECT = "$event.detail.object"
# Other events of S3 tell of the same object and version, and are other events.
_ARRIVAL = "$event.source = 'aws.s3' and $event.`detail-type` = 'Object Created'"
#: The URI of an object that arrived.
ARRIVED_URI = f"'s3://' & $event.detail.bucket.name & '/' & {_OBJECT}.key"
#: By which writes of one key are put in order. Sequencers are compared as text, the shorter one filled up with zeros:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
ARRIVED_SEQUENCER = f"$pad($string({_OBJECT}.sequencer), 64, '0')"


def as_text(value: str) -> str:
    """A value as text, in an expression of the first state.

    ``$string`` keeps 15 digits of a number, and ids may have 16: two of them would be the same.
    """
    return f"$text({value})"


_TEXT = "function($v) { $type($v) = 'number' and $v = $floor($v) ? $formatBase($v, 10) : $string($v) }"


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
# A redrive without its event is none: the first state must not fail.
_AGAIN = "$exists($states.input.redrive.event)"
#: What launched the run, as it came; whatever has happened since. The whole of it is no variable: a variable and an
#: execution's input hold the same 256 KiB.
ORIGINAL_EVENT = """(
  $input := $states.context.Execution.Input;
  $exists($input.redrive.event) ? $input.redrive.event : $input
)"""
#: Ends a task with the reason, where the run cannot have a job.
FAIL_WITH_PROBLEM = "$exists($run.problem) ? $error($run.problem) : "
# Characters of $run as JSON, each 4 bytes at most: far below the 256 KiB that a state may assign.
_LONGEST = 20_000
_TOO_LONG = f"the run key and the values that the event brings are too long: together over {_LONGEST:,} characters"

_BUCKET = "$event.detail.bucket.name"
# What the run knows of its event, and where the event says so.
_OF_EVENT = {
    "OBJECT_URI": (f"{_OBJECT}.key", ARRIVED_URI),
    "OBJECT_KEY": (f"{_OBJECT}.key", f"{_OBJECT}.key & ''"),
    "OBJECT_BUCKET": (_BUCKET, f"{_BUCKET} & ''"),
    "OBJECT_SIZE": (f"{_OBJECT}.size", f"$string({_OBJECT}.size)"),
    "OBJECT_VERSION_ID": (f"{_OBJECT}.`version-id`", f"{_OBJECT}.`version-id` & ''"),
    "UPSTREAM_RUN_ID": ("$event.detail.run_id", "$event.detail.run_id & ''"),
}
_WORDS = {"integer": "an integer", "number": "a number", "boolean": "true or false"}


@dataclass(frozen=True, slots=True)
class EventMapping:
    """What the events of one trigger mean for a run, where that is not the usual; texts are JSONata on ``$event``.

    Attributes:
        matches: Whether an event is of this trigger.
        run_key: The run key; no value where the event does not have it.
        missing_key: The problem of a run whose event has no run key.
        time: The run's time, in ISO 8601; the event's own where left out.
        parameters: Values for the job's parameters, by name.
        fields: Further values by name, for what the run's admission asks for.
    """

    matches: str
    run_key: str
    missing_key: str = ""
    time: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> str:
        """The event's values, as a JSONata object."""
        given = ", ".join(f"{quoted(name)}: {value}" for name, value in self.parameters)
        parts = [f"'key': {self.run_key}", f"'given': {{{given}}}"]
        if self.missing_key:
            parts.append(f"'missing': {quoted(self.missing_key)}")
        if self.time is not None:
            parts.append(f"'time': {self.time}")
        parts += [f"{quoted(name)}: {value}" for name, value in self.fields.items()]
        return f"{{{', '.join(parts)}}}"


def prepare(
    event_mappings: Sequence[EventMapping],
    parameters: Sequence[RunTimeValue],
    *,
    base_name: str = "",
    values: Collection[str] = (),
    outputs: Sequence[RunTimeValue] = (),
    moments: Sequence[Moment] = (),
    instance_types: Sequence[str] = (),
    admissions: Sequence[Admission] = (),
) -> dict[str, Any]:
    """The first state, but for what follows it.

    Args:
        event_mappings: What the events of triggers mean, where that is not the usual; the first that matches counts.
        parameters: The job's parameters, each once.
        base_name: What the names of its jobs begin with.
        values: Names of the run-time values that it uses.
        outputs: The outputs of another job's run that it reads, each once.
        moments: The times that it reckons from the run's own, each once.
        instance_types: What is tried in turn where capacity lacks.
        admissions: What decides whether the run may have its job.
    """
    assign: dict[str, Any] = {
        "run": expression(_run(event_mappings, parameters, base_name, _Used(values, outputs, moments), admissions)),
        "attempt": expression(_attempt("$states.input.redrive")),
        "tries": 0,
        "looks": 0,
    }
    for admission in admissions:
        assign |= admission.variables
    if instance_types:
        assign["instance_types"] = list(instance_types)
    # Who starts a run reads here what they may give.
    declared = declaration(parameters)
    return {"Type": "Pass", **({} if declared is None else {"Comment": declared}), "Assign": assign}


def name_expression(base_name: str) -> str:
    """What the names of a run's jobs begin with, as JSONata."""
    return f"{quoted(f'{base_name}-')} & $id"


def parameters_digest(parameters: Sequence[RunTimeValue]) -> str:
    """MD5 of the parameters' values, as JSONata.

    It is that of ``name=MD5;name=MD5``, in the order of the declaration: nobody says how an object becomes text.
    """
    names = ", ".join(quoted(each.parameter) for each in parameters)
    digest = "$n & '=' & $hash($lookup($run.parameters, $n) & '', 'MD5')"
    return f"$hash($join($map([{names}], function($n) {{ {digest} }}), ';'), 'MD5')"


def _run(
    event_mappings: Sequence[EventMapping],
    parameters: Sequence[RunTimeValue],
    base_name: str,
    used: _Used,
    admissions: Sequence[Admission],
) -> str:
    statements = [
        f"$again := {_AGAIN} ? $states.input.redrive",
        "$event := $exists($again) ? $again.event : $states.input",
        f"$text := {_TEXT}",
    ]
    if event_mappings:
        # Side by side, not one inside the other: a job may have a hundred triggers.
        listed = ", ".join(f"{mapping.matches} ? {mapping.render()}" for mapping in event_mappings)
        statements.append(f"$read := [{listed}][0]")
    if parameters:
        usual = "$type($event.parameters) = 'object' ? $event.parameters : {}"
        statements.append(f"$given := {'$exists($read) ? $read.given : ' if event_mappings else ''}{usual}")
    identity = "$type($again.run_id) = 'string' ? $again.run_id : $hash($states.context.StateMachine.Id & $key, 'MD5')"
    statements += [
        f"$key := {_key(event_mappings)}",
        f"$id := {identity}",
        f"$time := {_time(event_mappings)}",
        *time_statements(used.moments),
        f"$run := {_fields(event_mappings, parameters, base_name, used, admissions)}",
    ]
    problems = [*_problems(event_mappings, parameters), *used.problems()]
    whole = "$run"
    if problems:
        statements.append(f"$problem := [{', '.join(problems)}][0]")
        whole = "$merge([$run, {'problem': $problem}])"
    statements.append(f"$length($string($run)) <= {_LONGEST} ? {whole} : {_cut()}")
    return f"({'; '.join(statements)})"


def _key(event_mappings: Sequence[EventMapping]) -> str:
    own = ""
    if event_mappings:
        own = "$exists($read) ? ($exists($read.key) ? $read.key : $states.context.Execution.Id) : "
    return f"""$type($again.run_key) = 'string' ? $again.run_key : {own}{_ARRIVAL} ? {ARRIVAL_KEYS["version"]}
      : $event.source = 'aws.scheduler' ? {key_expression("schedule")}
      : $exists($event.run_key) and $type($event.run_key) != 'null' ? {key_expression("manual")}
      : $exists($event.id) and $exists($event.`detail-type`) ? {key_expression("event")}
      : $states.context.Execution.Id"""


def _time(event_mappings: Sequence[EventMapping]) -> str:
    times = ["$event.time", "$states.context.Execution.StartTime"]
    if any(mapping.time for mapping in event_mappings):
        times.insert(0, "$read.time")
    return f"[{', '.join(times)}][$type($) = 'string'][0]"


def _fields(
    event_mappings: Sequence[EventMapping],
    parameters: Sequence[RunTimeValue],
    base_name: str,
    used: _Used,
    admissions: Sequence[Admission],
) -> str:
    fields = {
        "key": "$key",
        "id": "$id",
        "name": f"{name_expression(base_name)} & '-'",
        "time": "$time",
        "redriven": "$exists($again)",
        "attempt": _attempt("$again"),
    }
    if parameters:
        fields["parameters"] = f"{{{', '.join(f'{quoted(each.parameter)}: {_value(each)}' for each in parameters)}}}"
    fields |= used.fields()
    for admission in admissions:
        fields |= admission.run_fields
    return f"{{{', '.join(f'{quoted(name)}: {value}' for name, value in fields.items())}}}"


def _value(parameter: RunTimeValue) -> str:
    """A parameter's value as text; none where it is neither given nor has a default."""
    given = f"$given.{parameter.parameter}"
    otherwise = "" if parameter.default is None else f" : {quoted(parameter.default)}"
    return f"$exists({given}) ? {as_text(given)}{otherwise}"


def _problems(event_mappings: Sequence[EventMapping], parameters: Sequence[RunTimeValue]) -> Iterator[str]:
    """What can be wrong with a run, each as an expression with no value where it is not."""
    if any(mapping.missing_key for mapping in event_mappings):
        yield "$not($exists($read.key) or $type($again.run_key) = 'string') ? $read.missing"
    if not parameters:
        return
    names = ", ".join(quoted(each.parameter) for each in parameters)
    known = ", ".join(each.parameter for each in parameters)
    unknown = f"$keys($given)[$not($ in [{names}])]"
    told = f"'there is no parameter ' & $join($unknown, ', ') & {quoted(f'; the job has {known}')}"
    yield f"($unknown := {unknown}; $exists($unknown) ? {told})"
    for each in parameters:
        value = f"$run.parameters.{each.parameter}"
        if each.default is None:
            example = f'{{"parameters": {{"{each.parameter}": "..."}}}}'
            told = quoted(f"parameter {each.parameter} is missing: start the run with {example}")
            yield f"$not($exists({value})) ? {told}"
        if PATTERNS[each.type]:
            yield f"$not($contains({value}, /^{PATTERNS[each.type]}$/)) ? {_wrong(each, _WORDS[each.type])}"
        if each.enum_values:
            allowed = ", ".join(map(quoted, each.enum_values))
            yield f"$not({value} in [{allowed}]) ? {_wrong(each, 'one of ' + ', '.join(each.enum_values))}"


def _wrong(parameter: RunTimeValue, allowed: str) -> str:
    told = quoted(f"parameter {parameter.parameter} must be {allowed}, got ")
    return f"{told} & $run.parameters.{parameter.parameter}"


class _Used:
    """What the run keeps of its event, and what it makes of that: the values that the job uses."""

    def __init__(
        self, values: Collection[str], outputs: Sequence[RunTimeValue], moments: Sequence[Moment] = ()
    ) -> None:
        self._values = [name for name in _OF_EVENT if name in values]
        self._outputs = outputs
        self.moments = moments

    def fields(self) -> dict[str, str]:
        """The fields of ``$run``, each with its value as an expression."""
        found = {name: f"$exists({_OF_EVENT[name][0]}) ? {_OF_EVENT[name][1]}" for name in self._values}
        if self._outputs:
            found["outputs"] = f"{{{', '.join(f'{quoted(each.output)}: {_rest(each)}' for each in self._outputs)}}}"
        if self.moments:
            found[TIMES] = moments_expression(self.moments)
        return found

    def problems(self) -> Iterator[str]:
        """What can be missing, each as an expression with no value where it is there."""
        yield from time_problem(self.moments)
        yield from map(_missing_value, self._values)
        for each in self._outputs:
            told = f"the event that launched this run does not say where {each.job} wrote its output {each.output}"
            yield f"$not($exists($lookup($run.outputs, {quoted(each.output)}))) ? {quoted(told)}"


def _rest(output: RunTimeValue) -> str:
    """The key of an upstream run's output behind the folder that all runs share."""
    uri = member("$event.detail.outputs", output.output)
    key = f"$substringAfter($substringAfter({uri}, '://'), '/')"
    return f"$type({uri}) = 'string' ? $substring({key}, $length({quoted(output.folder)}))"


def _missing_value(name: str) -> str:
    if name == "UPSTREAM_RUN_ID":
        told = "no run of another job launched this one"
    else:
        what = _OF_EVENT[name][0].rpartition(".")[2].strip("`")
        told = f"the event that launched this run has no {what} of an object; start it with the event of one"
    return f"$not($exists($run.{name})) ? {quoted(told)}"


def _cut() -> str:
    """A run whose event brings too much to be kept; the whole of it is in the execution's input."""
    kept = ", ".join(f"'{name}': $run.{name}" for name in ("id", "name", "redriven", "attempt"))
    start = "$states.context.Execution.StartTime"
    return f"{{'key': $substring($key, 0, 500), {kept}, 'time': {start}, 'problem': {quoted(_TOO_LONG)}}}"


def _attempt(redrive: str) -> str:
    """Counted on from by later states, so that what is no number is not let in."""
    return f"$type({redrive}.attempt) = 'number' ? {redrive}.attempt : 1"

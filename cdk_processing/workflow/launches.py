"""The first state of the state machine. It reads the input that started the execution, and assigns ``$run``.

The *run key* identifies a run: executions with the same run key are the same run.

- A new S3 object: bucket, key and version (or the sequencer if there is no version).
- A schedule: schedule and scheduled time.
- A manual start: the run key from the caller, else the execution's ARN.

A trigger that needs another run key has an :class:`EventMapping`.

The first state is a Pass, which has no Catch. So its expressions must not fail for any event. They note what is missing
or wrong in ``$run.problem``. A later state then fails the run, where it can send a dead letter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.contract.identity import identity_of
from cdk_processing.contract.parameters import declaration
from cdk_processing.contract.run_keys import RUN_KEYS, SERIES_FIELD, EventValue, KeyKind, KeyPart
from cdk_processing.request.parameter_values import PATTERNS
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.times import Moment
from cdk_processing.workflow.admission import Admission
from cdk_processing.workflow.jsonata import expression, quoted
from cdk_processing.workflow.paths import NO_PATH_VALUES, PathValues, path_statements
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
    "identity_expression",
    "key_expression",
    "name_expression",
    "parameters_digest",
    "prepare",
]

_OBJECT = "$event.detail.object"
# S3 also sends other events about the same object and version. They are not arrivals.
_ARRIVAL = "$event.source = 'aws.s3' and $event.`detail-type` = 'Object Created'"
#: The URI of the new object.
ARRIVED_URI = f"'s3://' & $event.detail.bucket.name & '/' & {_OBJECT}.key"
#: Sorts the writes of one key. Sequencers compare as text, after padding the shorter one with zeros:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
ARRIVED_SEQUENCER = f"$pad($string({_OBJECT}.sequencer), 64, '0')"


def as_text(value: str) -> str:
    """A value as text, in an expression of the first state.

    ``$string`` keeps only 15 digits of a number. Ids may have 16, so two different ids could give the same text.
    """
    return f"$text({value})"


_TEXT = "function($v) { $type($v) = 'number' and $v = $floor($v) ? $formatBase($v, 10) : $string($v) }"


def key_expression(kind: KeyKind) -> str:
    """The run key of an event, as JSONata on ``$event``. It does not fail for any event."""
    return " & ".join(_key_part(part) for part in RUN_KEYS[kind])


def _key_part(part: KeyPart) -> str:
    if not isinstance(part, EventValue):
        return quoted(part)
    *others, last = [path("$." + ".".join(names)) for names in part.paths]
    value = last
    for other in reversed(others):
        value = f"($exists({other}) ? {other} : {value})"
    return as_text(value) if part.any_type else value


#: The run key of a new object, by what makes two of its events the same.
ARRIVAL_KEYS = {
    "version": key_expression("version"),
    "content": key_expression("content"),
    "event": key_expression("arrival"),
    "folder": key_expression("folder"),
}
# A redrive without its event does not count as a redrive: the first state must not fail.
_AGAIN = "$exists($states.input.redrive.event)"
#: The event that launched the run, unchanged. It is not a variable: variables have the same limit of 256 KiB as an
#: execution's input.
ORIGINAL_EVENT = """(
  $input := $states.context.Execution.Input;
  $exists($input.redrive.event) ? $input.redrive.event : $input
)"""
#: Fails a task with the reason, if the run has a problem.
FAIL_WITH_PROBLEM = "$exists($run.problem) ? $error($run.problem) : "
# Limit for $run as JSON, in characters of at most 4 bytes: far below the 256 KiB that a state may assign.
_LONGEST = 20_000
_TOO_LONG = f"the run key and the values that the event brings are too long: together over {_LONGEST:,} characters"

_BUCKET = "$event.detail.bucket.name"
# Values that a run can take from its event: the field that must exist, and the value as JSONata.
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
    """How to read the events of one trigger, if they differ from the default. Strings are JSONata on ``$event``.

    Attributes:
        matches: Whether an event comes from this trigger.
        run_key: The run key; no value if the event does not have it.
        missing_key: The problem text if the event has no run key.
        time: The run's time, in ISO 8601; the event's own time if None.
        parameters: Values for the job's parameters, by name.
        fields: More values by name, for the run's admissions.
        reads_path: Whether it needs the statements of :mod:`~cdk_processing.workflow.paths`.
        joins: Whether the run gets its folders from :mod:`~cdk_processing.workflow.joins`.
    """

    matches: str
    run_key: str
    missing_key: str = ""
    time: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    reads_path: bool = False
    joins: bool = False

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
    job_id: str | None = None,
    path_values: PathValues = NO_PATH_VALUES,
) -> dict[str, Any]:
    """The first state, without ``Next``.

    Args:
        event_mappings: How to read the events of triggers that differ from the default; the first match is used.
        parameters: The job's parameters, without duplicates.
        base_name: The prefix of job names.
        values: Names of the run-time values that the job uses.
        outputs: The outputs of another job's run that the job reads, without duplicates.
        moments: The times that the job computes from the run's time, without duplicates.
        instance_types: Instance types to try in order when there is no capacity.
        admissions: The admissions that decide whether a run may create its job.
        job_id: The job's id, or the state machine whose runs it continues; None if it has none.
        path_values: The values that come from the path of an object.
    """
    used = _Used(values, outputs, moments, path_values)
    assign: dict[str, Any] = {
        "run": expression(_run(event_mappings, parameters, base_name, used, admissions, job_id)),
        "attempt": expression(_attempt("$states.input.redrive")),
        "tries": 0,
        "looks": 0,
    }
    for admission in admissions:
        assign |= admission.variables
    if instance_types:
        assign["instance_types"] = list(instance_types)
    # The Comment tells people who start a run which parameters they can pass.
    declared = declaration(parameters)
    return {"Type": "Pass", **({} if declared is None else {"Comment": declared}), "Assign": assign}


def identity_expression(job_id: str | None) -> str:
    """The job's identity, as JSONata."""
    return "$states.context.StateMachine.Id" if job_id is None else quoted(identity_of(job_id, ""))


def name_expression(base_name: str) -> str:
    """The prefix of the names of a run's jobs, as JSONata."""
    return f"{quoted(f'{base_name}-')} & $id"


def parameters_digest(parameters: Sequence[RunTimeValue]) -> str:
    """MD5 of the parameters' values, as JSONata.

    The MD5 of ``name=MD5;name=MD5``, in the order of the declaration. How an object becomes text is not documented.
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
    job_id: str | None,
) -> str:
    statements = [
        f"$again := {_AGAIN} ? $states.input.redrive",
        "$event := $exists($again) ? $again.event : $states.input",
        f"$text := {_TEXT}",
    ]
    if used.paths or any(mapping.reads_path for mapping in event_mappings):
        statements += path_statements()
    if event_mappings:
        # A list, not nested conditions: a job may have a hundred triggers.
        listed = ", ".join(f"{mapping.matches} ? {mapping.render()}" for mapping in event_mappings)
        statements.append(f"$read := [{listed}][0]")
    if parameters:
        usual = "$type($event.parameters) = 'object' ? $event.parameters : {}"
        statements.append(f"$given := {'$exists($read) ? $read.given : ' if event_mappings else ''}{usual}")
    run_id = f"$type($again.run_id) = 'string' ? $again.run_id : $hash({identity_expression(job_id)} & $key, 'MD5')"
    statements += [
        f"$key := {_key(event_mappings, job_id)}",
        f"$id := {run_id}",
        f"$time := {_time(event_mappings)}",
        *time_statements(used.moments),
        f"$run := {_fields(event_mappings, parameters, base_name, used, admissions)}",
    ]
    joined = "$exists($read.source)" if any(mapping.joins for mapping in event_mappings) else "false"
    problems = [*_problems(event_mappings, parameters), *used.problems(joined)]
    whole = "$run"
    if problems:
        statements.append(f"$problem := [{', '.join(problems)}][0]")
        whole = "$merge([$run, {'problem': $problem}])"
    statements.append(f"$length($string($run)) <= {_LONGEST} ? {whole} : {_cut()}")
    return f"({'; '.join(statements)})"


def _key(event_mappings: Sequence[EventMapping], job_id: str | None) -> str:
    schedule = key_expression("schedule")
    if job_id is not None:  # A schedule that was deployed before the job had its id sends no parameters as text.
        schedule = f"($exists($event.{SERIES_FIELD}) ? {key_expression('time')} : {schedule})"
    own = ""
    if event_mappings:
        own = "$exists($read) ? ($exists($read.key) ? $read.key : $states.context.Execution.Id) : "
    return f"""$type($again.run_key) = 'string' ? $again.run_key : {own}{_ARRIVAL} ? {ARRIVAL_KEYS["version"]}
      : $event.source = 'aws.scheduler' ? {schedule}
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
    """A parameter's value as text; no value if it is not given and has no default."""
    given = f"$given.{parameter.parameter}"
    otherwise = "" if parameter.default is None else f" : {quoted(parameter.default)}"
    return f"$exists({given}) ? {as_text(given)}{otherwise}"


def _problems(event_mappings: Sequence[EventMapping], parameters: Sequence[RunTimeValue]) -> Iterator[str]:
    """The possible problems of a run, each as an expression that has no value if there is no problem."""
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
    """The values that the job uses: taken from the event, or computed from it."""

    def __init__(
        self,
        values: Collection[str],
        outputs: Sequence[RunTimeValue],
        moments: Sequence[Moment] = (),
        paths: PathValues = NO_PATH_VALUES,
    ) -> None:
        self._values = [name for name in _OF_EVENT if name in values]
        self._outputs = outputs
        self.moments = moments
        self.paths = paths

    def fields(self) -> dict[str, str]:
        """The fields of ``$run`` for these values, each with its expression."""
        found = {name: f"$exists({_OF_EVENT[name][0]}) ? {_OF_EVENT[name][1]}" for name in self._values}
        if self._outputs:
            found["outputs"] = f"{{{', '.join(f'{quoted(each.output)}: {_rest(each)}' for each in self._outputs)}}}"
        if self.moments:
            found[TIMES] = moments_expression(self.moments)
        return found | dict(self.paths.fields())

    def problems(self, joined: str) -> Iterator[str]:
        """The possible missing values, each as an expression that has no value if nothing is missing."""
        yield from time_problem(self.moments)
        yield from map(_missing_value, self._values)
        yield from self.paths.problems(joined)
        for each in self._outputs:
            told = f"the event that launched this run does not say where {each.job} wrote its output {each.output}"
            yield f"$not($exists($lookup($run.outputs, {quoted(each.output)}))) ? {quoted(told)}"


def _rest(output: RunTimeValue) -> str:
    """The key of an upstream run's output, without the prefix that all runs share."""
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
    """``$run`` for an event that is too large to keep. The execution's input still holds all of it."""
    kept = ", ".join(f"'{name}': $run.{name}" for name in ("id", "name", "redriven", "attempt"))
    start = "$states.context.Execution.StartTime"
    return f"{{'key': $substring($key, 0, 500), {kept}, 'time': {start}, 'problem': {quoted(_TOO_LONG)}}}"


def _attempt(redrive: str) -> str:
    """The first attempt's number. Later states add to it, so anything that is not a number becomes 1."""
    return f"$type({redrive}.attempt) = 'number' ? {redrive}.attempt : 1"

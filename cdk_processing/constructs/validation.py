"""What can only be checked when a request and its triggers come together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from aws_cdk import Annotations
from constructs import Construct

from cdk_processing.constructs.image import image_problems
from cdk_processing.constructs.network import network_problems
from cdk_processing.constructs.repeated_triggers import repeated_trigger_problems
from cdk_processing.constructs.storage import known_name, shown
from cdk_processing.constructs.triggers.all_of import OnAll
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.constructs.triggers.overlaps import overlap_problems
from cdk_processing.constructs.written_places import can_begin_with, folder_of, written_places
from cdk_processing.errors import Problem
from cdk_processing.request.files import LocalFile, LocalFiles
from cdk_processing.request.instances import instance_types
from cdk_processing.request.likely import near_path, s3_uri
from cdk_processing.request.location import S3Location
from cdk_processing.request.model import known_instance_types
from cdk_processing.request.packing import unpacked_problems
from cdk_processing.request.parameter_values import value_problem
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_token
from cdk_processing.schedules import likely_expression
from cdk_processing.workflow.event_fields import EventField
from cdk_processing.workflow.launch_policy import LaunchPolicy

__all__ = [
    "construct_id_problems",
    "declaration_problems",
    "policy_problems",
    "trigger_problems",
    "unlaunched_problems",
    "warn_of_patterns",
    "warn_of_unknown_instance_types",
    "warn_of_unnamed_objects",
    "warn_of_watched_patterns",
]

#: Values that only the success of another job brings.
_ONLY_FROM_UPSTREAM = frozenset({"UPSTREAM_OUTPUT", "UPSTREAM_RUN_ID"})


def declaration_problems(request: ProcessingRequest, triggers: Sequence[Trigger], region: str) -> list[Problem]:
    """Everything wrong with a job, at once."""
    if not isinstance(request, ProcessingRequest):
        return [
            Problem("request", request, "what processor.run(...) returns", "wrap the run() call, not the processor")
        ]
    if isinstance(triggers, (str, bytes)) or not isinstance(triggers, Sequence):
        kind = type(triggers).__name__ if isinstance(triggers, Trigger) else "OnSchedule"
        fix = "leave it out" if triggers is None else f"write triggers=[{kind}(...)]"
        if isinstance(triggers, Iterable) and not isinstance(triggers, (str, bytes)):
            fix = "write triggers=list(...) with it"
        return [Problem("triggers", triggers, "a list of triggers", fix)]
    found = request.problems() + image_problems(request.processor.image, region)
    if not request.is_readable:
        return found  # what follows looks into channels, arguments and environment
    found += network_problems(request.processor.network_config)
    found += _parameter_problems(request)
    found += _local_input_problems(request) or unpacked_problems(request)
    own = trigger_problems(request, triggers)
    return found + (own or repeated_trigger_problems(triggers) or overlap_problems(triggers))


def construct_id_problems(construct_id: str) -> list[Problem]:
    """What is wrong with the id of a job: the job is made before it runs."""
    if not has_run_time_value(construct_id):
        return []
    fix = "leave the run-time value out; each run has a name of its own"
    return [Problem("construct_id", construct_id, "known at synth", fix)]


def policy_problems(policy: LaunchPolicy) -> list[Problem]:
    """What is wrong with a launch policy."""
    if not isinstance(policy, LaunchPolicy):
        return [Problem("launch_policy", policy, "a LaunchPolicy", "write LaunchPolicy(retries=10)")]
    return policy.problems()


def trigger_problems(request: ProcessingRequest, triggers: Sequence[Trigger]) -> list[Problem]:
    """What is wrong with triggers, alone and together with the request."""
    found: list[Problem] = []
    # Found once: there may be a hundred triggers.
    declared: list[RunTimeValue] | None = None
    for index, trigger in enumerate(triggers):
        if isinstance(trigger, type) or not hasattr(trigger, "supplies"):
            allowed = "a trigger such as OnObjectCreated or OnSchedule"
            found.append(Problem(f"triggers[{index}]", trigger, allowed, _trigger_fix(trigger)))
            continue
        own = trigger.problems()
        found += [problem.inside(f"triggers[{index}]").on(type(trigger).__name__) for problem in own]
        if not own:
            found += _unsupplied(request, trigger, index)
            if trigger.given:
                declared = _parameters(request) if declared is None else declared
                found += _wrongly_given(declared, trigger, index)
            found += _loops(request, trigger)
    return found


def _trigger_fix(given: object) -> str:
    """The trigger that something probably means."""
    if isinstance(given, type) and issubclass(given, Trigger):
        return f"write {given.__name__}(...)"
    if isinstance(given, str) and (meant := likely_expression(given)) is not None:
        return f"write OnSchedule({meant!r})"
    if S3Location.of(given) is not None:
        return f"write OnObjectCreated({given!r})" if isinstance(given, str) else "write OnObjectCreated(...) with it"
    return "pass a trigger"


def warn_of_unknown_instance_types(scope: Construct, request: ProcessingRequest) -> None:
    """Warn of instance types that were not there when this library was released: new ones come often."""
    known = known_instance_types()
    for name in instance_types(request.processor.instance_type):
        if name is not None and name not in known and not is_token(name):
            near = " and ".join(get_close_matches(name, known, 2))
            Annotations.of(scope).add_warning_v2(
                "cdk-processing:unknown-instance-type",
                f"instance_type {name} is not known to this release of cdk_processing; if it is not newer than that, "
                f"SageMaker will refuse it{f': did you mean {near}?' if near else '.'}",
            )


def warn_of_unnamed_objects(scope: Construct, request: ProcessingRequest, triggers: Sequence[Trigger]) -> None:
    """Warn of events whose objects no role is allowed to read, because their pattern names no bucket."""
    if not request.reads_arrivals or isinstance(request.processor.role, str):
        return
    for index, trigger in enumerate(triggers):
        if not trigger.brings:
            name = "cdk-processing:object-of-unknown-bucket"
            Annotations.of(scope).add_warning_v2(
                name,
                f"triggers[{index}]: {_described(trigger)} names no bucket, so the execution role may not read the "
                "object that an input is. Name it in the pattern: {'detail': {'bucket': {'name': [...]}}}. Or write "
                f'bucket.grant_read(job.execution_role) and Annotations.of(job).acknowledge_warning("{name}").',
            )


def warn_of_patterns(scope: Construct, request: ProcessingRequest) -> None:
    """Warn of a ``*`` in the prefix of an input: it means itself, so it most likely matches nothing, without a word."""
    for index, channel in enumerate(request.inputs):
        _warn_of_pattern(scope, f"inputs[{index}].source", channel.location)


def warn_of_watched_patterns(scope: Construct, triggers: Sequence[Trigger]) -> None:
    """Warn of a ``*`` in the prefix that a trigger watches, for the same reason."""
    for index, trigger in enumerate(triggers):
        for field, location in trigger.locations.items():
            _warn_of_pattern(scope, f"triggers[{index}].{field}", location)


def _warn_of_pattern(scope: Construct, field: str, location: S3Location | None) -> None:
    if location is not None and "*" in location.key:
        meant = location.key.partition("*")[0]
        Annotations.of(scope).add_warning_v2(
            "cdk-processing:pattern-in-prefix",
            f"{field} is a prefix, in which * is no pattern: only keys that hold a * themselves begin with "
            f"{location.key!r}; write {meant!r}, and choose by suffix or in the script",
        )


def _unsupplied(request: ProcessingRequest, trigger: Trigger, index: int) -> list[Problem]:
    return [
        Problem(
            value.label,
            f"triggers[{index}]: {_described(trigger)}",
            "supplied by every trigger of the job",
            _supply_fix(value, trigger),
        )
        for value in request.run_time_values()
        if not trigger.supplies(value)
    ]


def unlaunched_problems(path: str, request: ProcessingRequest, triggers: Sequence[Trigger]) -> list[str]:
    """What a job uses that it can never have, because nothing launches it but a start by hand."""
    if triggers:
        return []
    values = [value for value in request.run_time_values() if value.name in _ONLY_FROM_UPSTREAM]
    return [str(_unsupplied_by_hand(value).on(path)) for value in values]


def _unsupplied_by_hand(value: RunTimeValue) -> Problem:
    allowed = "supplied by a trigger: the job has none, and a start by hand does not know it"
    if value.name == "UPSTREAM_OUTPUT":
        fix = (
            f"launch the job by OnSuccessOf that job, or read what all its runs wrote, outputs[{value.output!r}].folder"
        )
    else:
        fix = "launch the job by OnSuccessOf, or make the value a Parameter"
    return Problem(value.label, "no triggers", allowed, fix)


def _supply_fix(value: RunTimeValue, trigger: Trigger) -> str:
    if value.name == "PARAMETER":
        return _parameter_fix(value, trigger)
    if value.name == "UPSTREAM_OUTPUT":
        return (
            f"each run of {value.job} writes to a place of its own: launch this job by OnSuccessOf that job alone, or "
            f"read what all its runs wrote, outputs[{value.output!r}].folder"
        )
    if value.name == "SOURCE_FOLDER":
        return f"launch the job by OnAll with a source named {value.item}, or use FOLDER_URI, which one marker brings"
    if isinstance(trigger, OnAll):
        if value.name == "FOLDER_URI":
            return f"write FOLDER_URI[{next(iter(trigger.markers))!r}]: each source has its own folder"
        if value.name == "PARTITION":
            return f"add {value.item!r} to by, so that it is the same for all markers of a run"
    return "drop the value or the trigger, or make two jobs"


def _parameter_problems(request: ProcessingRequest) -> list[Problem]:
    """One name means one parameter, wherever it is used."""
    known: dict[str, RunTimeValue] = {}
    found = []
    for value in request.run_time_values():
        first = known.setdefault(value.parameter, value)
        if value.name == "PARAMETER" and first != value:
            fix = "make one Parameter and use it in both places"
            allowed = "the same everywhere: the same default, type and enum_values"
            found.append(Problem(value.label, value.default, allowed, fix))
    return found


def _parameters(request: ProcessingRequest) -> list[RunTimeValue]:
    """The parameters with the room for their values; without, where the request cannot be rendered."""
    if request.problems():
        return [value for value in request.run_time_values() if value.name == "PARAMETER"]
    return request.parameters()


def _wrongly_given(parameters: Sequence[RunTimeValue], trigger: Trigger, index: int) -> list[Problem]:
    """Values that a trigger gives for parameters that the job does not have, or that they do not take."""
    declared = {value.parameter: value for value in parameters}
    owner, found = type(trigger).__name__, []
    for name, given in trigger.given.items():
        field = f"triggers[{index}].parameters[{name!r}]"
        if name not in declared:
            allowed = (
                f"one of the job's parameters ({', '.join(declared)})" if declared else "left out: the job has none"
            )
            found.append(Problem(field, name, allowed, f"use Parameter({name!r}) in the job, or drop it").on(owner))
        elif not isinstance(given, EventField) and not is_token(given):
            problem = value_problem(declared[name], given, field)
            found += [problem.on(owner)] if problem is not None else []
    return found


def _described(trigger: Trigger) -> str:
    text = trigger.describe()
    for location in trigger.locations.values():
        text = text.replace(location.uri, shown(location))
    return text


def _parameter_fix(value: RunTimeValue, trigger: Trigger) -> str:
    if not hasattr(trigger, "parameters"):
        return "give it a default: this trigger brings no parameters"
    return f"give it a default, or pass parameters={{{value.parameter!r}: ...}} to the trigger"


def _loops(request: ProcessingRequest, trigger: Trigger) -> list[Problem]:
    """What is written where new objects launch the job would launch it for ever."""
    watched = trigger.watched
    if watched is None:
        return []
    return [
        Problem(
            field,
            shown(location),
            f"outside {shown(watched)}, which launches this job",
            "write to another prefix or bucket",
        )
        for field, location in written_places(request)
        if location is not None
        and _same_bucket(location, watched)
        and can_begin_with(folder_of(location.key), watched.key)
    ]


def _same_bucket(one: S3Location, other: S3Location) -> bool:
    return one.bucket is other.bucket or known_name(one) == known_name(other)


def _missing_fix(given: str) -> str:
    """What to do about a local input that is not there."""
    if (meant := s3_uri(given)) is not None:
        return f"write {meant!r}"
    near = near_path(given)
    or_else = f"write {near!r}, or correct the path" if near else "correct the path"
    # "bucket/prefix/" is how people write a place in S3 who leave out the scheme.
    if not near and re.fullmatch(r"[a-z0-9][a-z0-9.-]{2,62}/.*", given):
        or_else += f", or write {f's3://{given}'!r}"
    return f"there is nothing at {Path(given).resolve()}; {or_else}"


def _local_input_problems(request: ProcessingRequest) -> list[Problem]:
    found = []
    for index, channel in enumerate(request.inputs):
        files = None if channel.is_swapped else channel.files
        if isinstance(files, LocalFile) and not Path(files.path).is_file():
            fix = _missing_fix(files.path)
            found.append(
                Problem(f"inputs[{index}].source", files.path, "an existing file or folder, or an s3:// URI", fix)
            )
        elif isinstance(files, LocalFiles) and not any(True for _ in files.members()):
            fix = "put files into it, or name another"
            found.append(Problem(f"inputs[{index}].source", str(files.folder), "a folder with files in it", fix))
    return found

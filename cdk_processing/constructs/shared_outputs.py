"""Two outputs of an app in one place: files of one name overwrite each other, and who reads there reads both.

Only a warning, which can be acknowledged: two jobs may well write files of different names side by side, each its
region's part of a day's partition, say, and synth cannot know the names. A value that is known only at run time counts
as another place where it cannot be the same for both: ``RUN_ID`` never is, a day is the same for every job of that day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from aws_cdk import Annotations
from constructs import Construct, IConstruct

from cdk_processing.constructs.checks import checks_of
from cdk_processing.constructs.resources import place_of, stack_of, tree_of
from cdk_processing.constructs.storage import known_name, shown
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.request.location import S3Location
from cdk_processing.request.markers import segments
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.tokens import is_token
from cdk_processing.workflow.event_fields import EventField

__all__ = ["bucket_key", "warn_of_shared_outputs"]

#: How many other outputs a warning names, and is remembered of a folder.
_NAMED = 3
#: Stands on both sides of a value that is known only at run time, and in place of a slash in it.
_VALUE, _SLASH = "\0", "\1"
_OF_THE_LAUNCH = ("OBJECT_", "UPSTREAM_RUN_ID", "FOLDER_URI", "SOURCE_FOLDER")


@dataclass(frozen=True, slots=True)
class _Output:
    """An output of a job.

    Attributes:
        job: The job's path.
        index: Which of the job's outputs it is.
        location: Where it goes.
        continuous: Whether its files are uploaded while the job runs.
    """

    job: str
    index: int
    location: S3Location
    continuous: bool

    def named(self, job: str) -> str:
        """The output as it is called in a warning for a job."""
        return f"outputs[{self.index}]" if self.job == job else f"outputs[{self.index}] of {self.job}"


@dataclass(slots=True)
class _Bucket:
    """What is written to a bucket.

    Attributes:
        at: The outputs of each folder.
        below: Some of the outputs below each folder.
    """

    at: dict[str, list[_Output]] = field(default_factory=dict)
    below: dict[str, list[_Output]] = field(default_factory=dict)

    def add(self, folder: str, output: _Output) -> None:
        self.at.setdefault(folder, []).append(output)
        for above in _above(folder):
            known = self.below.setdefault(above, [])
            if len(known) < _NAMED:
                known.append(output)


class _Job(NamedTuple):
    """What is known of a job."""

    scope: Construct
    request: ProcessingRequest
    triggers: Sequence[Trigger]


@dataclass(slots=True)
class _App:
    """The jobs of an app.

    Attributes:
        jobs: The jobs by path, in the order of their declaration.
        ended: The jobs whose stack has come to the end of this synth.
    """

    jobs: dict[str, _Job] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def end(self, path: str) -> None:
        """Check all jobs, once for each synth."""
        if not self.ended or path in self.ended:
            self.ended.clear()
            buckets: dict[tuple[str, ...], _Bucket] = {}
            for each, job in self.jobs.items():
                _judge(buckets, each, job)
        self.ended.add(path)


_apps: WeakKeyDictionary[IConstruct, _App] = WeakKeyDictionary()


def warn_of_shared_outputs(job: Construct, path: str, request: ProcessingRequest, triggers: Sequence[Trigger]) -> None:
    """Warn, at the end of synth, where an output of the job and another output of the app meet.

    Args:
        job: The job.
        path: Its path. A job that was removed from the tree makes room for another one with its path.
        request: What it runs.
        triggers: The list of its triggers, which grows until then: they give values for parameters.
    """
    app = _apps.setdefault(tree_of(stack_of(job))[0], _App())
    app.jobs[path] = _Job(job, request, triggers)

    def end() -> list[str]:
        if app.jobs[path].scope is job:
            app.end(path)
        return []

    checks_of(stack_of(job)).late.append(end)


def _judge(buckets: dict[tuple[str, ...], _Bucket], path: str, job: _Job) -> None:
    """Warn where an output of a job meets one of a job before it, and remember the job's."""
    # Channels of the program's own are left out: one folder for the Spark event logs of many jobs is how it is done.
    for index, channel in enumerate(job.request.outputs):
        if (location := channel.location) is None:
            continue
        output = _Output(path, index, location, channel.s3_upload_mode == "Continuous")
        bucket = buckets.setdefault(bucket_key(job.scope, location), _Bucket())
        folder = _folder(location, path, job.triggers)
        _warn(job.scope, output, bucket, folder)
        bucket.add(folder, output)


def _warn(job: Construct, output: _Output, bucket: _Bucket, folder: str) -> None:
    own = f"outputs[{output.index}]"
    if same := bucket.at.get(folder):
        _add(job, "cdk-processing:shared-output", _shared(own, output, same))
    if above := [other for outer in _above(folder) for other in bucket.at.get(outer, ())]:
        text = _nested(f"{own} is", _listed(above, output.job), shown(above[0].location))
        _add(job, "cdk-processing:nested-output", text)
    if below := bucket.below.get(folder):
        inner = f"{_listed(below, output.job)} {'is' if len(below) == 1 else 'are'}"
        _add(job, "cdk-processing:nested-output", _nested(inner, own, shown(output.location)))


def _shared(own: str, output: _Output, others: Sequence[_Output]) -> str:
    while_running = output.continuous or any(other.continuous for other in others)
    left = "a reader may find some of each" if while_running else "those of the job that ends last remain"
    return (
        f"{own} and {_listed(others, output.job)} are written to one place, {shown(output.location)}: files of one "
        f"name overwrite each other, and {left}. Give each a folder of its own, or put ExecutionVariables.RUN_ID into "
        "the destinations. If they have files of different names, or are never written for the same run-time values"
    )


def _nested(inner: str, outer: str, place: str) -> str:
    return (
        f"{inner} written to a folder inside that of {outer}, {place}: a job that reads there reads both. Let them "
        "lie side by side, as data/ and reports/ do. If a reader is meant to find both"
    )


def _add(job: Construct, warning: str, text: str) -> None:
    acknowledge = f'Annotations.of(job).acknowledge_warning("{warning}", "why")'
    Annotations.of(job).add_warning_v2(warning, f"{text}, write {acknowledge}.")


def _listed(others: Sequence[_Output], job: str) -> str:
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return ", ".join(other.named(job) for other in others[:_NAMED]) + more


def bucket_key(job: Construct, location: S3Location) -> tuple[str, ...]:
    """What tells a bucket from others; a name made of the account or region is another bucket in another place."""
    name = known_name(location)
    if not (is_token(name) and "Token[AWS." in name):
        return (name,)
    stack = stack_of(job)
    place = place_of(stack)
    return name, place.account, place.region, tree_of(stack)[1]


def _folder(location: S3Location, path: str, triggers: Sequence[Trigger]) -> str:
    """The key of an output's folder as text that is equal where the keys of two runs can be."""
    # SageMaker writes an output to <key>/<file>, with or without the slash.
    key = location.key if not location.key or location.key.endswith("/") else f"{location.key}/"
    return "".join(part if isinstance(part, str) else _value(part, path, triggers) for part in segments(key))


def _value(value: RunTimeValue, path: str, triggers: Sequence[Trigger]) -> str:
    if value.name == "TRIGGER_TIME":
        time = value.moment.key if value.moment is not None else ""
        formatted = value.format or "%"  # without a format it has none of the directives
        return re.sub(r"%.?", lambda match: _opaque(f"{time} {match[0]}"), formatted)
    if value.name == "PARAMETER":
        given = [trigger.given.get(value.parameter, value.default) for trigger in triggers] or [value.default]
        constant = given[0]
        if isinstance(constant, str) and not isinstance(constant, EventField) and set(given) == {constant}:
            return constant
        return _opaque(f"{value.parameter} of {path}")
    if value.name in ("ATTEMPT", "PARTITION"):
        return _opaque(f"{value.name}{value.item}")
    if value.name.startswith(_OF_THE_LAUNCH) and triggers:
        # The same object or upstream run launches both, where both are launched by the same.
        launched = "; ".join(sorted(trigger.describe() for trigger in triggers))
        return _opaque(f"{value.name}{value.item} of {launched}")
    return _opaque(f"{value.name}{value.item} of {path}")


def _opaque(text: str) -> str:
    return f"{_VALUE}{text.replace('/', _SLASH)}{_VALUE}"


def _above(folder: str) -> Iterator[str]:
    """The folders that a folder lies in, the nearest first; "" is the whole bucket."""
    while folder:
        folder = folder[:-1].rpartition("/")[0]
        folder = f"{folder}/" if folder else ""
        yield folder

"""Jobs that launch each other in a circle, by the objects that they write and by their success: they would never end.

Synth refuses a circle of which every step is certain. It warns of one that depends on what only a run or a pattern
knows: a key that begins with a parameter or an object's key, an event of ``OnEvent`` about a new object, or markers of
``OnAll``, of which others may never come.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from aws_cdk import Annotations
from constructs import Construct, IConstruct

from cdk_processing.constructs.resources import stack_of, tree_of
from cdk_processing.constructs.shared_outputs import bucket_key
from cdk_processing.constructs.storage import shown
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.constructs.written_places import can_begin_with, folder_of, written_places
from cdk_processing.errors import Problem
from cdk_processing.request.location import S3Location
from cdk_processing.request.markers import fixed_prefix
from cdk_processing.request.request import ProcessingRequest

__all__ = ["circle_problems"]

_WARNING = "cdk-processing:possible-circle"
_Bucket = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """That a run of one job launches another.

    Attributes:
        job: The path of the job that is launched.
        text: How, for people.
        is_certain: Whether every run does it.
        is_by_object: Whether it does so by what it writes; else by its success.
    """

    job: str
    text: str
    is_certain: bool
    is_by_object: bool


@dataclass(slots=True)
class _Launches:
    """What launches jobs.

    Attributes:
        by_success: The jobs that the success of a job launches.
        by_objects: The jobs that new objects launch, by bucket and beginning of the keys; and whether it is certain.
        prefixes: The beginnings of keys of each bucket, sorted.
    """

    by_success: dict[str, list[str]] = field(default_factory=dict)
    by_objects: dict[_Bucket, dict[str, list[tuple[str, bool]]]] = field(default_factory=dict)
    prefixes: dict[_Bucket, list[str]] = field(default_factory=dict)

    def add(self, job: Construct, path: str, triggers: Sequence[Trigger]) -> None:
        """Add what launches a job."""
        for trigger in triggers:
            if trigger.upstream is not None:
                self.by_success.setdefault(trigger.upstream.path, []).append(path)
            for location in trigger.brings:
                bucket = bucket_key(job, location)
                known = self.by_objects.setdefault(bucket, {})
                if location.key not in known:
                    insort(self.prefixes.setdefault(bucket, []), location.key)
                known.setdefault(location.key, []).append((path, trigger.watched is not None))

    def forget(self, path: str) -> None:
        """Forget what launches a job."""
        for jobs in self.by_success.values():
            jobs[:] = [each for each in jobs if each != path]
        for known in self.by_objects.values():
            for listed in known.values():
                listed[:] = [each for each in listed if each[0] != path]

    def launched_by(self, path: str, written: Sequence[tuple[_Bucket, S3Location]]) -> Iterator[_Step]:
        """The jobs that a run of a job launches, by its success and by what it writes."""
        for job in self.by_success.get(path, ()):
            yield _Step(job, f"the success of {path} launches {job}", is_certain=True, is_by_object=False)
        for bucket, location in written:
            for prefix, is_certain in self._begun(bucket, folder_of(location.key)):
                for job, is_certainly_new in self.by_objects[bucket][prefix]:
                    text = f"{path} writes to {shown(location)}, which launches {job}"
                    yield _Step(job, text, is_certain and is_certainly_new, is_by_object=True)

    def _begun(self, bucket: _Bucket, folder: str) -> Iterator[tuple[str, bool]]:
        """The watched beginnings that the keys in a folder have, and those that they can come to have in a run."""
        known, fixed = self.by_objects.get(bucket), fixed_prefix(folder)
        if known is None:
            return
        yield from ((fixed[:end], True) for end in range(len(fixed) + 1) if fixed[:end] in known)
        if fixed == folder:
            return
        listed = self.prefixes[bucket]
        for prefix in listed[bisect_left(listed, fixed) :]:
            if not prefix.startswith(fixed):
                return
            if prefix != fixed and can_begin_with(folder, prefix):
                yield prefix, False


@dataclass(slots=True)
class _App:
    """The jobs of an app.

    Attributes:
        jobs: The constructs by path.
        launches: What launches them.
        written: Where each writes.
    """

    jobs: dict[str, Construct] = field(default_factory=dict)
    launches: _Launches = field(default_factory=_Launches)
    written: dict[str, list[tuple[_Bucket, S3Location]]] = field(default_factory=dict)


_apps: WeakKeyDictionary[IConstruct, _App] = WeakKeyDictionary()


def circle_problems(
    job: Construct, path: str, request: ProcessingRequest, triggers: Sequence[Trigger]
) -> list[Problem]:
    """What is wrong with new triggers of a job together with the other jobs of the app; remembers the job if nothing.

    Warns of a circle that depends on values that synth does not know.
    """
    app = _apps.setdefault(tree_of(stack_of(job))[0], _App())
    if app.jobs.setdefault(path, job) is not job:  # that one was removed from the tree
        app.launches.forget(path)
        app.jobs[path] = job
    places = [location for _, location in written_places(request) if location is not None]
    app.written[path] = [(bucket_key(job, location), location) for location in places]
    new = _Launches()
    new.add(job, path, triggers)
    certain = _circle(path, app, new, only_certain=True)
    if certain:
        return [_refused(path, certain)]
    if possible := _circle(path, app, new, only_certain=False):
        _warn(job, possible)
    app.launches.add(job, path, triggers)
    return []


def _circle(start: str, app: _App, new: _Launches, *, only_certain: bool) -> list[_Step]:
    """The shortest way from a job back to itself; empty if there is none. It visits each job once."""
    came_by: dict[str, tuple[str, _Step]] = {}
    waiting = [start]
    for path in waiting:
        written = app.written.get(path, ())
        for step in (*app.launches.launched_by(path, written), *new.launched_by(path, written)):
            if step.job in came_by or (only_certain and not step.is_certain):
                continue
            came_by[step.job] = (path, step)
            if step.job == start:
                return _way(start, came_by)
            waiting.append(step.job)
    return []


def _way(start: str, came_by: dict[str, tuple[str, _Step]]) -> list[_Step]:
    before, step = came_by[start]
    way = [step]
    while before != start:
        before, step = came_by[before]
        way.insert(0, step)
    return way


def _refused(path: str, circle: Sequence[_Step]) -> Problem:
    allowed = f"such that {path} does not launch itself for ever: {'; '.join(step.text for step in circle)}"
    fix = "launch one of them by something else"
    if any(step.is_by_object for step in circle):
        fix = (
            f"write to another prefix or bucket, or {fix}; for a circle that you mean to have, launch one by OnEvent "
            "with a pattern of your own, and acknowledge the warning"
        )
    return Problem("triggers", " -> ".join([path, *(step.job for step in circle)]), allowed, fix)


def _warn(job: Construct, circle: Sequence[_Step]) -> None:
    Annotations.of(job).add_warning_v2(
        _WARNING,
        f"jobs may launch each other for ever: {'; '.join(step.text for step in circle)}. Whether they do depends on "
        "values of a run, on a pattern of OnEvent, or on other markers of OnAll. Write to another prefix or bucket. If "
        "it ends, or is meant, "
        f'write Annotations.of(job).acknowledge_warning("{_WARNING}", "why").',
    )

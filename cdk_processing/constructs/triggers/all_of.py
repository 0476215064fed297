"""Launch a job when the markers of several folders are all there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from cdk_processing.constructs.bucket_events import send_events
from cdk_processing.constructs.storage import shown
from cdk_processing.constructs.triggers.arrivals import arrival_pattern
from cdk_processing.constructs.triggers.base import LaunchTarget, Trigger, supplies
from cdk_processing.constructs.triggers.marker import OnMarker
from cdk_processing.constructs.triggers.rules import make_rule
from cdk_processing.contract.rule_description import ITS_OWN
from cdk_processing.errors import Problem
from cdk_processing.request.location import S3Location
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.types import ListOf
from cdk_processing.workflow.admission import Admission
from cdk_processing.workflow.event_mappings import markers_of_all
from cdk_processing.workflow.joins import FOLDERS_OF_SOURCES
from cdk_processing.workflow.launches import EventMapping

__all__ = ["OnAll"]

#: One rule watches all of them, and the pattern of a rule holds 2,048 characters.
_MOST_SOURCES = 10
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_EXAMPLE = 'write OnAll({"orders": OnMarker(...), "stock": OnMarker(...)}, by=["day"])'


@dataclass(frozen=True, slots=True)
class OnAll(Trigger):
    """One run when the markers of several folders are all there, such as a dataset a day from three sources.

    ``OnAll({"orders": OnMarker(orders.at("day=")), "stock": OnMarker(stock.at("day="))}, by=["day"])`` launches one run
    for each day, when the last of the two markers of that day comes. The order does not matter, nor do duplicates, nor
    markers that come at the same time. ``ExecutionVariables.FOLDER_URI["orders"]`` is the folder of one source, and
    ``ExecutionVariables.PARTITION["day"]`` the value that all share.

    A marker that is not the last ends as ``Waiting``, with what is still missing. There is one run for each value of
    ``by``, for ever: a marker that is written again afterwards ends as ``Duplicate``, and changes nothing before. Of
    several folders of one source for one value, the first counts. To run a day again, redrive its run, or start it by
    hand. The folders of a value are kept for 180 days after its last marker. If others come later, markers that came
    before must be written again. So must those of a value that is not complete when a deployment changes the sources.

    Args:
        markers: 2-10 sources by name: letters, digits and underscores.
        by: The ``key=value`` folders that the markers of one run share. Each marker's path must have them. A marker
            without them fails with a dead letter.
    """

    markers: Mapping[str, OnMarker]
    by: ListOf[str]

    @property
    def locations(self) -> Mapping[str, S3Location]:
        """The watched prefix of each source."""
        found = {f"markers[{name!r}].location": marker.watched for name, marker in self._valid()}
        return {field: location for field, location in found.items() if location is not None}

    @property
    def matched(self) -> Mapping[str, Any]:
        """The event pattern."""
        return self.pattern()

    @property
    def admission(self) -> Admission | None:
        """The run whose folders are all there."""
        return FOLDERS_OF_SOURCES

    def supplies(self, value: RunTimeValue) -> bool:
        """The folder of each source, the values of ``by``, and parameters that have a default."""
        if value.name == "SOURCE_FOLDER":
            return value.item in self.markers
        if value.name == "PARTITION":
            return value.item in self.by
        return supplies(self, value)

    def describe(self) -> str:
        """The trigger in a few words."""
        listed = "; ".join(f"{name}: {marker.describe()}" for name, marker in self.markers.items())
        return f"all markers of one {' and '.join(self.by)} ({listed})"

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        found = [*self._name_problems(), *self._by_problems()]
        for name, marker in self._valid():
            own = marker.problems() + [
                Problem(field, value, f"left out inside OnAll: {reason}", "drop it")
                for field, value, usual, reason in (
                    ("dedupe", marker.dedupe, "version", "a run is known by its values of by"),
                    ("expect_within", marker.expect_within, None, "one rule watches all markers"),
                )
                if value != usual
            ]
            found += [problem.inside(f"markers[{name!r}]") for problem in own]
        return found or list(self._shared_problems())

    def _name_problems(self) -> Iterator[Problem]:
        if not isinstance(self.markers, Mapping) or not 2 <= len(self.markers) <= _MOST_SOURCES:
            yield Problem("markers", self.markers, f"a dict of 2-{_MOST_SOURCES} sources by name", _EXAMPLE)
            return
        for name, marker in self.markers.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                allowed = "1-64 letters, digits and underscores, not beginning with a digit"
                yield Problem("markers", name, f"named by {allowed}", "rename the source")
            elif not isinstance(marker, OnMarker):
                yield Problem(f"markers[{name!r}]", marker, "an OnMarker", 'write OnMarker(bucket.at("day="))')

    def _shared_problems(self) -> Iterator[Problem]:
        """A marker of two sources would count for the first one, so that the second one never comes."""
        for (one, first), (other, second) in combinations(self.markers.items(), 2):
            keys = (first.place.key, second.place.key)
            if first.name != second.name or first.place.bucket_name != second.place.bucket_name:
                continue
            if keys[0].startswith(keys[1]) or keys[1].startswith(keys[0]):
                allowed = f"where no marker of {one!r} is: a marker has one source"
                fix = "watch a narrower prefix, or give the markers different names"
                yield Problem(f"markers[{other!r}].location", shown(second.place), allowed, fix)

    def _by_problems(self) -> Iterator[Problem]:
        if isinstance(self.by, str) or not isinstance(self.by, Sequence) or not self.by:
            fix = f"write by=[{self.by!r}]" if isinstance(self.by, str) and self.by else 'write by=["day"]'
            yield Problem("by", self.by, "a list of the names of key=value folders", fix)
            return
        for name in self.by:
            if not isinstance(name, str) or not name or set(name) & set("/={}"):
                yield Problem("by", name, "the text before the = in the name of a folder", 'write by=["day"]')
        if len(set(self.by)) < len(self.by):
            yield Problem("by", self.by, "without a name twice", "drop one of them")

    def event_mappings(self, version: Callable[[], str]) -> Sequence[EventMapping]:
        """A run is known by its values of ``by``."""
        patterns = {name: marker.pattern() for name, marker in self.markers.items()}
        named = {name: f"{marker.place.uri}*/{marker.name}" for name, marker in self.markers.items()}
        return markers_of_all(patterns, named, list(self.by))

    def bind(self, target: LaunchTarget) -> None:
        """Create the rule."""
        for marker in self.markers.values():
            send_events(marker.place, target.job)
        make_rule(target, self.pattern(), run_key=ITS_OWN)

    def pattern(self) -> dict[str, Any]:
        """The event pattern."""
        return arrival_pattern(*((marker.place, marker.marker_filter()) for marker in self.markers.values()))

    def _valid(self) -> list[tuple[str, OnMarker]]:
        """The sources that are markers; the others are a problem of their own."""
        given = self.markers.items() if isinstance(self.markers, Mapping) else ()
        return [(name, marker) for name, marker in given if isinstance(marker, OnMarker)]

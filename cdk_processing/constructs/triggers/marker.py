"""Launch a job for each folder that is complete, by the object that marks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from cdk_processing.constructs.bucket_events import send_events
from cdk_processing.constructs.triggers.arrivals import (
    arrival_pattern,
    content_problems,
    literal,
    location_problems,
    text_problems,
)
from cdk_processing.constructs.triggers.base import OBJECT_VALUES, LaunchTarget, Trigger, supplies
from cdk_processing.constructs.triggers.missed import expect_arrivals, within_problems
from cdk_processing.constructs.triggers.rules import make_rule
from cdk_processing.errors import Problem
from cdk_processing.request.location import S3Location
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.types import Bucket
from cdk_processing.workflow.event_mappings import arrivals
from cdk_processing.workflow.launches import EventMapping

if TYPE_CHECKING:
    from aws_cdk import Duration

__all__ = ["MarkerDedupe", "OnMarker"]

#: What two markers share that are the same.
MarkerDedupe = Literal["version", "content", "event", "folder"]


@dataclass(frozen=True, slots=True)
class OnMarker(Trigger):
    """One run for each folder that gets a marker: an object of one name, written when all else in the folder is there.

    ``OnMarker(raw.at("day="))`` launches a run when ``day=2026-03-28/_SUCCESS`` is written, or
    ``day=2026-03-28/hour=06/_SUCCESS``. ``ExecutionVariables.FOLDER_URI`` is the marker's folder. As an input's source
    it brings all that is in it, the marker too. ``ExecutionVariables.PARTITION["day"]`` is ``2026-03-28``. The marker
    may be empty.

    Args:
        location: The bucket and the key prefix below which to look: ``bucket.at("day=")``, an ``s3://`` URI, or an
            ``s3.IBucket`` (the whole bucket).
        name: The marker's name.
        dedupe: What two markers must share for the second to make no job. ``version``: the marker's version, so a
            folder whose marker is written again runs again. ``content``: key and ETag, so it runs again if the marker
            has other content. ``event``: the notification. ``folder``: its key, so a folder runs once, for ever.
        expect_within: Raise an alarm if no marker comes for this time: a ``Duration`` or ``timedelta`` of whole hours,
            1 hour to 7 days. It is in ALARM from the deployment to the first marker. Left out, there is no alarm.

    SageMaker takes at most 1,024 characters of the folder's URI. A run whose folder has a longer one fails with a dead
    letter.
    """

    location: S3Location | Bucket | str
    name: str = "_SUCCESS"
    dedupe: MarkerDedupe = "version"
    expect_within: timedelta | Duration | None = None

    @property
    def matched(self) -> Mapping[str, Any]:
        """The event pattern."""
        return self.pattern()

    @property
    def watched(self) -> S3Location | None:
        """The watched prefix."""
        return S3Location.of(self.location)

    @property
    def place(self) -> S3Location:
        """The watched prefix, of a valid trigger."""
        place = self.watched
        assert place is not None  # validated before
        return place

    def supplies(self, value: RunTimeValue) -> bool:
        """All values of the marker and its path, and parameters that have a default."""
        return supplies(self, value, OBJECT_VALUES)

    def describe(self) -> str:
        """The trigger in a few words."""
        return f"marker {self.name} below {self.place.uri}"

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        found = location_problems(self.location) + self._name_problems()
        if self.dedupe not in get_args(MarkerDedupe):
            allowed = "'version', 'content', 'event' or 'folder'"
            found.append(Problem("dedupe", self.dedupe, allowed, "write one of those"))
        if self.expect_within is not None:
            found += within_problems("expect_within", self.expect_within)
        if not found and self.dedupe == "content":
            found += content_problems(self.place)
        return found

    def _name_problems(self) -> list[Problem]:
        found = text_problems("name", self.name)
        if not found and (not self.name or "/" in self.name):
            fix = "write the last part of the marker's key, such as '_SUCCESS'"
            found.append(Problem("name", self.name, "the name of an object in its folder, without a /", fix))
        return found

    def event_mapping(self, version: Callable[[], str]) -> EventMapping | None:
        """The run key, if it is not the marker's version."""
        return None if self.dedupe == "version" else arrivals(self.pattern(), self.dedupe, newest_only=False)

    def bind(self, target: LaunchTarget) -> None:
        """Create the rule."""
        send_events(self.place, target.job)
        rule = make_rule(target, self.pattern(), run_key=self.dedupe)
        if self.expect_within is not None:
            expect_arrivals(target, rule_name=rule.ref, within=self.expect_within)

    def pattern(self) -> dict[str, Any]:
        """The event pattern."""
        return arrival_pattern((self.place, self.marker_filter()))

    def marker_filter(self) -> dict[str, Any]:
        """What the pattern wants of the object."""
        key = self.place.key
        if not key:
            return {"key": [self.name, {"suffix": f"/{self.name}"}]}
        inside = {"wildcard": f"{literal(key)}*/{literal(self.name)}"}
        # The * may stand for nothing: "day=*/_SUCCESS" matches "day=/_SUCCESS", but "in/*/_SUCCESS" no "in/_SUCCESS".
        return {"key": [f"{key}{self.name}", inside] if key.endswith("/") else [inside]}

"""Launch a job for each object that arrives in a bucket."""

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
from cdk_processing.workflow.admission import Admission
from cdk_processing.workflow.event_mappings import arrivals
from cdk_processing.workflow.launches import EventMapping
from cdk_processing.workflow.newest import NEWEST_ONLY

if TYPE_CHECKING:
    from aws_cdk import Duration

__all__ = ["Dedupe", "OnObjectCreated"]

#: What two arrivals share that are the same.
Dedupe = Literal["version", "content", "event"]


@dataclass(frozen=True, slots=True)
class OnObjectCreated(Trigger):
    """One run for each object created under a prefix, by an upload, a copy or a finished multipart upload.

    Objects of size 0, which consoles create for folders, launch nothing. S3 sends the event of an object at least once,
    mostly within seconds. A second event of the same version makes no second job.

    Args:
        location: The bucket and the key prefix to watch: ``bucket.at("census/")``, an ``s3://`` URI, or an
            ``s3.IBucket`` (the whole bucket).
        suffix: The end of the keys, for example ``.csv``.
        dedupe: What two arrivals must share for the second to make no job. ``version``: the object's version (on a
            bucket without versions, the write). ``content``: key and ETag, so the same file is not processed twice. The
            ETag shows the content only on a bucket without a KMS key, and for multipart uploads only with the same
            parts. ``event``: the notification, so every event of S3 is processed.
        newest_only: Whether an arrival makes no job if a newer version of its key arrived before it. It then ends as
            ``Superseded``. S3 keeps no order of events. The newest version of a key is remembered for 30 days.
        expect_within: Raise an alarm if nothing arrives for this time: a ``Duration`` or ``timedelta`` of whole hours,
            1 hour to 7 days. It is in ALARM from the deployment to the first arrival. Left out, there is no alarm.

    The trigger makes a bucket of this app send its events to EventBridge, by a property of the bucket. If the app adds
    notifications to the bucket (``add_event_notification``), before or after the trigger, it does so in the CDK's own
    way. A deployment that adds the first of those, or removes the last, rewrites the bucket's notifications. S3 reports
    no arrivals in between, for up to a minute.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
    """

    location: S3Location | Bucket | str
    suffix: str = ""
    dedupe: Dedupe = "version"
    newest_only: bool = False
    expect_within: timedelta | Duration | None = None

    @property
    def watched(self) -> S3Location | None:
        """The watched prefix."""
        return S3Location.of(self.location)

    @property
    def matched(self) -> Mapping[str, Any]:
        """The event pattern."""
        return self.pattern()

    @property
    def _place(self) -> S3Location:
        place = self.watched
        assert place is not None  # validated before
        return place

    @property
    def admission(self) -> Admission | None:
        """Arrivals that are no older than the newest known one, where only those count."""
        return NEWEST_ONLY if self.newest_only else None

    def supplies(self, value: RunTimeValue) -> bool:
        """All values of the object and its path, and parameters that have a default."""
        return supplies(self, value, OBJECT_VALUES)

    def describe(self) -> str:
        """The trigger in a few words."""
        ending = f" ending {self.suffix}" if self.suffix else ""
        return f"object created in {self._place.uri}{ending}"

    def problems(self) -> list[Problem]:
        """What is wrong with the trigger alone."""
        found = location_problems(self.location)
        if self.watched is None:
            return found
        found += text_problems("suffix", self.suffix) or self._suffix_problems()
        if self.dedupe not in get_args(Dedupe):
            found.append(Problem("dedupe", self.dedupe, "'version', 'content' or 'event'", "write one of those"))
        if not isinstance(self.newest_only, bool):
            found.append(Problem("newest_only", self.newest_only, "True or False", "write one of those"))
        if self.expect_within is not None:
            found += within_problems("expect_within", self.expect_within)
        if not found and self.dedupe == "content":
            found += content_problems(self._place)
        return found

    def _suffix_problems(self) -> list[Problem]:
        if not self.suffix.startswith("*"):
            return []
        allowed = "what keys end with; a * in it is no pattern"
        return [Problem("suffix", self.suffix, allowed, f"write {self.suffix[1:]!r}")]

    def event_mapping(self, version: Callable[[], str]) -> EventMapping | None:
        """The run key, if it is not the object's version, and whether older arrivals are superseded."""
        if self.dedupe == "version" and not self.newest_only:
            return None
        return arrivals(self.pattern(), self.dedupe, newest_only=self.newest_only)

    def bind(self, target: LaunchTarget) -> None:
        """Create the rule."""
        send_events(self._place, target.job)
        rule = make_rule(target, self.pattern(), run_key=self.dedupe)
        if self.expect_within is not None:
            expect_arrivals(target, rule_name=rule.ref, within=self.expect_within)

    def pattern(self) -> dict[str, Any]:
        """The event pattern."""
        place = self._place
        watched: dict[str, Any] = {"size": [{"numeric": [">", 0]}]}
        if place.key or self.suffix:
            watched["key"] = [self._key_filter()]
        return arrival_pattern((place, watched))

    def _key_filter(self) -> dict[str, str]:
        key = self._place.key
        if not self.suffix:
            return {"prefix": key}
        if not key:
            return {"suffix": self.suffix}
        # Prefix and suffix in one list would mean either; a wildcard means both.
        return {"wildcard": f"{literal(key)}*{literal(self.suffix)}"}

"""The runs that a job should have had: one for each object that it watches, and for each past time of a schedule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.errors import UnversionedBucketError
from cdk_processing.client.launch_sources import LaunchSources, Timetable, WatchedObjects
from cdk_processing.contract.arrival_event import StoredObject
from cdk_processing.contract.event_patterns import matches
from cdk_processing.contract.run_keys import run_id, run_key_of
from cdk_processing.schedules.recorded import substitute

if TYPE_CHECKING:
    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job

__all__ = ["DueRun", "DueRuns", "Within"]


class Within(NamedTuple):
    """Which runs to look at.

    Attributes:
        sources: What launches them.
        since: The first moment; None for no limit.
        until: The moment after the last.
        prefix: What the keys of objects begin with.
    """

    sources: LaunchSources
    since: datetime | None
    until: datetime
    prefix: str = ""

    def has(self, moment: datetime) -> bool:
        """Whether a moment is in between."""
        return (self.since is None or moment >= self.since) and moment < self.until


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that a job should have had.

    Attributes:
        run_id: Its RUN_ID: the same as that of the run that the object or the schedule launches, or would have.
        what: What it is for: the object's URI, or the schedule's name and expression.
        due: When the object was written, or the scheduled time.
        request: The input of its execution, as JSON: the event, as EventBridge or the scheduler sends it.
    """

    run_id: str
    what: str
    due: datetime
    request: str = field(repr=False)

    @property
    def takes_turns(self) -> bool:
        """Whether it is skipped while another run of its schedule is in progress."""
        return '"overlap": "skip"' in self.request


class DueRuns:
    """The runs that a job should have had. Each is computed as it is asked for.

    Attributes:
        without_version: How many objects have no version, so that the run keys of their arrivals are unknown.
    """

    def __init__(self, account: Account, job: Job, within: Within) -> None:
        self._account = account
        self._job = job
        self._within = within
        self.without_version = 0
        self._first_without = ""

    def __iter__(self) -> Iterator[DueRun]:
        """Yield the runs, each once: objects by their keys, then scheduled times in order.

        Raises:
            UnversionedBucketError: The runs are known by versions, and the bucket has none.
        """
        seen: set[bytes] = set()
        for due in self._all():
            digest = bytes.fromhex(due.run_id)
            if digest not in seen:
                seen.add(digest)
                yield due

    @property
    def notes(self) -> Iterator[str]:
        """What could not be looked at, once all runs have been yielded."""
        if self.without_version:
            yield (
                f"{self.without_version:,} objects were written before their bucket had versioning "
                f"({self._first_without} is the first), so it is unknown whether they had a run; copy each onto "
                'itself to launch a run of it, or give the trigger dedupe="content"'
            )

    def _all(self) -> Iterator[DueRun]:
        for watched in self._within.sources.objects:
            yield from self._arrivals(watched)
        for timetable in self._within.sources.timetables:
            yield from self._times(timetable)

    def _arrivals(self, watched: WatchedObjects) -> Iterator[DueRun]:
        if watched.kind == "version":
            _refuse_without_versions(self._account, watched)
        _, _, _, region, owner, *_ = self._job.state_machine_arn.split(":")
        prefix = max(watched.prefix, self._within.prefix, key=len)
        for found in _objects(self._account, watched.bucket, prefix):
            event = found.event(owner, region)
            if not (self._within.has(found.written) and matches(watched.pattern, event)):
                continue
            if watched.kind == "version" and not found.has_version:
                self.without_version += 1
                self._first_without = self._first_without or found.uri
                continue
            key = run_key_of(event, "", watched.kind)
            yield DueRun(run_id(self._job.identity, key), found.uri, found.written, _text(event))

    def _times(self, timetable: Timetable) -> Iterator[DueRun]:
        if self._within.since is None:
            return
        what = f"{timetable.name} {timetable.schedule.expression}"
        for due in timetable.schedule.times(self._within.since, self._within.until):
            request = substitute(timetable.text, due, timetable.arn, "backfill", 1)
            key = run_key_of(json.loads(request), "")
            yield DueRun(run_id(self._job.identity, key), what, due, request)


def _text(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _refuse_without_versions(account: Account, watched: WatchedObjects) -> None:
    with aws_errors_as_ours(f"read the versioning of the bucket {watched.bucket}"):
        status = account.s3.get_bucket_versioning(Bucket=watched.bucket).get("Status")
    if status is None:
        raise UnversionedBucketError(watched.bucket)


def _objects(account: Account, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """Yield the current objects under a prefix, page by page."""
    pages = account.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    with aws_errors_as_ours(f"list the objects in s3://{bucket}/{prefix}"):
        for page in pages:
            for item in page.get("Versions", []):
                if item["IsLatest"]:
                    written = item["LastModified"].astimezone(timezone.utc)
                    etag = item["ETag"].strip('"')
                    yield StoredObject(bucket, item["Key"], item["VersionId"], etag, item["Size"], written)

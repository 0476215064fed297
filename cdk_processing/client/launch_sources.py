"""Read from AWS what launches a deployed job: the rules and schedules whose target is its state machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.contract.arrival_event import CREATED, LISTED_FIELDS, S3
from cdk_processing.contract.event_patterns import UnreadablePatternError, key_prefix, matched_fields, matches
from cdk_processing.contract.rule_description import ITS_OWN, USUAL, run_key_of_rule
from cdk_processing.schedules import Schedule, parse
from cdk_processing.schedules.rate import Rate
from cdk_processing.schedules.recorded import schedule_of

if TYPE_CHECKING:
    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job
    from cdk_processing.contract.run_keys import KeyKind

__all__ = ["LaunchSources", "Timetable", "WatchedObjects", "read_launch_sources"]

#: The kinds of run keys that can be computed from what S3 lists, by what a rule's description says.
_KINDS: Mapping[str, KeyKind] = {"version": "version", "content": "content", "folder": "folder"}
_WHY_NOT = {
    "event": 'its runs are known by S3\'s notifications (dedupe="event"), which AWS does not keep',
    ITS_OWN: "only the state machine can compute its run keys",
}
#: The texts of a definition that belong to run keys that a rule's description names.
_IN_DEFINITION = {"'@etag:'": "content", "'@event:'": "event", "'@folder'": "folder", "'key:' & ": ITS_OWN}

#: The start of a schedule that has none: before any of its times that somebody may ask for.
_LONG_AGO = datetime(2000, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class WatchedObjects:
    """The objects of a bucket that launch a job.

    Attributes:
        rule: The rule's name.
        pattern: The event pattern.
        kind: By what the runs are known.
        bucket: The bucket.
        prefix: What all their keys begin with.
    """

    rule: str
    pattern: Mapping[str, Any]
    kind: KeyKind
    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        """The URI of the prefix."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class Timetable:
    """A schedule that launches a job.

    Attributes:
        name: The schedule's name.
        arn: Its ARN.
        schedule: When it is due.
        text: The input of each start, with the scheduler's placeholders.
    """

    name: str
    arn: str
    schedule: Schedule
    text: str


@dataclass(frozen=True, slots=True)
class LaunchSources:
    """What launches a job.

    Attributes:
        objects: The objects that do.
        timetables: The schedules that do.
        unlisted: Rules and schedules whose past launches cannot be listed, each with the reason.
    """

    objects: tuple[WatchedObjects, ...]
    timetables: tuple[Timetable, ...]
    unlisted: tuple[str, ...]


def read_launch_sources(account: Account, job: Job) -> LaunchSources:
    """Read what launches a job."""
    found = [*_rules(account, job), *_schedules(account, job)]
    objects = [source for source in found if isinstance(source, WatchedObjects)]
    return LaunchSources(
        # A run key of a trigger's own comes before the usual one, as in the state machine.
        tuple(sorted(objects, key=lambda watched: watched.kind == USUAL)),
        tuple(source for source in found if isinstance(source, Timetable)),
        tuple(source for source in found if isinstance(source, str)),
    )


def _rules(account: Account, job: Job) -> Iterator[WatchedObjects | str]:
    with aws_errors_as_ours(f"list the rules that launch {job.name}"):
        pages = account.events.get_paginator("list_rule_names_by_target").paginate(TargetArn=job.state_machine_arn)
        rules = [account.events.describe_rule(Name=name) for page in pages for name in page["RuleNames"]]
    told = {run_key_of_rule(rule.get("Description", "")) for rule in rules}
    silent = _silent_run_keys(account, job) - told if rules else set()
    for rule in rules:
        read = _read_rule(cast("Mapping[str, Any]", rule), silent)
        yield from [f"rule {rule['Name']}: {read}"] if isinstance(read, str) else read


def _silent_run_keys(account: Account, job: Job) -> set[str]:
    """The run keys in the definition. Rules of earlier releases do not name theirs."""
    with aws_errors_as_ours(f"read the definition of {job.name}"):
        definition = account.states.describe_state_machine(stateMachineArn=job.state_machine_arn)["definition"]
    return {run_key for text, run_key in _IN_DEFINITION.items() if text in definition}


def _read_rule(rule: Mapping[str, Any], silent: set[str]) -> list[WatchedObjects] | str:
    """What a rule watches, or why that cannot be listed."""
    pattern = json.loads(rule.get("EventPattern") or "{}")
    run_key = run_key_of_rule(rule.get("Description", ""))
    if not (pattern.get("source") == [S3] and pattern.get("detail-type") == [CREATED]):
        return "AWS does not keep its past events"
    if rule.get("State") != "ENABLED":
        return "it is disabled"
    if run_key not in _KINDS:
        return _WHY_NOT.get(run_key, f"this release does not know its run key {run_key!r}")
    if silent:
        return "an earlier release deployed it without its run key; deploy the job again with this one"
    if others := sorted({*matched_fields(pattern)} - LISTED_FIELDS):
        return f"it matches by {', '.join(others)}, which S3 does not list"
    detail = pattern.get("detail", {})
    buckets = detail.get("bucket", {}).get("name", [])
    if not buckets or not all(isinstance(bucket, str) for bucket in buckets):
        return "it names no bucket"
    try:
        matches(pattern, {"source": S3, "detail-type": CREATED, "detail": {"bucket": {"name": buckets[0]}}})
        matches(detail.get("object", {}), {"key": "", "size": 0, "etag": "", "version-id": ""})
    except UnreadablePatternError as problem:
        return f"it matches by {problem}, which this release does not read"
    prefix = key_prefix(detail.get("object", {}).get("key", [""]))
    return [WatchedObjects(rule["Name"], pattern, _KINDS[run_key], bucket, prefix) for bucket in buckets]


def _schedules(account: Account, job: Job) -> Iterator[Timetable | str]:
    with aws_errors_as_ours(f"list the schedules that launch {job.name}"):
        pages = account.scheduler.get_paginator("list_schedules").paginate()
        listed = [
            (item["GroupName"], item["Name"])
            for page in pages
            for item in page["Schedules"]
            if item.get("Target", {}).get("Arn") == job.state_machine_arn
        ]
        described = [account.scheduler.get_schedule(GroupName=group, Name=name) for group, name in listed]
    for record in described:
        if record.get("State") == "DISABLED":
            yield f"schedule {record['Name']}: it is disabled"
        elif isinstance(parse(record["ScheduleExpression"]), Rate) and not record.get("StartDate"):
            yield (
                f"schedule {record['Name']}: {record['ScheduleExpression']} counts from a moment that AWS does not "
                "report; give OnSchedule a start="
            )
        else:
            text = record["Target"].get("Input", "{}")
            schedule = schedule_of({"StartDate": _LONG_AGO, **cast("Mapping[str, Any]", record)})
            yield Timetable(record["Name"], record["Arn"], schedule, text)

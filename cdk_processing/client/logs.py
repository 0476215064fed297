"""Read the logs of a run's containers from CloudWatch Logs."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from cdk_processing.client.attempts import list_attempts
from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.errors import AwsCallError
from cdk_processing.client.history import identify
from cdk_processing.client.runs import Run, read_run
from cdk_processing.contract.names import LOG_GROUP, log_stream_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdk_processing.client.account import Account

__all__ = ["LogLine", "last_log_lines", "read_log_lines", "tail_run"]


@dataclass(frozen=True)
class LogLine:
    """A line that a container wrote.

    Attributes:
        time: When the container wrote it.
        host: The instance, such as ``algo-1``.
        processing_job: The processing job's name.
        message: The line, without its line break.
    """

    time: datetime
    host: str
    processing_job: str
    message: str


def read_log_lines(account: Account, processing_job: str, *, since: int = 0) -> Iterator[LogLine]:
    """Yield the log lines of one processing job, from all hosts, in order of time.

    Args:
        account: The account and region of the job.
        processing_job: Its name.
        since: Only lines from this time on, in milliseconds since 1970.
    """
    streams = _streams(account, processing_job)
    if not streams:
        return
    with aws_errors_as_ours(f"read the logs of {processing_job}"):
        # Filter by stream name, because not every emulator filters by prefix as AWS does. One request accepts 100
        # names, and a job has at most 100 instances.
        pages = account.logs.get_paginator("filter_log_events").paginate(
            logGroupName=LOG_GROUP, logStreamNames=streams[:100], startTime=since
        )
        for page in pages:
            for event in page["events"]:
                yield _line(event["logStreamName"], event["timestamp"], event["message"])


def last_log_lines(account: Account, processing_job: str, count: int = 20) -> list[LogLine]:
    """Return the last log lines of one processing job, oldest first."""
    lines: list[LogLine] = []
    for stream in _streams(account, processing_job):
        with aws_errors_as_ours(f"read the logs of {processing_job}"):
            events = account.logs.get_log_events(
                logGroupName=LOG_GROUP, logStreamName=stream, limit=count, startFromHead=False
            )["events"]
        lines += [_line(stream, event["timestamp"], event["message"]) for event in events]
    return sorted(lines, key=lambda line: line.time)[-count:]


def tail_run(
    account: Account,
    run: Run,
    *,
    follow: bool = False,
    poll_seconds: float = 1.0,
    on_silence: Callable[[Run], None] | None = None,
) -> Iterator[LogLine]:
    """Yield the log lines of a run, one attempt after the other.

    Args:
        account: The account and region of the run.
        run: The run.
        follow: Whether to wait for more lines until the run has ended.
        poll_seconds: How long to wait between two requests.
        on_silence: Called with the run after each request that found no new line, while the run goes on.
    """
    unread: dict[str, _NewLines] = {}
    identity = None
    while True:
        # Read the status first, so that lines written just before the end are still read.
        run = read_run(account, run.job, run.arn)
        # The name of the first processing job identifies the run and does not change.
        if identity is None or identity.first is None:
            identity = identify(account, run)
        silent = True
        for attempt in list_attempts(account, run, identity):
            new_lines = unread.setdefault(attempt.name, _NewLines(account, attempt.name))
            for line in new_lines.read():
                silent = False
                yield line
        if run.ended or not follow:
            return
        if silent and on_silence is not None:
            on_silence(run)
        time.sleep(poll_seconds)


class _NewLines:
    """The unread lines of a processing job.

    The hosts' clocks differ, and CloudWatch receives lines late. So each request starts some seconds before the newest
    line and leaves out the lines that were read. It counts them: a container may write a line twice in a millisecond.
    """

    BEHIND = 10_000

    def __init__(self, account: Account, processing_job: str) -> None:
        self._account = account
        self._processing_job = processing_job
        self._since = 0
        self._read: Counter[LogLine] = Counter()

    def read(self) -> Iterator[LogLine]:
        """The lines that are new since the last call."""
        found: Counter[LogLine] = Counter()
        newest = self._since + self.BEHIND
        for line in read_log_lines(self._account, self._processing_job, since=self._since):
            found[line] += 1
            newest = max(newest, int(line.time.timestamp() * 1000))
            if found[line] > self._read[line]:
                yield line
        self._since = newest - self.BEHIND
        self._read = Counter(
            {line: count for line, count in found.items() if line.time.timestamp() * 1000 >= self._since - 1}
        )


def _streams(account: Account, processing_job: str) -> list[str]:
    paginator = account.logs.get_paginator("describe_log_streams")
    pages = paginator.paginate(logGroupName=LOG_GROUP, logStreamNamePrefix=log_stream_prefix(processing_job))
    try:
        with aws_errors_as_ours(f"find the logs of {processing_job}"):
            return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    except AwsCallError as error:
        if error.code == "ResourceNotFoundException":  # The account's first log line creates the group.
            return []
        raise


def _line(stream: str, timestamp: int, message: str) -> LogLine:
    processing_job, _, rest = stream.partition("/")
    return LogLine(
        time=datetime.fromtimestamp(timestamp / 1000, timezone.utc),
        host="-".join(rest.split("-")[:2]),
        processing_job=processing_job,
        message=message.rstrip("\r\n"),
    )

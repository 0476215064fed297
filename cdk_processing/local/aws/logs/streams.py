"""Log groups and streams, with their events in files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from operator import itemgetter
from typing import Any

from cdk_processing.local.aws.logs.stored import StoredEvents
from cdk_processing.local.files import FileStore
from cdk_processing.local.ministack import internal

__all__ = ["Forgetful", "append_to_files", "describe_groups", "describe_streams", "only_with_prefix"]

_LOGS = "ministack.services.cloudwatch_logs"
_MOST = 50


class Forgetful(dict[Any, Any]):
    """Replaces the dict in which MiniStack keeps a second copy of each event, and stays empty.

    So ``GetLogRecord`` finds nothing. CloudWatch Logs Insights reads the streams instead.
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        """Discard the item."""


def append_to_files(files: FileStore) -> Callable[[Any], Any]:
    """Append events to the files of their stream."""

    def append_log_events(stream: MutableMapping[str, Any], events: Sequence[dict[str, Any]]) -> None:
        if not events:
            return
        ordered = sorted(events, key=itemgetter("timestamp"))
        first, last = ordered[0]["timestamp"], ordered[-1]["timestamp"]
        with internal(_LOGS, "_log_events_lock"):
            held = stream["events"] or StoredEvents(files)
            stream["events"] = held.with_events(ordered)
            stream["firstEventTimestamp"] = min(first, stream["firstEventTimestamp"] or first)
            stream["lastEventTimestamp"] = max(last, stream["lastEventTimestamp"] or last)
            stream["lastIngestionTime"] = events[-1]["ingestionTime"]

    return lambda _original: append_log_events


def describe_groups(data: MutableMapping[str, Any]) -> Any:
    """Describe log groups. MiniStack would read every event to count the bytes."""
    prefix, pattern = data.get("logGroupNamePrefix"), data.get("logGroupNamePattern")
    if prefix and pattern:
        return _error("InvalidParameterException", "logGroupNamePrefix and logGroupNamePattern are mutually exclusive.")
    groups = internal(_LOGS, "_log_groups")
    names = sorted(name for name in groups if name.startswith(prefix or "") and (pattern or "").lower() in name.lower())
    filters = [group for group, _ in internal(_LOGS, "_metric_filters")]
    page, more = _page(names, data)
    described = []
    for name in page:
        group = groups[name]
        optional = {key: group.get(key) for key in ("retentionInDays", "kmsKeyId")}
        described.append(
            {
                "logGroupName": name,
                "arn": group["arn"],
                "logGroupArn": group["arn"].removesuffix(":*"),
                "creationTime": group["creationTime"],
                "storedBytes": sum(_bytes_of(stream) for stream in group["streams"].values()),
                "metricFilterCount": filters.count(name),
                "logGroupClass": group.get("logGroupClass") or "STANDARD",
                **{key: value for key, value in optional.items() if value},
            }
        )
    return _answer({"logGroups": described, **more})


def only_with_prefix(find: Callable[..., Any]) -> Callable[..., Any]:
    """``FilterLogEvents`` in the streams whose names begin with ``logStreamNamePrefix``, which MiniStack ignores."""

    def filter_log_events(data: Mapping[str, Any]) -> Any:
        prefix = data.get("logStreamNamePrefix")
        if prefix is None:
            return find(data)
        if data.get("logStreamNames"):
            return _error("InvalidParameterException", "Specify logStreamNames or logStreamNamePrefix, not both.")
        group = internal(_LOGS, "_log_groups").get(internal(_LOGS, "_resolve_log_group_name")(data))
        names = [name for name in group["streams"] if name.startswith(prefix)] if group is not None else []
        if group is not None and not names:
            return _answer({"events": [], "searchedLogStreams": []})
        return find({**data, "logStreamNames": names})

    return filter_log_events


def describe_streams(data: MutableMapping[str, Any]) -> Any:
    """Describe the streams of a log group. MiniStack would read every event to count the bytes."""
    name = internal(_LOGS, "_resolve_log_group_name")(data)
    group = internal(_LOGS, "_log_groups").get(name)
    if group is None:
        return _error("ResourceNotFoundException", f"The specified log group does not exist: {name}")
    prefix = data.get("logStreamNamePrefix") or ""
    streams = group["streams"]
    names = sorted(stream for stream in streams if stream.startswith(prefix))
    if data.get("orderBy") == "LastEventTime":
        names.sort(key=lambda stream: streams[stream]["lastEventTimestamp"] or 0)
    if data.get("descending"):
        names.reverse()
    page, more = _page(names, data)
    return _answer({"logStreams": [_stream(group, each, streams[each]) for each in page], **more})


def _stream(group: MutableMapping[str, Any], name: str, stream: MutableMapping[str, Any]) -> dict[str, Any]:
    times = {key: stream[key] for key in ("firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime")}
    return {
        "logStreamName": name,
        "creationTime": stream["creationTime"],
        "storedBytes": _bytes_of(stream),
        "uploadSequenceToken": stream["uploadSequenceToken"],
        "arn": f"{group['arn'].removesuffix(':*')}:log-stream:{name}",
        **{key: value for key, value in times.items() if value is not None},
    }


def _bytes_of(stream: MutableMapping[str, Any]) -> int:
    events = stream["events"]
    return events.message_bytes if isinstance(events, StoredEvents) else 0


def _page(names: list[str], data: MutableMapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    start: int = internal(_LOGS, "_decode_token")(data.get("nextToken"))
    end = start + min(data.get("limit", _MOST), _MOST)
    more = {"nextToken": internal(_LOGS, "_encode_token")(end)} if end < len(names) else {}
    return names[start:end], more


def _answer(content: dict[str, Any]) -> Any:
    return internal(_LOGS, "json_response")(content)


def _error(code: str, message: str) -> Any:
    return internal("ministack.core.responses", "error_response_json")(code, message, 400)

"""The default event bus, which receives the events of AWS services."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local.ministack import internal, main_loop_call

__all__ = ["put_event", "refuse_malformed_details"]

_MALFORMED = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def put_event(source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> None:
    """Put an event of an AWS service (source ``aws.sagemaker``, say) on the account's default event bus."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
    put_events = internal("ministack.services.eventbridge", "_put_events")
    main_loop_call(lambda: put_events({"Entries": [entry]}, allow_aws_source=True))


def refuse_malformed_details(put: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse entries whose detail is not a JSON object. MiniStack accepts them.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """

    def put_events(data: Mapping[str, Any], *arguments: Any, **options: Any) -> Any:
        entries = data.get("Entries") or []
        wrong = {number for number, entry in enumerate(entries) if not _is_object(entry.get("Detail", "{}"))}
        if not wrong:
            return put(data, *arguments, **options)
        good = [entry for number, entry in enumerate(entries) if number not in wrong]
        status, headers, body = put({**data, "Entries": good}, *arguments, **options)
        answer = json.loads(body)
        results = iter(answer["Entries"])
        answer["Entries"] = [_MALFORMED if number in wrong else next(results) for number in range(len(entries))]
        answer["FailedEntryCount"] += len(wrong)
        return status, headers, json.dumps(answer).encode()

    return put_events


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False

"""The default event bus, which receives the events of AWS services."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local.ministack import internal, main_loop_call

__all__ = ["put_event", "refuse_wrong_entries"]

_MALFORMED = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def put_event(source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> None:
    """Put an event of an AWS service (source ``aws.sagemaker``, say) on the account's default event bus."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
    put_events = internal("ministack.services.eventbridge", "_put_events")
    main_loop_call(lambda: put_events({"Entries": [entry]}, allow_aws_source=True))


def refuse_wrong_entries(put: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse entries without a source, a type or a detail that is a JSON object. MiniStack accepts them.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """

    def put_events(data: Mapping[str, Any], *arguments: Any, **options: Any) -> Any:
        entries = data.get("Entries") or []
        problems = [_problem(entry) for entry in entries]
        if not any(problems):
            return put(data, *arguments, **options)
        good = [entry for entry, problem in zip(entries, problems, strict=True) if problem is None]
        status, headers, body = put({**data, "Entries": good}, *arguments, **options)
        answer = json.loads(body)
        results = iter(answer["Entries"])
        answer["Entries"] = [problem or next(results) for problem in problems]
        answer["FailedEntryCount"] += len(entries) - len(good)
        return status, headers, json.dumps(answer).encode()

    return put_events


def _problem(entry: Mapping[str, Any]) -> dict[str, str] | None:
    """What is wrong with an entry. AWS's words are recorded for a missing source and for the detail."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
    return None if _is_object(entry["Detail"]) else _MALFORMED


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False

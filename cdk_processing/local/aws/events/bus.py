"""The default bus: AWS services put their own events on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cdk_processing.local.ministack import internal, main_loop_call

__all__ = ["put_event"]


def put_event(source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> None:
    """Put a service's own event (``aws.sagemaker``, say) on the account's default bus."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
    put_events = internal("ministack.services.eventbridge", "_put_events")
    main_loop_call(lambda: put_events({"Entries": [entry]}, allow_aws_source=True))

"""What makes a run the same run: its run key, and the run id in the names of its processing jobs.

The state machine computes both itself, in JSONata, in its state ``Prepare``
(`cdk_processing.workflow.definition`). This says the same in Python, from an execution's input, so that a run's
processing jobs are found without searching; a test holds the two together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.client.jobs import Job

__all__ = ["RunIdentity", "identify"]


@dataclass(frozen=True)
class RunIdentity:
    """Who a run is.

    Attributes:
        run_key: Object, scheduled time, or caller's key that the run stands for.
        run_id: MD5 of the state machine's ARN and the run key.
        attempt: The attempt this execution began with: 1, or more after a redrive.
        event: What launched it first, as it came.
    """

    run_key: str
    run_id: str
    attempt: int
    event: Mapping[str, Any]

    def processing_job(self, job: Job, attempt: int) -> str:
        """The name of the processing job of an attempt."""
        return f"{job.base_name}-{self.run_id}-{attempt}"

    def redrive_input(self, attempt: int) -> str:
        """The input that makes an execution go on with this run."""
        return json.dumps({"redrive": {"event": self.event, "run_key": self.run_key, "attempt": attempt}})


def identify(job: Job, execution_arn: str, text: str) -> RunIdentity:
    """Who a run is, from its execution's ARN and input."""
    request: dict[str, Any] = json.loads(text or "{}")
    redrive = request.get("redrive")
    if isinstance(redrive, dict):
        event, run_key, attempt = redrive.get("event", {}), str(redrive["run_key"]), int(redrive["attempt"])
    else:
        event, run_key, attempt = request, _run_key(request, execution_arn), 1
    digest = hashlib.md5(f"{job.state_machine_arn}{run_key}".encode(), usedforsecurity=False).hexdigest()
    return RunIdentity(run_key, digest, attempt, event)


def _run_key(event: Mapping[str, Any], execution_arn: str) -> str:
    source = event.get("source")
    if source == "aws.s3":
        bucket, item = event["detail"]["bucket"]["name"], event["detail"]["object"]
        version = item["version-id"] if "version-id" in item else item.get("sequencer", "")
        return f"s3://{bucket}/{item['key']}@{version}"
    if source == "aws.scheduler":
        return f"{event.get('schedule', '')}@{event.get('time', '')}"
    if "run_key" in event:
        return f"manual:{event['run_key']}"
    return execution_arn

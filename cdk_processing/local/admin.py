"""The admin door, under ``/_cdk_processing/``: runs, schedules, faults and alarms.

Only the process that started the embedded AWS may use it. :mod:`cdk_processing.local.wire.guard` checks the secret.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from cdk_processing.contract.environment import JobMarks
from cdk_processing.contract.tags import JOB_TAG
from cdk_processing.local import ministack
from cdk_processing.local.aws.cloudwatch.alarms import Alarms
from cdk_processing.local.aws.sagemaker.jobs import ProcessingJobs, SageMakerJob
from cdk_processing.local.aws.scheduler.clock import Scheduler
from cdk_processing.local.aws.stepfunctions.execution import wait_until_ends_are_reported
from cdk_processing.local.faults import fault_from_json
from cdk_processing.local.injection import Faults
from cdk_processing.local.wire.guard import ADMIN_PREFIX
from cdk_processing.local.wire.messages import answer, read_body

__all__ = ["Admin"]


class Admin:
    """The ASGI application of the admin door."""

    def __init__(
        self,
        jobs: ProcessingJobs,
        scheduler: Scheduler,
        faults: Faults,
        alarms: Alarms,
    ) -> None:
        self._jobs = jobs
        self._scheduler = scheduler
        self._faults = faults
        self._alarms = alarms

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body = await read_body(receive)
        status, content = await asyncio.to_thread(self._answer, scope["method"], scope["path"], body)
        await answer(send, status, json.dumps(content).encode())

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        try:
            match method, *path.removeprefix(ADMIN_PREFIX).split("/"):
                case "GET", "ping":
                    return 200, {"status": "ready"}
                case "GET", "runs":
                    return 200, {"runs": [_run(job) for job in self._jobs.everywhere()]}
                case "POST", "fire-schedule":
                    return 200, self._fire(json.loads(body))
                case "POST", "alarms":
                    wait_until_ends_are_reported()
                    return 200, {"alarms": self._alarms.all(_instant(json.loads(body)))}
                case "GET", "alerts":
                    wait_until_ends_are_reported()
                    return 200, {"alerts": self._alarms.alerts()}
                case "POST", "faults":
                    return 200, self._faults.inject(fault_from_json(json.loads(body))).describe()
                case "GET", "faults":
                    return 200, {"faults": [fault.describe() for fault in self._faults.all()]}
                case "GET", "faults", number:
                    return 200, self._faults.get(int(number)).describe()
                case "DELETE", "faults":
                    self._faults.clear()
                    return 200, {}
                case "DELETE", "faults", number:
                    return 200, self._faults.remove(int(number)).describe()
                case _:
                    return 404, {"error": f"there is no {method} {path}"}
        except (KeyError, ValueError) as problem:
            return 400, {"error": str(problem.args[0] if problem.args else problem)}

    def _fire(self, request: dict[str, Any]) -> dict[str, Any]:
        at = _instant(request)
        with ministack.request_scope(request["account"], request["region"]):
            execution = self._scheduler.fire(request["name"], at or datetime.now(timezone.utc), request.get("group"))
        return {"execution_id": execution}


def _instant(request: dict[str, Any]) -> datetime | None:
    at = datetime.fromisoformat(request["at"].replace("Z", "+00:00")) if request.get("at") else None
    if at is not None and at.tzinfo is None:
        raise ValueError(f"at must name its timezone, got {request['at']}")
    return at


def _run(job: SageMakerJob) -> dict[str, Any]:
    fields = job.describe()
    stream = job.stream
    return {
        "name": job.name,
        "arn": job.arn,
        "status": job.status,
        "job": job.tags.get(JOB_TAG),
        "execution": JobMarks.parse(fields.get("Environment") or {}).execution,
        "outputs": _outputs(fields),
        "phase": job.current_phase if not job.ended.is_set() else None,
        "doing": job.doing,
        "bytes_done": job.bytes_done,
        "bytes_total": job.bytes_total,
        "created": fields["CreationTime"],
        "started": fields.get("ProcessingStartTime"),
        "ended": fields.get("ProcessingEndTime"),
        "failure_reason": fields.get("FailureReason"),
        "exit_message": fields.get("ExitMessage"),
        "log_stream": stream.name if stream else None,
        "last_lines": list(stream.recent) if stream else [],
    }


def _outputs(fields: Mapping[str, Any]) -> dict[str, str]:
    """The destinations of a job's outputs, by output name."""
    outputs = (fields.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    return {output["OutputName"]: output["S3Output"]["S3Uri"] for output in outputs if output.get("S3Output")}

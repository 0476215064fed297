"""Explain why a run ended as it did, from Step Functions, SageMaker and the script's message."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cdk_processing.client.attempts import Attempt, list_attempts
from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.history import identify
from cdk_processing.client.logs import LogLine, last_log_lines
from cdk_processing.client.runs import run_of

if TYPE_CHECKING:
    from cdk_processing.client.account import Account
    from cdk_processing.client.runs import Run
    from cdk_processing.contract.outcome import Outcome

__all__ = ["Diagnosis", "Ending", "explain_run"]


#: How a run ended. ``failed``: the job or a call failed. ``time limit``: the processing job reached it.
#: ``job stopped``: somebody stopped the processing job. ``run stopped``: somebody stopped the run. ``overdue``: the
#: processing job did not end in time, so the run stopped it. ``succeeded``: see its outcome.
Ending = Literal["running", "succeeded", "failed", "time limit", "job stopped", "run stopped", "overdue"]

_TIMEOUT = "States.Timeout"


@dataclass(frozen=True)
class Diagnosis:
    """How a run ended, and why.

    Attributes:
        run: The run.
        error: The execution's error name; None if it did not fail.
        cause: The execution's cause. If that is a processing job's description in JSON, only the failure reason.
        attempts: The processing jobs it created.
        log_lines: The last lines of the last attempt.
    """

    run: Run
    error: str | None
    cause: str | None
    attempts: tuple[Attempt, ...]
    log_lines: tuple[LogLine, ...]

    @property
    def ending(self) -> Ending:
        """How the run ended."""
        if not self.run.ended:
            return "running"
        if self.run.succeeded:
            return "succeeded"
        if self.run.status == "ABORTED":
            return "run stopped"
        latest = self.attempts[-1] if self.attempts else None
        if latest is not None and latest.reached_time_limit:
            return "time limit"
        if self.run.status == "TIMED_OUT" or self.error == _TIMEOUT:
            return "overdue"
        return "job stopped" if latest is not None and latest.status in ("Stopping", "Stopped") else "failed"

    @property
    def failure_reason(self) -> str | None:
        """The last attempt's failure reason; else how the run was stopped; else the execution's cause."""
        if self.attempts and self.attempts[-1].failure_reason:
            return self.attempts[-1].failure_reason
        stopped = _STOPPED.get(self.ending)
        if stopped is not None:
            return stopped(self)
        if self.error and self.cause:
            return f"{self.error}: {self.cause}"
        return self.cause or self.error

    @property
    def redrive_helps(self) -> bool:
        """Whether a redrive without changes may succeed. A job that reached its time limit would reach it again."""
        return self.run.ended and not self.run.succeeded and self.ending not in ("time limit", "overdue")

    @property
    def advice(self) -> str:
        """What to do before a redrive; empty if a redrive alone may help, or if nothing needs to be done."""
        if self.ending not in ("time limit", "overdue"):
            return ""
        limit = f" ({self.attempts[-1].max_runtime_seconds:,} s)" if self.attempts else ""
        return (
            f"a redrive would reach the same limit; raise max_runtime_in_seconds{limit} of {self.run.job.name}, give "
            "it less to do, or choose a larger instance_type; deploy, then redrive"
        )

    @property
    def outcome(self) -> Outcome | None:
        """What the run did, if it succeeded; None otherwise."""
        return self.run.outcome

    @property
    def exit_message(self) -> str | None:
        """The text in ``/opt/ml/output/message`` of the last attempt."""
        return self.attempts[-1].exit_message if self.attempts else None


def _at_time_limit(diagnosis: Diagnosis) -> str:
    latest = diagnosis.attempts[-1]
    return f"the processing job reached its time limit: max_runtime_in_seconds is {latest.max_runtime_seconds:,}"


def _job_stopped(diagnosis: Diagnosis) -> str:
    duration = diagnosis.attempts[-1].duration
    after = "" if duration is None else f" after {duration.total_seconds():,.0f} s"
    return f"somebody stopped the processing job{after}; it had not reached its time limit"


def _run_stopped(diagnosis: Diagnosis) -> str:
    return "somebody stopped the run" + (f": {diagnosis.cause}" if diagnosis.cause else "")


def _overdue(diagnosis: Diagnosis) -> str:
    return (
        "the processing job had not ended when its time limit and the time for its hosts to start and stop were over; "
        "the run stopped it"
    )


_STOPPED: dict[Ending, Callable[[Diagnosis], str]] = {
    "time limit": _at_time_limit,
    "job stopped": _job_stopped,
    "run stopped": _run_stopped,
    "overdue": _overdue,
}


def explain_run(account: Account, run: Run, *, log_lines: int = 20) -> Diagnosis:
    """Find out why a run ended as it did.

    Args:
        account: The account and region of the run.
        run: The run. Its state is read again.
        log_lines: How many of the last log lines to include.
    """
    with aws_errors_as_ours(f"describe the run {run.name}"):
        execution = account.states.describe_execution(executionArn=run.arn)
    run = run_of(run.job, execution)
    attempts = list_attempts(account, run, identify(account, run, execution.get("input")))
    return Diagnosis(
        run=run,
        error=execution.get("error") or None,
        cause=cause_in_words(execution.get("cause")),
        attempts=tuple(attempts),
        log_lines=tuple(last_log_lines(account, attempts[-1].name, log_lines)) if attempts else (),
    )


def cause_in_words(cause: str | None) -> str | None:
    """Return the reason in an execution's cause. A failed task's cause is the processing job's description as JSON."""
    if not cause:
        return None
    try:
        description: Any = json.loads(cause)
    except ValueError:
        return cause
    if not isinstance(description, dict):
        return cause
    for key in ("FailureReason", "ExitMessage", "Cause", "errorMessage"):
        if description.get(key):
            return str(description[key])
    return cause

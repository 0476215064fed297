"""Why a run failed: what Step Functions, SageMaker and the script itself say, side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdk_processing.client.attempts import Attempt, list_attempts
from cdk_processing.client.errors import aws_errors_as_ours
from cdk_processing.client.history import identify
from cdk_processing.client.logs import LogLine, last_log_lines
from cdk_processing.client.runs import run_of

if TYPE_CHECKING:
    from cdk_processing.client.account import Account
    from cdk_processing.client.runs import Run
    from cdk_processing.contract.outcome import Outcome

__all__ = ["Diagnosis", "explain_run"]


@dataclass(frozen=True)
class Diagnosis:
    """What is known of how a run ended.

    Attributes:
        run: The run.
        error: The execution's error name, None where it did not fail.
        cause: The execution's cause, in words (a processing job's description in JSON is reduced to its reason).
        attempts: The processing jobs it made.
        log_lines: The last lines of the last attempt.
    """

    run: Run
    error: str | None
    cause: str | None
    attempts: tuple[Attempt, ...]
    log_lines: tuple[LogLine, ...]

    @property
    def failure_reason(self) -> str | None:
        """Why: SageMaker's reason of the last attempt, else the execution's cause."""
        if self.attempts and self.attempts[-1].failure_reason:
            return self.attempts[-1].failure_reason
        if self.error and self.cause:
            return f"{self.error}: {self.cause}"
        return self.cause or self.error

    @property
    def outcome(self) -> Outcome | None:
        """What it has done, of a run that succeeded; None of any other."""
        return self.run.outcome

    @property
    def exit_message(self) -> str | None:
        """What the script wrote to ``/opt/ml/output/message`` in the last attempt."""
        return self.attempts[-1].exit_message if self.attempts else None


def explain_run(account: Account, run: Run, *, log_lines: int = 20) -> Diagnosis:
    """Gather why a run ended as it did.

    Args:
        account: Where the run is.
        run: The run, as it was at any time; it is read anew.
        log_lines: How many of the last log lines to bring.
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
    """The reason in an execution's cause, which for a failed task is the processing job's description as JSON."""
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

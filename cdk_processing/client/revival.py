"""Running dead letters again: each is deleted only when its new run has started."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_processing.client.dead_letters import DeadLetter, HeldLetters, hold_letters, queues_of
from cdk_processing.client.errors import (
    AwsCallError,
    NothingToRedriveError,
    ProcessingClientError,
    UnknownJobError,
)
from cdk_processing.client.history import RunIdentity
from cdk_processing.client.redrive import redrive_identity, redrive_run
from cdk_processing.client.runs import read_run, start_with_input
from cdk_processing.contract.names import JobName
from cdk_processing.contract.redrive import delivery_name
from cdk_processing.contract.version import refuse_newer
from cdk_processing.errors import NewerContractError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job
    from cdk_processing.client.runs import Run

__all__ = ["RedrivenLetter", "redrive_letters"]


@dataclass(frozen=True)
class RedrivenLetter:
    """What became of a dead letter that was to be run again.

    Attributes:
        letter: The letter.
        run: The run that was started for it; None where none was.
        deleted: Whether it is gone from the queue.
        why: Why no run was started, or why it is still in the queue; empty where all went well.
    """

    letter: DeadLetter
    run: Run | None
    deleted: bool
    why: str = ""


def redrive_letters(
    account: Account,
    jobs: Iterable[Job],
    only: Job | None = None,
    *,
    on_result: Callable[[RedrivenLetter], None] | None = None,
) -> list[RedrivenLetter]:
    """Run every dead letter again.

    A run that was given up goes on with its next attempt; an event that was not delivered starts its run. What has
    succeeded in the meantime is only deleted. What fails stays in the queue, and the next letter is dealt with.

    Args:
        account: Where the queues are.
        jobs: Every deployed job.
        only: Only what is of that job.
        on_result: Is told of each letter as it is done.
    """
    jobs = list(jobs)
    results: list[RedrivenLetter] = []
    for url in queues_of(jobs, only):
        with hold_letters(account, url, jobs, only) as held:
            revival = _Revival(account, jobs, held)
            for letter in held:
                if revival.has_started(letter):
                    continue
                results.append(revival.redrive(letter))
                if on_result is not None:
                    on_result(results[-1])
    return results


class _Revival:
    """One pass over a queue; remembers which runs it has started, since a run may have left several letters."""

    def __init__(self, account: Account, jobs: Iterable[Job], held: HeldLetters) -> None:
        self._account = account
        self._jobs = list(jobs)
        self._held = held
        self._started: dict[tuple[str | None, str], Run] = {}
        self._new: set[str] = set()

    def has_started(self, letter: DeadLetter) -> bool:
        """Whether the run that left a letter was started in this pass: it has failed again, and its letter stays."""
        return letter.execution_arn is not None and letter.execution_arn in self._new

    def redrive(self, letter: DeadLetter) -> RedrivenLetter:
        """Deal with one letter."""
        if letter.kind == "unreadable":
            return RedrivenLetter(letter, None, False, "nobody can read it")
        run, why = None, ""
        try:
            run = self._start(letter)
            self._new.add(run.arn)
        except NothingToRedriveError as refusal:
            why = str(refusal)
            if not refusal.done:
                return RedrivenLetter(letter, None, False, why)
        except (NewerContractError, ProcessingClientError) as error:
            return RedrivenLetter(letter, None, False, str(error))
        try:
            self._held.delete(letter)
        except AwsCallError as error:
            return RedrivenLetter(letter, run, False, str(error))
        return RedrivenLetter(letter, run, True, why)

    def _start(self, letter: DeadLetter) -> Run:
        job = self._job_of(letter)
        if letter.kind == "event":
            return self._deliver(job, letter)
        key = (letter.state_machine_arn, letter.run_id or str(letter.execution_arn))
        if key not in self._started:
            self._started[key] = self._redrive_run(job, letter)
            return self._started[key]
        raise NothingToRedriveError(f"{self._started[key].name} has just been started for the same run", done=True)

    def _job_of(self, letter: DeadLetter) -> Job:
        """The job of a letter, which may have got another state machine since."""
        by_machine = [job for job in self._jobs if job.state_machine_arn == letter.state_machine_arn]
        for job in by_machine or [job for job in self._jobs if job.name == letter.job]:
            refuse_newer(job.contract, job.name)
            return job
        raise UnknownJobError(
            letter.job or str(letter.state_machine_arn), {job.name for job in self._jobs}, str(self._account)
        )

    def _redrive_run(self, job: Job, letter: DeadLetter) -> Run:
        identity = RunIdentity(letter.event, _job_name(job, letter), letter.run_key)
        try:
            run = read_run(self._account, job, str(letter.execution_arn))
        except AwsCallError as error:
            if error.code != "ExecutionDoesNotExist":
                raise
            # Step Functions forgets executions; the letter itself says all that is needed.
            return redrive_identity(self._account, job, identity, str(letter.execution_arn))
        return redrive_run(self._account, run, identity)

    def _deliver(self, job: Job, letter: DeadLetter) -> Run:
        # The name makes it once, even where the event brings no run key of its own and the letter could not be deleted.
        name = delivery_name(letter.message_id)
        text = json.dumps(letter.event, ensure_ascii=False, separators=(",", ":"))
        try:
            return start_with_input(self._account, job, text, name=name)
        except AwsCallError as error:
            if error.code != "ExecutionAlreadyExists":
                raise
        return read_run(self._account, job, f"{job.executions}{name}")


def _job_name(job: Job, letter: DeadLetter) -> JobName | None:
    if (name := JobName.parse(letter.job_name)) is not None:
        return name
    return JobName(job.base_name, letter.run_id, letter.attempt or 1) if letter.run_id else None

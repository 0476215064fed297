"""Redrive dead letters. Each is deleted only when its new run has started."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_processing.client.dead_letters import job_of_letter, letters_in, queues_of
from cdk_processing.client.errors import (
    AwsCallError,
    NothingToRedriveError,
    ProcessingClientError,
    UnknownJobError,
)
from cdk_processing.client.held_messages import HeldMessages, hold_messages
from cdk_processing.client.history import RunIdentity
from cdk_processing.client.letters import DeadLetter
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
    """The result of redriving a dead letter.

    Attributes:
        letter: The letter.
        run: The run that it started; None if it started none.
        deleted: Whether the letter was deleted.
        why: Why no run was started, or why the letter is still in the queue; empty if it needs no reason.
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
    """Redrive every dead letter.

    A run that failed for good continues with its next attempt. An undelivered event starts its run. If the work has
    been done in the meantime, the letter is only deleted. A letter that cannot be redriven stays.

    Args:
        account: The account and region of the queues.
        jobs: Every deployed job.
        only: Redrive only the letters of this job.
        on_result: Called with the result for each letter, as soon as it exists.
    """
    jobs = list(jobs)
    results: list[RedrivenLetter] = []
    for url in queues_of(jobs, only):
        with hold_messages(account, url) as held:
            queue_pass = _QueuePass(account, jobs, held)
            for letter in letters_in(held, jobs, only):
                if queue_pass.has_started(letter):
                    continue
                results.append(queue_pass.redrive(letter))
                if on_result is not None:
                    on_result(results[-1])
    return results


class _QueuePass:
    """One pass over a queue. It remembers which runs it has started: a run may have several letters."""

    def __init__(self, account: Account, jobs: Iterable[Job], held: HeldMessages) -> None:
        self._account = account
        self._jobs = list(jobs)
        self._held = held
        self._started: dict[tuple[str | None, str], Run] = {}
        self._new: set[str] = set()

    def has_started(self, letter: DeadLetter) -> bool:
        """Whether this pass has already started the letter's run. Then the run failed again, and its letter stays."""
        return letter.execution_arn is not None and letter.execution_arn in self._new

    def redrive(self, letter: DeadLetter) -> RedrivenLetter:
        """Redrive one letter."""
        if letter.kind == "unreadable":
            return RedrivenLetter(letter, None, False, letter.why_unreadable)
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
            self._held.delete(letter.message_id)
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
        job = job_of_letter(letter, self._jobs)
        if job is None:
            raise UnknownJobError(
                letter.job or str(letter.state_machine_arn), {job.name for job in self._jobs}, str(self._account)
            )
        refuse_newer(job.contract, job.name)
        return job

    def _redrive_run(self, job: Job, letter: DeadLetter) -> Run:
        identity = RunIdentity(letter.event, _job_name(job, letter), letter.run_key)
        try:
            run = read_run(self._account, job, str(letter.execution_arn))
        except AwsCallError as error:
            if error.code != "ExecutionDoesNotExist":
                raise
            # Step Functions deletes executions after 90 days. The letter contains all that a redrive needs.
            return redrive_identity(self._account, job, identity, str(letter.execution_arn))
        return redrive_run(self._account, run, identity)

    def _deliver(self, job: Job, letter: DeadLetter) -> Run:
        # A name can be used only once, so the event starts one run, even if its letter could not be deleted before.
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

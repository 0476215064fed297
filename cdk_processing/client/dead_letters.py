"""List and delete the dead letters of jobs.

Listing changes nothing: SQS hides the messages while they are read, and then shows them to others again.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from cdk_processing.client.errors import NoDeadLettersError
from cdk_processing.client.held_messages import HeldMessages, hold_messages
from cdk_processing.client.letters import DeadLetter, read_letter
from cdk_processing.contract.names import JobName
from cdk_processing.contract.tags import DEAD_LETTERS_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job
    from cdk_processing.client.runs import Run

__all__ = ["delete_letters", "delete_letters_of", "job_of_letter", "letters_in", "list_letters", "queues_of"]

_LISTING_SECONDS = 60


def list_letters(account: Account, jobs: Iterable[Job], only: Job | None = None) -> list[DeadLetter]:
    """List the letters in the dead-letter queues of jobs, oldest first.

    Args:
        account: The account and region of the queues.
        jobs: Every deployed job.
        only: List only the letters of this job.

    Raises:
        NoDeadLettersError: No job has a known queue.
    """
    jobs = list(jobs)
    found: list[DeadLetter] = []
    for url in queues_of(jobs, only):
        with hold_messages(account, url, seconds=_LISTING_SECONDS) as held:
            found += letters_in(held, jobs, only)
    return sorted(found, key=lambda letter: (letter.when, letter.message_id))


def delete_letters(account: Account, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Delete listed letters, except unreadable ones. Returns those that were still in their queues.

    Letters that arrived later are not deleted.
    """
    wanted: dict[str, set[str]] = {}
    for letter in letters:
        if letter.kind != "unreadable":
            wanted.setdefault(letter.queue_url, set()).add(letter.message_id)
    deleted: list[DeadLetter] = []
    for url, ids in wanted.items():
        with hold_messages(account, url) as held:
            for letter in letters_in(held):
                if letter.message_id in ids:
                    held.delete(letter.message_id)
                    deleted.append(letter)
    return deleted


def delete_letters_of(account: Account, run: Run) -> list[DeadLetter]:
    """Delete the letters of a run that failed for good and has been redriven since. Returns them."""
    if run.job.dead_letters is None:
        return []
    deleted: list[DeadLetter] = []
    with hold_messages(account, run.job.dead_letters) as held:
        for letter in letters_in(held):
            # Compare executions, not run ids: the redrive may have failed by now, and sent its own letter.
            if letter.kind == "run" and letter.execution_arn == run.arn:
                held.delete(letter.message_id)
                deleted.append(letter)
    return deleted


def queues_of(jobs: Iterable[Job], only: Job | None = None) -> list[str]:
    """Return the URLs of the jobs' dead-letter queues, each once.

    Raises:
        NoDeadLettersError: There are jobs, but none has a queue.
    """
    asked = [only] if only is not None else list(jobs)
    urls = list(dict.fromkeys(job.dead_letters for job in asked if job.dead_letters is not None))
    if asked and not urls:
        names = ", ".join(job.name for job in asked)
        raise NoDeadLettersError(
            f"No dead-letter queue is known of {names}: their state machines lack the tag {DEAD_LETTERS_TAG}; "
            "deploy them with this version of cdk_processing"
        )
    return urls


def letters_in(held: HeldMessages, jobs: Iterable[Job] = (), only: Job | None = None) -> Iterator[DeadLetter]:
    """Yield letters from held messages as they are received.

    Args:
        held: The messages.
        jobs: The jobs whose names the letters of events can refer to.
        only: Only the letters of this job.
    """
    known = list(jobs)
    names = {job.state_machine_arn: job.name for job in known}
    for message in held:
        letter = read_letter(message, held.url, names)
        if only is None or job_of_letter(letter, [*known, only]) == only:
            yield letter


def job_of_letter(letter: DeadLetter, jobs: Sequence[Job]) -> Job | None:
    """The deployed job of a letter; None if there is none.

    A job that was redeployed with another state machine is known by its ``job_id``, else by its name.
    """
    name = JobName.parse(letter.job_name)
    by_machine = (job for job in jobs if job.state_machine_arn == letter.state_machine_arn)
    by_id = (job for job in jobs if job.job_id is not None and name is not None and name.base == job.base_name)
    by_name = (job for job in jobs if job.name == letter.job)
    return next(chain(by_machine, by_id, by_name), None)

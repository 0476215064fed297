"""The dead letters of jobs: listed and deleted.

Listing changes nothing: the messages are held while they are read, and shown to others again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk_processing.client.errors import NoDeadLettersError
from cdk_processing.client.held_messages import HeldMessages, hold_messages
from cdk_processing.client.letters import DeadLetter, read_letter
from cdk_processing.contract.tags import DEAD_LETTERS_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job
    from cdk_processing.client.runs import Run

__all__ = ["delete_letters", "delete_letters_of", "letters_in", "list_letters", "queues_of"]

_LISTING_SECONDS = 60


def list_letters(account: Account, jobs: Iterable[Job], only: Job | None = None) -> list[DeadLetter]:
    """The letters in the dead-letter queues of jobs, the oldest first.

    Args:
        account: Where the queues are.
        jobs: Every deployed job.
        only: List the letters of this job alone.

    Raises:
        NoDeadLettersError: No queue is known.
    """
    jobs = list(jobs)
    found: list[DeadLetter] = []
    for url in queues_of(jobs, only):
        with hold_messages(account, url, seconds=_LISTING_SECONDS) as held:
            found += letters_in(held, jobs, only)
    return sorted(found, key=lambda letter: (letter.when, letter.message_id))


def delete_letters(account: Account, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Delete letters that were listed, except unreadable ones; returns those that were still in their queues.

    Letters that came since are not deleted.
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
    """Delete the letters of a run that was given up and has been redriven since; returns them."""
    if run.job.dead_letters is None:
        return []
    deleted: list[DeadLetter] = []
    with hold_messages(account, run.job.dead_letters) as held:
        for letter in letters_in(held):
            # By its execution, not its run id: the redrive may have failed by now, and left a letter of its own.
            if letter.kind == "run" and letter.execution_arn == run.arn:
                held.delete(letter.message_id)
                deleted.append(letter)
    return deleted


def queues_of(jobs: Iterable[Job], only: Job | None = None) -> list[str]:
    """The URLs of the dead-letter queues of jobs, each once.

    Raises:
        NoDeadLettersError: There are jobs, and none names one.
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
    """The letters among the messages that are held, read as they are received.

    Args:
        held: The messages.
        jobs: Jobs by whose names the letters of events are known.
        only: The letters of this job alone.
    """
    names = {job.state_machine_arn: job.name for job in jobs}
    for message in held:
        letter = read_letter(message, held.url, names)
        # A job may have been deployed with another state machine since; then it is known by its name.
        by_name = only is not None and letter.job == only.name and letter.state_machine_arn not in names
        if only is None or letter.state_machine_arn == only.state_machine_arn or by_name:
            yield letter

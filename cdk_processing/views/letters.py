"""A dead letter to show to people: what failed, when and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_processing.views.words import short_id

if TYPE_CHECKING:
    from datetime import datetime

    from cdk_processing.client import DeadLetter, RedrivenLetter

__all__ = ["LetterView", "letter_view", "redriven_text"]

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class LetterView:
    """A dead letter to show to people.

    Attributes:
        when: When it was sent to the queue.
        job: The job that it belongs to. If the job is not known, its state machine's ARN or ``?``.
        what: What failed, in a phrase: ``run 8456984e failed at attempt 3``.
        reason: Why it failed; empty if not known.
        run_key: The run key, if the letter is from a run.
        content: The event, or the text of an unreadable letter; truncated if long.
        readable: Whether it can be redriven or deleted.
    """

    when: datetime
    job: str
    what: str
    reason: str
    run_key: str | None
    content: str
    readable: bool = True

    def details(self) -> list[str]:
        """Lines below the first one."""
        key = [f"run key: {self.run_key}"] if self.run_key else []
        return [*key, self.content]


def letter_view(letter: DeadLetter) -> LetterView:
    """Convert a dead letter to its view."""
    return LetterView(
        when=letter.when,
        job=letter.job or letter.state_machine_arn or "?",
        what=_what(letter),
        reason=": ".join(part for part in (letter.error, letter.reason) if part),
        run_key=letter.run_key,
        content=_content(letter),
        readable=letter.kind != "unreadable",
    )


def redriven_text(result: RedrivenLetter, started: str | None) -> str:
    """The result of redriving a letter, in one line.

    Args:
        result: What the client did.
        started: The id of the run that it started; None if it started none.
    """
    stays = "" if result.deleted else "; the letter stays in the queue"
    if result.run is not None:
        return f"{_name(result.letter)}: started {result.run.job.name} as run {started}{stays}"
    deleted = "; the letter is deleted" if result.deleted else stays
    return f"{_name(result.letter)}: not started: {result.why}{deleted}"


def _what(letter: DeadLetter) -> str:
    if letter.kind == "run":
        return f"{_name(letter)} failed at attempt {letter.attempt}"
    if letter.kind == "event":
        return f"event that {letter.source_arn} could not deliver"
    return f"{_name(letter)} that this version cannot read; redrive and delete leave it alone"


def _name(letter: DeadLetter) -> str:
    if letter.kind == "run":
        return f"run {short_id(letter.run_id) if letter.run_id else letter.run_name}"
    return f"message {letter.message_id}"


def _content(letter: DeadLetter) -> str:
    unreadable = letter.kind == "unreadable"
    text = letter.body if unreadable else json.dumps(letter.event, ensure_ascii=False)
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... ({len(text)} characters)"
    return f"{'text' if unreadable else 'event'}: {short}"

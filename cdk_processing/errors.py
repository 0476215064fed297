"""The exception tree, and the form in which a mistake in a declaration is told.

```
CdkProcessingError
├── DeclarationError (also a ValueError)   what the user declared cannot work; lists every problem
├── NewerContractError                     a newer release wrote what this one is to read
├── ScheduleError (also a ValueError)      an expression or timezone that EventBridge Scheduler refuses
└── RunTimeValueError (also a ValueError)  a run-time value is written in a way that nothing could supply
```
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = [
    "CdkProcessingError",
    "DeclarationError",
    "NewerContractError",
    "Problem",
    "RunTimeValueError",
    "ScheduleError",
]

_OURS = Path(__file__).parent


class CdkProcessingError(Exception):
    """Base class of every error that this library raises on purpose."""


class RunTimeValueError(CdkProcessingError, ValueError):
    """A run-time value is formatted or named in a way that nothing could supply."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a declaration.

    Attributes:
        field: The argument's name, with an index where it is one of several: ``outputs[1].destination``.
        value: What was given.
        allowed: What would be right, so that "must be ..." reads well.
        fix: What to do about it.
        where: The class and construct that hold the field; filled in on the way up.
    """

    field: str
    value: Any
    allowed: str
    fix: str
    where: str = ""

    def inside(self, prefix: str) -> Problem:
        """The same problem, seen from the value that holds this one."""
        return replace(self, field=f"{prefix}.{self.field}" if self.field else prefix)

    def on(self, owner: str) -> Problem:
        """The same problem, with its owner named where none is named yet."""
        return self if self.where else replace(self, where=owner)

    def __str__(self) -> str:
        text = repr(self.value)
        got = text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"
        where = f" ({self.where})" if self.where else ""
        return f"{self.field} must be {self.allowed}, got {got}; {self.fix}{where}"


class NewerContractError(CdkProcessingError):
    """A newer release of this library wrote what this one is to read.

    Attributes:
        problem: What holds the version, and the version.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


class DeclarationError(CdkProcessingError, ValueError):
    """A declaration has problems; all of them are listed at once.

    Attributes:
        problems: Every problem found, in the order of the declaration.
    """

    def __init__(self, subject: str, problems: Iterable[Problem]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{subject}: {count} problem{'s' if count != 1 else ''}\n{lines}")
        _tell_without_traceback()


class ScheduleError(CdkProcessingError, ValueError):
    """EventBridge Scheduler refuses an expression or a timezone, or the expression never fires.

    Attributes:
        problems: Every problem found.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


def _tell_without_traceback() -> None:
    """Let an uncaught DeclarationError end the program with its message and the user's own line.

    A mistake in a declaration is the user's, and forty frames of this library above the message hide it. Every other
    exception, and every program with an excepthook of its own, stays as it was.
    """
    # On Python 3.10 the exceptiongroup backport, which jsii's dependencies import, has put its hook there.
    if sys.excepthook is sys.__excepthook__ or sys.excepthook.__module__.startswith("exceptiongroup"):
        sys.excepthook = _excepthook_before(sys.excepthook)


def _excepthook_before(
    others: Callable[[type[BaseException], BaseException, TracebackType | None], Any],
) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if not isinstance(error, DeclarationError):
            others(kind, error, traceback)
            return
        place = _users_line(traceback)
        sys.stderr.write(f"error: {error}\n{f'declared at {place}' if place else ''}\n")

    return excepthook


def _users_line(traceback: TracebackType | None) -> str | None:
    """The innermost line that is neither ours nor installed: where the declaration stands."""
    place = None
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not ("site-packages" in file or file.startswith("<") or Path(file).is_relative_to(_OURS)):
            place = f"{file}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place

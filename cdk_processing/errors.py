"""The exception tree, and how it shows a mistake in a declaration.

```
CdkProcessingError
├── DeclarationError (also a ValueError)   the declaration cannot work; lists every problem
├── NewerContractError                     a newer release wrote what this one is to read
├── ScheduleError (also a ValueError)      an expression or timezone that EventBridge Scheduler refuses
└── RunTimeValueError (also a ValueError)  a run-time value has a format or a name that cannot be supplied
```
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = [
    "CdkProcessingError",
    "CdkToken",
    "DeclarationError",
    "NewerContractError",
    "Problem",
    "RunTimeValueError",
    "ScheduleError",
]

_OURS = Path(__file__).parent
#: How the CDK writes a number that only CloudFormation knows: https://docs.aws.amazon.com/cdk/v2/guide/tokens.html
_NUMBER_TOKEN = re.compile(r"-1\.[0-9]{10,16}e\+289")


class CdkProcessingError(Exception):
    """Base class of every error that this library raises on purpose."""


class RunTimeValueError(CdkProcessingError, ValueError):
    """A run-time value has a format or a name that cannot be supplied."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        _tell_without_traceback()


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a declaration.

    Attributes:
        field: The argument's name, with an index in a list: ``outputs[1].destination``.
        value: The value that was given.
        allowed: What is allowed, to follow "must be".
        fix: What to do.
        where: The class and the construct that hold the field. The construct fills it in.
    """

    field: str
    value: Any
    allowed: str
    fix: str
    where: str = ""

    def inside(self, prefix: str) -> Problem:
        """The same problem, with the name of the value that holds the field put before it."""
        return replace(self, field=f"{prefix}.{self.field}" if self.field else prefix)

    def on(self, owner: str) -> Problem:
        """The same problem, with its owner, unless it names one already."""
        return self if self.where else replace(self, where=owner)

    def __str__(self) -> str:
        # Where an object is in memory tells nobody anything.
        text = re.sub(r" at 0x[0-9a-fA-F]+>", ">", repr(self.value))
        text = _NUMBER_TOKEN.sub("<CDK token>", text)
        got = text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"
        where = f" ({self.where})" if self.where else ""
        fix = _NUMBER_TOKEN.sub("<CDK token>", self.fix)
        return f"{self.field} must be {self.allowed}, got {got}; {fix}{where}"


class CdkToken:
    """Stands for a value in a message that only CloudFormation knows; how the CDK writes it tells nobody anything."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __repr__(self) -> str:
        return f"a CDK token of a {self._kind}"


class NewerContractError(CdkProcessingError):
    """A newer release of this library wrote what this one is to read.

    Attributes:
        problem: What holds the version, and the version.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


class DeclarationError(CdkProcessingError, ValueError):
    """A declaration has problems. The text lists all of them.

    Attributes:
        problems: Every problem, in the order of the declaration.
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
    """Make an uncaught mistake in a declaration end the program with its message and the user's own line.

    No traceback is shown.

    The mistake is in the user's line, and forty frames of this library would hide it. Other exceptions keep their
    traceback. A program that has set its own excepthook keeps it.
    """
    # On Python 3.10 the exceptiongroup backport, which jsii's dependencies import, has put its hook there.
    if sys.excepthook is sys.__excepthook__ or sys.excepthook.__module__.startswith("exceptiongroup"):
        sys.excepthook = _excepthook_before(sys.excepthook)


def _excepthook_before(
    others: Callable[[type[BaseException], BaseException, TracebackType | None], Any],
) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if not isinstance(error, (DeclarationError, RunTimeValueError)):
            others(kind, error, traceback)
            return
        place = _users_line(traceback)
        sys.stderr.write(f"error: {error}\n{f'declared at {place}' if place else ''}\n")

    return excepthook


def _users_line(traceback: TracebackType | None) -> str | None:
    """The innermost line that is neither this library's nor an installed package's: the declaration."""
    place = None
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not ("site-packages" in file or file.startswith("<") or Path(file).is_relative_to(_OURS)):
            place = f"{file}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place

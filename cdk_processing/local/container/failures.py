"""Exceptions that end a processing job early, with the service's error texts.

```
Exception
├── JobFailedError    the job ends as Failed, with a FailureReason
└── JobStoppedError   the job ends as Stopped: a stop request, or the time limit
```
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

__all__ = ["REASON_LIMIT", "Halt", "JobFailedError", "JobStoppedError"]

REASON_LIMIT = 1024
"""The largest size of ``FailureReason``: 1 KB.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeProcessingJob.html
"""


class JobFailedError(Exception):
    """The job ends as ``Failed``.

    Args:
        kind: The class of the error, which is the first word of ``FailureReason``.
        text: The rest of ``FailureReason``.
    """

    def __init__(self, kind: Literal["AlgorithmError", "ClientError", "InternalServerError"], text: str) -> None:
        super().__init__(kind, text)
        self.reason = f"{kind}: {text}"[:REASON_LIMIT]

    def __str__(self) -> str:
        return self.reason


class JobStoppedError(Exception):
    """The job ends as ``Stopped``."""


@dataclass(frozen=True, slots=True)
class Halt:
    """The ways to end a job from outside: a stop request, or its time limit.

    Attributes:
        stop: Set when StopProcessingJob was called.
        deadline: The ``time.monotonic()`` at which ``MaxRuntimeInSeconds`` ends; None means no limit.
    """

    stop: threading.Event
    deadline: float | None = None

    def due(self) -> bool:
        """Whether the job must end now."""
        return self.stop.is_set() or (self.deadline is not None and time.monotonic() >= self.deadline)

    def check(self) -> None:
        """Raise an error if the job must end now.

        Raises:
            JobStoppedError: The job must end.
        """
        if self.due():
            raise JobStoppedError

"""How a processing job ends early: the exceptions that carry the service's words. Nothing here knows of containers.

```
Exception
├── JobFailedError    the job ends as Failed, with a FailureReason
└── JobStoppedError   the job ends as Stopped: someone asked for it, or its time was up
```
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

__all__ = ["REASON_LIMIT", "Halt", "JobFailedError", "JobStoppedError"]

REASON_LIMIT = 1024
"""``FailureReason`` holds at most 1 KB.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeProcessingJob.html
"""


class JobFailedError(Exception):
    """The job ends as ``Failed``.

    Args:
        kind: Who is at fault, in the service's words: the first word of ``FailureReason``.
        text: What follows it.
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
    """What can end a job from outside: a stop request, or the end of its time.

    Attributes:
        stop: Set when StopProcessingJob was called.
        deadline: ``time.monotonic()`` at which ``MaxRuntimeInSeconds`` is over; none means no limit.
    """

    stop: threading.Event
    deadline: float | None = None

    def due(self) -> bool:
        """Whether the job has to end now."""
        return self.stop.is_set() or (self.deadline is not None and time.monotonic() >= self.deadline)

    def check(self) -> None:
        """Give up if the job has to end now.

        Raises:
            JobStoppedError: It has to.
        """
        if self.due():
            raise JobStoppedError

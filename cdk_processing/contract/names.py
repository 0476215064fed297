"""The names of processing jobs, ``<base>-<RUN_ID>-<attempt>``, and the patterns that match those of one job alone.

A pattern with ``*`` directly after the base would also match the jobs of every longer base: ``prep-*`` matches
``prep-all-...``. A run id is always 32 characters long, so a pattern counts them with ``?``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LOG_GROUP", "RUN_ID_LENGTH", "JobName", "job_pattern", "log_stream_pattern", "log_stream_prefix"]

#: Characters of a run id: an MD5 in hexadecimal digits.
RUN_ID_LENGTH = 32
#: The log group of all processing jobs. SageMaker writes to streams ``<job>/algo-<n>-<timestamp>``.
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"

_NAME = re.compile(rf"(.+)-([0-9a-f]{{{RUN_ID_LENGTH}}})-([0-9]+)")


@dataclass(frozen=True, slots=True)
class JobName:
    """A processing job's name in its parts.

    Attributes:
        base: The job's base name.
        run_id: The run's id, 32 hexadecimal digits.
        attempt: Which attempt of the run, from 1.

    Example:
        >>> str(JobName("prep", "0" * 32, 2))
        'prep-00000000000000000000000000000000-2'
    """

    base: str
    run_id: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.base}-{self.run_id}-{self.attempt}"

    def with_attempt(self, attempt: int) -> JobName:
        """The name of another attempt of the same run."""
        return JobName(self.base, self.run_id, attempt)

    @classmethod
    def parse(cls, text: object) -> JobName | None:
        """The parts of a name; None if it does not have this form."""
        found = _NAME.fullmatch(text) if isinstance(text, str) else None
        return cls(found[1], found[2], int(found[3])) if found else None


def job_pattern(base_name: str) -> str:
    """The pattern of the names of one job's processing jobs, for IAM and as a glob.

    Example:
        >>> job_pattern("prep")
        'prep-????????????????????????????????-*'
    """
    return f"{base_name}-{'?' * RUN_ID_LENGTH}-*"


def log_stream_pattern(base_name: str) -> str:
    """The pattern of the log streams of one job's processing jobs, for IAM and as a glob."""
    return f"{job_pattern(base_name)}/algo-*"


def log_stream_prefix(job_name: str) -> str:
    """The prefix of the names of a processing job's log streams."""
    return f"{job_name}/"

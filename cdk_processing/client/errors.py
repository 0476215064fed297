"""Errors of the client. Each error's text includes the fix."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from cdk_processing.errors import CdkProcessingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdk_processing.errors import Problem

__all__ = [
    "AmbiguousJobError",
    "AmbiguousRunError",
    "AwsCallError",
    "EarlierRunsError",
    "InvalidParametersError",
    "NoDeadLettersError",
    "NothingToListError",
    "NothingToRedriveError",
    "ProcessingClientError",
    "RunKeyReusedError",
    "UnknownJobError",
    "UnknownRunError",
    "UnversionedBucketError",
    "WaitTimeoutError",
]


class ProcessingClientError(CdkProcessingError):
    """Base class of every error that the client raises. Its text is written for users."""


class AwsCallError(ProcessingClientError):
    """AWS could not be reached, or refused a call.

    Attributes:
        code: The service's error code (``AccessDeniedException``); None if there was no answer.
        problem: The setting that is wrong, if any: ``credentials``, ``region``, ``profile`` or ``endpoint_url``.
    """

    def __init__(self, message: str, code: str | None = None, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.problem = problem

    @property
    def is_denied(self) -> bool:
        """Whether the caller lacks a permission."""
        return self.code in ("AccessDenied", "AccessDeniedException")


class UnknownJobError(ProcessingClientError):
    """No deployed job has that name."""

    def __init__(self, name: str, known: Iterable[str], where: str) -> None:
        known = sorted(known)
        if not known:
            hint = "no jobs are deployed there; check the region, the account and AWS_ENDPOINT_URL"
        else:
            near = nearest(name, known)
            hint = f"did you mean {' or '.join(near)}?" if near else f"the jobs are {', '.join(known)}"
        super().__init__(f"There is no job {name!r} in {where}: {hint}")
        self.name = name


class AmbiguousJobError(ProcessingClientError):
    """Several deployed jobs match that name."""

    def __init__(self, name: str, arns: Iterable[str]) -> None:
        listed = "\n  ".join(sorted(arns))
        super().__init__(f"Several jobs are called {name!r}; give the state machine's ARN instead:\n  {listed}")
        self.name = name


class UnknownRunError(ProcessingClientError):
    """No run has that name, or the job has no runs."""


class AmbiguousRunError(ProcessingClientError):
    """Several runs of a job begin with that text.

    Attributes:
        candidates: A line for each of the latest matching runs: RUN_ID, state, start, execution.
    """

    def __init__(self, job: str, text: str, candidates: Iterable[str]) -> None:
        self.candidates = tuple(candidates)
        listed = "\n  ".join(self.candidates)
        super().__init__(f"Several runs of {job} begin with {text!r}; give more of the id of one of them:\n  {listed}")


class NothingToRedriveError(ProcessingClientError):
    """The run has not failed, or another attempt of it runs or has completed.

    Attributes:
        done: Whether its work is done; False if it, or another attempt of it, still runs.
    """

    def __init__(self, message: str, *, done: bool) -> None:
        super().__init__(message)
        self.done = done


class InvalidParametersError(ProcessingClientError, ValueError):
    """A job cannot be started with these parameters; nothing was started.

    Attributes:
        problems: Every problem. Those of the job's own parameters come first, in the order of declaration.
    """

    def __init__(self, job: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{job} was not started: {count} problem{'s' if count != 1 else ''}\n{lines}")


class RunKeyReusedError(ProcessingClientError):
    """The run key has been used before with other parameters; nothing was started."""


class NoDeadLettersError(ProcessingClientError):
    """The deployed jobs have no known dead-letter queue."""


class WaitTimeoutError(ProcessingClientError):
    """The run did not end before the timeout. It continues to run."""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are similar to a mistyped name, best match first.

    The end of a path counts more than the whole path, because all jobs of a stack begin with the same part.
    """
    wanted = name.casefold()

    def likeness(candidate: str) -> float:
        fold = candidate.casefold()
        whole = difflib.SequenceMatcher(None, wanted, fold).ratio()
        end = difflib.SequenceMatcher(None, wanted.rsplit("/", 1)[-1], fold.rsplit("/", 1)[-1]).ratio()
        return 0.4 * whole + 0.6 * end

    ranked = sorted(((likeness(candidate), candidate) for candidate in known), reverse=True)
    return [candidate for score, candidate in ranked[:3] if score >= max(0.5, ranked[0][0] - 0.15)]


class NothingToListError(ProcessingClientError):
    """Nothing that launches the job can be listed later, so it is unknown which runs are missing."""


class UnversionedBucketError(ProcessingClientError):
    """The runs of a bucket's objects are known by the objects' versions, and the bucket has none.

    Attributes:
        bucket: The bucket.
    """

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"The bucket {bucket} has no versioning, so its arrivals are known by their sequencers, which S3 does not "
            'list; give the trigger dedupe="content" and deploy, or turn on versioning and copy each object onto '
            "itself, which launches its run"
        )
        self.bucket = bucket


class EarlierRunsError(ProcessingClientError):
    """Another job has had runs with the job's base name. A backfill could run all of it again; nothing was started."""

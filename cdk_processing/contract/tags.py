"""The tags of a deployed job, on its state machine and on each of its processing jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdk_processing.contract.version import VERSION, version_of

__all__ = ["BASE_NAME_TAG", "CONTRACT_TAG", "DEAD_LETTERS_TAG", "JOB_ID_TAG", "JOB_TAG", "MachineTags"]

#: On the state machine and on every processing job: the construct's path.
JOB_TAG = "cdk-processing:job"
#: On the state machine: the beginning of the names of its processing jobs.
BASE_NAME_TAG = "cdk-processing:base-name"
#: On the state machine: the URL of its dead-letter queue.
DEAD_LETTERS_TAG = "cdk-processing:dead-letters"
#: On the state machine: the job's id, if it has one; see :mod:`~cdk_processing.contract.identity`.
JOB_ID_TAG = "cdk-processing:job-id"
#: On the state machine: the contract's version.
CONTRACT_TAG = "cdk-processing:contract"


@dataclass(frozen=True, slots=True)
class MachineTags:
    """The tags of a job's state machine; a text may be a CDK token.

    Attributes:
        job: The construct's path.
        base_name: The beginning of the names of its processing jobs.
        dead_letters: The URL of its dead-letter queue; None if the job has none.
        job_id: The job's id; None if it has none.
        version: The contract's version.
    """

    job: str
    base_name: str
    dead_letters: str | None = None
    job_id: str | None = None
    version: int = VERSION

    def render(self) -> dict[str, str]:
        """The tags by key."""
        optional = {DEAD_LETTERS_TAG: self.dead_letters, JOB_ID_TAG: self.job_id}
        given = {key: value for key, value in optional.items() if value is not None}
        return {JOB_TAG: self.job, BASE_NAME_TAG: self.base_name, **given, CONTRACT_TAG: str(self.version)}

    @classmethod
    def parse(cls, tags: Mapping[str, str]) -> MachineTags | None:
        """The tags of a job from a state machine's tags; None if it is not the state machine of a job.

        The version may be newer than this release reads, so that such a job can be listed.
        """
        if JOB_TAG not in tags:
            return None
        version = version_of(tags, CONTRACT_TAG)
        return cls(
            tags[JOB_TAG], tags.get(BASE_NAME_TAG, ""), tags.get(DEAD_LETTERS_TAG), tags.get(JOB_ID_TAG), version
        )

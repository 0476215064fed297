"""Work with deployed jobs: list, start, wait, read logs, stop, redrive. boto3 only; never imports the CDK."""

from cdk_processing.client.account import Account
from cdk_processing.client.attempts import Attempt
from cdk_processing.client.client import ProcessingClient
from cdk_processing.client.diagnosis import Diagnosis
from cdk_processing.client.errors import (
    AmbiguousJobError,
    AwsCallError,
    NothingToRedriveError,
    ProcessingClientError,
    UnknownJobError,
    UnknownRunError,
    WaitTimeoutError,
)
from cdk_processing.client.jobs import Job
from cdk_processing.client.logs import LogLine
from cdk_processing.client.runs import Run, RunStatus

__all__ = [
    "Account",
    "AmbiguousJobError",
    "Attempt",
    "AwsCallError",
    "Diagnosis",
    "Job",
    "LogLine",
    "NothingToRedriveError",
    "ProcessingClient",
    "ProcessingClientError",
    "Run",
    "RunStatus",
    "UnknownJobError",
    "UnknownRunError",
    "WaitTimeoutError",
]

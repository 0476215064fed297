"""Work with deployed jobs: list, start, wait, read logs, stop, redrive, and clear dead letters.

It uses only boto3, and never imports the CDK.
"""

from cdk_processing.client.account import Account
from cdk_processing.client.attempts import Attempt
from cdk_processing.client.client import ProcessingClient
from cdk_processing.client.diagnosis import Diagnosis, Ending
from cdk_processing.client.errors import (
    AmbiguousJobError,
    AmbiguousRunError,
    AwsCallError,
    InvalidParametersError,
    NoDeadLettersError,
    NothingToRedriveError,
    ProcessingClientError,
    RunKeyReusedError,
    UnknownJobError,
    UnknownRunError,
    WaitTimeoutError,
)
from cdk_processing.client.jobs import Job
from cdk_processing.client.letters import DeadLetter
from cdk_processing.client.logs import LogLine
from cdk_processing.client.redrive_letters import RedrivenLetter
from cdk_processing.client.runs import Run, RunStatus
from cdk_processing.client.starting import Start
from cdk_processing.contract.outcome import Outcome

__all__ = [
    "Account",
    "AmbiguousJobError",
    "AmbiguousRunError",
    "Attempt",
    "AwsCallError",
    "DeadLetter",
    "Diagnosis",
    "Ending",
    "InvalidParametersError",
    "Job",
    "LogLine",
    "NoDeadLettersError",
    "NothingToRedriveError",
    "Outcome",
    "ProcessingClient",
    "ProcessingClientError",
    "RedrivenLetter",
    "Run",
    "RunKeyReusedError",
    "RunStatus",
    "Start",
    "UnknownJobError",
    "UnknownRunError",
    "WaitTimeoutError",
]

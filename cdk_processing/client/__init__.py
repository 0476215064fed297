"""Work with deployed jobs: list, start, wait, read logs, stop, redrive, backfill, and clear dead letters.

It uses only boto3, and never imports the CDK.
"""

from cdk_processing.client.account import Account
from cdk_processing.client.attempts import Attempt
from cdk_processing.client.backfill import Backfill, BackfillProgress, NotStarted
from cdk_processing.client.client import ProcessingClient
from cdk_processing.client.diagnosis import Diagnosis, Ending
from cdk_processing.client.due_runs import DueRun
from cdk_processing.client.earlier_runs import EarlierRuns
from cdk_processing.client.errors import (
    AmbiguousJobError,
    AmbiguousRunError,
    AwsCallError,
    EarlierRunsError,
    InvalidParametersError,
    NoDeadLettersError,
    NothingToListError,
    NothingToRedriveError,
    ProcessingClientError,
    RunKeyReusedError,
    UnknownJobError,
    UnknownRunError,
    UnversionedBucketError,
    WaitTimeoutError,
)
from cdk_processing.client.jobs import Job
from cdk_processing.client.letters import DeadLetter
from cdk_processing.client.logs import LogLine
from cdk_processing.client.missing import FailedRun, MissingRuns
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
    "Backfill",
    "BackfillProgress",
    "DeadLetter",
    "Diagnosis",
    "DueRun",
    "EarlierRuns",
    "EarlierRunsError",
    "Ending",
    "FailedRun",
    "InvalidParametersError",
    "Job",
    "LogLine",
    "MissingRuns",
    "NoDeadLettersError",
    "NotStarted",
    "NothingToListError",
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
    "UnversionedBucketError",
    "WaitTimeoutError",
]

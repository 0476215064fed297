"""What a run tells of itself: the run id in the name of the job that its execution was to create, and its event.

How a run key becomes a run id is the state machine's own business (`cdk_processing.workflow.definition`) and differs
from trigger to trigger; so it is read from what the execution did, and never worked out again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdk_processing.client.errors import aws_errors_as_ours
from cdk_processing.client.runs import read_input
from cdk_processing.contract.names import JobName
from cdk_processing.contract.redrive import RedriveEnvelope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdk_processing.client.account import Account
    from cdk_processing.client.runs import Run

__all__ = ["RunIdentity", "identify"]

_CREATES = ("sagemaker", "createProcessingJob.sync")
_NAME = re.compile(r'"ProcessingJobName"\s*:\s*"([A-Za-z0-9-]+)"')
# Enough for the first job of most runs, without the long causes that come after it.
_PAGE = 25


@dataclass(frozen=True)
class RunIdentity:
    """Who a run is.

    Attributes:
        event: What launched it first, as it came.
        first: The name of the first job that it was to create; None where it never came that far.
        run_key: What makes it the same run as another, where its input says so, as after a redrive.
    """

    event: Any
    first: JobName | None
    run_key: str | None = None


def identify(account: Account, run: Run, text: str | None = None) -> RunIdentity:
    """Who a run is.

    Args:
        account: Where the run is.
        run: The run.
        text: Its input, where that has been read already.
    """
    request: Any = json.loads((text if text is not None else read_input(account, run)) or "{}")
    redrive = RedriveEnvelope.parse(request)
    scheduled = next(_scheduled_jobs(account, run), None)
    if redrive is None:
        return RunIdentity(request, scheduled)
    return RunIdentity(redrive.event, scheduled or _from_envelope(run, redrive), redrive.run_key)


def _from_envelope(run: Run, redrive: RedriveEnvelope) -> JobName | None:
    """The name of the job that a redriven run would have made, had it not failed before."""
    return JobName(run.job.base_name, redrive.run_id, redrive.attempt) if redrive.run_id else None


def _scheduled_jobs(account: Account, run: Run) -> Iterator[JobName]:
    """The jobs that an execution was to create, the first first; pages are fetched as they are needed."""
    pages = account.states.get_paginator("get_execution_history").paginate(
        executionArn=run.arn, PaginationConfig={"PageSize": _PAGE}
    )
    with aws_errors_as_ours(f"read the history of {run.name}"):
        for page in pages:
            for event in page["events"]:
                details = event.get("taskScheduledEventDetails", {})
                if (details.get("resourceType"), details.get("resource")) != _CREATES:
                    continue
                # Searched, not parsed: should a long request be cut off there, the name still stands at its head.
                found = _NAME.search(details.get("parameters", ""))
                name = JobName.parse(found[1] if found else None)
                if name is not None:
                    yield name

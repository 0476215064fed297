"""Who a run is: its event, its run key and its RUN_ID, from what its execution was started with and has done.

The run key of an event may be known to its trigger alone, and so to the state machine alone. The RUN_ID is then read
from the name of the processing job that the execution created, or tried to create. Where it tried none, the RUN_ID is
computed here, unless the key depends on a trigger.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.runs import read_input
from cdk_processing.contract.names import JobName
from cdk_processing.contract.redrive import RedriveEnvelope
from cdk_processing.contract.run_keys import kind_of, run_id, run_key_of
from cdk_processing.contract.start import is_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdk_processing.client.account import Account
    from cdk_processing.client.runs import Run

__all__ = ["RunIdentity", "identify", "run_id_of"]

_CREATES = ("sagemaker", "createProcessingJob.sync")
_NAME = re.compile(r'"ProcessingJobName"\s*:\s*"([A-Za-z0-9-]+)"')
# Enough for the first job of most runs, without the long causes that come after it.
_PAGE = 25


@dataclass(frozen=True)
class RunIdentity:
    """Who a run is.

    Attributes:
        event: What launched the run first, as it came.
        first: The name of the first processing job that it tried to create; None where it tried none.
        run_key: Its run key, where its input names it, as after a redrive.
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


def run_id_of(account: Account, run: Run) -> str | None:
    """The RUN_ID of a run.

    None where the run has tried to create no processing job, and its trigger alone knows the key of its event.
    """
    if run.outcome is not None and run.outcome.run_id is not None:
        return run.outcome.run_id
    identity = identify(account, run)
    if identity.first is not None:
        return identity.first.run_id
    if identity.run_key is None and not (is_start(identity.event) or kind_of(identity.event) == "schedule"):
        return None
    key = identity.run_key or run_key_of(identity.event, run.arn)
    return run_id(run.job.state_machine_arn, key)


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

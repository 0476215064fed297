"""Read a run's identity (its event, run key and RUN_ID) from its execution's input and history.

A trigger may define an event's run key, and then only the state machine can compute it. The RUN_ID is then read from
the name of the processing job that the execution created, or tried to create. If it has not tried yet, the RUN_ID is
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
# Enough events to find the first job of most runs, without the long causes that follow.
_PAGE = 25


@dataclass(frozen=True)
class RunIdentity:
    """The identity of a run.

    Attributes:
        event: The event that launched the run first, unchanged.
        first: The name of the first processing job that it tried to create; None if it has not tried yet.
        run_key: Its run key, if its input contains it, as after a redrive.
    """

    event: Any
    first: JobName | None
    run_key: str | None = None


def identify(account: Account, run: Run, text: str | None = None) -> RunIdentity:
    """Read the identity of a run.

    Args:
        account: The account and region of the run.
        run: The run.
        text: Its input, if you have read it already.
    """
    request: Any = json.loads((text if text is not None else read_input(account, run)) or "{}")
    redrive = RedriveEnvelope.parse(request)
    scheduled = next(_scheduled_jobs(account, run), None)
    if redrive is None:
        return RunIdentity(request, scheduled)
    return RunIdentity(redrive.event, scheduled or _from_envelope(run, redrive), redrive.run_key)


def run_id_of(account: Account, run: Run) -> str | None:
    """Return the RUN_ID of a run.

    None if the run has not tried to create a processing job, and only its trigger defines the run key.
    """
    if run.outcome is not None and run.outcome.run_id is not None:
        return run.outcome.run_id
    identity = identify(account, run)
    if identity.first is not None:
        return identity.first.run_id
    if identity.run_key is None and not (is_start(identity.event) or kind_of(identity.event) == "schedule"):
        return None
    key = identity.run_key or run_key_of(identity.event, run.arn)
    return run_id(run.job.identity, key)


def _from_envelope(run: Run, redrive: RedriveEnvelope) -> JobName | None:
    """Return the name of the job that a redriven run would have created if it had not failed earlier."""
    return JobName(run.job.base_name, redrive.run_id, redrive.attempt) if redrive.run_id else None


def _scheduled_jobs(account: Account, run: Run) -> Iterator[JobName]:
    """Yield the jobs that an execution tried to create, oldest first. Fetches pages as needed."""
    pages = account.states.get_paginator("get_execution_history").paginate(
        executionArn=run.arn, PaginationConfig={"PageSize": _PAGE}
    )
    with aws_errors_as_ours(f"read the history of {run.name}"):
        for page in pages:
            for event in page["events"]:
                details = event.get("taskScheduledEventDetails", {})
                if (details.get("resourceType"), details.get("resource")) != _CREATES:
                    continue
                # Search the text, do not parse it: if a long request is truncated, the name is still at its beginning.
                found = _NAME.search(details.get("parameters", ""))
                name = JobName.parse(found[1] if found else None)
                if name is not None:
                    yield name

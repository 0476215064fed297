"""Start a job manually. Checks as much as possible before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from cdk_processing.client.attempts import Attempt, attempts_from
from cdk_processing.client.aws_calls import aws_errors_as_ours
from cdk_processing.client.errors import AwsCallError, InvalidParametersError, RunKeyReusedError, UnknownRunError
from cdk_processing.client.finding import find_run
from cdk_processing.client.parameters import ParameterValues, check_parameters, read_parameters
from cdk_processing.client.runs import read_input, read_run, start_with_input
from cdk_processing.contract.names import JobName
from cdk_processing.contract.parameters import parameters_digest
from cdk_processing.contract.run_keys import run_id, run_key_of
from cdk_processing.contract.start import TIME_FIELD, StartInput
from cdk_processing.errors import Problem
from cdk_processing.request.parameter_values import parameter_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job
    from cdk_processing.client.runs import Run

__all__ = ["Start", "attempts_of_run_key", "start_run"]

_FOLDER = re.compile("s3://[^/]+/(.*/)?", re.DOTALL)


class Start(NamedTuple):
    """The result of a start.

    Attributes:
        run: The run.
        is_new: Whether the run was started now; False if a run with the same run key existed.
    """

    run: Run
    is_new: bool


def start_run(
    account: Account,
    job: Job,
    *,
    parameters: Mapping[str, str | float | bool] | None = None,
    run_key: str | None = None,
    at: datetime | None = None,
    folder: str | Mapping[str, str] | None = None,
) -> Start:
    """Start a job manually, unless a run with the same run key has created a processing job.

    Args:
        account: The account and region of the job.
        job: The job.
        parameters: Values for the job's ``Parameter``s; the others take their defaults. Numbers and booleans are
            passed as text: ``0.2``, ``true``.
        run_key: Identifies the run. If a run with this key, the same parameters, ``at`` and ``folder`` has created a
            processing job, nothing is started, and that run (or its latest redrive) is returned. Two simultaneous
            starts may both begin; one of them ends as ``Duplicate``. Left out, a new key, so that every start runs.
        at: The run's ``TRIGGER_TIME``, as if the job had been launched then, for example to catch up on a missed day.
            A datetime with a timezone. Left out, the time when the run starts.
        folder: The folder that the run reads in place of that of a marker, ``s3://bucket/.../`` with its slash; for a
            job with several sources, the folder of each by the source's name.

    Raises:
        InvalidParametersError: A parameter is unknown, missing or invalid, ``at`` has no timezone, or ``folder`` is
            none. The error lists every problem.
        RunKeyReusedError: The run key has been used before with other parameters, or for another time or folder.
    """
    if problems := _folder_problems(folder):
        raise InvalidParametersError(job.name, problems)
    if at is not None and (not isinstance(at, datetime) or at.tzinfo is None):
        fix = "write datetime(2026, 3, 28, 6, tzinfo=timezone.utc)"
        raise InvalidParametersError(job.name, [Problem("at", at, "a datetime with a timezone", fix)])
    values = _checked(account, job, parameters or {})
    one, several = (folder, {}) if folder is None or isinstance(folder, str) else (None, folder)
    start = StartInput(values.given, run_key, at, one, several)
    if run_key is not None and (attempts := attempts_of_run_key(account, job, run_key)):
        _refuse_other_values(account, job, start, values, attempts[0])
        if (known := _run_of(account, job, attempts)) is not None:
            return Start(known, is_new=False)
    return Start(start_with_input(account, job, start.render()), is_new=True)


def attempts_of_run_key(account: Account, job: Job, run_key: str) -> list[Attempt]:
    """List the processing jobs that manual starts with this run key have created, oldest first."""
    key = run_key_of(StartInput(run_key=run_key).fields(), execution="")
    try:
        found = list(attempts_from(account, JobName(job.base_name, run_id(job.identity, key), 1), 1))
    except AwsCallError as error:
        if error.is_denied:  # The caller may start the job but not describe it. The run then checks itself.
            return []
        raise
    return [attempt for attempt in found if attempt.is_of(job)]


def _folder_problems(folder: object) -> list[Problem]:
    """What is wrong with the folder of a start, or with those of its sources."""
    given = {f"folder[{name!r}]": each for name, each in folder.items()} if isinstance(folder, Mapping) else None
    if given is None:
        given = {} if folder is None else {"folder": folder}
    elif not given:
        return [Problem("folder", folder, "a folder, or a dict of at least one", "leave it out")]
    allowed = "a folder in S3 with the slash at its end"
    return [
        Problem(name, each, allowed, "write 's3://bucket/.../'")
        for name, each in given.items()
        if not isinstance(each, str) or not _FOLDER.fullmatch(each)
    ]


def _checked(account: Account, job: Job, parameters: Mapping[str, str | float | bool]) -> ParameterValues:
    try:
        with aws_errors_as_ours(f"read the parameters of {job.name}"):
            declared = read_parameters(account, job)
    except AwsCallError as error:
        if error.is_denied:  # As above.
            return ParameterValues({name: _text(value) for name, value in parameters.items()}, {})
        raise
    return check_parameters(job.name, declared, parameters)


def _run_of(account: Account, job: Job, attempts: Sequence[Attempt]) -> Run | None:
    """Return the run that created these processing jobs; None if Step Functions has deleted it (after 90 days)."""
    name = JobName.parse(attempts[-1].name)
    if name is None:
        return None
    with suppress(UnknownRunError):
        return find_run(account, job, name.run_id)
    return None


def _refuse_other_values(
    account: Account, job: Job, start: StartInput, values: ParameterValues, attempt: Attempt
) -> None:
    """Refuse a start whose run key belongs to a run with other parameters, or for another time."""
    known = _start_of(account, job, attempt)
    others = []
    if values.effective and attempt.parameters_digest not in (None, parameters_digest(values.effective)):
        given = ", ".join(f"{name}={value}" for name, value in known.parameters.items()) if known else ""
        others.append(f"parameters: {given or 'none, so the defaults'}" if known else "parameters")
    if known is not None and _time_of(known) != _time_of(start):
        others.append(f"at: {_time_of(known) or 'none, so the time of its start'}")
    if known is not None and (known.folder, known.folders) != (start.folder, start.folders):
        others.append(f"folder: {known.folder or dict(known.folders) or 'none'}")
    if not others:
        return
    run = f" (run {str(attempt.execution_arn).rsplit(':', 1)[-1]})" if known else ""
    raise RunKeyReusedError(
        f"run_key must be a new one for other values, got {start.run_key!r}, which {attempt.name} used on "
        f"{attempt.created:%Y-%m-%d %H:%M}{run} with other {', and other '.join(others)}; give another run key to run "
        f"{job.name} with yours (with the values of that run, nothing is run again)"
    )


def _start_of(account: Account, job: Job, attempt: Attempt) -> StartInput | None:
    """Return the start of the run that created a processing job, if Step Functions still has it."""
    try:
        return StartInput.parse(read_input(account, read_run(account, job, str(attempt.execution_arn))))
    except (AwsCallError, ValueError):
        return None


def _time_of(start: StartInput) -> str | None:
    return start.fields().get(TIME_FIELD)


def _text(value: str | float | bool) -> str:
    return parameter_text(value) or str(value)

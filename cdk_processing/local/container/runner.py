"""Runs a processing job: prepare, download, run the containers, upload.

Each step is in its own module. ``aws/sagemaker`` does names, states, IAM and the API, and calls ``run_processing_job``
in one thread for each job.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from cdk_processing.local.container.aws_names import ContainerNames, names_nowhere
from cdk_processing.local.container.channels import download_inputs
from cdk_processing.local.container.containers import Container, run_side_by_side
from cdk_processing.local.container.docker import image_here, start_docker
from cdk_processing.local.container.environments import environment_for, environment_problem
from cdk_processing.local.container.failures import REASON_LIMIT, Halt, JobFailedError, JobStoppedError
from cdk_processing.local.container.file_system import HOME
from cdk_processing.local.container.instances import memory_of
from cdk_processing.local.container.java_trust import trust_variables
from cdk_processing.local.container.job_network import job_network
from cdk_processing.local.container.limits import Limits
from cdk_processing.local.container.sandbox import container_user_ids, start_sandbox
from cdk_processing.local.container.specification import JobSpecification
from cdk_processing.local.container.uploads import ContinuousUpload, make_output_folders, open_beneath, upload_outputs
from cdk_processing.local.folders import remove_tree
from cdk_processing.local.job_runner import JobResult, ProgressObserver, RoleSession

__all__ = ["RunnerSettings", "image_problem", "run_processing_job"]

logger = logging.getLogger(__name__)

_MESSAGE = PurePosixPath("output/message")
_MESSAGE_BYTES = 1024
_DESCRIBED = (
    "ProcessingJobArn",
    "ProcessingJobName",
    "AppSpecification",
    "Environment",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "NetworkConfig",
    "RoleArn",
    "StoppingCondition",
    "ExperimentConfig",
)

_Start = Callable[[str, Path], Container]


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How to run jobs.

    Attributes:
        work_dir: Parent of the jobs' folders. Each job has a folder while it runs.
        python: The interpreter for every image. By default the image decides, and Docker runs it if possible.
        registry: Host and port of the registry that emulates ECR. Its images may be on this machine.
    """

    work_dir: Path
    python: str | None = None
    registry: str | None = None


def image_problem(image: str, account_id: str, has_entrypoint: bool, settings: RunnerSettings) -> str | None:
    """Say why jobs with an image cannot run on this machine. Builds and pulls nothing.

    Args:
        image: ``ImageUri``.
        account_id: The jobs' account.
        has_entrypoint: Whether they give ``ContainerEntrypoint``.
        settings: How jobs run.

    Returns:
        The reason, with ways out; None if they can run.
    """
    if settings.python is not None or image_here(image, account_id, settings.registry) is not None:
        return None
    return environment_problem(image, has_entrypoint)


def run_processing_job(
    description: Mapping[str, Any],
    session: RoleSession,
    observer: ProgressObserver,
    stop: threading.Event,
    settings: RunnerSettings,
) -> JobResult:
    """Run a processing job to its end, in this thread.

    Args:
        description: The answer of DescribeProcessingJob: the request and ``ProcessingJobArn``.
        session: The session of the execution role, for every download and upload.
        observer: Receives phases, bytes and log lines.
        stop: Set it to stop the job: its containers get SIGTERM, then SIGKILL.
        settings: How to run jobs.

    Returns:
        The job's result. ``EndOfJob`` outputs are uploaded only if every container succeeded ("after the job
        completes", says the API of ``S3UploadMode``). ``Continuous`` outputs are uploaded as they were written, in any
        case. At the end of ``MaxRuntimeInSeconds`` the job is *stopped*, not failed:
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingStoppingCondition.html
    """
    folder = settings.work_dir.absolute() / description["ProcessingJobName"]
    messages: list[str] = []
    try:
        remove_tree(folder)
        job = JobSpecification.read(description)
        _run(job, folder, session, observer, stop, settings, messages)
    except JobFailedError as error:
        return JobResult("Failed", error.reason, _joined(messages))
    except JobStoppedError:
        return JobResult("Stopped", None, _joined(messages))
    except Exception as error:
        logger.exception("the runner failed on %s", description["ProcessingJobName"])
        reason = f"InternalServerError: We encountered an internal error. Please try again. ({error!r})"
        return JobResult("Failed", reason[:REASON_LIMIT], _joined(messages))
    finally:
        remove_tree(folder)
    return JobResult("Completed", None, _joined(messages))


def _run(
    job: JobSpecification,
    folder: Path,
    session: RoleSession,
    observer: ProgressObserver,
    stop: threading.Event,
    settings: RunnerSettings,
    messages: list[str],
) -> None:
    observer.phase("Preparing")
    with contextlib.ExitStack() as opened:
        start = _starter(job, session, settings, opened, lambda doing: observer.phase("Preparing", doing))
        instances = {host: folder / host for host in job.hosts}
        folders = {host: instance / "ml" for host, instance in instances.items()}
        halt = Halt(stop, time.monotonic() + job.max_runtime)
        halt.check()

        observer.phase("Downloading")
        for host, ml in folders.items():
            _write_config(job, host, ml)
        make_output_folders(job, folders)
        download_inputs(job, folders, session, observer, halt)
        halt.check()

        observer.phase("Processing")
        try:
            with ContinuousUpload(job, folders, session, observer) as uploading:
                codes = _run_containers(start, instances, halt, observer, uploading.failed)
        finally:
            valid = _read_messages(folders, messages)
    # AWS's text for processing jobs. The log has the details.
    failed = next((code for code in codes.values() if code != 0), 0)
    if failed:
        raise JobFailedError("AlgorithmError", f", exit code: {failed}")
    if not valid:
        raise JobFailedError("ClientError", "/opt/ml/output/message is not UTF-8 encoded.")

    observer.phase("Uploading")
    upload_outputs(job, folders, session, observer, Halt(stop))


def _run_containers(
    start: _Start, instances: Mapping[str, Path], halt: Halt, observer: ProgressObserver, failed: Callable[[], bool]
) -> dict[str, int]:
    """Start a container for each instance, and run them to their end. Returns exit codes by host."""
    containers: list[Container] = []
    try:
        for host, instance in instances.items():
            containers.append(start(host, instance))
    except BaseException:
        _abandon(containers)
        raise
    return run_side_by_side(containers, halt, observer.log, failed)


def _starter(
    job: JobSpecification,
    session: RoleSession,
    settings: RunnerSettings,
    opened: contextlib.ExitStack,
    tell: Callable[[str], None],
) -> _Start:
    """Choose how to run the containers: with the user's interpreter, in Docker, or in an environment."""
    limits = Limits(memory_of(job.instance_type), job.volume_bytes)
    image = image_here(job.image, job.arn.split(":")[4], settings.registry) if settings.python is None else None
    if image is not None:
        names_there = _names_on_host(job, session)
        java = {} if names_there.service is None else trust_variables()
        return lambda host, instance: start_docker(
            host,
            image,
            job.entrypoint,
            job.arguments,
            {**names_there.variables(), **java, **_variables(job, session)},
            instance,
            job.hosts,
            job.isolated,
            limits,
            names_there,
        )
    environment = environment_for(job.image, settings.python, tell)
    entrypoint = job.entrypoint or environment.entrypoint
    if not entrypoint:
        raise JobFailedError(
            "ClientError",
            f'The entrypoint of the image "{job.image}" is not known without Docker: give ContainerEntrypoint.',
        )
    image_variables = {
        "PATH": ":".join(environment.path),
        "HOME": HOME,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        # As in AWS's images. The second is also needed because the environment is read-only.
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "UTF-8",
        **dict(environment.variables),
    }
    names, network = _network(job, session, opened)
    return lambda host, instance: start_sandbox(
        host,
        [*entrypoint, *job.arguments],
        {**image_variables, **names.variables(), **_variables(job, session)},
        environment,
        instance,
        job.hosts,
        job.isolated,
        limits,
        names,
        network,
    )


def _names_on_host(job: JobSpecification, session: RoleSession) -> ContainerNames:
    """Decide where AWS's names lead in containers that share the host's network."""
    if job.isolated:
        return ContainerNames()
    return ContainerNames(session.names) if session.names is not None else names_nowhere(job, session.region)


def _network(
    job: JobSpecification, session: RoleSession, opened: contextlib.ExitStack
) -> tuple[ContainerNames, Sequence[int] | None]:
    """Choose the network of a job's sandboxes: the host's, or their own where AWS's names cannot be served on the host.

    Returns:
        Where AWS's names lead, and the namespaces of the network that is the job's own.
    """
    if job.isolated or session.names is not None:
        return _names_on_host(job, session), None
    port = urlsplit(session.environment()["AWS_ENDPOINT_URL"]).port
    network = opened.enter_context(job_network(port or 0, container_user_ids()))
    return ContainerNames(session.serve_in(network.listeners)), network.namespaces


def _variables(job: JobSpecification, session: RoleSession) -> dict[str, str]:
    """Build a container's variables: the service's, then those of the request."""
    return {
        **({} if job.isolated else session.environment()),
        "AWS_REGION": session.region,
        "AWS_DEFAULT_REGION": session.region,
        "PROCESSING_JOB_ARN": job.arn,
        **job.environment,
    }


def _write_config(job: JobSpecification, host: str, ml: Path) -> None:
    """Write ``/opt/ml/config``.

    https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-config.html
    """
    group = {"instance_group_name": "homogeneousCluster", "instance_type": job.instance_type, "hosts": list(job.hosts)}
    resources = {
        "current_host": host,
        "current_instance_type": job.instance_type,
        "current_group_name": group["instance_group_name"],
        "hosts": list(job.hosts),
        "instance_groups": [group],
        # Here, instances reach each other on loopback addresses. In AWS it is eth0.
        "network_interface_name": "lo",
    }
    described = {name: job.description.get(name) for name in _DESCRIBED}
    for folder in ("config", "output", "processing"):
        (ml / folder).mkdir(parents=True, exist_ok=True)
    (ml / "config" / "resourceconfig.json").write_text(json.dumps(resources))
    (ml / "config" / "processingjobconfig.json").write_text(json.dumps(described, default=str))


def _read_messages(folders: Mapping[str, Path], messages: list[str]) -> bool:
    """Collect the containers' ``/opt/ml/output/message`` files. Returns whether they are UTF-8.

    https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-metadata.html
    """
    valid = True
    for ml in folders.values():
        try:
            with os.fdopen(open_beneath(ml, _MESSAGE), "rb") as file:
                data = file.read(_MESSAGE_BYTES)
        except OSError:
            continue  # none was written
        try:
            # Not final: the text may be cut within a character.
            messages.append(codecs.getincrementaldecoder("utf-8")().decode(data))
        except UnicodeDecodeError:
            valid = False
            messages.append(data.decode(errors="replace"))
    return valid


def _joined(messages: list[str]) -> str | None:
    joined = "".join(messages).encode()[:_MESSAGE_BYTES].decode(errors="ignore")
    return joined or None


def _abandon(containers: list[Container]) -> None:
    for container in containers:
        container.kill()
        with contextlib.suppress(JobFailedError):
            container.close()

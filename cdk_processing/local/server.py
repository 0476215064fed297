"""The process of the embedded AWS: ``python -m cdk_processing.local.server`` (see :mod:`~cdk_processing.local.engine`).

It assembles the parts around MiniStack's application and serves them on an inherited loopback socket. So no other
process can take the port between its choice and the bind. The process reads its secrets from standard input. It ends
when standard input closes, that is, when its parent ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdk_processing.local.folders import remove_tree
from cdk_processing.local.server_secrets import ServerSecrets

if TYPE_CHECKING:
    from cdk_processing.local.aws.sagemaker.deployed_jobs import ImageCheck
    from cdk_processing.local.container.runner import RunnerSettings
    from cdk_processing.local.job_runner import JobResult, ProgressObserver, RoleSession, RunJob

__all__ = ["main"]

logger = logging.getLogger("cdk_processing.local")

# The threads of jobs compute checksums and signatures. Python's 5 ms for each would keep the event loop waiting.
_SWITCH_SECONDS = 0.0005
_JOBS_END_WITHIN = 5.0
_RUNNER = "cdk_processing.local.container.runner:run_processing_job"
_WARM_UP_AFTER = 0.3


def main(arguments: list[str] | None = None) -> None:
    """Serve until standard input closes or a signal arrives."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="file descriptor of a listening loopback socket")
    parser.add_argument("--port", type=int, required=True, help="the port it listens on")
    parser.add_argument("--work-dir", type=Path, required=True, help="where jobs run; removed at the end")
    parser.add_argument("--python", help="interpreter for the jobs, instead of an environment like the image's")
    parser.add_argument("--runner", default=_RUNNER, help=argparse.SUPPRESS)
    parser.add_argument("--stand-in-roles", action="store_true", help="make execution roles that do not exist")
    parser.add_argument("--allow-origin", action="append", default=[], help="a web page's origin that may read answers")
    options = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options, ServerSecrets.from_line(sys.stdin.buffer.readline())))
    remove_tree(options.work_dir)
    # Threads of MiniStack (and a job that does not end) must not keep the process alive.
    sys.stderr.flush()
    _end_children()
    os._exit(0)


async def _serve(options: argparse.Namespace, secrets: ServerSecrets) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from cdk_processing.local import ministack

    ministack.verify_internals()
    parts = _assemble(options, secrets)
    config = Config()
    config.bind = [f"fd://{options.socket}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    # boto3 opens a connection per thread. The server must not refuse a burst of new connections.
    config.backlog = 1024
    config.graceful_timeout = 0.5

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    threading.Thread(target=_wait_for_parent, args=(loop, ended), name="parent-watch", daemon=True).start()

    async def end() -> None:
        await ended.wait()
        await asyncio.to_thread(parts.close)

    loop.call_later(_WARM_UP_AFTER, threading.Thread(target=_warm_up, name="warm-up", daemon=True).start)
    await serve(parts.application, config, shutdown_trigger=end)


def _warm_up() -> None:
    """Load the SDK and the service models for the first job in advance, so that the job does not wait for them."""
    from botocore.loaders import Loader

    from cdk_processing.local.api_models.loader import shared_loader
    from cdk_processing.local.aws.sagemaker.validation import is_operation

    is_operation("CreateProcessingJob")
    importlib.import_module("boto3")
    loader: Loader = shared_loader()
    for service in ("s3", "logs", "sqs"):
        loader.load_service_model(service, "service-2")
    # All this stays loaded. A full garbage collection that looks at it stops all calls for about 0.1 s.
    gc.freeze()


def _wait_for_parent(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    # Not PR_SET_PDEATHSIG: it watches the thread that started this process, not the parent process.
    with contextlib.suppress(OSError, ValueError):
        while sys.stdin.buffer.read(4096):
            pass
    loop.call_soon_threadsafe(ended.set)
    # If the shutdown hangs, end the process after this time.
    time.sleep(_JOBS_END_WITHIN + 5)
    _end_children()
    os._exit(1)


def _end_children() -> None:
    """Kill processes that jobs left behind. This works only on Linux; elsewhere, the runner's own clean-up must do."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The second field is the command's name in parentheses, which may contain any character.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    waiting = [os.getpid()]
    while waiting:
        for child in children.get(waiting.pop(), []):
            waiting.append(child)
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)


class _Server:
    """The parts of one server."""

    def __init__(self, application: Callable[..., Awaitable[None]], closers: list[Callable[[], None]]) -> None:
        self.application = application
        self._closers = closers

    def close(self) -> None:
        for close in self._closers:
            with contextlib.suppress(Exception):
                close()


def _assemble(options: argparse.Namespace, secrets: ServerSecrets) -> _Server:
    from cdk_processing.local import ministack
    from cdk_processing.local.admin import Admin
    from cdk_processing.local.aws.cloudcontrol.service import CloudControl
    from cdk_processing.local.aws.cloudwatch.alarms import Alarms
    from cdk_processing.local.aws.cloudwatch.metrics import Metrics
    from cdk_processing.local.aws.ecr.registry import Registry
    from cdk_processing.local.aws.iam.assumed_roles import AssumedRoles
    from cdk_processing.local.aws.s3.stored import ObjectFiles
    from cdk_processing.local.aws.sagemaker.deployed_jobs import DeployedJobs
    from cdk_processing.local.aws.sagemaker.jobs import ProcessingJobs
    from cdk_processing.local.aws.sagemaker.service import SageMaker
    from cdk_processing.local.aws.scheduler.clock import Scheduler
    from cdk_processing.local.aws.sqs.move_tasks import MoveTasks
    from cdk_processing.local.aws.stepfunctions.calls import RoleCalls
    from cdk_processing.local.aws.stepfunctions.processing import ProcessingTasks
    from cdk_processing.local.files import FileStore
    from cdk_processing.local.injection import Faults
    from cdk_processing.local.replacements import (
        Parts,
        extend_iam,
        extend_provisioning,
        extend_queues,
        extend_tasks,
        replacements,
    )
    from cdk_processing.local.wire.faulty_calls import FaultyCalls
    from cdk_processing.local.wire.guard import Guard
    from cdk_processing.local.wire.job_doors import JobDoors
    from cdk_processing.local.wire.served import close_all_else

    roles = AssumedRoles(f"http://127.0.0.1:{options.port}")
    faults = Faults()
    doors = JobDoors()
    jobs = ProcessingJobs(roles, _runner(options), faults, doors)
    sagemaker = SageMaker(jobs, faults)
    scheduler = Scheduler(roles, faults)
    metrics = Metrics()
    alarms = Alarms(metrics)
    cloud_control = CloudControl()
    move_tasks = MoveTasks()
    files = ObjectFiles(FileStore(options.work_dir / "objects"))
    registry = Registry(f"127.0.0.1:{options.port}", files)

    def reset() -> None:
        faults.clear(deliver=False)
        alarms.reset()
        jobs.reset()
        roles.reset()
        registry.reset()
        move_tasks.reset()

    parts = Parts(
        metrics,
        alarms,
        scheduler,
        faults,
        RoleCalls(roles),
        ProcessingTasks(sagemaker),
        secrets,
        files,
        FileStore(options.work_dir / "logs"),
        DeployedJobs(_image_check(options), stand_in_roles=options.stand_in_roles),
        move_tasks,
    )
    ministack.register_service("sagemaker", "SageMaker.", sagemaker.handle, reset)
    ministack.register_service("cloudcontrol", "CloudApiService.", cloud_control.handle, cloud_control.reset)
    ministack.serve_instead("ecr", registry.handle)
    ministack.replace_all(replacements(parts))
    extend_iam()
    extend_tasks(parts)
    extend_queues(parts)
    extend_provisioning(parts)
    close_all_else()
    metrics.observe(alarms.evaluate_those_of)
    admin = Admin(jobs, scheduler, faults, alarms)
    guard = Guard(FaultyCalls(ministack.application(), faults), admin, registry, secrets, options.allow_origin)
    doors.application = guard
    return _Server(guard, [scheduler.close, lambda: jobs.close(_JOBS_END_WITHIN)])


def _settings(options: argparse.Namespace) -> RunnerSettings:
    from cdk_processing.local.container.runner import RunnerSettings

    return RunnerSettings(work_dir=options.work_dir, python=options.python, registry=f"127.0.0.1:{options.port}")


def _image_check(options: argparse.Namespace) -> ImageCheck:
    """Check images for the runner of this library. What another runner needs is not known."""

    def problem(image: str, account_id: str, has_entrypoint: bool) -> str | None:
        if options.runner != _RUNNER:
            return None
        from cdk_processing.local.container.runner import image_problem

        return image_problem(image, account_id, has_entrypoint, _settings(options))

    return problem


def _runner(options: argparse.Namespace) -> RunJob:
    module, _, name = options.runner.partition(":")
    # Jobs begin in several threads; of two that import the same packages at once, one may see a half-made module.
    importing = threading.Lock()

    def run(
        description: Mapping[str, Any], session: RoleSession, observer: ProgressObserver, stop: threading.Event
    ) -> JobResult:
        with importing:
            run_job = getattr(importlib.import_module(module), name)
        result: JobResult = run_job(description, session, observer, stop, _settings(options))
        return result

    return run


if __name__ == "__main__":
    main()

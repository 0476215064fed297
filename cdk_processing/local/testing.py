"""The object that the fixture ``local_aws`` gives to a test: an embedded AWS with the user's stacks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from cdk_processing.client.runs import Run
from cdk_processing.errors import CdkProcessingError
from cdk_processing.local.deployment.assembly import Assembly
from cdk_processing.local.deployment.deploy import Deployment, DeploymentError, client_of, deploy
from cdk_processing.local.deployment.synthesis import synthesize
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.faults import Fault, InjectedFault
from cdk_processing.local.folders import owned_folder

__all__ = ["DeployedAws", "RunFailedError"]


class RunFailedError(CdkProcessingError, AssertionError):
    """A run did not succeed or did not begin. The error says why, with the end of the run's log."""


class DeployedAws:
    r"""An embedded AWS with deployed stacks.

    Args:
        aws: The embedded AWS, running.

    Attributes:
        aws: The embedded AWS itself.
        processing: Starts, stops and explains runs.
        deployment: The deployed stacks; empty until :meth:`deploy`.

    Example:
        >>> def test_a_file_is_preprocessed_when_it_arrives(local_aws):               # doctest: +SKIP
        ...     local_aws.put("Cancer/Raw", "cancer/a.csv", b"a,target\\n1,0\\n")
        ...     run = local_aws.wait_for_run("Cancer/Preprocess")
        ...     assert local_aws.objects("Cancer/Curated", "train/") == {"train/train.csv": 123}
    """

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.processing = client_of(aws)
        self.deployment = Deployment(())
        self._handed_out: set[str] = set()

    def __enter__(self) -> DeployedAws:
        """Return the object. The embedded AWS is already running."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections. This does not stop the embedded AWS."""
        self.processing.close()

    def deploy(self, app: Any, *, folder: Path | None = None) -> Deployment:
        """Deploy an app. Other deployed stacks stay.

        Args:
            app: An ``aws_cdk.App``, the folder of a cloud assembly, or a command that makes one, as in cdk.json.
            folder: The folder to run a command in; left out, the current one.

        Returns:
            The deployed stacks of this app; :attr:`deployment` then holds them too.
        """
        with owned_folder("out-") as output:
            if hasattr(app, "synth"):
                assembly = Assembly.read(Path(app.synth().directory))
            else:
                assembly = synthesize(
                    folder or Path.cwd(),
                    output,
                    app=str(app) if app is not None else None,
                    account_id=self.aws.account_id,
                    region=self.aws.region,
                )
            deployed = deploy(assembly, self.aws)
        again = {stack.stack_id for stack in deployed.stacks}
        others = tuple(stack for stack in self.deployment.stacks if stack.stack_id not in again)
        self.deployment = Deployment(others + deployed.stacks, self.deployment.warnings + deployed.warnings)
        return deployed

    def client(self, service: str) -> Any:
        """A boto3 client of the account's root: ``client("s3")``."""
        return self.aws.client(service)

    def environment(self) -> Mapping[str, str]:
        """Environment variables with which the code under test, or a child process, calls this AWS."""
        return self.aws.environment()

    def bucket(self, name: str) -> str:
        """The name of a bucket by its construct path (``Cancer/Raw``), the end of it, or its logical id."""
        return self.deployment.bucket(name)

    def put(self, bucket: str, key: str, body: bytes | str | Path) -> str:
        """Put an object, from bytes, text or a file; returns its URI."""
        data = body.read_bytes() if isinstance(body, Path) else body.encode() if isinstance(body, str) else body
        name = self.bucket(bucket)
        self.client("s3").put_object(Bucket=name, Key=key, Body=data)
        return f"s3://{name}/{key}"

    def get(self, bucket: str, key: str) -> bytes:
        """The content of an object."""
        body: bytes = self.client("s3").get_object(Bucket=self.bucket(bucket), Key=key)["Body"].read()
        return body

    def objects(self, bucket: str, prefix: str = "") -> dict[str, int]:
        """Keys below a prefix and their sizes in bytes."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket(bucket), Prefix=prefix)
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}

    def start(
        self,
        job: str,
        parameters: Mapping[str, str | float | bool] | None = None,
        *,
        run_key: str | None = None,
        at: datetime | None = None,
        folder: str | Mapping[str, str] | None = None,
    ) -> Run:
        """Start a job by hand; wait for it with :meth:`wait_for_run`."""
        machine = self.deployment.job(job).state_machine_arn
        return self.processing.start(machine, parameters, run_key=run_key, at=at, folder=folder)

    def fire_schedule(self, job: str, at: datetime | None = None) -> None:
        """Fire a job's schedule as of an instant; left out, now.

        Raises:
            DeploymentError: The job has no schedule, or several.
        """
        name = self.deployment.job(job).name
        found = [
            physical_id
            for stack in self.deployment.stacks
            for logical_id, physical_id in stack.resources.items()
            if stack.types[logical_id] == "AWS::Scheduler::Schedule"
            and stack.paths.get(logical_id, "").startswith(f"{name}/")
        ]
        if len(found) != 1:
            raise DeploymentError(
                f"{name} has {len(found) or 'no'} schedules"
                + (f"; fire one of them with local_aws.aws.fire_schedule: {', '.join(found)}" if found else "")
            )
        self.aws.fire_schedule(found[0].rsplit("/", 1)[-1], at)

    def alarms(self, at: datetime | None = None) -> list[dict[str, Any]]:
        """Every alarm as of an instant, like :meth:`LocalAws.alarms <cdk_processing.local.engine.LocalAws.alarms>`.

        Example:
            >>> def test_somebody_is_told_when_no_file_came_all_day(local_aws):       # doctest: +SKIP
            ...     tomorrow = datetime.now(timezone.utc) + timedelta(hours=26)
            ...     assert "ALARM" in [alarm["state"] for alarm in local_aws.alarms(at=tomorrow)]
        """
        return self.aws.alarms(at)

    def alerts(self) -> list[dict[str, Any]]:
        """The notifications of alarms, like :meth:`LocalAws.alerts <cdk_processing.local.engine.LocalAws.alerts>`.

        Example:
            >>> def test_somebody_is_told_when_a_run_fails(local_aws):                # doctest: +SKIP
            ...     local_aws.put("Census/Raw", "census/broken.csv", b"")
            ...     local_aws.wait_for_run("Census/Preprocess", must_succeed=False)
            ...     assert [alert["state"] for alert in local_aws.alerts()] == ["ALARM"]
        """
        return self.aws.alerts()

    def inject(self, fault: Fault) -> InjectedFault:
        """Inject a fault, like :meth:`LocalAws.inject <cdk_processing.local.engine.LocalAws.inject>`.

        Example:
            >>> def test_a_throttled_run_still_makes_one_job(local_aws):              # doctest: +SKIP
            ...     with local_aws.inject(faults.throttling(times=3)) as throttled:
            ...         local_aws.put("Census/Raw", "census/a.csv", b"1,2")
            ...         local_aws.wait_for_run("Census/Preprocess")
            ...     assert throttled.hits == 3
        """
        return self.aws.inject(fault)

    def clear_faults(self) -> None:
        """Remove every injected fault."""
        self.aws.clear_faults()

    def wait_for_run(self, job: str, *, timeout: float = 300, must_succeed: bool = True) -> Run:
        """Wait for the next run of a job and for its end.

        Each run is returned once, the oldest first: a second call waits for a second run.

        Args:
            job: The job's construct path, or the end of it.
            timeout: Seconds for the run to begin and end.
            must_succeed: Whether a failed run raises an error; otherwise the returned run has the status.

        Raises:
            RunFailedError: No run began, or the run failed; the error says why.
        """
        deadline = time.monotonic() + timeout
        known = self.processing.job(self.deployment.job(job).state_machine_arn)
        while True:
            waiting = [run for run in self.processing.runs(known, limit=None) if run.arn not in self._handed_out]
            if waiting:
                break
            if time.monotonic() > deadline:
                raise RunFailedError(f"no run of {known.name} began in {timeout:g} s")
            time.sleep(0.05)
        first = min(waiting, key=lambda run: (run.started, run.arn))
        run = self.processing.wait(first, timeout=max(0.1, deadline - time.monotonic()), poll_seconds=0.05)
        self._handed_out.add(run.arn)
        if must_succeed and not run.succeeded:
            diagnosis = self.processing.explain(run)
            log = "".join(f"\n  | {line.message}" for line in diagnosis.log_lines)
            message = f"\nexit message: {diagnosis.exit_message}" if diagnosis.exit_message else ""
            raise RunFailedError(f"{known.name} ended as {run.status}: {diagnosis.failure_reason}{message}{log}")
        return run

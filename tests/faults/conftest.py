"""The fault matrix's ground: an embedded AWS with short waits, stacks of a test's own, and all that is seen of one.

A row of the matrix deploys a stack, lets something go wrong, and then looks at everything a user could: the runs, the
processing jobs by their exact names, the objects written, the dead letters lying there, the alarms and who was told.
"""

import hashlib
import itertools
import json
import os
import sys
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from cdk_processing.local import faults
from tests.patience import PATIENCE, until

SCRIPTS = Path(__file__).parent / "scripts"
#: Names of the alarms in a stack with a job ``Job``, without the stack's name.
FAILED = "Job: a run failed or timed out"
DEAD_LETTERS = "ProcessingPlatform: something lies in the dead-letter queue"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def embedded():
    """A running embedded AWS for one file of tests: jobs are real, waits of Step Functions take 1 % of their time."""
    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    with LocalAws(python=sys.executable, wait_scale=0.01) as aws, DeployedAws(aws) as deployed:
        yield deployed


@pytest.fixture(scope="module")
def deploy(embedded, tmp_path_factory):
    """``deploy(declare)`` calls ``declare(stack)``, deploys the stack and returns what can be seen of it, a World.

    ``edit``, where given, is called with the text of the synthesized template and returns what is deployed instead.
    """
    return deployer(embedded, tmp_path_factory)


@pytest.fixture(autouse=True)
def no_fault_is_left(request):
    """What a test has injected ends with it."""
    yield
    if "embedded" in request.fixturenames:
        request.getfixturevalue("embedded").clear_faults()


def deployer(embedded, tmp_path_factory):
    """What ``deploy`` does, for an embedded AWS of a test's own."""
    os.environ.setdefault("CDK_VALIDATION", "false")

    def deploy_stack(declare, *, edit=None):
        import aws_cdk

        app = aws_cdk.App(outdir=str(tmp_path_factory.mktemp("out")))
        stack = aws_cdk.Stack(app, f"Row{next(_numbers)}")
        declare(stack)
        if edit is not None:
            template = Path(app.synth().directory, stack.template_file)
            template.write_text(edit(template.read_text(encoding="utf-8")), encoding="utf-8")
        embedded.deploy(app)
        return World(embedded, stack.stack_name)

    return deploy_stack


@pytest.fixture(scope="module")
def redeploy(embedded):
    """``redeploy(world, declare)`` deploys another declaration as a stack that is there."""

    def deploy_stack(world, declare):
        import aws_cdk

        with tempfile.TemporaryDirectory() as folder:
            app = aws_cdk.App(outdir=folder)
            declare(aws_cdk.Stack(app, world.name))
            embedded.deploy(app)

    return deploy_stack


def reading_job(stack, name="Job", *, script=SCRIPTS / "read.py", triggers=None, processor=None, launch_policy=None):
    """Declare a job that reads the object that launched it, with buckets ``Data`` and ``Results``.

    Args:
        stack: Where.
        name: The job's construct id.
        script: What it runs.
        triggers: Called with the data bucket; left out, arrivals under ``in/``.
        processor: Arguments for the processor besides image, type and count.
        launch_policy: The job's.
    """
    from cdk_processing import (
        DataBucket,
        ExecutionVariables,
        LaunchPolicy,
        OnObjectCreated,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        SKLearnProcessor,
    )

    data = stack.node.try_find_child("Data") or DataBucket(stack, "Data")
    results = stack.node.try_find_child("Results") or DataBucket(stack, "Results")
    options = {"framework_version": "1.4-2", "instance_type": "ml.m5.xlarge", "instance_count": 1, **(processor or {})}
    return ProcessingJob(
        stack,
        name,
        SKLearnProcessor(**options).run(
            code=script,
            inputs=[ProcessingInput(source=ExecutionVariables.OBJECT_URI, destination="/opt/ml/processing/input/data")],
            outputs=[
                ProcessingOutput(
                    output_name="seen",
                    source="/opt/ml/processing/output",
                    destination=results.at(f"{name}/{ExecutionVariables.RUN_ID}/"),
                )
            ],
        ),
        triggers=triggers(data) if triggers else [OnObjectCreated(data.at("in/"))],
        launch_policy=launch_policy or LaunchPolicy(),
    )


@dataclass(frozen=True)
class Execution:
    """An execution of a job's state machine, ended or not."""

    arn: str
    status: str
    event: dict[str, Any]
    output: dict[str, Any]
    error: str | None
    cause: str | None

    @property
    def end(self):
        """How it ended: the run's own status where it succeeded, else Step Functions'."""
        return self.output.get("status", self.status)


class World:
    """A deployed stack, and everything that can be seen of it.

    Attributes:
        embedded: The embedded AWS and what is deployed to it.
        name: The stack's name.
    """

    def __init__(self, embedded, name):
        self.embedded = embedded
        self.name = name

    def client(self, service):
        """A client of the account's root."""
        return self.embedded.client(service)

    def inject(self, fault):
        """Let something go wrong until the ``with`` block ends."""
        return self.embedded.inject(fault)

    def until(self, look, good, seconds=PATIENCE, *, every=0.05):
        """Look again and again until what is seen is good; fails with what was seen last."""
        return until(look, good, every=every, within=seconds)

    # -- what a test does -------------------------------------------------------------------------------------------

    def bucket(self, construct="Data"):
        """A bucket's name."""
        return self.embedded.bucket(f"{self.name}/{construct}")

    def machine(self, job="Job"):
        """ARN of a job's state machine."""
        return self.embedded.deployment.job(f"{self.name}/{job}").state_machine_arn

    def put(self, key, body=b"content", bucket="Data"):
        """Put an object that AWS tells of; returns the run key of its arrival."""
        name = self.bucket(bucket)
        put = self.client("s3").put_object(Bucket=name, Key=key, Body=body)
        return f"s3://{name}/{key}@{put['VersionId']}"

    def put_untold(self, key, body=b"content", *, sequencer="0055AED6DCD90281E5", bucket="Data"):
        """Put an object whose event is lost; returns the event as EventBridge would have delivered it."""
        name = self.bucket(bucket)
        with self.inject(faults.events_lost(source="aws.s3", times=1)) as lost:
            put = self.client("s3").put_object(Bucket=name, Key=key, Body=body)
            self.until(lambda: lost.hits, lambda hits: hits == 1)
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": self.embedded.aws.account_id,
            "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.embedded.aws.region,
            "resources": [f"arn:aws:s3:::{name}"],
            "detail": {
                "version": "0",
                "bucket": {"name": name},
                "object": {
                    "key": key,
                    "size": len(body),
                    "etag": put["ETag"].strip('"'),
                    "version-id": put["VersionId"],
                    "sequencer": sequencer,
                },
                "request-id": "N4N7GDK58NMKJ12R",
                "requester": self.embedded.aws.account_id,
                "source-ip-address": "127.0.0.1",
                "reason": "PutObject",
            },
        }

    def start(self, event, job="Job"):
        """Start an execution with an input; returns its ARN."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.machine(job), input=json.dumps(event)
        )
        return started["executionArn"]

    def start_at_once(self, event, copies, job="Job"):
        """Start so many executions with one input from as many threads, at the same instant; returns their ARNs."""
        barrier = Barrier(copies)

        def start(_number):
            barrier.wait(30)
            return self.start(event, job)

        with ThreadPoolExecutor(copies) as pool:
            return list(pool.map(start, range(copies)))

    # -- what a test looks at ---------------------------------------------------------------------------------------

    def run_key(self, event):
        """The run key of an arrival, by its version."""
        created = event["detail"]["object"]
        return f"s3://{event['detail']['bucket']['name']}/{created['key']}@{created['version-id']}"

    def run_id(self, run_key, job="Job"):
        """A run's id: of the state machine and the run key alone, so that a test knows it beforehand."""
        return hashlib.md5(f"{self.machine(job)}{run_key}".encode(), usedforsecurity=False).hexdigest()

    def job_name(self, run_key, attempt=1, job="Job"):
        """The name of the one processing job of a run and an attempt."""
        return f"{self.base_name(job)}-{self.run_id(run_key, job)}-{attempt}"

    def base_name(self, job="Job"):
        """What the names of a job's processing jobs begin with."""
        return self.embedded.deployment.job(f"{self.name}/{job}").base_name

    def executions(self, job="Job"):
        """ARN and status of every execution of a job so far."""
        pages = (
            self.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=self.machine(job))
        )
        return {item["executionArn"]: item["status"] for page in pages for item in page["executions"]}

    def read(self, arn):
        """One execution, as it is now."""
        found = self.client("stepfunctions").describe_execution(executionArn=arn)
        return Execution(
            arn=arn,
            status=found["status"],
            event=json.loads(found["input"]),
            output=json.loads(found.get("output") or "{}"),
            error=found.get("error"),
            cause=found.get("cause"),
        )

    def runs(self, count, job="Job", seconds=PATIENCE):
        """Every execution of a job, once so many have begun and all have ended; the first begun first."""
        found = self.until(
            lambda: self.executions(job),
            lambda seen: len(seen) >= count and "RUNNING" not in seen.values(),
            seconds,
        )
        return [self.read(arn) for arn in reversed(found)]

    def jobs(self, job="Job"):
        """Name and status of every processing job that was made for a job, in whatever run."""
        pages = (
            self.client("sagemaker")
            .get_paginator("list_processing_jobs")
            .paginate(NameContains=f"{self.base_name(job)}-", PaginationConfig={"PageSize": 100})
        )
        return {
            item["ProcessingJobName"]: item["ProcessingJobStatus"]
            for page in pages
            for item in page["ProcessingJobSummaries"]
        }

    def until_processing(self, job_name, seconds=PATIENCE):
        """Wait until the container of a job has written its first line."""
        self.until(
            lambda: [run["last_lines"] for run in self.embedded.aws.runs() if run["name"] == job_name],
            any,
            seconds,
        )

    def resource(self, path):
        """The physical id of a resource by its construct's path below the stack."""
        stack = next(stack for stack in self.embedded.deployment.stacks if stack.name == self.name)
        return next(stack.resources[key] for key, where in stack.paths.items() if where == f"{self.name}/{path}")

    def describe(self, job_name):
        """A processing job as the API describes it."""
        return self.client("sagemaker").describe_processing_job(ProcessingJobName=job_name)

    def outputs(self, bucket="Results"):
        """Keys of the objects that were written, sorted."""
        return sorted(self.embedded.objects(f"{self.name}/{bucket}"))

    def output_of(self, run_key, job="Job", file="seen.json"):
        """The key of what a run writes."""
        return f"{job}/{self.run_id(run_key, job)}/{file}"

    def seen(self, run_key, job="Job"):
        """The files that a run was given, as it wrote them down: name and size."""
        return json.loads(self.embedded.get(f"{self.name}/Results", self.output_of(run_key, job)))

    def queue_url(self):
        """URL of the stack's dead-letter queue."""
        stack = next(stack for stack in self.embedded.deployment.stacks if stack.name == self.name)
        return next(value for key, value in stack.resources.items() if stack.types[key] == "AWS::SQS::Queue")

    def dead_letters(self):
        """Bodies of the dead letters that lie in the queue; they stay there."""
        sqs, url, found = self.client("sqs"), self.queue_url(), []
        while messages := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60, MessageAttributeNames=["All"]
        ).get("Messages"):
            found += messages
        for message in found:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in found]

    def alarms(self, at=None):
        """The stack's alarms that ring, by name without the stack's."""
        found = [alarm for alarm in self.embedded.alarms(at) if alarm["name"].startswith(f"{self.name} ")]
        assert found, "the stack has no alarms"
        return sorted(alarm["name"].removeprefix(f"{self.name} ") for alarm in found if alarm["state"] == "ALARM")

    def alerts(self):
        """What reached the topic for alerts: the alarm, without the stack's name, and its new state."""
        return sorted(
            (alert["alarm"].removeprefix(f"{self.name} "), alert["state"])
            for alert in self.embedded.alerts()
            if alert["alarm"].startswith(f"{self.name} ")
        )

    # -- what holds after most rows ---------------------------------------------------------------------------------

    def is_quiet(self):
        """Nothing lies in the dead-letter queue, no alarm rings, nobody was told anything."""
        assert self.dead_letters() == []
        assert self.alarms() == []
        assert self.alerts() == []

    def has_told(self, *, letters=1, job="Job"):
        """So many dead letters lie there, both alarms ring, each told once; returns the letters."""
        found = self.dead_letters()
        assert len(found) == letters
        failed = FAILED.replace("Job", job, 1)
        assert self.alarms() == sorted([failed, DEAD_LETTERS])
        assert self.alerts() == sorted([(failed, "ALARM"), (DEAD_LETTERS, "ALARM")])
        return found

"""The calls that runs make, recorded once: each processor, each kind of channel and each kind of trigger."""

import json
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest

from cdk_processing.local import faults
from tests.least_privilege.recording_runner import CALLS_FILE
from tests.patience import until
from tests.role_policies import put_statements, statements_of

SOURCES = ("orders", "stock")
NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
JOBS = ("Arrival", "Nightly", "Follow", "Event", "Spark", "Jar", "Marked", "Joined")
ROLES = ("ExecutionRole", "WorkflowRole", "StartRole")


@dataclass
class Recorded:
    """What the roles of the jobs may do, and the calls that they made.

    Attributes:
        policies: The statements of each role, by job and role.
        calls: The calls of each role: what IAM decided on, each once.
    """

    policies: dict[tuple[str, str], list[dict]] = field(default_factory=dict)
    calls: dict[tuple[str, str], list[dict]] = field(default_factory=dict)


def declare(stack, folder):
    """Eight jobs that have each processor, each kind of channel and each kind of trigger between them."""
    from aws_cdk import aws_ecr as ecr
    from aws_cdk import aws_kms as kms

    from cdk_processing import (
        DataBucket,
        EventField,
        ExecutionVariables,
        FrameworkProcessor,
        OnAll,
        OnDeploy,
        OnEvent,
        OnMarker,
        OnObjectCreated,
        OnSchedule,
        OnSuccessOf,
        ProcessingImage,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        Processor,
        PySparkProcessor,
        ScriptProcessor,
        SKLearn,
        SKLearnProcessor,
        SparkJarProcessor,
    )

    (folder / "main.py").write_text("print()")
    (folder / "table.csv").write_text("x")
    (folder / "app.jar").write_text("x")
    code = str(folder / "main.py")
    hosts = {"instance_type": "ml.m5.xlarge", "instance_count": 1}
    data = DataBucket(stack, "Data", encryption_key=kms.Key(stack, "DataKey"))
    results = DataBucket(stack, "Results", encryption_key=kms.Key(stack, "ResultsKey"))
    image = ProcessingImage.from_ecr_repository(ecr.Repository(stack, "Images", repository_name="prep"), tag="1")
    into = "/opt/ml/processing/input"

    def output(name, **options):
        place = results.at(f"{name}/{ExecutionVariables.RUN_ID}/")
        return ProcessingOutput(output_name="out", source="/opt/ml/processing/output/out", destination=place, **options)

    arrival = ProcessingJob(
        stack,
        "Arrival",
        SKLearnProcessor(framework_version="1.4-2", **hosts).run(
            code=code,
            inputs=[
                ProcessingInput(source=ExecutionVariables.OBJECT_URI, destination=f"{into}/one"),
                ProcessingInput(source=data.at("shared$/"), destination=f"{into}/shared"),
                ProcessingInput(source=str(folder / "table.csv"), destination=f"{into}/local"),
            ],
            outputs=[output("arrival"), ProcessingOutput(output_name="more", source="/opt/ml/processing/output/more")],
        ),
        triggers=[OnObjectCreated(data.at("in/"), newest_only=True)],
    )
    manifest = ProcessingInput(
        data.at("lists/all.manifest"), f"{into}/listed", s3_data_type="ManifestFile", objects=[data.at("listed/")]
    )
    ProcessingJob(
        stack,
        "Nightly",
        ScriptProcessor(image_uri=image, command=["python3"], **hosts).run(
            code=code, inputs=[manifest], outputs=[output("nightly", s3_upload_mode="Continuous")]
        ),
        triggers=[OnSchedule("cron(0 12 * * ? *)", overlap="skip")],
    )
    ProcessingJob(
        stack,
        "Follow",
        Processor(image_uri=image, entrypoint=["/opt/prep"], **hosts).run(
            # Not into the bucket that it reads: who may write with a key may decrypt parts with it.
            inputs=[ProcessingInput(source=arrival.outputs["out"], destination=into)],
            outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/output/out")],
        ),
        triggers=[OnSuccessOf(arrival)],
    )
    ProcessingJob(
        stack,
        "Event",
        FrameworkProcessor(SKLearn, "1.2-1", **hosts).run(
            code="main.py", source_dir=str(folder), outputs=[output("event")]
        ),
        triggers=[OnEvent({"source": ["my.app"]}, run_key=EventField("$.detail.id"))],
    )
    ProcessingJob(
        stack,
        "Spark",
        PySparkProcessor(framework_version="3.5", py_version="py39", container_version="1", **hosts).run(
            submit_app=code,
            submit_py_files=[code],
            outputs=[output("spark")],
            spark_event_logs_s3_uri=results.at("events/"),
        ),
        triggers=[OnDeploy()],
    )
    ProcessingJob(
        stack,
        "Jar",
        SparkJarProcessor(framework_version="3.5", py_version="py39", container_version="1", **hosts).run(
            submit_app=str(folder / "app.jar"), submit_class="com.example.Main", outputs=[output("jar")]
        ),
        triggers=[OnSchedule("rate(1 day)", overlap="queue")],
    )
    folder_of = ExecutionVariables.FOLDER_URI
    ProcessingJob(
        stack,
        "Marked",
        SKLearnProcessor(framework_version="1.4-2", **hosts).run(
            code=code, inputs=[ProcessingInput(source=folder_of, destination=into)], outputs=[output("marked")]
        ),
        triggers=[OnMarker(data.at("marked/day="))],
    )
    sources = {name: OnMarker(data.at(f"{name}/day=")) for name in SOURCES}
    inputs = [ProcessingInput(source=folder_of[name], destination=f"{into}/{name}") for name in SOURCES]
    ProcessingJob(
        stack,
        "Joined",
        SKLearnProcessor(framework_version="1.4-2", **hosts).run(code=code, inputs=inputs, outputs=[output("joined")]),
        triggers=[OnAll(sources, by=["day"])],
    )


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """All jobs run once on the embedded AWS."""
    import aws_cdk

    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    folder = tmp_path_factory.mktemp("recorded")
    app = aws_cdk.App(outdir=str(folder / "out"))
    code = folder / "code"
    code.mkdir()
    declare(aws_cdk.Stack(app, "Table"), code)
    file = folder / "calls.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CALLS_FILE, str(file))
        runner = "tests.least_privilege.recording_runner:run"
        options = {"python": sys.executable, "wait_scale": 0.02, "runner": runner}
        with LocalAws(**options) as aws, DeployedAws(aws) as deployed:
            _begin_recording(deployed)
            deployed.deploy(app)
            _launch(deployed)
            return _read(deployed, file)


def _begin_recording(deployed):
    """Run a job that is none of the app's: the first one loads the runner, which records from then on."""
    sagemaker = deployed.client("sagemaker")
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = deployed.client("iam")
    made = iam.create_role(RoleName="First", AssumeRolePolicyDocument=document)
    put_statements(iam, "First", [{"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}])
    hosts = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
    sagemaker.create_processing_job(
        ProcessingJobName="first",
        RoleArn=made["Role"]["Arn"],
        AppSpecification={"ImageUri": "program"},
        ProcessingResources={"ClusterConfig": hosts},
    )
    until(
        lambda: sagemaker.describe_processing_job(ProcessingJobName="first")["ProcessingJobStatus"],
        lambda status: status == "Completed",
    )


def _launch(deployed):
    deployed.wait_for_run("Table/Spark")  # launched by the deployment
    for key in ("shared$/a.csv", "listed/a.csv"):
        deployed.put("Table/Data", key, "x")
    bucket = deployed.bucket("Table/Data")
    manifest = [{"prefix": f"s3://{bucket}/listed/"}, "a.csv"]
    deployed.put("Table/Data", "lists/all.manifest", json.dumps(manifest))
    deployed.put("Table/Data", "in/a.csv", "x")
    deployed.fire_schedule("Table/Nightly", NOON)
    deployed.fire_schedule("Table/Jar", NOON)
    event = {"Source": "my.app", "DetailType": "made", "Detail": json.dumps({"id": "1"})}
    assert deployed.client("events").put_events(Entries=[event])["FailedEntryCount"] == 0
    for folder in ("marked", *SOURCES):
        deployed.put("Table/Data", f"{folder}/day=1/_SUCCESS", "")
    for job in ("Arrival", "Follow", "Nightly", "Jar", "Event", "Marked", "Joined"):
        deployed.wait_for_run(f"Table/{job}")
    with deployed.inject(faults.job_fails("AlgorithmError: the program failed", times=1)):
        deployed.fire_schedule("Table/Nightly", NOON + timedelta(days=1))
        deployed.wait_for_run("Table/Nightly", must_succeed=False)  # leaves a dead letter


def _read(deployed, file):
    [stack] = deployed.deployment.stacks
    of_role = {
        physical: tuple(stack.paths[key].split("/")[1:])
        for key, physical in stack.resources.items()
        if stack.types[key] == "AWS::IAM::Role"
    }
    found = Recorded()
    iam = deployed.client("iam")
    for name, which in of_role.items():
        found.policies[which] = [
            statement
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
            for statement in statements_of(iam, name, policy)
        ]
        found.calls[which] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        call = json.loads(line)
        parts = call["principal"].split("/")
        if ":assumed-role/" in call["principal"] and parts[1] in of_role:
            calls = found.calls[of_role[parts[1]]]
            calls += [call] if call not in calls else []
    return found

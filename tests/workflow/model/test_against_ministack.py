"""The model's own reading of the States Language, and its AWS, held to the embedded AWS.

Scenarios run through both: MiniStack's interpreter with the embedded SageMaker, and the model. They must enter the same
states and come to the same end, for the same state machine, executions and events.
"""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from cdk_processing import ExecutionVariables, Parameter, ProcessingInput, ProcessingOutput, ScriptProcessor
from cdk_processing.local import faults
from cdk_processing.request.request import Bindings
from cdk_processing.workflow.definition import Workflow, definition
from cdk_processing.workflow.event_mappings import markers_of_all
from cdk_processing.workflow.joins import FOLDERS_OF_SOURCES
from cdk_processing.workflow.launch_policy import LaunchPolicy
from cdk_processing.workflow.launches import ARRIVAL_KEYS, EventMapping
from cdk_processing.workflow.newest import NEWEST_ONLY
from cdk_processing.workflow.turns import TURNS
from tests.local.control_plane import ACCOUNT, IMAGE, machine_statements
from tests.local.faulty import faulty_world
from tests.workflow.model.machine import Definition, Execution
from tests.workflow.model.world import Job, World

_numbers = itertools.count(1)
NEWEST = EventMapping("$event.source = 'aws.s3'", ARRIVAL_KEYS["version"], fields=NEWEST_ONLY.event_fields)
TAKEN = "somebody has the name"
STUCK = "the job does not end"


@dataclass(frozen=True)
class Scenario:
    """What happens, told to both sides.

    Attributes:
        events: What is delivered, one after the other has come to its end.
        ends: The last one's status and the last state it enters, so that both sides cannot be wrong alike unnoticed.
        reason: Why every job fails, or STUCK; they complete where left out.
        local: The fault as the embedded AWS takes it, made when the scenario runs.
        modelled: The same as the model takes it: a service, and what its next calls meet.
        options: Of the workflow.
    """

    events: list[dict[str, Any]]
    ends: tuple[str, str]
    reason: str | None = None
    local: Any = None
    modelled: tuple[str, list[str]] = ("create", [])
    options: dict[str, Any] = field(default_factory=dict)


def arrival(version="v1", sequencer="01"):
    thing = {"key": "in/a b.csv", "size": 1, "version-id": version, "sequencer": sequencer, "etag": "e"}
    detail = {"bucket": {"name": "raw"}, "object": thing}
    time = "2024-03-05T07:08:00Z"
    return {"source": "aws.s3", "detail-type": "Object Created", "id": version, "time": time, "detail": detail}


def marker(source, day="day=1/"):
    found = arrival()
    found["detail"]["object"] |= {"key": f"{source}/{day}_SUCCESS", "size": 0}
    return found


def tick(hour, overlap):
    arn = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/Hourly"
    return {"source": "aws.scheduler", "schedule": arn, "time": f"2024-03-05T{hour:02}:00:00Z", "overlap": overlap}


ALGORITHM = 'AlgorithmError: "no" rows'
INTERNAL = "InternalServerError: We encountered an internal error. Please try again."
TAKES_TURNS = {"admissions": (TURNS,), "table": "turns"}
MARKERS = {
    name: {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": f"{name}/"}]}}}
    for name in ("orders", "stock")
}
JOINS = {
    "event_mappings": markers_of_all(MARKERS, {name: name for name in MARKERS}, ["day"]),
    "admissions": (FOLDERS_OF_SOURCES,),
    "table": "turns",
}
SCENARIOS = {
    "once": Scenario([arrival()], ("SUCCEEDED", "RunJob")),
    "twice": Scenario([arrival(), arrival()], ("SUCCEEDED", "Duplicate")),
    "two versions": Scenario([arrival(), arrival("v2")], ("SUCCEEDED", "RunJob")),
    "manifest": Scenario([arrival()], ("SUCCEEDED", "RunJob"), options={"manifest_bucket": "manifests"}),
    "no object": Scenario([{}], ("FAILED", "Failed"), options={"manifest_bucket": "manifests"}),
    "failed job": Scenario([arrival()], ("FAILED", "Failed"), ALGORITHM),
    "failed job, told of again": Scenario([arrival(), arrival()], ("SUCCEEDED", "Duplicate"), ALGORITHM),
    "broken job": Scenario([arrival()], ("FAILED", "Failed"), INTERNAL),
    "no capacity": Scenario(
        [arrival()],
        ("FAILED", "Failed"),
        "CapacityError: none",
        options={"types": ["ml.m5.large", "ml.m5.xlarge"]},
    ),
    "throttled": Scenario(
        [arrival()], ("SUCCEEDED", "RunJob"), None, lambda: faults.throttling(times=2), ("create", ["throttled"] * 2)
    ),
    "over quota": Scenario(
        [arrival()],
        ("SUCCEEDED", "RunJob"),
        None,
        lambda: faults.quota_exceeded("ml.m5.large", times=3),
        ("create", ["quota"] * 3),
    ),
    "without quota": Scenario(
        [arrival()],
        ("FAILED", "Failed"),
        None,
        lambda: faults.quota_exceeded("ml.m5.large", limit=0),
        ("create", ["no_quota"]),
    ),
    "lost answer": Scenario([arrival()], ("SUCCEEDED", "Adopted"), None, faults.answer_lost, ("create", ["lost"])),
    "answer lost and asked for again": Scenario(
        [arrival()], ("SUCCEEDED", "Adopted"), None, lambda: faults.answer_lost(retried=True), ("create", ["repeated"])
    ),
    "lost answer of a job that fails": Scenario(
        [arrival()], ("FAILED", "Failed"), ALGORITHM, faults.answer_lost, ("create", ["lost"])
    ),
    "name taken": Scenario([arrival()], ("SUCCEEDED", "RunJob"), None, TAKEN, ("create", ["taken"])),
    "stuck job": Scenario([arrival()], ("FAILED", "Failed"), STUCK),
    "no queue": Scenario(
        [arrival()],
        ("FAILED", "Failed"),
        ALGORITHM,
        lambda: faults.call_fails("sqs:SendMessage", "AccessDenied"),
        ("sqs", ["throttled"] * 20),
    ),
    "key used again": Scenario(
        [{"run_key": 7, "parameters": {"ratio": ratio}} for ratio in ("0.1", "0.2")],
        ("FAILED", "Failed"),
        options={"arguments": [Parameter("ratio")]},
    ),
    "older after newer": Scenario(
        [arrival("v2", "02"), arrival("v1", "01")],
        ("SUCCEEDED", "Superseded"),
        options={"event_mappings": (NEWEST,), "admissions": (NEWEST_ONLY,), "table": "turns"},
    ),
    "the first of two markers": Scenario([marker("orders")], ("SUCCEEDED", "Waiting"), options=JOINS),
    "a marker twice": Scenario([marker("orders"), marker("orders")], ("SUCCEEDED", "Waiting"), options=JOINS),
    "both markers": Scenario([marker("stock"), marker("orders")], ("SUCCEEDED", "RunJob"), options=JOINS),
    "both markers, and one again": Scenario(
        [marker("stock"), marker("orders"), marker("stock")], ("SUCCEEDED", "Duplicate"), options=JOINS
    ),
    "a marker whose path lacks the day": Scenario([marker("orders", "")], ("FAILED", "Failed"), options=JOINS),
    "one after the other, skipping": Scenario(
        [tick(1, "skip"), tick(2, "skip")], ("SUCCEEDED", "RunJob"), options=TAKES_TURNS
    ),
    "one after the other, queueing": Scenario(
        [tick(1, "queue"), tick(2, "queue")], ("SUCCEEDED", "RunJob"), options=TAKES_TURNS
    ),
    "success told": Scenario([arrival()], ("SUCCEEDED", "Announce"), options={"announces": True}),
}


@pytest.fixture(scope="module")
def embedded():
    with faulty_world() as world:
        world.client("s3").create_bucket(Bucket="manifests")
        world.client("dynamodb").create_table(
            TableName="turns",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield world


@pytest.fixture(scope="module")
def role(embedded):
    actions = ("sqs:SendMessage", "s3:PutObject", "dynamodb:UpdateItem", "dynamodb:GetItem", "events:PutEvents")
    more = {"Effect": "Allow", "Action": [*actions, "states:DescribeExecution"], "Resource": "*"}
    return embedded.role("states.amazonaws.com", [*machine_statements(embedded.job_role), more])


def defined(scenario, world):
    options = dict(scenario.options)
    types = options.pop("types", "ml.m5.large")
    exact = "manifest_bucket" in options
    processor = ScriptProcessor(
        image_uri=IMAGE,
        command=["python3"],
        instance_count=1,
        instance_type=types,
        env={STUCK: {"WAIT": "60"}, None: {}}.get(scenario.reason, {"FAIL": scenario.reason or ""}),
        max_runtime_in_seconds=1 if scenario.reason == STUCK else None,
    )
    source = ExecutionVariables.OBJECT_URI if exact else "s3://raw/in/"
    request = processor.run(
        code="s3://code/prep.py",
        inputs=[ProcessingInput(source=source, destination="/opt/ml/processing/input")],
        outputs=[ProcessingOutput(source="/opt/ml/processing/o", destination="s3://curated/out/", output_name="o")],
        arguments=options.pop("arguments", None),
    )
    queue, _ = world.queue()
    return definition(
        Workflow(
            job="Census/Preprocess",
            base_name=f"model-{next(_numbers)}",
            request=request.render(Bindings(IMAGE, world.job_role, (str(source), "s3://code/prep.py"))),
            partition="aws",
            queue_url=queue,
            policy=LaunchPolicy(provisioning_slack_seconds=1, retry_seconds=10, attempts=2),
            instance_types=request.instance_types,
            **options,
        )
    )


def embedded_runs(scenario, world, machine):
    """Status, output and states of each execution in the embedded AWS."""
    states, told = world.client("stepfunctions"), []
    for number, event in enumerate(scenario.events):
        found = world.execute(machine, event, 60, name=f"e{number}")
        history = states.get_paginator("get_execution_history").paginate(executionArn=found["executionArn"])
        entered = [
            each["stateEnteredEventDetails"]["name"]
            for page in history
            for each in page["events"]
            if each["type"].endswith("StateEntered")
        ]
        output = json.loads(found["output"]) if found["status"] == "SUCCEEDED" else found["error"]
        told.append((found["status"], output, _without_looks(entered)))
    return told


def modelled_runs(scenario, defined, machine):
    """The same in the model."""
    world, told = World(), []
    service, met = scenario.modelled
    if met != ["taken"]:
        world.faults[service].extend(met)
    else:
        world.call = _taking(world)
    for number, event in enumerate(scenario.events):
        execution = Execution(Definition(defined), machine, f"e{number}", event, world)
        while execution.running:
            execution.step()
            if scenario.reason == STUCK:
                world.clock.reach(execution.deadline or 0)
                continue
            for job in world.jobs.values():
                job.end(*(("Completed", None) if scenario.reason is None else ("Failed", scenario.reason)))
        output = execution.output if execution.status == "SUCCEEDED" else execution.error
        told.append((execution.status, output, _without_looks(execution.entered)))
    return told


def _taking(world):
    """The first name that is asked for is taken by a stranger."""
    call = world.call

    def taken_first(execution, resource, arguments):
        if "createProcessingJob" in resource and not world.jobs:
            name = arguments["ProcessingJobName"]
            world.jobs[name] = Job({"ProcessingJobName": name}, status="Completed")
        return call(execution, resource, arguments)

    return taken_first


def _without_looks(entered):
    """How often a job is looked at while it runs is a matter of speed."""
    text = " ".join(entered)
    return text.replace(" WaitForJob DescribeJob Judge", "").split()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_model_goes_the_way_that_the_embedded_aws_goes(name, embedded, role):
    scenario = SCENARIOS[name]
    made = defined(scenario, embedded)
    machine = embedded.machine(made, role)
    modelled = modelled_runs(scenario, made, machine)

    if scenario.local == TAKEN:
        job_name = modelled[0][1]["job_name"].removesuffix("-2") + "-1"
        embedded.client("sagemaker").create_processing_job(
            **embedded.request(embedded.job_role, ProcessingJobName=job_name)
        )
        ran = embedded_runs(scenario, embedded, machine)
    elif scenario.local is not None:
        with embedded.aws.inject(scenario.local()):
            ran = embedded_runs(scenario, embedded, machine)
    else:
        ran = embedded_runs(scenario, embedded, machine)

    assert modelled == ran
    assert (ran[-1][0], ran[-1][2][-1]) == scenario.ends

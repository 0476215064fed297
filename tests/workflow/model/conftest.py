"""The definitions that are checked: synthesized, by the real constructs."""

import json

import pytest

from tests.constructs.conftest import flat
from tests.workflow.model.machine import Definition
from tests.workflow.model.runs import Subject

SOURCES = ("orders", "stock", "prices")


@pytest.fixture(scope="session")
def synthesized():
    """Definitions by the job's name, where Raw's objects arrive, and definitions of platforms by their ARN."""
    from aws_cdk import App, Stack
    from aws_cdk.assertions import Template

    from cdk_processing import DataBucket

    stack = Stack(App(), "Census")
    raw, curated = DataBucket(stack, "Raw"), DataBucket(stack, "Curated")
    _declare(stack, raw, curated)
    template = Template.from_stack(stack).to_json()
    kind = "AWS::StepFunctions::StateMachine"
    resources = {key: each for key, each in template["Resources"].items() if each["Type"] == kind}
    lines = {
        f"<{key}>": json.loads(flat(each["Properties"]["DefinitionString"]))
        for key, each in resources.items()
        if each["Properties"].get("StateMachineType") == "EXPRESS"
    }
    machines = [each for key, each in resources.items() if f"<{key}>" not in lines]
    found = {
        each["Metadata"]["cdk-processing"]["job"].rpartition("/")[2]: json.loads(
            flat(each["Properties"]["DefinitionString"])
        )
        for each in machines
    }
    return found, f"<{stack.get_logical_id(raw.node.default_child)}>", lines


def _declare(stack, raw, curated):
    from cdk_processing import (
        ExecutionVariables,
        OnAll,
        OnMarker,
        OnObjectCreated,
        OnSchedule,
        OnSuccessOf,
        Parameter,
        ProcessingInput,
        ProcessingJob,
        ProcessingOutput,
        ProcessingPlatform,
        SKLearnProcessor,
    )

    def job(name, *triggers, source=None, sources=(), instance_type="ml.m5.xlarge", instances=1, limits=None, **run):
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type=instance_type, instance_count=instances)
        request = processor.run(
            code="s3://code/prep.py",
            inputs=[
                ProcessingInput(source=each, destination=f"/opt/ml/processing/input/{number}")
                for number, each in enumerate(sources or [source or raw.at("in/")])
            ],
            outputs=[
                ProcessingOutput(
                    output_name="train",
                    source="/opt/ml/processing/train",
                    destination=curated.at(f"{name}/{ExecutionVariables.RUN_ID}/"),
                )
            ],
            **run,
        )
        return ProcessingJob(stack, name, request, triggers=list(triggers), **(limits or {}))

    job("Arrivals", OnObjectCreated(raw.at("in/")))
    job("Manifests", OnObjectCreated(raw.at("in/")), source=ExecutionVariables.OBJECT_URI)
    job("Types", OnObjectCreated(raw.at("in/")), instance_type=["ml.p3.2xlarge", "ml.g5.xlarge", "ml.g4dn.xlarge"])
    job("Newest", OnObjectCreated(raw.at("in/"), newest_only=True))
    job("ByHand", arguments=["--ratio", Parameter("ratio", default="0.2")])
    job("Skip", OnSchedule("rate(1 hour)", overlap="skip"))
    job("Queue", OnSchedule("rate(1 hour)", overlap="queue"))
    job("Allow", OnSchedule("rate(1 hour)"))
    job(
        "All",
        OnAll({name: OnMarker(raw.at(f"{name}/day=")) for name in SOURCES}, by=["day"]),
        sources=[ExecutionVariables.FOLDER_URI[name] for name in SOURCES],
    )
    upstream = job("Upstream", OnObjectCreated(raw.at("in/")))
    job("Downstream", OnSuccessOf(upstream))
    job("Limited", OnObjectCreated(raw.at("in/")), limits={"max_concurrency": 2})
    platform = ProcessingPlatform(stack, "Shared", max_instances=3)
    job("Small", OnObjectCreated(raw.at("in/")), limits={"platform": platform})
    job("Large", OnObjectCreated(raw.at("in/")), instances=2, limits={"platform": platform})
    job("Both", OnObjectCreated(raw.at("in/")), instances=2, limits={"platform": platform, "max_concurrency": 2})


@pytest.fixture(scope="session")
def subject(synthesized):
    """``subject(name)`` is what is checked of a job; ``change`` may make its definition another."""
    definitions, bucket, lines = synthesized
    asked = {
        "Newest": {"newest_only": True},
        "ByHand": {"by_hand": True},
        "Skip": {"overlap": "skip"},
        "Queue": {"overlap": "queue"},
        "Allow": {"overlap": "allow"},
        "All": {"sources": SOURCES},
        "Upstream": {"announces": True},
        "Limited": {"limit": 2},
        "Small": {"limit": 3, "weights": (1, 2), "others": ("Large",)},
        "Both": {"limit": 3, "weights": (2,), "several_lines": True},
    }

    def make(name, change=None):
        definition, options = json.loads(json.dumps(definitions[name])), dict(asked.get(name, {}))
        changed = definition
        if "limit" in options:
            machine = definition["States"]["AskForPlace"]["Arguments"]["StateMachineArn"]
            changed = line = json.loads(json.dumps(lines[machine]))
            options |= {"line": line, "line_machine": machine}
        if change is not None:
            result = change(changed) or changed
            definition, options = (
                (result, options) if changed is definition else (definition, {**options, "line": result})
            )
        if "line" in options:
            others = tuple(Definition(definitions[other]) for other in options.get("others", ()))
            options |= {"line": Definition(options["line"]), "others": others}
        return Subject(Definition(definition), bucket=bucket, **options)

    return make

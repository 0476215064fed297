import json
import re

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from cdk_processing import DataBucket, ProcessingInput, ProcessingJob, ProcessingOutput, SKLearnProcessor

PROCESSOR = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)


@pytest.fixture
def app():
    return App()


@pytest.fixture
def stack(app):
    """A stack that does not know its account or region."""
    return Stack(app, "Census")


@pytest.fixture
def raw(stack):
    return DataBucket(stack, "Raw")


@pytest.fixture
def curated(stack):
    return DataBucket(stack, "Curated")


@pytest.fixture
def request_for():
    """A request of the simplest kind: one input, one output."""

    def make(source=None, destination=None, processor=PROCESSOR, code="s3://code/prep.py", **run):
        if source is not None:
            run["inputs"] = [ProcessingInput(source=source, destination="/opt/ml/processing/input")]
        if destination is not None:
            output = ProcessingOutput(output_name="train", source="/opt/ml/processing/train", destination=destination)
            run["outputs"] = [output]
        return processor.run(code=code, **run)

    return make


@pytest.fixture
def job(stack, raw, curated, request_for):
    """A job that reads Raw and writes Curated."""
    return ProcessingJob(stack, "Preprocess", request_for(raw.at("in/"), curated.at("out/")))


@pytest.fixture
def synth():
    """A stack's template, as it is deployed."""

    def template(stack):
        return Template.from_stack(stack).to_json()

    return template


@pytest.fixture
def resources():
    """A template's resources of a type, by logical id."""

    def of_type(template, kind):
        return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}

    return of_type


@pytest.fixture
def statements(resources):
    """The statements of a role, by Sid."""

    def of_role(template, beginning):
        roles = resources(template, "AWS::IAM::Role")
        [found] = [role for name, role in roles.items() if name.startswith(beginning)]
        [policy] = found["Properties"]["Policies"]
        attached = [template["Resources"][arn["Ref"]] for arn in found["Properties"].get("ManagedPolicyArns", [])]
        documents = [policy["PolicyDocument"], *(each["Properties"]["PolicyDocument"] for each in attached)]
        return {statement["Sid"]: statement for document in documents for statement in document["Statement"]}

    return of_role


@pytest.fixture
def definition():
    """A job's state machine, with every token written as its name."""

    def of_job(template, beginning):
        machines = {
            name: r for name, r in template["Resources"].items() if r["Type"] == "AWS::StepFunctions::StateMachine"
        }
        [found] = [machine for name, machine in machines.items() if name.startswith(beginning)]
        return json.loads(flat(found["Properties"]["DefinitionString"]))

    return of_job


def flat(value):
    """A template's text, with ``<Name>`` where something is filled in at deployment."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join" and isinstance(argument[1], dict):  # of a list that CloudFormation knows
        return flat(argument[1])
    if function == "Fn::Join":
        return argument[0].join(flat(part) for part in argument[1])
    if function == "Fn::Sub":
        text, values = argument if isinstance(argument, list) else (argument, {})
        filled = re.sub(
            r"\$\{([^!}]+)\}", lambda name: flat(values[name[1]]) if name[1] in values else f"<{name[1]}>", text
        )
        return filled.replace("${!", "${")
    if function == "Fn::FindInMap":
        return f"<{argument[0]}>"
    return f"<{argument if isinstance(argument, str) else '.'.join(map(str, argument))}>"


@pytest.fixture(name="flat")
def flat_fixture():
    return flat

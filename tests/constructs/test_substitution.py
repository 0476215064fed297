"""Long text with tokens is one Fn::Sub, in which every other text stays as it is."""

import json

import pytest
from aws_cdk import App, Aws, Fn, Stack
from aws_cdk import aws_s3 as s3

from cdk_processing import ProcessingJob, ScriptProcessor
from cdk_processing.constructs.substitution import filled_in, substituted


@pytest.fixture
def stack():
    return Stack(App(), "Census")


def test_text_without_tokens_is_itself():
    assert substituted("arn:${x} $y {z}") == "arn:${x} $y {z}"


def test_each_value_is_named_once_however_often_it_comes(stack):
    name = s3.Bucket(stack, "Raw").bucket_name
    found = stack.resolve(substituted(f"{name} {Aws.PARTITION} {name} {Aws.REGION} {name} {Fn.ref('Other')}"))

    [(text, values)] = found.values()
    assert text == "${V0} ${AWS::Partition} ${V0} ${AWS::Region} ${V0} ${V1}"
    assert (list(values["V0"]), values["V1"]) == (["Ref"], {"Ref": "Other"})


def test_what_aws_fills_in_by_itself_needs_no_name():
    assert Stack(App(), "S").resolve(substituted(f"arn:{Aws.PARTITION}:x")) == {"Fn::Sub": "arn:${AWS::Partition}:x"}


def test_a_document_says_in_one_line_what_aws_fills_in_by_itself(stack):
    name = s3.Bucket(stack, "Raw").bucket_name
    document = {"a": [f"arn:{Aws.PARTITION}:x:{Aws.REGION}", Aws.REGION, "plain ${x}"], "b": f"{Aws.REGION}{name}"}

    filled = filled_in(document)

    assert filled["a"] == [{"Fn::Sub": "arn:${AWS::Partition}:x:${AWS::Region}"}, Aws.REGION, "plain ${x}"]
    assert filled["b"] == document["b"]  # a reference to the bucket, which the CDK follows into other stacks


def test_a_variable_of_a_policy_is_not_filled_in_by_cloudformation():
    assert filled_in(f"arn:{Aws.PARTITION}:s3:::raw/${{*}}/x") == {"Fn::Sub": "arn:${AWS::Partition}:s3:::raw/${!*}/x"}


@pytest.mark.parametrize("text", ["${HOME}", "$${x}", "${!x}", "${", "a${b}c${AWS::Region}"])
def test_an_argument_that_looks_like_a_substitution_reaches_the_job_as_it_is(stack, text, flat):
    processor = ScriptProcessor(image_uri="img", command=["sh"], instance_count=1, instance_type="ml.m5.large")
    ProcessingJob(stack, "Job", processor.run("s3://code/run.sh", arguments=[text]))

    template = stack.node.root.synth().get_stack_by_name("Census").template
    [machine] = [each for each in template["Resources"].values() if each["Type"] == "AWS::StepFunctions::StateMachine"]
    definition = json.loads(flat(machine["Properties"]["DefinitionString"]))

    arguments = definition["States"]["RunJob"]["Arguments"]["AppSpecification"]["ContainerArguments"]
    assert arguments == [text]

"""``max_concurrency`` and ``max_instances``: what they add to a template, and what is refused."""

import json

import pytest
from aws_cdk import App, CfnParameter, Stack
from aws_cdk.assertions import Template

from cdk_processing import DeclarationError, ProcessingJob, ProcessingPlatform, SKLearnProcessor
from tests.constructs.conftest import flat

STATES = ["AskForPlace", "JudgePlace", "WaitForPlace"]


@pytest.fixture
def declare(stack, request_for):
    """``declare(instances=, **options)`` declares one more job."""
    names = iter(["One", "Two", "Three"])

    def declare_job(instances=1, **options):
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=instances)
        return ProcessingJob(stack, next(names), request_for(processor=processor), **options)

    return declare_job


def machines(template):
    """Definitions of the state machines, by the last part of their construct's path; that of the platform is Line."""
    return {
        each["Metadata"]["cdk-processing"]["job"].rpartition("/")[2] if "Metadata" in each else "Line": json.loads(
            flat(each["Properties"]["DefinitionString"])
        )
        for each in template["Resources"].values()
        if each["Type"] == "AWS::StepFunctions::StateMachine"
    }


def count(template):
    return len(template["Resources"])


def test_a_limit_adds_three_states_to_the_job_and_a_table_a_state_machine_and_a_role_to_the_platform(
    stack, declare, synth
):
    declare()
    plain = synth(stack)
    other = Stack(App(), "Census")
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    ProcessingJob(other, "One", processor.run(code="s3://code/prep.py"), max_concurrency=2)

    limited = Template.from_stack(other).to_json()

    assert set(machines(limited)["One"]["States"]) - set(machines(plain)["One"]["States"]) == set(STATES)
    assert count(limited) - count(plain) == 3
    kinds = [each["Type"] for each in limited["Resources"].values()]
    assert kinds.count("AWS::DynamoDB::Table") == 1
    [role] = [each for key, each in limited["Resources"].items() if "LineRole" in key]
    statements = {each["Sid"]: each for each in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]}
    assert statements["KeepLines"]["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["#line#*"]}}
    assert statements["DescribeRuns"]["Action"] == "states:DescribeExecution"


def test_a_job_may_do_no_more_about_lines_than_call_the_state_machine_of_its_platform(stack, declare, synth):
    declare(max_concurrency=2)

    [role] = [each for key, each in synth(stack)["Resources"].items() if "WorkflowRole" in key]

    statements = role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    [ask] = [each for each in statements if each["Sid"] == "AskForPlaces"]
    assert ask["Action"] == "states:StartSyncExecution"
    assert "Line" in json.dumps(ask["Resource"])
    assert "dynamodb" not in json.dumps(statements)


def test_several_jobs_share_the_state_machine_and_each_asks_for_its_own_lines(stack, declare, synth):
    platform = ProcessingPlatform(stack, "Platform", max_instances=8)
    declare(platform=platform)
    declare(3, platform=platform, max_concurrency=2)

    found = machines(synth(stack))

    asked = [found[name]["States"]["AskForPlace"]["Arguments"]["Input"] for name in ("One", "Two")]
    assert set(found) == {"One", "Two", "Line"}
    assert "'lines': [{'name': 'platform', 'weight': 1}]" in asked[0]
    own = "{'name': $states.context.StateMachine.Id, 'weight': 1, 'limit': 2}"
    assert f"'lines': [{own}, {{'name': 'platform', 'weight': 3}}]" in asked[1]
    assert "? 8 :" in found["Line"]["States"]["NextLine"]["Choices"][0]["Assign"]["line"]


def test_a_platform_with_a_limit_that_no_job_uses_has_no_line(stack, synth):
    ProcessingPlatform(stack, "Platform", max_instances=8)

    assert machines(synth(stack)) == {}


def test_the_stack_of_an_imported_platform_finds_the_state_machine_by_its_parameter(stack, declare, synth):
    platform = ProcessingPlatform.from_name(stack, "Platform", "data", has_max_instances=True)
    declare(2, platform=platform)

    template = synth(stack)

    asked = machines(template)["One"]["States"]["AskForPlace"]["Arguments"]
    assert "'weight': 2" in asked["Input"]
    [parameter] = [
        each for each in template["Parameters"].values() if str(each["Default"]).endswith("/line-machine-arn")
    ]
    assert parameter["Default"] == "/cdk-processing/platforms/data/v1/line-machine-arn"


def test_the_stack_of_an_imported_platform_without_a_limit_is_as_it_was(stack, declare, synth):
    declare(platform=ProcessingPlatform.from_name(stack, "Platform", "data"))

    template = synth(stack)

    assert not set(STATES) & set(machines(template)["One"]["States"])
    assert "line-machine-arn" not in json.dumps(template)


def test_the_number_of_instances_may_be_known_at_deployment_alone(stack, declare, synth):
    given = CfnParameter(stack, "Instances", type="Number", default=2)
    declare(given.value_as_number, platform=ProcessingPlatform(stack, "Platform", max_instances=8))

    resources = synth(stack)["Resources"]
    [machine] = [each for key, each in resources.items() if key.startswith("OneStateMachine")]
    text = flat(machine["Properties"]["DefinitionString"])

    assert "'weight': <Instances>" in text


@pytest.mark.parametrize("limit", [0, -1, 301, True, 1.5, "2", [2]])
def test_a_limit_that_is_no_whole_number_within_bounds_is_refused(declare, limit):
    with pytest.raises(DeclarationError, match=r"max_concurrency must be a whole number from 1 to 300"):
        declare(max_concurrency=limit)


@pytest.mark.parametrize("limit", [0, -1, 100_001, False, 1.5, "20"])
def test_a_limit_of_a_platform_that_is_no_whole_number_is_refused(stack, limit):
    with pytest.raises(DeclarationError, match=r"max_instances must be a whole number from 1 to 100,000"):
        ProcessingPlatform(stack, "Platform", max_instances=limit)


def test_a_limit_that_only_the_deployment_knows_is_refused_with_the_reason(stack, declare):
    given = CfnParameter(stack, "Most", type="Number").value_as_number

    with pytest.raises(DeclarationError, match="write the number: synth compares it"):
        declare(max_concurrency=given)


def test_a_job_of_more_instances_than_its_platform_has_is_refused(stack, declare):
    platform = ProcessingPlatform(stack, "Platform", max_instances=2)

    with pytest.raises(
        DeclarationError, match="instance_count must be at most 2, as max_instances of the platform says"
    ):
        declare(3, platform=platform)


def test_the_number_of_a_platform_is_not_said_again_where_it_is_imported(stack):
    with pytest.raises(DeclarationError, match="the number is that of the platform"):
        ProcessingPlatform.from_name(stack, "Platform", "data", has_max_instances=20)

"""AWS's limits on what a job is deployed as: each cannot be reached, or is refused at synth."""

import json
import re

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

from cdk_processing import (
    DataBucket,
    DeclarationError,
    NetworkConfig,
    OnDeploy,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    ProcessingInput,
    ProcessingJob,
    SKLearnProcessor,
)

PLACE = Environment(account="111122223333", region="eu-central-1")
#: Longer by this for each key prefix that a role may read: the prefix stands in three places.
PREFIX = "p" * 900


def widest(size):
    """A job whose execution role reads prefixes of so many characters together, and a function for its role's size."""
    stack = Stack(App(), "Census", env=PLACE)
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    keys, left = [], size
    while left > 0:
        keys.append(str(len(keys)) + "k" * (min(left, 900) - 1))
        left -= 900
    inputs = [
        ProcessingInput(source=f"s3://data/{key}/", destination=f"/opt/ml/processing/{number}")
        for number, key in enumerate(keys)
    ]
    ProcessingJob(stack, "Job", processor.run(code="s3://code/prep.py", inputs=inputs))
    return stack


def inline_size(template, role):
    """What IAM counts: all inline policies of a role, without white space and without what is filled in later."""
    sizes = []
    for name, resource in template["Resources"].items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Role" and name.startswith(role):
            sizes += [text_size(policy["PolicyDocument"]) for policy in properties["Policies"]]
        if resource["Type"] == "AWS::IAM::Policy" and any(r["Ref"].startswith(role) for r in properties["Roles"]):
            sizes.append(text_size(properties["PolicyDocument"]))
    return sum(sizes)


def text_size(value):
    return len(re.sub(r"\$\{[^}]*\}", "", json.dumps(flat(value), separators=(",", ":"))))


def flat(value):
    """Only what is known of a value."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            [(function, argument)] = value.items()
            if function == "Fn::Join":
                return "".join(part for part in argument[1] if isinstance(part, str))
            if function == "Fn::Sub":
                return argument if isinstance(argument, str) else argument[0]
            return ""
        return {name: flat(item) for name, item in value.items()}
    return [flat(item) for item in value] if isinstance(value, list) else value


def test_a_role_is_refused_at_the_very_character_that_is_too_many():
    def size_at(size):
        """The size of the role's policies; None where they are refused."""
        try:
            return inline_size(Template.from_stack(widest(size)).to_json(), "JobExecutionRole")
        except RuntimeError as error:
            refusals.append(str(error))
            return None

    refusals: list[str] = []
    fitting, refused, largest = 900, 9000, 0
    while refused - fitting > 1:
        size = (fitting + refused) // 2
        found = size_at(size)
        fitting, refused, largest = (fitting, size, largest) if found is None else (size, refused, found)

    assert all(
        "the inline policies of role Census/Job/ExecutionRole must have at most 10,240 characters" in each
        for each in refusals
    )
    # A prefix of one more character makes the policy longer by at most three.
    assert 10_240 - 3 <= largest <= 10_240


@pytest.mark.parametrize("overlap", ["allow", "queue"])
def test_the_policy_for_turns_counts_with_the_role_s_own(stack, request_for, monkeypatch, overlap):
    from cdk_processing.constructs import checks

    ProcessingJob(stack, "Job", request_for(), triggers=[OnSchedule("rate(1 day)", overlap=overlap)])
    size = inline_size(Template.from_stack(stack).to_json(), "JobWorkflowRole")
    known = {job.node.path: size for job in [stack.node.find_child("Job")]}

    assert known
    if overlap == "queue":
        # The limit is set to what both policies have together, then to one character less.
        for limit, is_refused in ((size, False), (size - 1, True)):
            monkeypatch.setattr(checks, "_INLINE_POLICIES", limit)
            again = Stack(App(), "Census")
            ProcessingJob(again, "Job", request_for(), triggers=[OnSchedule("rate(1 day)", overlap=overlap)])
            if is_refused:
                with pytest.raises(RuntimeError, match=r"the inline policies of role Census/Job/WorkflowRole"):
                    Template.from_stack(again)
            else:
                Template.from_stack(again)


@pytest.mark.parametrize(("length", "is_refused"), [(2048, False), (2049, True)])
def test_a_pattern_is_refused_at_the_very_character_that_is_too_many(stack, request_for, length, is_refused):
    frame = len(json.dumps({"source": [""]}, separators=(",", ":")))
    trigger = OnEvent({"source": ["s" * (length - frame)]})

    if is_refused:
        with pytest.raises(
            DeclarationError, match=r"pattern must be at most 2,048 characters .*, got '2,049 characters'"
        ):
            ProcessingJob(stack, "Job", request_for(), triggers=[trigger])
    else:
        ProcessingJob(stack, "Job", request_for(), triggers=[trigger])


def test_a_pattern_of_many_values_is_refused_also_where_a_trigger_is_added_later(stack, request_for):
    job = ProcessingJob(stack, "Job", request_for())

    with pytest.raises(DeclarationError, match=r"split it into several triggers"):
        job.add_trigger(OnEvent({"source": [f"source-{number}" for number in range(300)]}))


def test_blanks_do_not_count_and_tokens_are_not_guessed(stack, request_for):
    bucket = DataBucket(stack, "Raw")
    ProcessingJob(stack, "Job", request_for(), triggers=[OnObjectCreated(bucket.at("k" * 1000))])

    [rule] = Template.from_stack(stack).find_resources("AWS::Events::Rule").values()
    assert "k" * 1000 in json.dumps(rule)


@pytest.fixture
def everything(request_for):
    """The template of a stack of the longest name, with every kind of resource and the longest ids."""
    stack = Stack(App(), "S" * 128)
    raw = DataBucket(stack, "Raw")
    processor = SKLearnProcessor(
        framework_version="1.4-2",
        instance_type="ml.m5.xlarge",
        instance_count=2,
        network_config=NetworkConfig(security_group_ids=["sg-1"], subnets=["subnet-1"]),
    )
    arrivals = [OnObjectCreated(raw.at("in/"), newest_only=True), OnSchedule("rate(1 day)", overlap="queue")]
    first = ProcessingJob(stack, "x" * 200, request_for(raw.at("in/"), processor=processor), triggers=arrivals)
    others = [OnSuccessOf(first), OnEvent({"source": ["my.app"]}), OnDeploy()]
    ProcessingJob(stack, "y" * 200, request_for(), triggers=others)
    return Template.from_stack(stack).to_json()


def test_cloudformation_names_what_has_a_limit_on_its_name(everything):
    """So that no name of a state machine, role, rule, schedule, queue, table, topic or bucket can be too long."""
    names = re.compile(r"(StateMachine|Role|Queue|Table|Topic|Bucket)?Name|Alias(Name)?")
    named = {
        (resource["Type"], field)
        for resource in everything["Resources"].values()
        for field in resource["Properties"]
        if names.fullmatch(field)
    }

    assert named == set()


def test_the_names_that_are_given_fit_under_the_longest_name_of_a_stack(everything, resources):
    def filled(value):
        text = (
            value["Fn::Sub"]
            if "Fn::Sub" in value
            else "".join(part if isinstance(part, str) else "S" * 128 for part in value["Fn::Join"][1])
        )
        return text.replace("${AWS::StackName}", "S" * 128)

    alarms = [filled(r["Properties"]["AlarmName"]) for r in resources(everything, "AWS::CloudWatch::Alarm").values()]
    groups = [filled(r["Properties"]["LogGroupName"]) for r in resources(everything, "AWS::Logs::LogGroup").values()]

    assert len(set(alarms)) == len(alarms) > 3
    assert all(len(name) <= 255 for name in alarms)
    assert all(len(name) <= 512 for name in groups)


@pytest.mark.parametrize("name", ["b" * 64, "Bucket", "b_c"])
def test_a_name_that_no_bucket_can_have_is_refused(stack, name):
    with pytest.raises(RuntimeError, match=r"Invalid S3 bucket name"):
        DataBucket(stack, "Raw", bucket_name=name)

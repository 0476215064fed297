"""Numbers and lists that only CloudFormation knows, in a real synth: what is made of them, and what is refused."""

import json

import jsii
import pytest
from aws_cdk import CfnParameter, Duration, Fn, IStableNumberProducer, Lazy, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing import (
    DeclarationError,
    LaunchPolicy,
    NetworkConfig,
    OnDeploy,
    OnSchedule,
    ProcessingJob,
    Processor,
    SKLearnProcessor,
)
from cdk_processing.local.deployment.expressions import resolve_text
from cdk_processing.request.number_tokens import NUMBER_TOKEN
from tests.workflow.states_language import problems_of


@pytest.fixture
def number(stack):
    """``number(name)`` is a parameter of the stack, as a number."""
    return lambda name="Number": CfnParameter(stack, name, type="Number").value_as_number


@pytest.fixture
def names(stack):
    """``names(kind)`` is a parameter of the stack, as a list."""
    return lambda kind="CommaDelimitedList", name="Names": CfnParameter(stack, name, type=kind).value_as_list


def processor(**options):
    required = {"framework_version": "1.4-2", "instance_type": "ml.m5.xlarge", "instance_count": 1}
    return SKLearnProcessor(**{**required, **options})


@pytest.fixture
def run_job(stack, synth, resources):
    """The state of a job that makes the processing job, as CloudFormation fills it in with these parameters."""

    def of(request, triggers=(), **parameters):
        ProcessingJob(stack, "Job", request, triggers=triggers)
        [machine] = resources(synth(stack), "AWS::StepFunctions::StateMachine").values()
        written = machine["Properties"]["DefinitionString"]
        body, values = written["Fn::Sub"] if isinstance(written["Fn::Sub"], list) else (written["Fn::Sub"], {})
        # What CloudFormation takes: a text, and the values of its names.
        assert isinstance(body, str)
        assert NUMBER_TOKEN.search(body) is None
        found = json.loads(resolve_text({"Fn::Sub": [body, values]}, parameters))
        assert problems_of(without_timeout(found)) == []
        return found["States"]["RunJob"]

    return of


def without_timeout(definition):
    """A definition for statelint, which does not know that TimeoutSeconds may be an expression in JSONata.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
    """
    states = {
        name: {k: v for k, v in state.items() if k != "TimeoutSeconds"} for name, state in definition["States"].items()
    }
    return {**definition, "States": states}


def cluster(state):
    return state["Arguments"]["ProcessingResources"]["ClusterConfig"]


def test_numbers_of_hosts_and_storage_are_filled_in_as_numbers(number, run_job):
    request = processor(instance_count=number("Hosts"), volume_size_in_gb=number("Storage")).run("s3://code/prep.py")

    found = cluster(run_job(request, Hosts="3", Storage="50"))

    assert (found["InstanceCount"], found["VolumeSizeInGB"]) == (3, 50)


def test_a_number_that_a_function_makes_is_filled_in_too(run_job):
    hosts = Token.as_number(Fn.select(1, Fn.split(",", Fn.import_value("sizes"))))

    found = run_job(processor(instance_count=hosts).run("s3://code/prep.py"), sizes="2,7")

    assert cluster(found)["InstanceCount"] == 7


def test_a_number_that_only_synth_knows_later_is_that_number(run_job):
    @jsii.implements(IStableNumberProducer)
    class Four:
        def produce(self):
            return 4

    found = run_job(processor(instance_count=Lazy.number(Four())).run("s3://code/prep.py"))

    assert cluster(found)["InstanceCount"] == 4


@pytest.mark.parametrize("as_duration", [False, True], ids=["number", "duration"])
def test_a_time_limit_is_filled_in_and_the_task_waits_longer_than_that(number, run_job, as_duration):
    limit = Duration.seconds(number("Limit")) if as_duration else number("Limit")

    found = run_job(processor(max_runtime_in_seconds=limit).run("s3://code/prep.py"), Limit="7200")

    assert found["Arguments"]["StoppingCondition"] == {"MaxRuntimeInSeconds": 7200}
    assert found["TimeoutSeconds"] == "{% 7200 + 3600 %}"


def test_numbers_in_arguments_and_environment_are_filled_in_as_text(number, run_job):
    one, two = number("One"), number("Two")
    request = processor(env={"ONE": one, "BOTH": f"{one}/{two}"}).run(
        "s3://code/prep.py", arguments=["--one", one, f"--two={two}", str(two), Token.as_string(one)]
    )

    found = run_job(request, One="1", Two="2.5")["Arguments"]

    assert found["AppSpecification"]["ContainerArguments"] == ["--one", "1", "--two=2.5", "2.5", "1"]
    assert {name: found["Environment"][name] for name in ("ONE", "BOTH")} == {"ONE": "1", "BOTH": "1/2.5"}


@given(st.integers(0, 10_000))
def test_every_number_token_is_known_by_its_form(count):
    # The CDK counts its tokens on from this number: packages/aws-cdk-lib/core/lib/private/encoding.ts
    token = Token.as_number({"Ref": f"N{count}"})

    assert NUMBER_TOKEN.fullmatch(repr(token))


def test_a_list_is_filled_in_as_arguments_alone_and_beside_others(stack, names, run_job):
    listed = names()
    request = processor().run("s3://code/prep.py", arguments=["--names", *listed, "--end"])

    found = run_job(request, triggers=[OnDeploy()], Names=["a", "b"])

    assert found["Arguments"]["AppSpecification"]["ContainerArguments"] == ["--names", "a", "b", "--end"]


def test_a_list_is_filled_in_as_the_words_of_a_command(run_job):
    words = Fn.split(" ", Fn.import_value("command"))
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/prep:1"
    request = Processor(image_uri=image, instance_type="ml.m5.xlarge", instance_count=1, entrypoint=words).run()

    found = run_job(request, command="python3 -u /prep.py")

    assert found["Arguments"]["AppSpecification"]["ContainerEntrypoint"] == ["python3", "-u", "/prep.py"]


@pytest.fixture
def in_vpc(names):
    """A processor whose subnets and security groups are parameters of the stack."""
    subnets = names("List<AWS::EC2::Subnet::Id>", "Subnets")
    groups = names("List<AWS::EC2::SecurityGroup::Id>", "Groups")
    return processor(network_config=NetworkConfig(subnets=subnets, security_group_ids=groups))


def test_lists_of_subnets_and_groups_are_filled_in(in_vpc, run_job):
    found = run_job(in_vpc.run("s3://code/prep.py"), Subnets=["subnet-1", "subnet-2"], Groups=["sg-1"])

    assert found["Arguments"]["NetworkConfig"]["VpcConfig"] == {
        "SecurityGroupIds": ["sg-1"],
        "Subnets": ["subnet-1", "subnet-2"],
    }


def resolved(value, **parameters):
    """A policy's value with its functions worked out."""
    if isinstance(value, dict) and "Fn::Split" in value:
        separator, text = value["Fn::Split"]
        return resolve_text(text, parameters).split(separator)
    return [resolve_text(each, parameters) for each in value]


def test_the_role_is_narrowed_to_each_subnet_and_group_of_the_lists(stack, in_vpc, synth, statements):
    ProcessingJob(stack, "Job", in_vpc.run("s3://code/prep.py"))
    found = statements(synth(stack), "JobExecutionRole")
    place = {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "111122223333"}
    given = {**place, "Subnets": ["subnet-1", "subnet-2"], "Groups": ["sg-1", "sg-2"]}

    make = [found[sid] for sid in ("MakeNetworkInterfaces", "MakeInSubnets", "MakeInGroups")]
    assert {statement["Action"] for statement in make} == {"ec2:CreateNetworkInterface"}
    assert [resolve_text(statement["Resource"], given) for statement in make] == [
        "arn:aws:ec2:eu-west-1:111122223333:network-interface/*",
        "arn:aws:ec2:eu-west-1:*:subnet/*",
        "arn:aws:ec2:eu-west-1:*:security-group/*",
    ]
    assert [statement.get("Condition", {}) for statement in make[:1]] == [{}]
    assert resolved(make[1]["Condition"]["StringEquals"]["ec2:SubnetID"], **given) == ["subnet-1", "subnet-2"]
    assert resolved(make[2]["Condition"]["StringEquals"]["ec2:SecurityGroupID"], **given) == ["sg-1", "sg-2"]
    assert resolved(found["UseNetworkInterfaces"]["Condition"]["ArnLike"]["ec2:Subnet"], **given) == [
        f"arn:*:ec2:*:*:subnet/subnet-{number}" for number in (1, 2)
    ]


def separators(tree):
    """What stands between the items of each Fn::Join in a template."""
    if isinstance(tree, dict):
        if "Fn::Join" in tree:
            yield tree["Fn::Join"][0]
        tree = list(tree.values())
    if isinstance(tree, list):
        for item in tree:
            yield from separators(item)


def test_nothing_stands_between_joined_items_that_cloudformation_would_have_to_fill_in(stack, in_vpc, synth):
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-join.html
    ProcessingJob(stack, "Job", in_vpc.run("s3://code/prep.py", arguments=Fn.split(",", Fn.import_value("x"))))

    assert all(isinstance(separator, str) for separator in separators(synth(stack)))


def test_a_vpc_that_knows_its_subnets_as_a_list_is_taken(stack, run_job):
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=Fn.split(",", Fn.import_value("zones")),
        private_subnet_ids=Fn.split(",", Fn.import_value("subnets")),
    )

    found = run_job(
        processor(network_config=NetworkConfig(vpc=vpc)).run("s3://code/prep.py"), subnets="subnet-1,subnet-2"
    )

    assert found["Arguments"]["NetworkConfig"]["VpcConfig"]["Subnets"] == ["subnet-1", "subnet-2"]


def test_a_role_that_is_given_is_narrowed_as_well(stack, names, synth, resources):
    role = iam.Role(stack, "Theirs", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    subnets = names("List<AWS::EC2::Subnet::Id>")
    network = NetworkConfig(subnets=subnets, security_group_ids=["sg-1"])
    ProcessingJob(stack, "Job", processor(role=role, network_config=network).run("s3://code/prep.py"))

    [policy] = [
        policy
        for name, policy in resources(synth(stack), "AWS::IAM::Policy").items()
        if name.startswith("TheirsDefaultPolicy")
    ]
    text = json.dumps(policy["Properties"]["PolicyDocument"])
    assert '"Fn::Split"' in text
    assert "Token[" not in text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            lambda number, names: {"instance_type": names()},
            "instance_type must be known at synth, at least how many there are: the job tries one after the other, got "
            "a CDK token of a list; pick the items: [Fn.select(0, types), Fn.select(1, types)] (SKLearnProcessor)",
        ),
        (
            lambda number, names: {"tags": names()},
            'tags must be known at synth, got a CDK token of a list; write a list such as [{"Key": "team", "Value": '
            '"data"}]; values may be tokens (SKLearnProcessor)',
        ),
        (
            lambda number, names: {"max_runtime_in_seconds": Duration.minutes(number())},
            "max_runtime_in_seconds must be a whole number of seconds, got 'Duration.minutes(<CDK token>)'; "
            "write Duration.seconds(3600) on SKLearnProcessor (SKLearnProcessor)",
        ),
    ],
    ids=["instance types", "tags", "minutes"],
)
def test_what_cannot_be_known_later_is_refused_with_the_reason(stack, number, names, options, told):
    request = processor(**options(number, names)).run("s3://code/prep.py")

    with pytest.raises(DeclarationError) as raised:
        ProcessingJob(stack, "Job", request)

    assert [str(problem) for problem in raised.value.problems] == [told]


def test_numbers_that_synth_computes_with_are_refused_with_the_reason(stack, number, request_for):
    with pytest.raises(DeclarationError) as raised:
        ProcessingJob(
            stack,
            "Job",
            request_for(),
            triggers=[OnSchedule("rate(1 day)", flexible_window_minutes=number("Window"))],
            launch_policy=LaunchPolicy(attempts=number("Attempts")),
        )

    assert [str(problem) for problem in raised.value.problems] == [
        "triggers[0].flexible_window_minutes must be 1-1,440, got <CDK token>; write the number: the alarm on a missed "
        "run is computed from it at synth (OnSchedule)",
        "launch_policy.attempts must be a whole number from 1 to 20, got <CDK token>; write the number: the waits of a "
        "run are computed from it at synth (Job)",
    ]

"""What is beyond a limit of AWS's fails a stack, as it does there; what is at the limit does not."""

import json

import pytest
from botocore.exceptions import ClientError

from cdk_processing.local.aws.cloudformation.limits import limit_problem
from tests.patience import until

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
ALARM = {
    "MetricName": "m",
    "Namespace": "n",
    "Statistic": "Sum",
    "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}


def policy(size):
    """A policy of so many characters without white space."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": ""}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    statement["Resource"] = "*".ljust(size - len(json.dumps(document, separators=(",", ":"))), "x")
    return document


def pattern(size):
    return {"source": ["x" * (size - len('{"source":[""]}'))]}


def definition(size):
    text = '{"StartAt":"D","States":{"D":{"Type":"Succeed"}},"Comment":""}'
    return text.replace('"Comment":""', f'"Comment":"{"x" * (size - len(text))}"')


def role(*sizes):
    policies = [{"PolicyName": f"p{number}", "PolicyDocument": policy(size)} for number, size in enumerate(sizes)]
    return {"AssumeRolePolicyDocument": TRUST, "Policies": policies}


EDGES = {
    "alarm": ("AWS::CloudWatch::Alarm", {**ALARM, "AlarmName": "a" * 255}, {**ALARM, "AlarmName": "a" * 256}),
    "bucket": ("AWS::S3::Bucket", {"BucketName": "b" * 63}, {"BucketName": "b" * 64}),
    "inline": ("AWS::IAM::Role", role(10_240), role(10_241)),
    "inline in sum": ("AWS::IAM::Role", role(5_000, 5_240), role(5_000, 5_241)),
    "managed": (
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": policy(6_144)},
        {"PolicyDocument": policy(6_145)},
    ),
    "pattern": ("AWS::Events::Rule", {"EventPattern": pattern(2_048)}, {"EventPattern": pattern(2_049)}),
    "role": ("AWS::IAM::Role", {**role(), "RoleName": "r" * 64}, {**role(), "RoleName": "r" * 65}),
    "rule": (
        "AWS::Events::Rule",
        {"Name": "r" * 64, "EventPattern": pattern(100)},
        {"Name": "r" * 65, "EventPattern": pattern(100)},
    ),
    "schedule": ("AWS::Scheduler::Schedule", {"Name": "s" * 64}, {"Name": "s" * 65}),
    "state machine": (
        "AWS::StepFunctions::StateMachine",
        {"StateMachineName": "m" * 80},
        {"StateMachineName": "m" * 81},
    ),
    "definition": (
        "AWS::StepFunctions::StateMachine",
        {"DefinitionString": definition(1_048_576)},
        {"DefinitionString": definition(1_048_577)},
    ),
}


@pytest.mark.parametrize("edge", EDGES)
def test_each_limit_is_held_at_its_edge(edge):
    kind, fitting, too_large = EDGES[edge]

    # A role's own policies are looked up by its name; where there is none, none are there.
    assert limit_problem(kind, {**fitting, "RoleName": ""} if "inline" in edge else fitting) == ""
    assert limit_problem(kind, too_large) != ""


@pytest.fixture(scope="module")
def deploy(aws_module):
    """Deploy one resource; the stack's status and why the resource could not be made."""
    cloudformation, numbers = aws_module.client("cloudformation"), iter(range(1000))

    def create(kind, properties):
        name = f"Limits{next(numbers)}"
        template = json.dumps({"Resources": {"R": {"Type": kind, "Properties": properties}}})
        cloudformation.create_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])

        def status():
            found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return None if found.endswith("IN_PROGRESS") else found

        ended = until(status, every=0.1)
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return ended, [e.get("ResourceStatusReason", "") for e in events if e["ResourceStatus"] == "CREATE_FAILED"]

    return create


@pytest.fixture(scope="module")
def aws_module():
    from cdk_processing.local.engine import LocalAws

    with LocalAws() as running:
        yield running


# The definitions are larger than what CreateStack takes in a request.
@pytest.mark.parametrize("edge", [name for name in EDGES if name not in ("schedule", "state machine", "definition")])
def test_a_stack_with_a_resource_beyond_a_limit_fails_and_one_at_the_limit_does_not(deploy, edge):
    kind, fitting, too_large = EDGES[edge]

    assert deploy(kind, fitting) == ("CREATE_COMPLETE", [])
    status, reasons = deploy(kind, too_large)
    assert status == "ROLLBACK_COMPLETE"
    assert any(reason.endswith(limit_problem(kind, too_large)) for reason in reasons)


def test_a_policy_beside_a_role_counts_with_the_role_s_own(deploy, aws_module):
    iam = aws_module.client("iam")
    iam.create_role(RoleName="Both", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName="Both", PolicyName="Own", PolicyDocument=json.dumps(policy(10_000), indent=4))
    beside = {"PolicyName": "Beside", "Roles": ["Both"]}

    status, reasons = deploy("AWS::IAM::Policy", {**beside, "PolicyDocument": policy(241)})
    assert (status, reasons) == ("ROLLBACK_COMPLETE", reasons)
    assert any("Maximum policy size of 10240 bytes exceeded for role Both" in reason for reason in reasons)
    assert deploy("AWS::IAM::Policy", {**beside, "PolicyDocument": policy(240)}) == ("CREATE_COMPLETE", [])


def test_iam_itself_refuses_policies_that_are_too_large(aws_module):
    iam = aws_module.client("iam")
    iam.create_role(RoleName="Own", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName="Own", PolicyName="p", PolicyDocument=json.dumps(policy(10_240), indent=4))
    iam.create_policy(PolicyName="Fitting", PolicyDocument=json.dumps(policy(6_144)))

    with pytest.raises(ClientError, match=r"LimitExceeded.*Maximum policy size of 10240 bytes exceeded for role Own"):
        iam.put_role_policy(RoleName="Own", PolicyName="p", PolicyDocument=json.dumps(policy(10_241)))
    with pytest.raises(ClientError, match=r"LimitExceeded.*Cannot exceed quota for PolicySize: 6144"):
        iam.create_policy(PolicyName="TooLarge", PolicyDocument=json.dumps(policy(6_145)))

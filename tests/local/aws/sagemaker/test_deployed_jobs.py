"""What a job cannot do here is refused when its stack is deployed, with the job's name, the field and a way out."""

import json
import sys
import uuid
from pathlib import Path

import pytest

from cdk_processing.local.engine import LocalAws
from tests.patience import until

ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
KNOWN = f"{ECR}/sagemaker-scikit-learn:1.9-0"
ROLE = "arn:aws:iam::000000000000:role/team/{}"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """An embedded AWS that chooses the environment by the image, on a machine without Docker."""
    with pytest.MonkeyPatch.context() as patch:
        programs = tmp_path_factory.mktemp("programs")
        (programs / "python3").symlink_to(Path(sys.executable).resolve())
        patch.setenv("PATH", str(programs))
        with LocalAws() as aws:
            yield aws


@pytest.fixture(scope="module")
def lenient():
    """An embedded AWS that makes stand-ins for roles."""
    with LocalAws(python="/usr/bin/python3", stand_in_roles=True) as aws:
        yield aws


def make_role(aws, service, name):
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = aws.client("iam")
    return iam.create_role(RoleName=name, Path="/team/", AssumeRolePolicyDocument=document)["Role"]["Arn"]


def request(role, **changes):
    return {
        "ProcessingJobName": "{% $states.context.Execution.Name %}",
        "RoleArn": role,
        "AppSpecification": {"ImageUri": KNOWN, "ContainerEntrypoint": ["python3", "x.py"]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "Tags": [{"Key": "cdk-processing:job", "Value": "Census/Preprocess"}],
        **changes,
    }


def deployed(aws, job, wrap=lambda state: {"StartAt": "Run", "States": {"Run": state}}):
    """Deploy a state machine with a job. Returns its stack's status and why it failed."""
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
        "Arguments": job,
        "End": True,
    }
    definition = {"QueryLanguage": "JSONata", **wrap(state)}
    properties = {"RoleArn": ROLE.format("Machine"), "DefinitionString": json.dumps(definition)}
    resources = {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}
    stacks, name = aws.client("cloudformation"), f"s{uuid.uuid4().hex[:8]}"
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    status = until(
        lambda: next(
            (
                stack["StackStatus"]
                for stack in stacks.describe_stacks(StackName=name)["Stacks"]
                if not stack["StackStatus"].endswith("IN_PROGRESS")
            ),
            None,
        )
    )
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events if event["LogicalResourceId"] == "Machine"]
    return status, next((reason for reason in reasons if "must be" in reason), "")


@pytest.fixture(scope="module")
def role(aws):
    return make_role(aws, "sagemaker.amazonaws.com", "Job")


S3_INPUT = {"S3Uri": "s3://b/k", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix"}
QUERY = {"LocalPath": "/opt/ml/processing/in", "RedshiftDatasetDefinition": {"QueryString": "select 1"}}
FEATURES = {"OutputName": "out", "AppManaged": True, "FeatureStoreOutput": {"FeatureGroupName": "people"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"ProcessingInputs": [{"InputName": "in", "S3Input": {**S3_INPUT, "S3InputMode": "Pipe"}}]},
            "ProcessingInputs[in].S3Input.S3InputMode must be 'File' in the embedded AWS, got 'Pipe'; AWS does not "
            "document the pipes of a processing job, so here, use s3_input_mode='File' (Census/Preprocess)",
        ),
        (
            {"ProcessingInputs": [{"InputName": "in", "DatasetDefinition": QUERY}]},
            "ProcessingInputs[in].DatasetDefinition must be left out in the embedded AWS, which runs no queries, got "
            "'Redshift'; here, declare an S3 input with a file of the query's result instead (Census/Preprocess)",
        ),
        (
            {"ProcessingOutputConfig": {"Outputs": [FEATURES]}},
            "FeatureStoreOutput must be left out in the embedded AWS, which has no feature store, got 'people'; here, "
            "declare an S3 output and write the records to files in its folder (Census/Preprocess)",
        ),
        (
            {"AppSpecification": {"ImageUri": f"{ECR}/own:1", "ContainerEntrypoint": ["x"]}},
            f"AppSpecification.ImageUri must be an image that can run on this machine, got '{ECR}/own:1'; Start Docker "
            "and build or pull the image, or run with --python /path/to/python",
        ),
        (
            {"AppSpecification": {"ImageUri": f"{ECR}/sagemaker-scikit-learn:1.9-0"}},
            "without Docker, its entrypoint is not known: give ContainerEntrypoint",
        ),
        (
            {"RoleArn": ROLE.format("Gone")},
            f"RoleArn must be a role that exists in the embedded AWS, got '{ROLE.format('Gone')}'; declare it in the "
            "app (iam.Role), in this stack or one deployed before it; leave role out to have one made; make it with "
            "`aws iam create-role`; or start with --stand-in-roles (Census/Preprocess)",
        ),
        (
            {"RoleArn": "arn:aws:iam::111122223333:role/Other"},
            "RoleArn must be a role of account 000000000000, as in AWS, got 'arn:aws:iam::111122223333:role/Other'; "
            "start the embedded AWS with --account 111122223333 (Census/Preprocess)",
        ),
    ],
)
def test_a_job_that_could_not_run_is_refused_when_it_is_deployed(aws, role, changes, said):
    status, reason = deployed(aws, request(role, **changes))

    assert status == "ROLLBACK_COMPLETE"
    assert said in reason


def test_a_job_inside_a_map_of_a_branch_is_checked_too(aws):
    def wrap(state):
        inner = {"StartAt": "Run", "States": {"Run": state}}
        each = {"Type": "Map", "ItemProcessor": inner, "End": True}
        both = {"Type": "Parallel", "Branches": [{"StartAt": "Each", "States": {"Each": each}}], "End": True}
        return {"StartAt": "Both", "States": {"Both": both}}

    status, reason = deployed(aws, request(ROLE.format("Gone")), wrap)

    assert status == "ROLLBACK_COMPLETE"
    assert reason.count("RoleArn must be") == 1


def test_what_only_an_execution_knows_is_not_judged(aws, role):
    image = {"ImageUri": "{% $states.input.image %}", "ContainerEntrypoint": ["x"]}

    assert deployed(aws, request("{% $states.input.role %}", AppSpecification=image)) == ("CREATE_COMPLETE", "")


def test_channels_that_the_application_manages_are_deployed(aws, role):
    taken = {"InputName": "in", "AppManaged": True, "S3Input": {"S3Uri": "s3://b/k", "S3DataType": "S3Prefix"}}

    assert deployed(aws, request(role, ProcessingInputs=[taken])) == ("CREATE_COMPLETE", "")


def test_a_stand_in_takes_the_place_of_a_role_that_does_not_exist(lenient):
    assert deployed(lenient, request(ROLE.format("Mine"))) == ("CREATE_COMPLETE", "")

    made = lenient.client("iam").get_role(RoleName="Mine")["Role"]
    assert made["Arn"] == ROLE.format("Mine")
    assert made["Description"] == "A stand-in, made by the embedded AWS. It may do everything."
    attached = lenient.client("iam").list_attached_role_policies(RoleName="Mine")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AdministratorAccess"]


def test_no_stand_in_is_made_for_a_role_that_exists(lenient):
    make_role(lenient, "sagemaker.amazonaws.com", "There")

    assert deployed(lenient, request(ROLE.format("There"))) == ("CREATE_COMPLETE", "")
    assert not lenient.client("iam").get_role(RoleName="There")["Role"].get("Description")

"""A role that is named by its ARN: where it does not exist in the embedded AWS, the deployment says so."""

import json

import pytest

from .conftest import SCRIPTS

ARN = "arn:aws:iam::000000000000:role/team/{}"


def declare_with(role):
    def declare(stack):
        from cdk_processing import ProcessingJob, SKLearnProcessor

        processor = SKLearnProcessor("1.4-2", role, 1, "ml.m5.xlarge")
        ProcessingJob(stack, "Job", processor.run(code=SCRIPTS / "report.py"))

    return declare


@pytest.fixture
def warnings_of(embedded, deploy):
    """What a deployment warns of for a role."""

    def of(role):
        before = len(embedded.deployment.warnings)
        return deploy(declare_with(role)), list(embedded.deployment.warnings[before:])

    return of


def test_a_role_that_does_not_exist_is_told_when_it_is_deployed(warnings_of):
    stack, warnings = warnings_of(ARN.format("Gone"))

    assert warnings == [
        f"role must be one that exists in the embedded AWS, got {ARN.format('Gone')!r}; declare it in the app "
        "(iam.Role), leave role out to have one made, or make it with `aws iam create-role`; "
        f"without it every run of the job fails ({stack}/Job)"
    ]


def test_a_role_that_exists_or_is_made_is_not_warned_of(embedded, warnings_of):
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    embedded.client("iam").create_role(RoleName="There", Path="/team/", AssumeRolePolicyDocument=document)

    assert warnings_of(ARN.format("There"))[1] == []
    assert warnings_of(None)[1] == []

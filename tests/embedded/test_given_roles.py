"""A role that is named by its ARN must exist in the embedded AWS. If it does not, the deployment fails."""

import json

import pytest

from cdk_processing.local.deployment.deploy import StackFailedError

from .conftest import SCRIPTS

ARN = "arn:aws:iam::000000000000:role/team/{}"


def declare_with(role):
    def declare(stack):
        from cdk_processing import ProcessingJob, SKLearnProcessor

        processor = SKLearnProcessor("1.4-2", role, 1, "ml.m5.xlarge")
        ProcessingJob(stack, "Job", processor.run(code=SCRIPTS / "report.py"))

    return declare


def test_a_role_that_does_not_exist_fails_the_deployment(deploy):
    with pytest.raises(StackFailedError) as caught:
        deploy(declare_with(ARN.format("Gone")))

    assert f"RoleArn must be a role that exists in the embedded AWS, got '{ARN.format('Gone')}'" in str(caught.value)
    assert "/Job)" in str(caught.value)


def test_a_role_that_exists_or_is_made_is_not_refused(embedded, deploy):
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    embedded.client("iam").create_role(RoleName="There", Path="/team/", AssumeRolePolicyDocument=document)

    for role in (ARN.format("There"), None):
        assert deploy(declare_with(role))

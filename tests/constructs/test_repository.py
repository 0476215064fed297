import json

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ecr as ecr

from cdk_processing import DeclarationError, ProcessingJob, ProcessingPlatform, ProcessingRepository, ScriptProcessor


@pytest.fixture
def properties(synth, resources):
    def of_stack(stack):
        [found] = resources(synth(stack), "AWS::ECR::Repository").values()
        return found["Properties"]

    return of_stack


def test_images_are_scanned_encrypted_and_keep_their_tags(stack, properties):
    ProcessingRepository(stack, "Images")

    found = properties(stack)
    assert found["ImageTagMutability"] == "IMMUTABLE"
    assert found["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert found["EncryptionConfiguration"] == {"EncryptionType": "KMS"}
    assert "RepositoryPolicyText" not in found


def test_images_are_encrypted_with_the_platforms_key(stack, properties):
    platform = ProcessingPlatform(stack, "Platform")
    ProcessingRepository(stack, "Images", encryption_key=platform.key)

    key = properties(stack)["EncryptionConfiguration"]["KmsKey"]
    assert key["Fn::GetAtt"][0].startswith("PlatformKey")


def test_images_without_a_tag_are_deleted_after_a_fortnight_and_by_rules_of_ones_own(stack, properties):
    own = ecr.LifecycleRule(tag_prefix_list=["test-"], max_image_age=Duration.days(30), rule_priority=1)
    ProcessingRepository(stack, "Images", lifecycle_rules=[own], untagged_days=7)

    rules = json.loads(properties(stack)["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    selected = [
        (each["rulePriority"], each["selection"]["tagStatus"], each["selection"]["countNumber"]) for each in rules
    ]
    assert selected == [(1, "tagged", 30), (2, "untagged", 7)]


def test_accounts_of_the_organization_may_pull_and_nothing_else(stack, properties):
    ProcessingRepository(stack, "Images", pull_organization_id="o-a1b2c3d4e5", pull_accounts=["444455556666"])

    organization, accounts = properties(stack)["RepositoryPolicyText"]["Statement"]
    assert organization["Principal"] in ({"AWS": "*"}, "*")
    assert organization["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
    assert "444455556666:root" in json.dumps(accounts["Principal"])
    for statement in (organization, accounts):
        assert statement["Action"] == [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
        ]


def test_a_job_runs_an_image_of_it_and_may_pull_from_it(stack, synth, definition, statements):
    images = ProcessingRepository(stack, "Images")
    processor = ScriptProcessor(
        image_uri=images.image(tag="1.0"), command=["python3"], instance_type="ml.m5.xlarge", instance_count=1
    )
    ProcessingJob(stack, "Job", processor.run(code="s3://code/prep.py"))

    template = synth(stack)
    run = definition(template, "Job")["States"]["RunJob"]["Arguments"]
    assert run["AppSpecification"]["ImageUri"].endswith(":1.0")
    assert statements(template, "JobExecutionRole")["PullImage"]["Resource"]["Fn::GetAtt"][0].startswith("Images")


@pytest.mark.parametrize("image", [{}, {"tag": "1", "digest": "sha256:1"}])
def test_an_image_needs_a_tag_or_a_digest_because_no_tag_moves(stack, image):
    with pytest.raises(DeclarationError, match="tag must be given, or digest, and not both"):
        ProcessingRepository(stack, "Images").image(**image)


def test_all_mistakes_are_listed_at_once(stack):
    with pytest.raises(DeclarationError) as raised:
        ProcessingRepository(
            stack,
            "Images",
            encryption_key="alias/aws/ecr",
            pull_organization_id="my-company",
            pull_accounts=["444455556666", 444455556666],
            untagged_days=0,
            removal_policy=RemovalPolicy.SNAPSHOT,
        )

    assert raised.value.subject == "Census/Images"
    assert [problem.field for problem in raised.value.problems] == [
        "encryption_key",
        "pull_organization_id",
        "pull_accounts[1]",
        "untagged_days",
        "removal_policy",
    ]


@pytest.mark.parametrize(
    ("context", "goes"), [({}, False), ({"cdk-processing:remove-data": True}, True)], ids=["one guard", "both"]
)
def test_images_stay_unless_both_guards_agree(synth, resources, context, goes):
    stack = Stack(App(context=context), "Shared")
    ProcessingRepository(stack, "Images", removal_policy=RemovalPolicy.DESTROY)

    [found] = resources(synth(stack), "AWS::ECR::Repository").values()
    assert found["DeletionPolicy"] == ("Delete" if goes else "Retain")
    assert found["Properties"].get("EmptyOnDelete", False) is goes

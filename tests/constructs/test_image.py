import json
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ecr as ecr

from cdk_processing import ProcessingImage, ProcessingJob, ScriptProcessor
from cdk_processing.constructs.image import mapping_id
from cdk_processing.errors import DeclarationError
from cdk_processing.request.images import image_families, image_versions, registry_accounts


def script_processor(image):
    return ScriptProcessor(image_uri=image, command=["python3"], instance_count=1, instance_type="ml.m5.xlarge")


def in_region(region):
    return Stack(App(), "Census", env={"region": region, "account": "111122223333"})


@pytest.fixture
def bound(request_for, synth, definition, statements):
    """The image's URI in the state machine, and what the execution role may pull."""

    def bind(stack, image=None):
        request = request_for() if image is None else request_for(processor=script_processor(image))
        ProcessingJob(stack, "Preprocess", request)
        template = synth(stack)
        uri = definition(template, "Preprocess")["States"]["RunJob"]["Arguments"]["AppSpecification"]["ImageUri"]
        pull = statements(template, "PreprocessExecutionRole").get("PullImage")
        return uri, pull and pull["Resource"]

    return bind


def test_a_stack_without_a_region_looks_the_images_account_up_in_a_mapping(stack, bound, flat):
    uri, repository = bound(stack)

    assert uri == ("<SklearnImageAccounts>.dkr.ecr.<AWS::Region>.<AWS::URLSuffix>/sagemaker-scikit-learn:1.4-2-cpu-py3")
    assert flat(repository) == (
        "arn:<AWS::Partition>:ecr:<AWS::Region>:<SklearnImageAccounts>:repository/sagemaker-scikit-learn"
    )


def test_the_mapping_has_every_region_and_is_there_once(stack, request_for, synth):
    ProcessingJob(stack, "One", request_for())
    ProcessingJob(stack, "Two", request_for())

    mappings = synth(stack)["Mappings"]

    assert mappings == {
        "SklearnImageAccounts": {
            region: {"account": account} for region, account in registry_accounts("sklearn").items()
        }
    }


def test_a_stack_with_a_region_has_the_literal_uri_and_no_mapping(bound, flat, synth):
    stack = in_region("eu-central-1")

    uri, repository = bound(stack)

    assert uri == "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
    assert flat(repository) == ("arn:<AWS::Partition>:ecr:eu-central-1:492215442770:repository/sagemaker-scikit-learn")
    assert "Mappings" not in synth(stack)


def test_a_chinese_region_has_its_own_domain(bound):
    uri, _ = bound(in_region("cn-north-1"))

    assert uri == "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-scikit-learn:1.4-2-cpu-py3"


def pytorch(version):
    return ProcessingImage.framework("pytorch", version, py_version="py310", instance_type="ml.m5.xlarge")


def test_each_registry_has_a_mapping_of_its_own_that_images_of_other_families_share(stack, request_for, synth):
    tensorflow = ProcessingImage.framework("tensorflow", "2.13.0", instance_type="ml.g5.xlarge")
    xgboost = ProcessingImage.framework("xgboost", "1.7-1")
    for number, image in enumerate([pytorch("2.0.1"), pytorch("2.1.0"), tensorflow, xgboost]):
        ProcessingJob(stack, f"Job{number}", request_for(processor=script_processor(image)))

    mappings = synth(stack)["Mappings"]

    assert list(mappings) == ["Pytorch120ImageAccounts", "Pytorch210ImageAccounts", "SklearnImageAccounts"]
    assert mappings["Pytorch210ImageAccounts"] == {
        region: {"account": account} for region, account in tensorflow.aws.accounts.items()
    }


def test_a_framework_image_may_be_pulled_from_the_account_of_its_region(bound, flat):
    uri, repository = bound(in_region("ap-east-1"), pytorch("2.1.0"))

    assert uri == "871362719292.dkr.ecr.ap-east-1.amazonaws.com/pytorch-training:2.1.0-cpu-py310"
    assert flat(repository) == "arn:<AWS::Partition>:ecr:ap-east-1:871362719292:repository/pytorch-training"


def test_a_framework_image_in_a_region_without_it_is_refused(bound):
    with pytest.raises(DeclarationError, match="region must be one that AWS publishes sagemaker-geospatial"):
        bound(in_region("eu-west-1"), ProcessingImage.framework("sagemaker-geospatial"))


def test_a_framework_version_that_there_is_not_is_refused(stack, bound):
    with pytest.raises(DeclarationError, match=r"framework_version must be one of 2\.4, 3\.0, "):
        bound(stack, ProcessingImage.spark("3.4"))


def test_no_two_registries_have_mappings_of_one_name():
    versions = [(family, version) for family in image_families() for version in image_versions(family)]
    registries = {ProcessingImage.framework(*version).aws.registry for version in versions}

    assert len({mapping_id(registry) for registry in registries}) == len(registries) > 30


@pytest.mark.parametrize(
    ("uri", "repository"),
    [
        (
            "111122223333.dkr.ecr.us-west-2.amazonaws.com/team/prep:1",
            "arn:<AWS::Partition>:ecr:us-west-2:111122223333:repository/team/prep",
        ),
        (
            "111122223333.dkr.ecr.us-west-2.amazonaws.com/prep@sha256:ab",
            "arn:<AWS::Partition>:ecr:us-west-2:111122223333:repository/prep",
        ),
        (
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/prep",
            "arn:<AWS::Partition>:ecr:cn-north-1:111122223333:repository/prep",
        ),
        (
            "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/prep:1",
            "arn:<AWS::Partition>:ecr:us-gov-west-1:111122223333:repository/prep",
        ),
    ],
)
def test_an_ecr_uri_may_be_pulled_from_its_repository(stack, bound, flat, uri, repository):
    found, pull = bound(stack, uri)

    assert (found, flat(pull)) == (uri, repository)


@pytest.mark.parametrize(
    "uri", ["python:3.12-slim", "docker.io/library/python:3.12", "public.ecr.aws/docker/library/python:3.12", "a/b:c"]
)
def test_an_image_from_elsewhere_needs_no_permission(stack, bound, uri):
    assert bound(stack, uri) == (uri, None)


def test_an_image_in_a_repository_of_the_app_is_pulled_by_its_tag(stack, bound, flat):
    repository = ecr.Repository(stack, "Images")

    uri, pull = bound(stack, ProcessingImage.from_ecr_repository(repository, tag="v1"))

    assert uri.endswith(":v1")
    assert "dkr.ecr." in uri
    assert pull == {"Fn::GetAtt": [stack.get_logical_id(repository.node.default_child), "Arn"]}


def test_an_image_in_a_repository_is_pulled_by_its_digest(stack, bound):
    repository = ecr.Repository(stack, "Images")

    uri, _ = bound(stack, ProcessingImage.from_ecr_repository(repository, digest="sha256:" + "ab" * 32))

    assert uri.endswith("@sha256:" + "ab" * 32)


def test_a_folder_with_a_dockerfile_is_built_and_pulled(app, stack, bound, flat, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM public.ecr.aws/docker/library/python:3.12\n", encoding="utf-8")

    uri, pull = bound(stack, ProcessingImage.from_build(tmp_path, build_args={"A": "b"}))

    assert "cdk-hnb659fds-container-assets" in uri
    assert "repository/cdk-hnb659fds-container-assets" in flat(pull)
    [built] = assets(app, stack)["dockerImages"].values()
    assert built["source"]["dockerBuildArgs"] == {"A": "b"}


def assets(app, stack):
    assembly = Path(app.synth().directory)
    return json.loads((assembly / f"{stack.stack_name}.assets.json").read_text(encoding="utf-8"))

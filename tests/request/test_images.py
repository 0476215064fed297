import re

import pytest

from cdk_processing import ProcessingImage
from cdk_processing.request.images import image_versions, registry_accounts, url_suffix


class Repository:
    repository_uri = "uri"


def test_a_text_is_a_registry_uri():
    assert ProcessingImage.of("img:tag") == ProcessingImage.from_registry("img:tag")


def test_an_image_stays_what_it_is():
    image = ProcessingImage.from_build("docker")

    assert ProcessingImage.of(image) is image


def test_the_scikit_learn_image_has_the_repository_and_tag_that_aws_publishes():
    aws = ProcessingImage.sklearn("1.4-2").aws

    assert aws.uri("683313688378", "us-east-1", "amazonaws.com") == (
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
    )


def test_every_version_of_scikit_learn_has_an_image_without_problems():
    for version in image_versions("sklearn"):
        image = ProcessingImage.sklearn(version)

        assert image.problems() == []
        assert image.aws.repository == "sagemaker-scikit-learn"


def test_registries_are_twelve_digit_accounts_in_well_formed_regions():
    accounts = registry_accounts("sklearn")

    assert accounts["us-west-2"] == "246618743249"
    assert accounts["eu-central-1"] == "492215442770"
    for region, account in accounts.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+-\d", region), region
        assert re.fullmatch(r"\d{12}", account), region


@pytest.mark.parametrize(
    ("region", "suffix"),
    [
        ("us-east-1", "amazonaws.com"),
        ("us-gov-west-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
        ("us-iso-east-1", "c2s.ic.gov"),
        ("us-isob-east-1", "sc2s.sgov.gov"),
        ("us-isof-south-1", "csp.hci.ic.gov"),
        ("eusc-de-east-1", "amazonaws.eu"),
    ],
)
def test_each_partition_has_its_domain(region, suffix):
    assert url_suffix(region) == suffix


def test_a_tag_is_latest_where_none_is_given():
    assert ProcessingImage.from_ecr_repository(Repository()).tag_or_digest == "latest"
    assert ProcessingImage.from_ecr_repository(Repository(), tag="v1").tag_or_digest == "v1"
    assert ProcessingImage.from_ecr_repository(Repository(), digest="sha256:ab").tag_or_digest == "sha256:ab"


def test_a_repository_that_is_none_is_told(told):
    assert told(ProcessingImage.from_ecr_repository("prep").problems()) == (
        "repository must be an ecr.IRepository, got 'prep'; pass the repository construct, or from_registry(uri)"
    )


def test_tag_and_digest_together_are_told(told):
    image = ProcessingImage.from_ecr_repository(Repository(), tag="v1", digest="sha256:ab")

    assert told(image.problems()) == (
        "tag must be given without digest, or digest without tag, got 'v1 and sha256:ab'; drop one"
    )


def test_a_build_folder_needs_a_dockerfile(told, tmp_path):
    image = ProcessingImage.from_build(tmp_path)

    assert told(image.problems()) == (
        f"directory must be a folder that holds a Dockerfile, got {str(tmp_path)!r}; "
        "correct the path; it is relative to where cdk runs"
    )
    (tmp_path / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    assert image.problems() == []


def test_a_build_may_name_its_dockerfile(told, tmp_path):
    (tmp_path / "prep.dockerfile").write_text("FROM scratch\n", encoding="utf-8")

    assert ProcessingImage.from_build(tmp_path, file="prep.dockerfile").problems() == []
    assert told(ProcessingImage.from_build(tmp_path).problems()).startswith("directory must be")


@pytest.mark.parametrize("uri", [None, "", 5])
def test_an_image_that_is_none_is_told(told, uri):
    assert told(ProcessingImage.from_registry(uri).problems()).startswith(
        f"image_uri must be an image URI or a ProcessingImage, got {uri!r}; "
    )


def test_a_uri_of_256_characters_is_told(told):
    assert told(ProcessingImage.from_registry("i" * 256).problems()).startswith("image_uri must be at most 255")

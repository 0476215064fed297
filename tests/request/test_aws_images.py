import json
from pathlib import Path

import botocore.loaders
import pytest

from cdk_processing import ProcessingImage
from cdk_processing.request import aws_images
from cdk_processing.request.images import (
    image_families,
    image_py_versions,
    image_versions,
    registry_accounts,
    url_suffix,
)

framework = ProcessingImage.framework
CPU, GPU = "ml.m5.xlarge", "ml.g5.xlarge"


def tag(image):
    assert image.problems() == []
    return f"{image.aws.repository}:{image.aws.tag}"


@pytest.mark.parametrize("partition", botocore.loaders.create_loader().load_data("partitions")["partitions"])
def test_every_region_of_every_partition_has_the_domain_that_botocore_knows(partition):
    regions = {region for region in partition["regions"] if not region.endswith("-global")}

    assert {url_suffix(region) for region in regions} == {partition["outputs"]["dnsSuffix"]}


def test_every_image_is_in_regions_of_known_partitions():
    partitions = botocore.loaders.create_loader().load_data("partitions")["partitions"]
    domains = {partition["outputs"]["dnsSuffix"] for partition in partitions}
    registries = json.loads((Path(aws_images.__file__).parent / "images.json").read_text(encoding="utf-8"))[
        "registries"
    ]

    assert len({json.dumps(accounts, sort_keys=True) for accounts in registries.values()}) == len(registries)
    for accounts in registries.values():
        assert all(len(account) == 12 and account.isdigit() for account in accounts.values())
        assert {url_suffix(region) for region in accounts} <= domains


def test_an_instance_with_a_gpu_gets_the_image_for_gpus():
    assert tag(framework("pytorch", "2.1.0", instance_type=GPU)) == "pytorch-training:2.1.0-gpu-py310"
    assert tag(framework("pytorch", "2.1.0", instance_type="ml.p5.48xlarge")) == "pytorch-training:2.1.0-gpu-py310"
    assert tag(framework("pytorch", "2.1.0", instance_type=CPU)) == "pytorch-training:2.1.0-cpu-py310"
    assert tag(framework("pytorch", "2.1.0", instance_type="ml.m7i-flex.large")) == "pytorch-training:2.1.0-cpu-py310"


def test_several_instance_types_run_one_image(told):
    assert tag(framework("pytorch", "2.1.0", instance_type=[CPU, "ml.c5.xlarge"])) == "pytorch-training:2.1.0-cpu-py310"
    assert told(framework("pytorch", "2.1.0", instance_type=[CPU, GPU]).problems()).startswith(
        "instance_type must be all with a GPU or all without: they run one image, got ['ml.m5.xlarge', 'ml.g5.xlarge']"
    )


def test_a_short_version_is_in_the_tag_as_it_was_given():
    assert tag(framework("tensorflow", "2.11", instance_type=CPU)) == "tensorflow-training:2.11-cpu-py39"


def test_versions_of_one_family_may_lie_in_other_registries_and_repositories():
    old, new = framework("pytorch", "0.4.0", py_version="py3", instance_type=CPU).aws, framework("pytorch", "2.9.0").aws

    assert (old.repository, new.repository) == ("sagemaker-pytorch", "pytorch-training")
    assert old.uri_in("cn-north-1").startswith("422961961927.dkr.ecr.cn-north-1.amazonaws.com.cn/")
    assert new.uri_in("eusc-de-east-1").startswith("204133271717.dkr.ecr.eusc-de-east-1.amazonaws.eu/")


def test_hugging_faces_tag_names_the_framework_under_it():
    image = framework("huggingface", "4.28.1", base_framework_version="pytorch2.0.0", instance_type=GPU)

    assert tag(image) == "huggingface-pytorch-training:2.0.0-transformers4.28.1-gpu-py310-cu118-ubuntu20.04"


def test_spark_names_python_and_the_container_or_neither():
    assert tag(ProcessingImage.spark("3.3")) == "sagemaker-spark-processing:3.3-cpu"
    assert (
        tag(ProcessingImage.spark("3.5", py_version="py312", container_version="1.2"))
        == "sagemaker-spark-processing:3.5-cpu-py312-v1.2"
    )


def test_an_image_of_one_version_needs_none_named():
    assert tag(framework("clarify")) == "sagemaker-clarify-processing:1.0"
    assert tag(framework("sagemaker-base-python")) == "sagemaker-base-python-310:1.0"


def test_an_instance_type_that_is_not_known_yet_will_do_where_there_is_one_kind_of_image():
    token = "${Token[TOKEN.1]}"

    assert tag(framework("sklearn", "1.4-2", instance_type=token)) == "sagemaker-scikit-learn:1.4-2-cpu-py3"
    assert [problem.field for problem in framework("pytorch", "2.1.0", instance_type=token).problems()] == [
        "instance_type"
    ]


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (framework("pytorhc", "2.1"), "framework must be one of sklearn, spark, "),
        (
            framework("pytorch", "2.1.9", instance_type=CPU, owner="PyTorchProcessor"),
            "got '2.1.9'; nearest: 2.1.0 or 2.10.0; set it on PyTorchProcessor",
        ),
        (framework("pytorch", None, instance_type=CPU), "framework_version must be one of 0.4.0, "),
        (
            framework("spark", "3.5", py_version="py311", container_version="v1"),
            "py_version must be one of py39, py312, got 'py311'; nearest: py312 or py39; "
            "set it on ProcessingImage.framework",
        ),
        (
            framework("pytorch", "1.4.0", instance_type=CPU),
            "py_version must be one of py2, py3, py36, got None; nearest: py3 or py36; "
            "set it on ProcessingImage.framework",
        ),
        (framework("xgboost", "1.7-1", py_version="py38"), "py_version must be 'py3' or left out, got 'py38'; "),
        (
            framework("pytorch", "2.1.0"),
            "instance_type must be known, to pick the image: 'ml.m5.xlarge' or 'ml.g5.xlarge' ..., got None; "
            "set instance_type on ProcessingImage.framework",
        ),
        (
            framework("sklearn", "1.4-2", instance_type=GPU),
            "instance_type must be one with no GPU, as 'ml.m5.xlarge', for this image, got 'ml.g5.xlarge'; ",
        ),
        (
            framework("huggingface", "4.28.1", base_framework_version="pytorch2.0.0", instance_type=CPU),
            "instance_type must be one with a GPU, as 'ml.g5.xlarge', for this image, got 'ml.m5.xlarge'; ",
        ),
        (
            framework("pytorch", "2.1.0", instance_type="ml.trn1.2xlarge"),
            "instance_type must be one that Processing offers: 'ml.m5.xlarge' or 'ml.g5.xlarge' ..., "
            "got 'ml.trn1.2xlarge'; ",
        ),
        (framework("xgboost", "1.0-1", instance_type="ml.m6g.xlarge"), "instance_type must be one that Processing"),
        (framework("pytorch", "1.13.1", instance_type="ml.p2.xlarge"), "instance_type must be newer than P2, "),
        (
            framework("huggingface", "4.28", base_framework_version="pytorch2.0.0", instance_type=GPU),
            "base_framework_version must be one of pytorch2.0, got 'pytorch2.0.0'; nearest: pytorch2.0; ",
        ),
        (
            framework("pytorch", "2.1.0", instance_type=CPU, container_version="v1"),
            "container_version must be left out: no tag of pytorch-training has one, got 'v1'; ",
        ),
        (ProcessingImage.spark("3.4"), "framework_version must be one of 2.4, 3.0, 3.1, 3.2, 3.3, 3.5, got '3.4'; "),
        (
            ProcessingImage.spark("3.3", py_version="py39"),
            "container_version must be given, as py_version is, got None; "
            "set or leave out both on ProcessingImage.spark",
        ),
        (ProcessingImage.spark("3.3", instance_type=GPU), "instance_type must be one with no GPU"),
    ],
)
def test_what_the_sdk_has_no_image_for_is_told(told, image, text):
    assert text in told(image.problems())


def test_several_mistakes_are_told_at_once():
    image = framework("pytorch", "2.1.0", py_version="py27", instance_type="ml.trn1.2xlarge", container_version="v1")

    assert [problem.field for problem in image.problems()] == ["py_version", "instance_type", "container_version"]


def test_a_region_that_an_image_is_not_published_in_is_told(told):
    image = framework("sagemaker-geospatial").aws

    assert image.region_problems("us-west-2") == []
    assert told(image.region_problems("eu-west-1")) == (
        "region must be one that AWS publishes sagemaker-geospatial-v1-0 in: us-west-2, got 'eu-west-1'; "
        "deploy to one of those, or bring your own image with ScriptProcessor"
    )


def test_an_image_that_does_not_exist_has_one_problem_and_not_one_in_every_region(told):
    image = framework("sklearn", "9.9")

    assert told(image.problems()).startswith("framework_version must be")
    assert image.aws.region_problems("eu-west-1") == []


@pytest.mark.parametrize("family", image_families())
def test_every_family_lists_its_versions_with_their_pythons_and_regions(family):
    assert image_versions(family)
    assert registry_accounts(family)
    for version in image_versions(family):
        assert isinstance(image_py_versions(family, version), list)


def test_versions_are_listed_oldest_first():
    versions = image_versions("pytorch")

    assert versions[0] == "0.4.0"
    assert versions.index("2.9.0") < versions.index("2.10.0")
    assert image_py_versions("pytorch", "1.4.0") == ["py2", "py3", "py36"]
    assert image_py_versions("huggingface", "4.6.1") == ["py36", "py37"]


def test_the_table_stays_small():
    assert (Path(aws_images.__file__).parent / "images.json").stat().st_size < 150_000

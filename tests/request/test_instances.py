from dataclasses import replace

import pytest

from cdk_processing import FrameworkProcessor, PyTorch
from cdk_processing.request.instances import has_local_storage
from cdk_processing.request.keys import key_name
from cdk_processing.request.markers import INSTANCE_TYPE
from cdk_processing.request.request import Bindings

KEY = "arn:aws:kms:us-east-1:111122223333:key/k"


def test_one_type_is_sent_as_it_is_and_a_list_as_what_the_run_is_at(processor):
    def sent(given):
        request = replace(processor, instance_type=given).run(code="s3://code/p.py")
        assert request.problems() == []
        rendered = request.render(Bindings("img:tag", "role", ("s3://code/p.py",)))
        return request.instance_types, rendered["ProcessingResources"]["ClusterConfig"]["InstanceType"]

    assert sent("ml.m5.xlarge") == ((), "ml.m5.xlarge")
    assert sent(["ml.m5.xlarge", "ml.m6i.xlarge"]) == (("ml.m5.xlarge", "ml.m6i.xlarge"), INSTANCE_TYPE)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "instance_type must be a SageMaker instance type such as 'ml.m5.xlarge', got None"),
        ([], "instance_type must be one type, or a list of 1-5, got []"),
        ([f"ml.m5.{n}xlarge" for n in range(2, 8)], "instance_type must be one type, or a list of 1-5"),
        (["ml.m5.xlarge", "m5.large"], "instance_type[1] must be a SageMaker instance type such as 'ml.m5.xlarge'"),
        (["ml.m5.xlarge", "ml.m5.xlarge"], "instance_type must be different from the others', got 'ml.m5.xlarge'"),
    ],
)
def test_types_that_cannot_be_tried_are_told(processor, told, given, message):
    assert told(replace(processor, instance_type=given).problems()).startswith(message)


def test_a_frameworks_image_suits_every_type_of_the_list():
    def processor(*types):
        return FrameworkProcessor(PyTorch, "2.1.0", instance_count=1, instance_type=list(types), py_version="py310")

    assert "-gpu-" in processor("ml.g5.xlarge", "ml.g4dn.xlarge").image.aws.tag
    assert processor("ml.g5.xlarge", "ml.g4dn.xlarge").problems() == []
    mixed = processor("ml.g5.xlarge", "ml.m5.xlarge").problems()
    assert [problem.allowed for problem in mixed] == ["all with a GPU or all without: they run one image"]


@pytest.mark.parametrize("family", ["g4dn", "g5", "g6", "g6e", "g7e", "m5d", "c5d", "r5d", "p3dn", "p4d", "p5", "trn1"])
def test_families_with_local_storage_are_known(family):
    assert has_local_storage(f"ml.{family}.xlarge")


@pytest.mark.parametrize("family", ["m5", "c5", "r5", "p3", "inf1", "t3", "m7i-flex", "brand9new"])
def test_other_families_and_unknown_ones_are_let_pass(processor, family):
    assert not has_local_storage(f"ml.{family}.xlarge")
    assert replace(processor, instance_type=f"ml.{family}.xlarge", volume_kms_key=KEY).problems() == []


def test_a_volume_key_is_refused_where_any_type_has_local_storage(processor, told):
    given = replace(processor, instance_type=["ml.m5.xlarge", "ml.g5.xlarge"], volume_kms_key=KEY)

    assert told(given.problems()).startswith("volume_kms_key must be left out with ml.g5.xlarge, whose local storage")
    assert replace(given, volume_kms_key=None, output_kms_key=KEY).problems() == []


@pytest.mark.parametrize("key", [KEY, "1234abcd-12ab-34cd-56ef-1234567890ab", "alias/results", "${Token[TOKEN.7]}"])
def test_keys_are_named_in_every_way_that_the_api_takes(processor, key):
    assert replace(processor, volume_kms_key=key, output_kms_key=key).problems() == []


@pytest.mark.parametrize("key", [7, "a key", "{{run:RUN_ID}}"])
def test_what_is_no_key_is_told(processor, key):
    problems = replace(processor, volume_kms_key=key, output_kms_key=key).problems()

    assert [problem.field for problem in problems] == ["volume_kms_key", "output_kms_key"]


def test_permissions_name_a_key_as_the_declaration_does():
    given = [KEY, "${Token[TOKEN.7]}", "alias/x", "1234", f"{KEY[:-5]}alias/x", None]

    assert [key_name(key) for key in given] == given

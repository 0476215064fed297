"""The table of limits: that it is botocore's, and that its patterns mean in Python what they mean in Java."""

import copy
import importlib.util
import json
import re
from pathlib import Path

import botocore
import pytest

from cdk_processing.request.model import violations
from cdk_processing.request.shapes import parts_of, python_pattern

REPOSITORY = Path(__file__).parents[2]
TABLE = json.loads((REPOSITORY / "cdk_processing" / "request" / "limits.json").read_text(encoding="utf-8"))
PATTERNS = {name: shape["pattern"] for name, shape in TABLE["shapes"].items() if "pattern" in shape}


@pytest.fixture(scope="module")
def make_limits():
    spec = importlib.util.spec_from_file_location("make_limits", REPOSITORY / "scripts" / "make_limits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_not_behind_botocore_in_a_way_that_matters(make_limits):
    """A release that takes more (a new instance type, say) is no mistake of ours; one that refuses more is."""
    theirs = make_limits.table()
    if botocore.__version__ == TABLE["botocore"]:
        assert theirs == TABLE, "limits.json was changed by hand: run `make limits`"
    behind = [text for text, matters in make_limits.differences(TABLE, theirs) if matters]
    assert not behind, f"botocore {botocore.__version__} refuses what limits.json takes: run `make limits`\n{behind}"


def test_the_table_is_written_as_the_script_writes_it(make_limits):
    assert make_limits.TABLE.read_text(encoding="utf-8") == make_limits.dump(TABLE)


def test_the_table_has_every_shape_that_it_names(make_limits):
    shapes = TABLE["shapes"]

    assert {part for shape in shapes.values() for part in parts_of(shape).values()} < set(shapes)
    assert TABLE["root"] in shapes


@pytest.mark.parametrize(
    ("shape", "change", "text", "matters"),
    [
        ("Tag", {"required": ["Key"]}, "Tag: required -Value", False),
        ("TagKey", {"max": 127}, "TagKey: max was 128, is 127", True),
        ("TagKey", {"max": 200}, "TagKey: max was 128, is 200", False),
        ("TagKey", {"min": 2}, "TagKey: min was 1, is 2", True),
        ("TagKey", {"min": 0}, "TagKey: min was 1, is 0", False),
        ("TagKey", {"pattern": "a"}, "pattern was", True),
        ("ProcessingS3InputMode", {"enum": ["Pipe", "File", "FastFile"]}, "enum +FastFile", False),
        ("ProcessingS3InputMode", {"enum": ["Pipe"]}, "enum -File", True),
        ("String", {"enum": ["a"]}, "String: enum +a", True),
        ("String", {"max": 63}, "String: max was None, is 63", True),
    ],
)
def test_a_difference_matters_where_it_refuses_what_was_taken(make_limits, shape, change, text, matters):
    theirs = copy.deepcopy(TABLE)
    theirs["shapes"][shape].update(change)

    [(told, does_matter)] = make_limits.differences(TABLE, theirs)

    assert text in told
    assert does_matter is matters


def test_a_new_required_field_matters_and_a_new_optional_one_does_not(make_limits):
    theirs = copy.deepcopy(TABLE)
    theirs["shapes"]["Tag"]["members"]["Owner"] = "String"
    assert list(make_limits.differences(TABLE, theirs)) == [("Tag: members +Owner", False)]

    theirs["shapes"]["Tag"]["required"] = ["Key", "Value", "Owner"]
    assert ("Tag: required +Owner", True) in list(make_limits.differences(TABLE, theirs))


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_compiles_and_leaves_nothing_of_java_behind(name):
    pattern = python_pattern(PATTERNS[name])

    assert re.compile(pattern)
    assert r"\p{" not in pattern
    assert r"\uD8" not in pattern


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("ContainerArgument", ["", "a b", "é\t漢😀", "\x0b"], ["a\n", "\r", "a\x85", "\u2028", "\u2029b"]),
        ("S3Uri", ["s3://b", "s3://b/", "https://b/k?x", "s3://b/ä b"], ["s3:/b", "S3://b", "s3:///k", "s3://b/a\nb"]),
        ("KmsKeyId", ["", "alias/a_b", "arn:aws:kms:eu:1:key/2"], ["a b", "ä", "a\n"]),
        ("TagKey", ["a", "äß 漢٣", "_.:/=+-@", "\xa0\u2003", "Ⅷ½"], ["a%", "a\n", "\t", "#", "😀"]),
        ("RoleArn", ["arn:aws-cn:iam::111122223333:role/a/b+=,.@-_"], ["arn:aws:iam::1:role/abcdefgh", "٣" * 20]),
        ("SecurityGroupId", ["sg-1", "-", "SG"], ["", "sg_1", "sg-1 "]),
        ("ExperimentEntityName", ["a", "a-b", "a---b9"], ["", "-a", "a-", "a_b", "ä"]),
        ("ProcessingEnvironmentKey", ["_", "aB_9"], ["", "9a", "a-b", "ä"]),
        ("AthenaCatalog", ["a", " ~\t", "\ud7ff\ue000\ufffd", "😀"], ["\x00", "a\nb", "\uffff"]),
        ("AthenaWorkGroup", ["a.b_c-9"], ["", "a b"]),
        ("FeatureGroupName", ["a", "a_-b"], ["_a", "a_", "a.b"]),
    ],
)
def test_a_pattern_takes_and_refuses_what_it_does_in_java(name, taken, refused):
    pattern = re.compile(python_pattern(PATTERNS[name]))

    assert [text for text in taken if not pattern.fullmatch(text)] == []
    assert [text for text in refused if pattern.fullmatch(text)] == []


@pytest.mark.parametrize("text", ["-" * 256, "a-" * 128, "a" * 256, "a" * 1_000_000, "-" * 1_000_000])
def test_no_text_takes_long_to_be_refused(text):
    assert violations("ExperimentConfig", {"RunName": f"{text}!"})


@pytest.mark.parametrize(
    ("member", "value", "told"),
    [
        ("RoleArn", None, [("RoleArn", None, "given")]),
        ("RoleArn", 5, [("RoleArn", 5, "a str")]),
        ("StoppingCondition", {}, [("StoppingCondition.MaxRuntimeInSeconds", None, "given")]),
        (
            "StoppingCondition",
            {"MaxRuntimeInSeconds": True},
            [("StoppingCondition.MaxRuntimeInSeconds", True, "a whole number")],
        ),
        (
            "StoppingCondition",
            {"MaxRuntimeInSeconds": 0},
            [("StoppingCondition.MaxRuntimeInSeconds", 0, "1-777,600")],
        ),
        ("Tags", [{"Key": "a", "Value": "b", "Vaule": "c"}], [("Tags[0] key", "Vaule", "one of Key, Value")]),
        ("Environment", {5: "a"}, [("Environment key", 5, "a str")]),
        ("Environment", [], [("Environment", [], "a dict of str to str")]),
        (
            "NetworkConfig",
            {"EnableNetworkIsolation": 1},
            [("NetworkConfig.EnableNetworkIsolation", 1, "True or False")],
        ),
        (
            "ProcessingInputs",
            [{"InputName": "a", "S3Input": {"S3Uri": "s3://b/", "S3DataType": "s3prefix"}}],
            [("ProcessingInputs[0].S3Input.S3DataType", "s3prefix", "one of ManifestFile, S3Prefix")],
        ),
    ],
)
def test_a_violation_says_where_what_and_what_is_allowed(member, value, told):
    assert [violation[:3] for violation in violations(member, value)] == told


def test_a_misspelled_word_is_told_with_the_likely_one():
    [violation] = violations(
        "ProcessingInputs", [{"InputName": "a", "S3Input": {"S3Uri": "s3://b", "S3DataType": "Prefix"}}]
    )

    assert violation.fix == "write 'S3Prefix'"

"""``cdk-processing policies``: the standards for an organisation's administrators."""

import json

import pytest
from click.testing import CliRunner

from cdk_processing.cli import main

SUBNETS = [f"subnet-{number:017x}" for number in range(200)]
TEAM = f"""
from dataclasses import replace
from cdk_processing.standards.standards import Standards
TEAM = replace(
    Standards.strict(),
    instance_types=["ml.m5.*"],
    required_tags={{"team": ["data"]}},
    regions=["eu-central-1"],
    image_repositories=["111122223333.dkr.ecr.*.amazonaws.com/prep-*"],
)
LARGE = Standards(subnets={SUBNETS!r})
NOTHING = Standards(max_instance_count=1)
NOT_ONE = "strict"
"""


@pytest.fixture
def policies(tmp_path, monkeypatch):
    (tmp_path / "own_standards.py").write_text(TEAM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(*arguments):
        result = CliRunner().invoke(main, ["policies", *arguments])
        return result.exit_code, result.output

    return run


def size(document):
    return len(json.dumps(document, separators=(",", ":")).encode())


@pytest.mark.parametrize("name", ["baseline", "strict", "own_standards:TEAM"])
def test_both_policies_are_valid_json_within_the_limits(policies, name):
    status, output = policies(name)
    document = json.loads(output)

    assert status == 0
    assert size(document["service control policy"]) <= 5_120
    assert size(document["permissions boundary"]) <= 6_144


def test_a_service_control_policy_only_denies_to_create_jobs(policies):
    _, output = policies("strict", "--only", "scp")

    statements = json.loads(output)["Statement"]
    assert {(each["Effect"], each["Action"], each["Resource"]) for each in statements} == {
        ("Deny", "sagemaker:CreateProcessingJob", "*")
    }
    assert [each["Sid"] for each in statements] == [
        "MaxRuntimeInSeconds",
        "VolumeEncryption",
        "OutputEncryption",
        "TrafficEncryption",
        "NetworkIsolation",
        "Vpc",
    ]


def test_roles_can_be_exempt_from_the_service_control_policy(policies):
    _, output = policies("strict", "--only", "scp", "--exempt-role", "arn:aws:iam::*:role/admin-*")

    conditions = [each["Condition"] for each in json.loads(output)["Statement"]]
    assert all(each["ArnNotLike"] == {"aws:PrincipalArn": ["arn:aws:iam::*:role/admin-*"]} for each in conditions)


def test_a_boundary_allows_all_else_but_other_images_and_a_way_out_of_it(policies):
    _, output = policies("own_standards:TEAM", "--only", "boundary")

    statements = {each["Sid"]: each for each in json.loads(output)["Statement"]}
    assert statements["UpToPolicies"]["Effect"] == "Allow"
    assert statements["ImageRepositories"]["NotResource"] == ["arn:*:ecr:*:111122223333:repository/prep-*"]
    assert "iam:DeleteRolePermissionsBoundary" in statements["KeepBoundary"]["Action"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_standards:LARGE", "the service control policy must have at most 5,120 bytes, got"),
        ("own_standards:NOTHING", "has no rule that SageMaker has a condition key for"),
        ("own_standards:NOT_ONE", "must be a Standards, got 'strict'"),
        ("own_standards:MISSING", "cannot be imported"),
        ("no_such_module:X", "cannot be imported"),
        ("srict", "must be baseline, strict or MODULE:NAME, got 'srict'"),
    ],
)
def test_what_cannot_be_printed_is_an_error_without_a_traceback(policies, name, message):
    status, output = policies(name)

    assert status != 0
    assert message in output
    assert "Traceback" not in output

"""The SSM parameters of a platform: stacks that other releases have deployed read them, so names stay."""

import re

import pytest

from cdk_processing.contract.platform_parameters import PlatformValue, parameter_name, platform_name_problems


def test_the_names_of_the_first_version_stay_as_they_are():
    assert [parameter_name("data", value) for value in PlatformValue] == [
        f"/cdk-processing/platforms/data/v1/{name}"
        for name in (
            "key-arn",
            "dead-letter-queue-arn",
            "dead-letter-queue-url",
            "alert-topic-arn",
            "log-group-arn",
            "table-arn",
            "table-name",
            "line-machine-arn",
            "work-bucket-name",
            "data-bucket-name",
            "permissions-boundary",
            "role-path",
            "role-path-mark",
            "role-name-prefix",
            "network",
            "subnet-ids",
            "security-group-ids",
            "cost-allocation",
            "standards",
        )
    ]


def test_the_name_of_a_parameter_has_its_version():
    assert parameter_name("data", PlatformValue.KEY_ARN, version=2) == "/cdk-processing/platforms/data/v2/key-arn"


@pytest.mark.parametrize("name", ["data", "Data_1.x-y", "x" * 63])
def test_parameter_store_takes_the_name_of_every_platform_that_is_accepted(name):
    assert platform_name_problems(name) == []
    # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
    assert all(re.fullmatch(r"[a-zA-Z0-9_./-]{1,1011}", parameter_name(name, value)) for value in PlatformValue)


@pytest.mark.parametrize("name", ["", "a/b", "x" * 64, "-data", "${Token[TOKEN.1]}", "dätä", None, 7])
def test_another_name_is_refused(name):
    [problem] = platform_name_problems(name)

    assert str(problem).startswith("name must be 1-63 letters, digits, '_', '-' and '.'")

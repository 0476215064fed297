"""Policy variables stand for values of the request, and for the characters that are wildcards otherwise."""

import pytest

from tests.local.aws.iam.test_key_permissions import allow, assumed


@pytest.fixture
def bucket(world):
    """A bucket with objects of these keys."""
    name = world.name("bucket")
    world.client("s3").create_bucket(Bucket=name)

    def with_keys(*keys):
        for key in keys:
            world.client("s3").put_object(Bucket=name, Key=key, Body=b"x")
        return name

    return with_keys


def may_read(client, bucket, key):
    try:
        with client.get_object(Bucket=bucket, Key=key)["Body"] as body:
            return body.read() == b"x"
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False


def readable(world, statement, bucket, *keys):
    """Which of the keys a role with one statement may read."""
    client = assumed(world, [statement], "s3")
    found = [key for key in keys if may_read(client, bucket, key)]
    client.close()
    return found


@pytest.mark.parametrize(("written", "meant"), [("${*}", "*"), ("${?}", "?"), ("${$}", "$")])
def test_a_character_in_braces_is_itself_and_no_wildcard(world, bucket, written, meant):
    keys = (f"in/a{meant}/1.csv", "in/ab/1.csv", "in/a/1.csv")
    name = bucket(*keys)

    assert readable(world, allow("s3:GetObject", f"arn:aws:s3:::{name}/in/a{written}/*"), name, *keys) == [keys[0]]


def test_a_variable_is_a_value_of_the_request_and_its_wildcards_are_none(world, bucket):
    keys = ("000000000000/a", "other/a")
    name = bucket(*keys)
    own = allow("s3:GetObject", f"arn:aws:s3:::{name}/${{aws:PrincipalAccount}}/*")

    assert readable(world, own, name, *keys) == ["000000000000/a"]


@pytest.mark.parametrize(
    ("variable", "expected"), [("aws:PrincipalTag/team", []), ("aws:PrincipalTag/team, 'none'", ["none/a"])]
)
def test_a_statement_without_a_value_for_its_variable_does_not_apply(world, bucket, variable, expected):
    keys = ("none/a", "${aws:PrincipalTag/team}/a")
    name = bucket(*keys)

    assert readable(world, allow("s3:GetObject", f"arn:aws:s3:::{name}/${{{variable}}}/*"), name, *keys) == expected


@pytest.mark.parametrize(("account", "expected"), [("${aws:PrincipalAccount}", ["a"]), ("${aws:PrincipalType}", [])])
def test_a_variable_in_a_condition_is_a_value_too(world, bucket, account, expected):
    name = bucket("a")
    condition = {"StringEquals": {"aws:PrincipalAccount": account}}

    assert readable(world, {**allow("s3:GetObject", f"arn:aws:s3:::{name}/*"), "Condition": condition}, name, "a") == (
        expected
    )

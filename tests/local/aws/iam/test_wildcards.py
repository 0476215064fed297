import pytest
from botocore.exceptions import ClientError

from tests.local.aws.iam.test_key_permissions import allow, assumed

KEYS = ["in/a\nb.csv", "in/a\r\nb.csv", "in/\n", "in/two\n\nbreaks\n"]


@pytest.mark.parametrize("key", KEYS)
def test_a_wildcard_reaches_over_the_line_breaks_of_a_key(world, key):
    name = world.name("bucket")
    world.client("s3").create_bucket(Bucket=name)
    world.client("s3").put_object(Bucket=name, Key=key, Body=b"x")
    client = assumed(world, [allow("s3:GetObject", f"arn:aws:s3:::{name}/in/*")], "s3")
    with client.get_object(Bucket=name, Key=key)["Body"] as body:
        assert body.read() == b"x"
    client.close()


@pytest.mark.parametrize("key", ["other/in/a\nb", "in", "in/a\n"])
def test_a_pattern_ends_where_it_ends(world, key):
    name = world.name("bucket")
    world.client("s3").create_bucket(Bucket=name)
    world.client("s3").put_object(Bucket=name, Key=key, Body=b"x")
    client = assumed(world, [allow("s3:GetObject", [f"arn:aws:s3:::{name}/in/a", f"arn:aws:s3:::{name}/in/b*"])], "s3")
    with pytest.raises(ClientError, match="AccessDenied"):
        client.get_object(Bucket=name, Key=key)
    client.close()

import pytest

from cdk_processing.client import AwsCallError, ProcessingClient


@pytest.fixture(autouse=True)
def nobody_home(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_missing_credentials_are_told_with_what_to_do():
    with ProcessingClient(region="eu-west-1") as client, pytest.raises(AwsCallError, match="no AWS credentials"):
        client.jobs()


def test_a_missing_region_is_told_with_what_to_do():
    with ProcessingClient() as client, pytest.raises(AwsCallError, match="Give --region"):
        client.jobs()


def test_an_unknown_profile_is_told():
    with ProcessingClient(profile="nobody") as client, pytest.raises(AwsCallError, match="nobody"):
        client.jobs()


def test_an_endpoint_where_nothing_listens_is_told(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with (
        ProcessingClient(region="eu-west-1", endpoint_url="http://127.0.0.1:9") as client,
        pytest.raises(AwsCallError, match="is `cdk-processing local` running"),
    ):
        client.jobs()


def test_the_region_is_also_read_from_the_variable_that_botocore_ignores(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    with ProcessingClient() as client:
        assert client.account.region == "eu-south-2"

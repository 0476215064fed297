import socket
import threading
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError

from cdk_processing.client import AwsCallError, ProcessingClient


@pytest.fixture(autouse=True)
def nobody_home(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def refused(field, **account):
    """The error of a call that cannot work, known to name the setting that is wrong."""
    with ProcessingClient(**account) as client, pytest.raises(AwsCallError) as error:
        client.jobs()
    assert error.value.problem.field == field
    return str(error.value)


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_missing_credentials_are_an_error_with_what_to_do():
    said = refused("credentials", region="eu-west-1")

    assert said == (
        "Could not list the jobs: credentials must be in the environment, in a profile or with the instance, got None; "
        "sign in (aws sso login, AWS_PROFILE), or paste the export lines that `cdk-processing local` prints"
    )


def test_half_of_the_credentials_are_an_error_that_names_what_is_missing(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")

    assert "missing: AWS_SECRET_ACCESS_KEY" in refused("credentials", region="eu-west-1")


def test_a_single_sign_on_that_has_not_been_done_is_an_error_with_what_to_do(tmp_path):
    (tmp_path / "config").write_text(
        "[profile work]\nsso_session = s\nsso_account_id = 111122223333\nsso_role_name = r\n"
        "[sso-session s]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\n"
    )

    assert "sign in (aws sso login, AWS_PROFILE)" in refused("credentials", profile="work", region="eu-west-1")


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_expired_credentials_are_an_error_with_what_to_do(keys, code):
    def expire(**_):
        raise ClientError({"Error": {"Code": code, "Message": "The security token is expired"}}, "AnyCall")

    with ProcessingClient(region="eu-west-1") as client:
        for service in ("resourcegroupstaggingapi", "stepfunctions"):
            client.account.client(service).meta.events.register("before-call", expire)
        with pytest.raises(
            AwsCallError, match=r"credentials must be valid; they are expired, got .*; sign in"
        ) as error:
            client.jobs()
    assert error.value.code == code


def test_credentials_that_the_embedded_aws_does_not_know_are_an_error_with_what_to_do(three_jobs, keys):
    said = refused("credentials", region="us-east-1", endpoint_url=three_jobs.aws.endpoint_url)

    assert "credentials must be valid; they are not known there" in said


def test_a_missing_region_is_an_error_with_what_to_do():
    said = refused("region")

    assert said == "Could not reach AWS: region must be known, got None; give --region, region= or AWS_REGION"


def test_a_region_that_cannot_be_one_is_an_error_with_what_to_do(keys):
    assert "region must be the name of an AWS region, got 'eu west'" in refused("region", region="eu west")


def test_an_unknown_profile_is_an_error_that_names_it():
    said = refused("profile", profile="nobody", region="eu-west-1")

    assert said.endswith(
        "profile must be a profile of the AWS configuration, got 'nobody'; see `aws configure list-profiles`"
    )


def test_an_endpoint_where_nothing_listens_is_an_error_with_what_to_do(keys):
    said = refused("endpoint_url", region="eu-west-1", endpoint_url="http://127.0.0.1:9")

    assert said == (
        "Could not list the jobs: endpoint_url must be a URL at which AWS answers, got 'http://127.0.0.1:9/'; "
        "is `cdk-processing local` running?"
    )


@pytest.fixture
def hanging_up():
    """A server that closes each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with suppress(OSError):
                while True:
                    server.accept()[0].close()

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_hangs_up_is_an_error_with_what_to_do(keys, hanging_up, scheme):
    said = refused("endpoint_url", region="eu-west-1", endpoint_url=hanging_up.replace("http", scheme))

    assert "Could not list the jobs: endpoint_url must be a URL " in said
    assert f", got '{scheme}://127.0.0.1:" in said


@pytest.mark.parametrize("url", ["127.0.0.1:9", "localhost:4566", "ftp://127.0.0.1:9", "http://", "http://[::1"])
def test_an_endpoint_that_is_no_url_is_an_error_with_what_to_do(keys, url):
    said = refused("endpoint_url", region="eu-west-1", endpoint_url=url)

    assert f"must be a URL such as http://127.0.0.1:4566, got {url!r}" in said


def test_so_is_an_endpoint_of_the_environment(keys, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9")

    assert "got '127.0.0.1:9'; write http://127.0.0.1:9" in refused("endpoint_url", region="eu-west-1")


def test_the_region_is_also_read_from_the_variable_that_botocore_ignores(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    with ProcessingClient() as client:
        assert client.account.region == "eu-south-2"

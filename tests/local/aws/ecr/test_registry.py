import base64
import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest


@pytest.fixture(scope="module")
def repository(world):
    name = world.name("repo")
    return world.client("ecr").create_repository(repositoryName=name)["repository"]


def request(world, path, *, method="GET", token=None, body=None):
    """A request as Docker makes it; returns status, headers and body."""
    headers = {"Authorization": f"Basic {token}"} if token else {}
    sent = urllib.request.Request(f"{world.aws.endpoint_url}{path}", body, headers, method=method)
    try:
        with urllib.request.urlopen(sent) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def token_of(client):
    [data] = client.get_authorization_token()["authorizationData"]
    return data["authorizationToken"]


@pytest.fixture
def user(world):
    """``user(*statements)``: the token of somebody with these permissions."""

    def token(*statements):
        iam, name = world.client("iam"), world.name("user")
        iam.create_user(UserName=name)
        login = {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [login, *statements]}
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        client = boto3.Session().client(
            "ecr",
            endpoint_url=world.aws.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )
        try:
            return token_of(client)
        finally:
            client.close()

    return token


def test_a_repository_and_the_login_name_the_loopback_address_and_never_aws(world, repository):
    address = world.aws.endpoint_url.removeprefix("http://")
    assert repository["repositoryUri"] == f"{address}/{repository['repositoryName']}"
    described = world.client("ecr").describe_repositories(repositoryNames=[repository["repositoryName"]])
    assert described["repositories"][0]["repositoryUri"] == repository["repositoryUri"]
    [data] = world.client("ecr").get_authorization_token()["authorizationData"]
    assert data["proxyEndpoint"] == world.aws.endpoint_url


@pytest.mark.parametrize("image", [{"imageTag": "none"}, {"imageDigest": "sha256:" + "0" * 64}])
def test_an_image_that_is_not_there_is_an_error(world, repository, image):
    ecr = world.client("ecr")
    assert ecr.describe_images(repositoryName=repository["repositoryName"])["imageDetails"] == []
    with pytest.raises(ecr.exceptions.ImageNotFoundException):
        ecr.describe_images(repositoryName=repository["repositoryName"], imageIds=[image])


def test_a_token_opens_the_registry(world):
    assert request(world, "/v2/", token=token_of(world.client("ecr")))[0] == 200


@pytest.mark.parametrize(
    "token", [None, "x", base64.b64encode(b"AWS:ministack-auth-token").decode(), base64.b64encode(b"AWS:").decode()]
)
@pytest.mark.parametrize("path", ["/v2/", "/v2/any/manifests/latest", "/v2/_catalog"])
def test_nobody_gets_in_without_one(world, token, path):
    status, headers, body = request(world, path, token=token)
    assert status == 401
    assert headers["www-authenticate"].startswith("Basic ")
    assert json.loads(body)["errors"][0]["code"] == "UNAUTHORIZED"


def test_a_token_may_do_what_its_owner_may(world, repository, user):
    name, arn = repository["repositoryName"], repository["repositoryArn"]
    pull = {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": arn}
    push = {"Effect": "Allow", "Action": "ecr:PutImage", "Resource": arn}

    def statuses(token):
        pulled = request(world, f"/v2/{name}/manifests/none", token=token)[0]
        pushed = request(world, f"/v2/{name}/blobs/uploads/", method="POST", token=token, body=b"")[0]
        return pulled, pushed

    assert statuses(user()) == (403, 403)
    assert statuses(user(pull)) == (404, 403)
    assert statuses(user(push)) == (403, 202)
    assert request(world, "/v2/other/manifests/none", token=user(pull))[0] == 403


class TestLayers:
    """Layers are files, however a client splits them."""

    @pytest.fixture
    def push(self, world, repository):
        """``push(*parts, last=b"", digest=None)``: upload a layer as Docker does; returns the last status and body."""
        name, token = repository["repositoryName"], token_of(world.client("ecr"))

        def send(*parts, last=b"", digest=None):
            _, headers, _ = request(world, f"/v2/{name}/blobs/uploads/", method="POST", token=token, body=b"")
            location, ranges = headers["location"], []
            for part in parts:
                status, answered, _ = request(world, location, method="PATCH", token=token, body=part)
                assert status == 202
                ranges.append(answered["range"])
            digest = digest or f"sha256:{hashlib.sha256(b''.join(parts) + last).hexdigest()}"
            status, _, body = request(world, f"{location}?digest={digest}", method="PUT", token=token, body=last)
            return status, body, ranges, f"/v2/{name}/blobs/{digest}", token

        return send

    @pytest.mark.parametrize(
        "parts", [[b"x" * 10], [b"a" * 5_000_000], [b"a" * 3_000_000, b"b" * 10, b"c" * 2_000_000]]
    )
    def test_a_layer_comes_back_as_it_was_pushed(self, world, push, parts):
        status, _, ranges, place, token = push(*parts)

        assert status == 201
        assert ranges[-1] == f"0-{len(b''.join(parts)) - 1}"
        assert request(world, place, token=token)[::2] == (200, b"".join(parts))
        assert request(world, place, method="HEAD", token=token)[1]["content-length"] == str(len(b"".join(parts)))

    def test_the_last_request_may_bring_bytes_too(self, world, push):
        status, _, _, place, token = push(b"a" * 2_000_000, last=b"end")

        assert status == 201
        assert request(world, place, token=token)[2] == b"a" * 2_000_000 + b"end"

    def test_a_layer_with_another_digest_is_refused(self, world, push):
        status, body, _, place, token = push(b"a" * 2_000_000, digest=f"sha256:{'0' * 64}")

        assert status == 400
        assert json.loads(body)["errors"][0]["code"] == "DIGEST_INVALID"
        assert request(world, place, token=token)[0] == 404

    def test_an_upload_that_nobody_began_is_refused(self, world, repository):
        token = token_of(world.client("ecr"))
        place = f"/v2/{repository['repositoryName']}/blobs/uploads/{'0' * 8}"
        for method, query in (("PATCH", ""), ("PUT", f"?digest=sha256:{'0' * 64}")):
            status, _, body = request(world, place + query, method=method, token=token, body=b"x")
            assert status == 404
            assert json.loads(body)["errors"][0]["code"] == "BLOB_UPLOAD_UNKNOWN"

    def test_the_server_does_not_hold_layers_in_memory(self, world, push):
        before = anonymous_bytes(world.aws.pid)

        for letter in b"abc":
            assert push(bytes([letter]) * 100_000_000)[0] == 201

        assert anonymous_bytes(world.aws.pid) - before < 100_000_000


def anonymous_bytes(pid):
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024

"""The CDK's own command line against the embedded AWS: bootstrap, deploy, change, deploy again, destroy."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.embedded.cdk_cli import CdkCli
from tests.patience import until

ROOT = Path(__file__).parents[2]
APP = ROOT / "tests" / "apps" / "real_client"


@pytest.fixture(scope="module")
def aws():
    from cdk_processing.local.engine import LocalAws

    with LocalAws(python=sys.executable) as running:
        yield running


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A copy of the app, whose script a test can change."""
    folder = Path(shutil.copytree(APP, tmp_path_factory.mktemp("app") / "app"))
    (folder / "reference" / "deep" / "er").mkdir(parents=True)
    (folder / "reference" / "deep" / "er" / "ünï code.txt").write_text("there\n")
    return folder


@pytest.fixture(scope="module")
def cdk(aws, app, tmp_path_factory):
    """``cdk("deploy", ...)`` runs the command line and returns what it said."""
    return CdkCli(aws, app, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def bootstrapped(cdk):
    cdk.bootstrap()


@pytest.fixture(scope="module")
def first_deployment(bootstrapped, cdk, aws):
    """The stack's outputs and what its first run has written, before any test changes the app."""
    cdk.deploy()
    outputs = outputs_of(aws, "RealClient")
    aws.client("s3").put_object(Bucket=outputs["RawName"], Key="in/first.txt", Body=b"hello")
    written = {
        key: wait_for_object(aws, outputs["ResultsName"], key) for key in ("loud/first.txt", "loud/reference.lst")
    }
    return outputs, written, asset_keys(aws)


@pytest.fixture
def deployed(first_deployment):
    """The stack's outputs."""
    return first_deployment[0]


def outputs_of(aws, name):
    [stack] = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def machines_of(aws, stack):
    machines = aws.client("stepfunctions").list_state_machines()["stateMachines"]
    return [machine["name"] for machine in machines if stack in machine["name"]]


def asset_keys(aws):
    bucket = f"cdk-hnb659fds-assets-{aws.account_id}-{aws.region}"
    return [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]


def wait_for_object(aws, bucket, key):
    s3 = aws.client("s3")
    until(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=key).get("KeyCount"), every=0.1)
    with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
        return body.read().decode()


def test_an_object_put_with_boto3_is_processed(first_deployment):
    _, written, _ = first_deployment

    assert written["loud/first.txt"] == "HELLO"


def test_a_local_folder_is_deployed_and_arrives_under_its_names(first_deployment):
    _, written, keys = first_deployment

    assert written["loud/reference.lst"] == "deep/er/ünï code.txt\ngreeting"
    [folder] = {key.partition("/")[0] for key in keys if "/" in key and key.startswith("real-client-")}
    assert folder.startswith("real-client-shout-")
    names = sorted(key.rpartition("/")[2] for key in keys if key.startswith(f"{folder}/"))
    assert names == ["cdk-processing-folder.tar.gz", "shout.py"]


def test_a_changed_script_is_deployed_and_used(aws, deployed, cdk, app):
    change(app, "!")

    cdk.deploy()
    aws.client("s3").put_object(Bucket=deployed["RawName"], Key="in/second.txt", Body=b"hello")

    assert wait_for_object(aws, deployed["ResultsName"], "loud/second.txt") == "HELLO!"


def change(app, ending):
    script = app / "shout.py"
    script.write_text(re.sub(r"\.upper\(\).*\)", f".upper() + {ending!r})", script.read_text()))


@pytest.mark.parametrize("option", ["--hotswap-fallback", "--no-staging"])
def test_a_changed_script_is_used_whatever_way_it_is_deployed(aws, deployed, cdk, app, option):
    change(app, option)

    said = cdk.deploy(option)
    aws.client("s3").put_object(Bucket=deployed["RawName"], Key=f"in/{option}.txt", Body=b"hello")

    assert wait_for_object(aws, deployed["ResultsName"], f"loud/{option}.txt") == f"HELLO{option}", said
    if option == "--hotswap-fallback":
        # The stack leaves its region open, so the image's account is in a mapping, and the CDK swaps none.
        assert "Fn::FindInMap is not supported" in said


def test_the_same_app_again_is_no_change(deployed, cdk):
    cdk.deploy()

    assert "no changes" in cdk.deploy()


def test_destroy_removes_the_stack_and_keeps_the_data(aws, bootstrapped, cdk):
    another = ("--context", "name=ToDestroy")
    cdk.deploy(*another)
    outputs = outputs_of(aws, "ToDestroy")
    aws.client("s3").put_object(Bucket=outputs["RawName"], Key="in/last.txt", Body=b"hello")
    written = wait_for_object(aws, outputs["ResultsName"], "loud/last.txt")
    assert machines_of(aws, "ToDestroy")

    cdk("destroy", "--force", *another)

    with pytest.raises(aws.client("cloudformation").exceptions.ClientError, match="does not exist"):
        aws.client("cloudformation").describe_stacks(StackName="ToDestroy")
    assert machines_of(aws, "ToDestroy") == []
    assert wait_for_object(aws, outputs["ResultsName"], "loud/last.txt") == written

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
def deployed(cdk, aws):
    """The stack's outputs, after the first bootstrap and deploy."""
    cdk("bootstrap", f"aws://{aws.account_id}/{aws.region}")
    cdk("deploy", "--require-approval", "never")
    [stack] = aws.client("cloudformation").describe_stacks(StackName="RealClient")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def wait_for_object(aws, bucket, key):
    s3 = aws.client("s3")
    until(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=key).get("KeyCount"), every=0.1)
    with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
        return body.read().decode()


def test_an_object_put_with_boto3_is_processed(aws, deployed):
    aws.client("s3").put_object(Bucket=deployed["RawName"], Key="in/first.txt", Body=b"hello")

    assert wait_for_object(aws, deployed["ResultsName"], "loud/first.txt") == "HELLO"


def test_a_local_folder_is_deployed_and_arrives_under_its_names(aws, deployed):
    assert wait_for_object(aws, deployed["ResultsName"], "loud/reference.lst") == "deep/er/ünï code.txt\ngreeting"

    bucket = f"cdk-hnb659fds-assets-{aws.account_id}-{aws.region}"
    keys = [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    [folder] = {key.partition("/")[0] for key in keys if "/" in key}
    assert folder.startswith("real-client-shout-")
    names = sorted(key.rpartition("/")[2] for key in keys if key.startswith(f"{folder}/"))
    assert names == ["cdk-processing-folder.tar.gz", "shout.py"]


def test_a_changed_script_is_deployed_and_used(aws, deployed, cdk, app):
    script = app / "shout.py"
    script.write_text(script.read_text().replace(".upper()", ".upper() + '!'"))

    cdk("deploy", "--require-approval", "never")
    aws.client("s3").put_object(Bucket=deployed["RawName"], Key="in/second.txt", Body=b"hello")

    assert wait_for_object(aws, deployed["ResultsName"], "loud/second.txt") == "HELLO!"


def change(app, ending):
    script = app / "shout.py"
    script.write_text(re.sub(r"\.upper\(\).*\)", f".upper() + {ending!r})", script.read_text()))


@pytest.mark.parametrize("option", ["--hotswap-fallback", "--no-staging"])
def test_a_changed_script_is_used_whatever_way_it_is_deployed(aws, deployed, cdk, app, option):
    change(app, option)

    said = cdk("deploy", "--require-approval", "never", option)
    aws.client("s3").put_object(Bucket=deployed["RawName"], Key=f"in/{option}.txt", Body=b"hello")

    assert wait_for_object(aws, deployed["ResultsName"], f"loud/{option}.txt") == f"HELLO{option}", said


def test_the_same_app_again_is_no_change(deployed, cdk):
    assert "no changes" in cdk("deploy", "--require-approval", "never")


def test_destroy_removes_the_stack_and_keeps_the_data(aws, deployed, cdk):
    cdk("destroy", "--force")

    with pytest.raises(aws.client("cloudformation").exceptions.ClientError, match="does not exist"):
        aws.client("cloudformation").describe_stacks(StackName="RealClient")
    assert aws.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert wait_for_object(aws, deployed["ResultsName"], "loud/reference.lst") == "deep/er/ünï code.txt\ngreeting"

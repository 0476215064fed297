"""The CDK's own command line past CloudFormation: ``--hotswap``, ``--hotswap-fallback`` and ``cdk watch``."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cdk_processing.local import faults
from tests.embedded.cdk_cli import CdkCli
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[1] / "apps" / "real_client"


@pytest.fixture(scope="module")
def aws():
    from cdk_processing.local.engine import LocalAws

    with LocalAws(python=sys.executable, wait_scale=0.02) as running:
        yield running


@pytest.fixture(scope="module")
def cdk(aws, tmp_path_factory):
    folder = shutil.copytree(APP, tmp_path_factory.mktemp("app") / "app")
    (folder / "cdk.json").write_text(f'{{"app": "python app.py", "context": {{"region": "{aws.region}"}}}}')
    cdk = CdkCli(aws, folder, tmp_path_factory.mktemp("home"))
    cdk.bootstrap()
    cdk.deploy("--method=direct")
    return cdk


def change(cdk, ending):
    """The script writes in upper case, and this after it."""
    script = cdk.folder / "shout.py"
    script.write_text(re.sub(r"\.upper\(\).*\)", f".upper() + {ending!r})", script.read_text()))


def bucket(aws, output):
    [stack] = aws.client("cloudformation").describe_stacks(StackName="RealClient")["Stacks"]
    return next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == output)


def put(aws, name):
    aws.client("s3").put_object(Bucket=bucket(aws, "RawName"), Key=f"in/{name}.txt", Body=b"hello")


def written(aws, name):
    """What a run has written of an object."""
    s3, results, key = aws.client("s3"), bucket(aws, "ResultsName"), f"loud/{name}.txt"
    until(lambda: s3.list_objects_v2(Bucket=results, Prefix=key).get("KeyCount"), every=0.1)
    with s3.get_object(Bucket=results, Key=key)["Body"] as body:
        return body.read().decode()


def swapped(said):
    """The types of the resources that the command line says it swapped."""
    return re.findall(r"(AWS::\w+::\w+) '[^']+' hotswapped!", said)


@pytest.mark.parametrize("option", ["--hotswap", "--hotswap-fallback"])
def test_a_changed_script_is_swapped_without_cloudformation_and_used(aws, cdk, option):
    change(cdk, option)
    before = aws.client("cloudformation").describe_stacks(StackName="RealClient")["Stacks"][0]

    said = cdk.deploy(option)
    put(aws, f"swapped{option}")

    assert swapped(said) == ["AWS::StepFunctions::StateMachine"]
    assert "non-hotswappable" not in said
    after = aws.client("cloudformation").describe_stacks(StackName="RealClient")["Stacks"][0]
    assert after.get("LastUpdatedTime") == before.get("LastUpdatedTime")
    assert written(aws, f"swapped{option}") == f"HELLO{option}"


def test_a_run_that_was_launched_before_a_swap_finishes_with_the_old_script(aws, cdk):
    change(cdk, " of old")
    cdk.deploy("--hotswap")
    with aws.inject(faults.throttling()) as throttled:
        put(aws, "launched-before")
        until(lambda: throttled.hits)
        change(cdk, " of new")
        assert swapped(cdk.deploy("--hotswap"))

    assert written(aws, "launched-before") == "HELLO of old"
    put(aws, "launched-after")
    assert written(aws, "launched-after") == "HELLO of new"


def test_a_change_that_cannot_be_swapped_is_deployed_with_the_fallback(aws, cdk):
    app = cdk.folder / "app.py"
    before = app.read_text()
    app.write_text(before.replace("CfnOutput(", 'DataBucket(stack, "More")\nCfnOutput(', 1))

    def resources():
        return len(aws.client("cloudformation").list_stack_resources(StackName="RealClient")["StackResourceSummaries"])

    deployed = resources()
    said = cdk.deploy("--hotswap-fallback")
    assert "resource: More" in said.partition("non-hotswappable")[2]
    assert resources() > deployed

    app.write_text(before)
    cdk.deploy()


def test_drift_shows_what_was_swapped_and_revert_drift_brings_the_deployed_script_back(aws, cdk):
    change(cdk, " as deployed")
    cdk.deploy()
    change(cdk, " as swapped")
    cdk.deploy("--hotswap")
    change(cdk, " as deployed")

    assert "1 resource has drifted" in cdk("drift")
    cdk.deploy("--revert-drift")

    assert "No drift detected" in cdk("drift")
    put(aws, "reverted")
    assert written(aws, "reverted") == "HELLO as deployed"


def test_watch_swaps_a_changed_script_by_itself(aws, cdk, tmp_path):
    change(cdk, " before watching")
    settings = cdk.folder / "cdk.json"
    settings.write_text(
        f'{{"app": "python app.py", "context": {{"region": "{aws.region}"}}, "watch": {{"include": ["*.py"]}}}}'
    )
    with (tmp_path / "said").open("w") as said:
        watching = subprocess.Popen(
            cdk.command("watch"), cwd=cdk.folder, env=cdk.environment, stdout=said, stderr=subprocess.STDOUT
        )
    try:

        def until_said(times):
            def look():
                text = (tmp_path / "said").read_text()
                assert watching.poll() is None, text
                return text

            until(look, lambda text: len(re.findall("hotswap-deployment time", text)) >= times, every=0.1)

        until_said(1)
        change(cdk, " while watching")
        until_said(2)
        put(aws, "watched")
        assert written(aws, "watched") == "HELLO while watching"
    finally:
        watching.terminate()
        watching.wait(PATIENCE)


def test_a_rule_that_was_swapped_launches_by_what_it_says_now(aws, cdk):
    app = cdk.folder / "app.py"
    before = app.read_text()
    app.write_text(before.replace('suffix=".txt"', 'suffix=".text"'))

    assert "AWS::Events::Rule" in swapped(cdk.deploy("--hotswap"))
    [pattern] = [rule["EventPattern"] for rule in aws.client("events").list_rules()["Rules"] if "EventPattern" in rule]
    assert ".text" in pattern
    app.write_text(before)

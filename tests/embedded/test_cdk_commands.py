"""The commands and options of the CDK's own command line, and its synthesizers, against the embedded AWS."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded.cdk_cli import CdkCli
from tests.patience import until

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[1] / "apps" / "cdk_cli"


@pytest.fixture(scope="module")
def aws():
    from cdk_processing.local.engine import LocalAws

    with LocalAws(python=sys.executable) as running:
        yield running


@pytest.fixture(scope="module")
def cdk(aws, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cdk")
    cdk = CdkCli(aws, folder, tmp_path_factory.mktemp("home"))
    synthesize(cdk, "out")
    cdk.bootstrap()
    return cdk


def synthesize(cdk, output, **context):
    """Write a cloud assembly: each command then needs no synthesis of its own."""
    environment = {**cdk.environment, "CDK_OUTDIR": str(cdk.folder / output), "CDK_CONTEXT_JSON": json.dumps(context)}
    for name in ("app.py", "done.py"):
        shutil.copy(APP / name, cdk.folder / name)
    subprocess.run([sys.executable, "app.py"], cwd=cdk.folder, env=environment, check=True, capture_output=True)


def run(aws, stack):
    """Run a stack's job, and return what it wrote."""
    cloudformation, states = aws.client("cloudformation"), aws.client("stepfunctions")
    resources = cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]
    [machine] = [each for each in resources if each["ResourceType"] == "AWS::StepFunctions::StateMachine"]
    started = states.start_execution(stateMachineArn=machine["PhysicalResourceId"])["executionArn"]
    ended = until(lambda: states.describe_execution(executionArn=started), lambda it: it["status"] != "RUNNING")
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    [bucket] = [each["OutputValue"] for each in described(aws, stack)["Outputs"]]
    with aws.client("s3").get_object(Bucket=bucket, Key="o/done")["Body"] as body:
        return body.read()


def described(aws, stack):
    return aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]


@pytest.mark.parametrize(
    ("stack", "options"),
    [
        ("Direct", ["--method=direct"]),
        ("ChangeSet", ["--method=change-set", "--change-set-name", "mine"]),
        ("Importing", ["--import-existing-resources"]),
        ("Exclusively", ["--exclusively"]),
        ("Outputs", ["--outputs-file", "outputs.json"]),
        ("Forced", ["--force", "--no-rollback"]),
        ("Second", ["--concurrency", "2"]),
        ("Credentials", []),
    ],
)
def test_each_way_to_deploy_makes_a_stack_whose_job_runs(aws, cdk, stack, options):
    cdk.deploy(stack, *options, "-a", "out")
    assert described(aws, stack)["StackStatus"] == "CREATE_COMPLETE"
    assert run(aws, stack) == b"yes"
    if stack == "Outputs":
        written = json.loads((cdk.folder / "outputs.json").read_text())
        assert written == {"Outputs": {"ResultsName": described(aws, stack)["Outputs"][0]["OutputValue"]}}
    if stack == "Second":
        assert described(aws, "First")["StackStatus"] == "CREATE_COMPLETE"


def test_a_qualifier_of_its_own_deploys_where_it_was_bootstrapped_and_says_so_where_it_was_not(aws, cdk):
    assert "/cdk-bootstrap/team/version" in cdk.fails("deploy", "Qualified", "-a", "out")
    cdk.bootstrap("--qualifier", "team", "--toolkit-stack-name", "Team")
    cdk.deploy("Qualified", "-a", "out")
    assert run(aws, "Qualified") == b"yes"


@pytest.mark.parametrize("stack", ["Legacy", "Bootstrapless"])
def test_a_synthesizer_that_publishes_no_files_deploys_a_job_whose_script_is_in_s3(aws, cdk, stack):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="scripts")
    s3.upload_file(str(APP / "done.py"), "scripts", "done.py")
    cdk.deploy(stack, "-a", "out")
    assert run(aws, stack) == b"yes"


def test_diff_shows_what_would_change_with_and_without_a_change_set_and_changes_nothing(aws, cdk):
    synthesize(cdk, "moved", variant="moved")
    cdk.deploy("Direct", "-a", "out")
    for options in ([], ["--no-change-set"]):
        assert "There were no differences" in cdk("diff", "Direct", "-a", "out", *options)
        assert "AWS::S3::Bucket Moved" in cdk("diff", "Direct", "-a", "moved", *options)
    resources = aws.client("cloudformation").list_stack_resources(StackName="Direct")["StackResourceSummaries"]
    assert not [each for each in resources if each["LogicalResourceId"].startswith("Moved")]
    assert aws.client("cloudformation").list_change_sets(StackName="Direct")["Summaries"] == []


def test_a_failed_deployment_without_rollback_is_rolled_back_by_command(aws, cdk):
    synthesize(cdk, "broken", variant="broken")
    cdk.deploy("Forced", "-a", "out")
    said = cdk.fails("deploy", "Forced", "--no-rollback", "--require-approval", "never", "-a", "broken")
    assert "The embedded AWS does not provision AWS::Lambda::Function" in said
    assert described(aws, "Forced")["StackStatus"] == "UPDATE_FAILED"

    cdk("rollback", "Forced", "-a", "broken")

    assert described(aws, "Forced")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert run(aws, "Forced") == b"yes"
    assert "does not need a rollback" in cdk.fails("rollback", "Forced", "-a", "broken")


def test_a_bucket_that_is_there_already_is_imported(aws, cdk):
    synthesize(cdk, "imported", variant="imported")
    cdk.deploy("Importing", "-a", "out")
    aws.client("s3").create_bucket(Bucket="there-already")
    aws.client("s3").put_object(Bucket="there-already", Key="kept", Body=b"kept")
    (cdk.folder / "mapping.json").write_text('{"There": {"BucketName": "there-already"}}')

    cdk("import", "Importing", "--resource-mapping", "mapping.json", "-a", "imported")

    assert described(aws, "Importing")["StackStatus"] == "IMPORT_COMPLETE"
    assert aws.client("s3").head_object(Bucket="there-already", Key="kept")["ContentLength"] == 4


def test_reading_commands_answer(cdk):
    assert set(cdk("list", "-a", "out").split()) >= {"Direct", "Legacy", "Qualified"}
    assert "/Direct/Job/StateMachine" in cdk("metadata", "Direct", "-a", "out")
    cdk.deploy("Direct", "-a", "out")
    assert "No drift detected" in cdk("drift", "Direct", "-a", "out")

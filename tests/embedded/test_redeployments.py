"""An app that changes between deployments by the CDK's own command line: arrivals go on launching what is declared."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.patience import until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
APP = ROOT / "tests" / "apps" / "redeployed"
CDK = Path(sys.prefix) / "cdk-cli" / "node_modules" / "aws-cdk" / "bin" / "cdk"


@pytest.fixture(scope="module")
def aws():
    from cdk_processing.local.engine import LocalAws

    with LocalAws(python=sys.executable, wait_scale=0.02) as running:
        yield running


@pytest.fixture(scope="module")
def cdk(aws, tmp_path_factory):
    """``cdk(folder, "deploy", ...)`` runs the command line and returns what it said."""
    from cdk_processing.local.deployment.node import path_with_node

    assert CDK.exists(), "the CDK's command line is missing: run `make setup`"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= aws.environment()
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path_with_node()])
    environment["HOME"] = str(tmp_path_factory.mktemp("home"))
    environment |= {"CI": "true", "CDK_VALIDATION": "false", "CDK_DISABLE_CLI_TELEMETRY": "true"}

    def run(folder, *arguments, must_succeed=True):
        command = ["node", str(CDK), *arguments, "--no-notices", "--no-version-reporting", "--no-color"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert must_succeed is None or (done.returncode == 0) == must_succeed, done.stdout + done.stderr
        return done.stdout + done.stderr

    folder = Path(shutil.copytree(APP, tmp_path_factory.mktemp("app") / "app"))
    (folder / "plan.json").write_text('{"name": "Boot"}')
    run(folder, "bootstrap", f"aws://{aws.account_id}/{aws.region}")
    return run


@pytest.fixture(scope="module")
def app(aws, cdk, tmp_path_factory):
    """The app of these tests, deployed once; each begins with what the one before has left, and says what it needs."""
    folder = Path(shutil.copytree(APP, tmp_path_factory.mktemp("app") / "app"))
    return Redeployed(aws, cdk, folder, "Change")


class Redeployed:
    """An app under a name of its own, deployed again and again."""

    def __init__(self, aws, cdk, folder, name):
        self.aws, self.cdk, self.folder, self.name = aws, cdk, folder, name
        self.put = 0

    def deploy(self, *, must_succeed=True, version="first", **plan):
        (self.folder / "plan.json").write_text(json.dumps({"name": self.name, **plan}))
        script = self.folder / "look.py"
        script.write_text(re.sub('VERSION = ".*"', f'VERSION = "{version}"', script.read_text()))
        return self.cdk(self.folder, "deploy", "--all", "--require-approval", "never", must_succeed=must_succeed)

    def status(self, stack="Jobs"):
        found = self.aws.client("cloudformation").describe_stacks(StackName=f"{self.name}{stack}")
        return found["Stacks"][0]["StackStatus"]

    def resource(self, stack, kind, beginning=""):
        found = self.aws.client("cloudformation").describe_stack_resources(StackName=f"{self.name}{stack}")
        [one] = [
            each["PhysicalResourceId"]
            for each in found["StackResources"]
            if each["ResourceType"] == kind and each["LogicalResourceId"].startswith(beginning)
        ]
        return one

    def arrive(self, bucket, key=None):
        """Put an object; returns its key's last part."""
        self.put += 1
        name = f"{self.put}.csv" if key is None else key
        self.aws.client("s3").put_object(Bucket=bucket, Key=f"in/{name}", Body=b"1\n")
        return name

    def seen(self, name):
        """Which versions of the script have seen an object, one for each run."""
        s3 = self.aws.client("s3")
        bucket = self.resource("Data", "AWS::S3::Bucket", "Results")
        listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        keys = [each["Key"] for each in listed if each["Key"].endswith(f"/{name}")]
        return [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]

    def sees(self, name):
        return until(lambda: self.seen(name), every=0.2)

    def raw(self, beginning="Raw"):
        return self.resource("Data", "AWS::S3::Bucket", beginning)

    def machine(self, stack="Jobs", job="Look"):
        return self.resource(stack, "AWS::StepFunctions::StateMachine", job)

    def executions(self, stack="Jobs", job="Look"):
        machine = self.machine(stack, job)
        return self.aws.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]


def test_a_trigger_that_is_removed_launches_nothing_and_launches_again_when_it_is_back(app):
    app.deploy()
    assert app.sees(app.arrive(app.raw())) == ["first"]

    app.deploy(trigger=False)
    missed = app.arrive(app.raw())

    app.deploy()
    assert app.sees(app.arrive(app.raw())) == ["first"]
    assert app.seen(missed) == []


def test_a_change_of_the_removal_policy_alone_leaves_the_bucket_and_what_launches(app):
    app.deploy(destroy=True)
    bucket = app.raw()
    assert app.sees(app.arrive(bucket)) == ["first"]

    app.deploy()

    assert app.sees(app.arrive(bucket)) == ["first"]
    template = app.aws.client("cloudformation").get_template(StackName=f"{app.name}Data")["TemplateBody"]
    text = template if isinstance(template, str) else json.dumps(template)
    assert "Results" in text
    assert '"DeletionPolicy": "Delete"' not in text


def test_a_platform_that_is_given_later_takes_over_and_arrivals_go_on(app):
    app.deploy()
    assert app.sees(app.arrive(app.raw())) == ["first"]
    before = app.resource("Jobs", "AWS::SQS::Queue", "ProcessingPlatform")

    app.deploy(platform=True)

    assert app.resource("Jobs", "AWS::SQS::Queue", "Shared") != before
    assert app.sees(app.arrive(app.raw())) == ["first"]


def test_an_update_that_fails_leaves_the_job_as_it_was_and_launches_nothing(app):
    app.deploy(on_deploy=True)
    bucket = app.raw()
    assert app.sees(app.arrive(bucket)) == ["first"]
    greeted = until(lambda: len(app.executions(job="Greet")))
    looked = len(app.executions())

    said = app.deploy(on_deploy=True, version="second", fails=True, must_succeed=False)

    assert "failed to deploy" in said
    assert app.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert app.sees(app.arrive(bucket)) == ["first"]
    assert (len(app.executions()), len(app.executions(job="Greet"))) == (looked + 1, greeted)

    app.deploy(on_deploy=True, version="second")
    assert app.sees(app.arrive(bucket)) == ["second"]
    until(lambda: len(app.executions(job="Greet")) > greeted)


def test_each_arrival_in_the_middle_of_an_update_that_fails_is_processed_once(app):
    app.deploy()
    bucket = app.raw()
    app.sees(app.arrive(bucket))

    failing = threading.Thread(target=app.deploy, kwargs={"version": "second", "fails": True, "must_succeed": False})
    failing.start()
    names = []
    while failing.is_alive():
        names.append(app.arrive(bucket))
        failing.join(3)

    assert [len(app.sees(name)) for name in names] == [1] * len(names)


def test_a_job_that_is_renamed_takes_the_arrivals_over_and_has_run_keys_of_its_own(app):
    app.deploy()
    name = app.arrive(app.raw())
    assert app.sees(name) == ["first"]
    states = app.aws.client("stepfunctions")
    latest = app.executions()[0]
    event = states.describe_execution(executionArn=latest["executionArn"])["input"]

    app.deploy(job="Watch", version="second")

    assert app.sees(app.arrive(app.raw())) == ["second"]
    assert len(app.executions(job="Watch")) == 1
    # The event of before, delivered once more: to this job it is new, where the job of before would know it.
    states.start_execution(stateMachineArn=app.machine(job="Watch"), input=event)
    assert sorted(until(lambda: app.seen(name), lambda seen: len(seen) > 1, every=0.2)) == ["first", "second"]


def test_the_arrivals_of_a_bucket_in_the_place_of_another_launch_the_job(app):
    app.deploy()
    old = app.raw()

    app.deploy(bucket="Raw2")

    assert app.sees(app.arrive(app.raw("Raw2"))) == ["first"]
    late = app.arrive(old)  # the old bucket is kept, and launches nothing any more
    assert app.sees(app.arrive(app.raw("Raw2"))) == ["first"]
    assert app.seen(late) == []


def test_a_job_that_moves_to_another_stack_takes_the_arrivals_over(app):
    app.deploy()
    assert app.sees(app.arrive(app.raw())) == ["first"]

    app.deploy(stack="Later", version="second")
    both = app.arrive(app.raw())  # the CDK leaves a stack alone that the app no longer has
    assert sorted(until(lambda: app.seen(both), lambda seen: len(seen) > 1, every=0.2)) == ["first", "second"]

    cloudformation = app.aws.client("cloudformation")
    cloudformation.delete_stack(StackName=f"{app.name}Jobs")
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=f"{app.name}Jobs", WaiterConfig={"Delay": 1, "MaxAttempts": 240}
    )
    assert app.sees(app.arrive(app.raw())) == ["second"]
    assert len(app.executions("Later")) == 2

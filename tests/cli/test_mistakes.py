"""What goes wrong at the command line is one message with the fix, the right exit code, and never a traceback."""

import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from cdk_processing.cli import main
from cdk_processing.client import ProcessingClient
from tests.patience import PATIENCE

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
HERE = {**KEYS, "AWS_REGION": "eu-west-1"}
SIGN_IN = "sign in (aws sso login, AWS_PROFILE), or paste the export lines that `cdk-processing local` prints"
NOWHERE = "http://127.0.0.1:9"
#: The arguments, the environment, the exit code, and the whole message.
MISTAKES = {
    "no credentials": (
        ["jobs", "--region", "eu-west-1"],
        {},
        1,
        "Error: Could not list the jobs: credentials must be in the environment, in a profile or with the instance, "
        f"got None; {SIGN_IN}",
    ),
    "half of the credentials": (
        ["jobs"],
        {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a"},
        1,
        "Error: Could not reach AWS: credentials must be usable, got 'Partial credentials found in env, missing: "
        f"AWS_SECRET_ACCESS_KEY'; {SIGN_IN}",
    ),
    "no region": (
        ["jobs"],
        KEYS,
        1,
        "Error: Could not reach AWS: region must be known, got None; give --region, region= or AWS_REGION",
    ),
    "a region that cannot be one": (
        ["jobs", "--region", "eu_west_1"],
        KEYS,
        1,
        "Error: Could not reach AWS: region must be the name of an AWS region, got 'eu_west_1'; write one such as "
        "eu-west-1",
    ),
    "no such profile": (
        ["jobs", "--profile", "nope"],
        HERE,
        1,
        "Error: Could not reach AWS: profile must be a profile of the AWS configuration, got 'nope'; "
        "see `aws configure list-profiles`",
    ),
    "nothing listens": (
        ["jobs", "--endpoint-url", NOWHERE],
        HERE,
        1,
        f"Error: Could not list the jobs: endpoint_url must be a URL at which AWS answers, got '{NOWHERE}/'; "
        "is `cdk-processing local` running?",
    ),
    "an endpoint without its scheme": (
        ["jobs", "--endpoint-url", "127.0.0.1:9"],
        HERE,
        2,
        "Error: Invalid value for '--endpoint-url': must be a URL such as http://127.0.0.1:4566, got '127.0.0.1:9'; "
        "did you mean http://127.0.0.1:9?",
    ),
    "a python that is not there": (
        ["local", "--python", "/nope"],
        HERE,
        1,
        "Error: --python /nope is not an executable file; give the path of a Python interpreter, or leave out "
        "--python to run each job with one like its image's",
    ),
    "a port that is none": (
        ["local", "--port", "99999"],
        HERE,
        2,
        "Error: Invalid value for '--port': 99999 is not in the range 1<=x<=65535.",
    ),
    "a region of the embedded AWS that is none": (
        ["local", "--region", "atlantis"],
        HERE,
        2,
        "Error: Invalid value for '--region': a region is written as us-east-1, got 'atlantis'",
    ),
    "an account that is none": (
        ["local", "--account", "1234"],
        HERE,
        2,
        "Error: Invalid value for '--account': an account is 12 digits, got '1234'",
    ),
    "a command that there is not": (["jbos"], HERE, 2, "Error: No such command 'jbos'. Did you mean 'jobs'?"),
    "an option that there is not": (
        ["why", "Job", "--lins", "3"],
        HERE,
        2,
        "Error: No such option '--lins'. Did you mean '--lines'?",
    ),
    "no job": (["start"], HERE, 2, "Error: Missing argument 'JOB'."),
    "a value without a name": (
        ["start", "Job", "x"],
        HERE,
        2,
        "Error: Invalid value for NAME=VALUE: 'x' is not NAME=VALUE",
    ),
}


def command(arguments, environment):
    return subprocess.Popen(
        [sys.executable, "-m", "cdk_processing.cli", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nope", "AWS_EC2_METADATA_DISABLED": "true", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_with_the_fix(name):
    arguments, environment, code, message = MISTAKES[name]

    out, err = command(arguments, environment).communicate(timeout=PATIENCE)

    assert out == ""
    usage, _, told = err.rpartition("Error: ")
    assert f"Error: {told}" == f"{message}\n"
    # click shows how the command is used before it says what is wrong with that.
    assert (usage == "") == (code == 1)
    assert "Traceback" not in err


def test_a_region_that_there_is_not_is_offered_with_the_nearest():
    """No name server is asked in the tests: what botocore says when it has found no host is enough."""
    from botocore.exceptions import EndpointConnectionError

    from cdk_processing.client import AwsCallError
    from cdk_processing.client.aws_calls import aws_errors_as_ours

    with pytest.raises(AwsCallError) as raised, aws_errors_as_ours("list the jobs"):
        raise EndpointConnectionError(endpoint_url="https://tagging.eu-wast-1.amazonaws.com/")

    assert str(raised.value) == (
        "Could not list the jobs: region must be the name of an AWS region, got 'eu-wast-1'; write eu-west-1"
    )
    with pytest.raises(AwsCallError, match="endpoint_url must be"), aws_errors_as_ours("list the jobs"):
        raise EndpointConnectionError(endpoint_url="https://tagging.eu-west-1.amazonaws.com/")


def test_ctrl_c_leaves_a_run_going_and_says_how_to_come_back(three_jobs):
    client = three_jobs.processing
    watcher = command(["start", "Sleep", "--wait"], dict(three_jobs.environment()))
    line = watcher.stdout.readline()
    assert line.endswith(": started Three/Sleep\n")

    watcher.send_signal(signal.SIGINT)
    _, err = watcher.communicate(timeout=PATIENCE)

    shown, run = line.split(":")[0], client.runs("Sleep", limit=1)[0]
    assert (watcher.returncode, "Traceback" in err) == (130, False)
    assert err.splitlines()[-1] == (
        f"{shown} goes on: cdk-processing logs Three/Sleep {shown} -f, or cdk-processing stop Three/Sleep {shown}"
    )
    assert client.run_id(run).startswith(shown)
    assert client.refresh(run).status == "RUNNING"
    client.stop(run)


def test_ctrl_c_while_a_log_is_followed_says_the_same(three_jobs, monkeypatch):
    run = three_jobs.processing.start("Sleep")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ProcessingClient, "logs", interrupted)
    ended = CliRunner().invoke(main, ["logs", "Sleep", "-f"], env=dict(three_jobs.environment()))

    assert ended.exit_code == 130
    assert " goes on: cdk-processing logs Three/Sleep " in ended.output
    three_jobs.processing.stop(run)

"""`cdk-processing local` on a real terminal: what a person sees."""

import json
import re
import sys
from pathlib import Path

import boto3
import pytest

from cdk_processing.client import ProcessingClient
from tests.cli.terminal import Terminal, without_changing

THREE_JOBS = Path(__file__).parent.parent / "apps" / "three_jobs"
COMMAND = [sys.executable, "-m", "cdk_processing.cli", "local", "--python", sys.executable]


@pytest.fixture
def terminal():
    terminal = Terminal(COMMAND, THREE_JOBS)
    yield terminal
    terminal.close()


def session_of(shown):
    exported = dict(re.findall(r"export (\w+)=(\S+)", shown))
    session = boto3.Session(
        aws_access_key_id=exported["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=exported["AWS_SECRET_ACCESS_KEY"],
        region_name=exported["AWS_REGION"],
    )
    return session, exported["AWS_ENDPOINT_URL"]


def below(shown, line):
    """The lines of the screen below the last one that has a text."""
    return without_changing(shown[shown.rindex(line) :].split("\n", 1)[1]).strip("\n")


def test_the_screen_shows_what_runs_what_it_wrote_why_it_failed_and_what_is_waited_for(terminal):
    shown, found = terminal.until(r"(?s)bucket +Three/Raw +s3://(\S+).*waiting for runs; Ctrl-C ends")
    raw = found[1]
    session, endpoint = session_of(shown)
    with ProcessingClient(session, endpoint_url=endpoint) as client:
        s3 = session.client("s3", endpoint_url=endpoint)
        s3.put_object(Bucket=raw, Key="in/a.txt", Body=b"a")
        shown, _ = terminal.until(r"(?s)Three/Copy [0-9a-f]{8} Completed.*waiting for runs")
        assert below(shown, "watching ") == (
            "12:00:00 Three/Copy 8456984e Completed 1.0 s\n"
            "         output result: s3://three-results/copy/\n"
            "waiting for runs; Ctrl-C ends"
        )

        client.start("Break")
        shown, _ = terminal.until(r"(?s)Three/Break [0-9a-f]{8} Failed.*waiting for runs")
        assert below(shown, "output result") == (
            "12:00:00 Three/Break 8456984e Failed 1.0 s\n"
            "         | found 3 files\n"
            "         reason: AlgorithmError: , exit code: 3\n"
            "         exit message: good.txt is missing\n"
            "waiting for runs; Ctrl-C ends"
        )

        run = client.start("Sleep")
        shown, _ = terminal.until(r"Three/Sleep [0-9a-f]{8} +Processing .* sleeping")
        assert below(shown, "exit message") == "*  Three/Sleep 8456984e  Processing    1.0 s  sleeping"
        client.stop(run)
        terminal.until(r"(?s)Three/Sleep [0-9a-f]{8} Stopped.*waiting for runs")

        iam = session.client("iam", endpoint_url=endpoint)
        role = next(each["RoleName"] for each in iam.list_roles()["Roles"] if "BreakExecution" in each["RoleName"])
        nobody = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [nobody]})
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=policy)
        client.start("Break")
        shown, _ = terminal.until(r"(?s)last failure: .*Three/Break [0-9a-f]{8} +Waiting")
        assert re.search(
            "12:00:00 Three/Break 8456984e Waiting to create the processing job again 1.0 s\n"
            r"         last failure: SageMaker\.AmazonSageMakerException: Could not assume role arn:[^\n]*\n"
            r"(?s:.*)\n\*  Three/Break 8456984e  Waiting    1.0 s  to create the processing job again$",
            without_changing(shown),
        ), shown
        for each in (s3, iam):
            each.close()
    shown, exit_code = terminal.interrupt()
    assert (shown.splitlines()[-1], exit_code) == ("stopped; nothing is left behind", 0)

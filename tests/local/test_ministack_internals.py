import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest

from cdk_processing.local.aws import ministack


def test_the_installed_ministack_has_everything_that_is_used():
    # In a process of its own: importing MiniStack sets up logging and threads.
    code = "from cdk_processing.local.aws import ministack; ministack.verify_internals()"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


CHANGED = """
import sys
from cdk_processing.local.aws import ministack
from ministack.services import stepfunctions
{change}
try:
    ministack.verify_internals()
except ministack.InternalsMovedError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "del stepfunctions._SERVICE_DISPATCH",
            "ministack.services.stepfunctions._SERVICE_DISPATCH is gone",
        ),
        (
            "stepfunctions._invoke_resource_with_timeout = lambda resource, deadline: None",
            "ministack.services.stepfunctions._invoke_resource_with_timeout takes (resource, deadline), "
            "expected (resource, input_data, timeout)",
        ),
    ],
)
def test_what_moved_is_said_plainly(change, message):
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHANGED.format(change=change)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert f"MiniStack {version('ministack')}: {message}. cdk_processing.local works with the version it" in run.stderr


def test_an_internal_that_is_not_listed_cannot_be_had():
    with pytest.raises(ministack.InternalsMovedError, match="is not listed in INTERNALS"):
        ministack.internal("ministack.services.sqs", "_queues")


def test_no_other_module_imports_ministack():
    package = importlib.import_module("cdk_processing")
    from pathlib import Path

    for file in Path(package.__path__[0]).rglob("*.py"):
        if file.name != "ministack.py":
            text = file.read_text()
            assert "import ministack." not in text, file
            assert "from ministack" not in text, file


TLS_ONLY = """
import json, sys, threading
from cdk_processing.local.aws import ministack
ministack.count_loopback_as_tls()
statement = {"Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"}
insecure = {"Principal": "*", "Action": "sns:Publish", "Resource": "*"}
insecure["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
policy = json.dumps({"Statement": [{"Effect": "Allow", **statement}, {"Effect": "Deny", **insecure}]})
topic = "arn:aws:sns:us-east-1:000000000000:Alerts"
told = []


def deliver():
    with ministack.request_scope("000000000000", "us-east-1"):
        for service in ("cloudwatch.amazonaws.com", "events.amazonaws.com"):
            told.append(
                ministack.service_may_deliver(policy, service, "sns:Publish", topic, "000000000000", f"{topic}Alarm")
            )


thread = threading.Thread(target=deliver)
thread.start()
thread.join()
sys.exit(str(told))
"""


def test_what_a_thread_without_a_request_delivers_counts_as_sent_over_tls():
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", TLS_ONLY], check=False, capture_output=True, text=True)

    assert run.stderr.splitlines()[-1] == "[True, False]", run.stderr

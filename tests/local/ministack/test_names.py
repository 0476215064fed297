import subprocess
import sys
from importlib.metadata import version

import pytest

from cdk_processing.local import ministack


def test_the_installed_ministack_has_everything_that_is_used():
    # In a process of its own: importing MiniStack sets up logging and threads.
    code = "from cdk_processing.local import ministack; ministack.verify_internals()"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


CHANGED = """
import sys
from cdk_processing.local import ministack
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
        ministack.internal("ministack.services.sqs", "_queues_lock")

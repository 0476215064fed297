"""What several folders of tests share: an embedded AWS with three small jobs deployed."""

import difflib
import json
import os
import signal
import sys
from pathlib import Path

import hypothesis
import pytest

from cdk_processing.local.deployment.node import path_with_node

# Before anything starts Node: one that jsii supports, and without the two seconds of cfn rules at each synth.
os.environ["PATH"] = path_with_node()
os.environ["CDK_VALIDATION"] = "false"
# A shell lets its background jobs ignore Ctrl-C, and what the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What is tested is what comes out, not how long a busy machine takes; and the same each time, but for EXPLORE=1.
hypothesis.settings.register_profile(
    "cdk_processing",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=os.environ.get("EXPLORE") != "1",
    database=None,
)
hypothesis.settings.load_profile("cdk_processing")

THREE_JOBS = Path(__file__).parent / "apps" / "three_jobs"


@pytest.fixture(scope="module")
def three_jobs():
    """``Three/Copy``, ``Three/Break`` and ``Three/Sleep``, run by this interpreter; see tests/apps/three_jobs."""
    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    with LocalAws(python=sys.executable) as aws, DeployedAws(aws) as deployed:
        deployed.deploy(None, folder=THREE_JOBS)
        yield deployed


@pytest.fixture(scope="session")
def golden():
    """Compare a value with a JSON file as a whole; ``UPDATE_GOLDEN=1 pytest`` writes the files anew."""

    def compare(value, file):
        actual = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        if os.environ.get("UPDATE_GOLDEN") == "1":
            file.write_text(actual, encoding="utf-8")
        expected = file.read_text(encoding="utf-8")
        if actual != expected:
            changes = difflib.unified_diff(
                expected.splitlines(), actual.splitlines(), file.name, "now", n=6, lineterm=""
            )
            pytest.fail(
                "\n".join(["not as in the golden file; UPDATE_GOLDEN=1 writes it anew", *changes]), pytrace=False
            )

    return compare

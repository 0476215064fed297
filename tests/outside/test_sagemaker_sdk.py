"""The SageMaker SDKs 2 and 3 run jobs in the embedded AWS as they do in AWS."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.parity.sdk_environment import environment_with, sdk_python
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def seen_by(python, script, aws, role, bucket, folder):
    environment = {**os.environ, **aws.environment(), "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
    command = [str(python), str(HERE / script), role, bucket, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=10 * PATIENCE)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_the_processors_of_sdk_2_run_describe_and_stop_jobs(aws, role, bucket, scripts):
    seen = seen_by(sdk_python(), "sdk2.py", aws, role, bucket, scripts)

    assert {name: each["status"] for name, each in seen.items()} == {
        "sklearn": "Completed",
        "script": "Completed",
        "framework": "Completed",
        "spark": "Completed",
        "stopped": "Stopped",
    }
    assert {name: each["output"] for name, each in seen.items() if name != "stopped"} == {
        "sklearn": "a: 1,2",
        "script": "b: 1,2",
        "framework": "none: 1,2",
        "spark": "sum: 10",
    }
    assert "prepared 1,2 with a" in seen["sklearn"]["logs"]
    assert "prepared 1,2 with b" in seen["script"]["logs"]
    assert "prepared 1,2 with none" in seen["framework"]["logs"]
    assert "prepared 10" in seen["spark"]["logs"]


def test_the_processors_of_sdk_3_run_jobs(aws, role, bucket, scripts):
    python = environment_with(HERE / "sdk3-requirements.txt", "sagemaker-core-2.27.0")

    seen = seen_by(python, "sdk3.py", aws, role, bucket, scripts)

    assert {name: each["output"] for name, each in seen.items()} == {"script": "c: 1,2", "framework": "none: 1,2"}

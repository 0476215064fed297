"""Runs in the server of the embedded AWS: records the calls that IAM decides on, and runs jobs that only write outputs.

What a role may do is the same whatever a container computes, so the jobs need no Spark and no image.
"""

import functools
import json
import os
import threading
from pathlib import Path

from ministack.core import iam_evaluator

from cdk_processing.local.container.runner import RunnerSettings, run_processing_job

#: Names the file of the calls, one JSON object a line.
CALLS_FILE = "RECORDED_CALLS_FILE"
PROGRAM = "import pathlib, sys; [(pathlib.Path(each) / 'part.csv').write_text('x') for each in sys.argv[1:]]"
_writing = threading.Lock()


def run(description, session, observer, stop, settings: RunnerSettings):
    """Run a job as always, but with a program that writes a file to each output."""
    outputs = description.get("ProcessingOutputConfig", {}).get("Outputs", ())
    folders = [each["S3Output"]["LocalPath"] for each in outputs if "S3Output" in each]
    # Not Spark's image, which the runner would start a cluster for. Whether it may be pulled is decided before.
    program = {"ImageUri": "program", "ContainerEntrypoint": ["python3", "-c", PROGRAM, *folders]}
    return run_processing_job({**description, "AppSpecification": program}, session, observer, stop, settings)


def _recorded(evaluate):
    @functools.wraps(evaluate)
    def record_and_evaluate(ctx, policies, *limits):
        call = {
            "principal": ctx.principal_arn,
            "kind": ctx.principal_type,
            "account": ctx.principal_account,
            "action": ctx.action,
            "resource": ctx.resource_arn,
            "region": ctx.region,
            "context": ctx.service_context,
            "keys": ctx.principal_keys,
        }
        with _writing, Path(os.environ[CALLS_FILE]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(call, default=list) + "\n")
        return evaluate(ctx, policies, *limits)

    return record_and_evaluate


if CALLS_FILE in os.environ:  # in the server, and not where a test reads the name of the variable
    iam_evaluator.evaluate = _recorded(iam_evaluator.evaluate)

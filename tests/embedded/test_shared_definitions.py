"""A stack whose jobs share parts of their definitions in a mapping, deployed and run."""

import json
import sys

from aws_cdk import App, Stack

from cdk_processing import ProcessingJob, ScriptProcessor
from cdk_processing.constructs import sharing
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.testing import DeployedAws
from tests.patience import PATIENCE

PROCESSOR = ScriptProcessor(image_uri="prep:1", command=["python3"], instance_type="ml.m5.xlarge", instance_count=1)


def app_of_two_jobs(script, outdir):
    app = App(outdir=str(outdir))
    stack = Stack(app, "Pair")
    for name in ("One", "Two"):
        ProcessingJob(stack, name, PROCESSOR.run(code=str(script)))
    return app


def definitions(deployed):
    states = deployed.client("stepfunctions")
    return {
        job.name: states.describe_state_machine(stateMachineArn=job.state_machine_arn)["definition"]
        for job in deployed.processing.jobs()
    }


def test_shared_parts_are_put_in_at_deployment_and_change_nothing(tmp_path, monkeypatch):
    script = tmp_path / "prep.py"
    script.write_text("print('done')\n", encoding="utf-8")
    with LocalAws(python=sys.executable) as aws, DeployedAws(aws) as deployed:
        deployed.deploy(app_of_two_jobs(script, tmp_path / "apart"))
        apart = definitions(deployed)
        monkeypatch.setattr(sharing, "SHARED_FROM", 0)
        deployed.deploy(app_of_two_jobs(script, tmp_path / "shared"))
        shared = definitions(deployed)
        run = deployed.processing.wait(deployed.processing.start("Pair/Two"), timeout=PATIENCE, poll_seconds=0.05)

    template = json.loads((tmp_path / "shared" / "Pair.template.json").read_text(encoding="utf-8"))
    assert sharing.MAPPING in template["Mappings"]
    assert sorted(shared) == ["Pair/One", "Pair/Two"]
    assert shared == apart
    assert run.outcome.status == "Completed"

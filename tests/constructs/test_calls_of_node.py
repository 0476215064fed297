"""How often one more job asks Node for something. A call takes about 0.1 ms of both processes, whatever it is for."""

import sys
from collections import Counter
from pathlib import Path

import jsii
import pytest
from aws_cdk import App, Environment, Stack
from constructs import Construct

from cdk_processing import (
    DataBucket,
    OnObjectCreated,
    OnSchedule,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    SKLearnProcessor,
)

#: What an arrival and a schedule take: each resource is made in one call.
DECLARING = {"create constructs.Construct": 1, "sinvoke create": 8, "invoke addFileAsset": 1}
#: When aspects have run: all jobs of a stack are asked for their tags and given their definitions together.
SYNTHESIZING: dict[str, int] = {}
PROCESSOR = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)


@pytest.fixture
def calls(monkeypatch):
    """``calls()`` is what Node was asked for since it was asked last."""
    process, found = jsii.kernel.provider._process, Counter()
    send = process.send

    def counting(request, response_type):
        kind = type(request).__name__.removesuffix("Request").replace("StaticInvoke", "Sinvoke").lower()
        what = getattr(request, "method", None) or getattr(request, "property", None) or getattr(request, "fqn", "")
        found[f"{kind} {what}"] += 1
        return send(request, response_type)

    def taken():
        counted = dict(found)
        found.clear()
        return counted

    monkeypatch.setattr(process, "send", counting)
    return taken


@pytest.fixture
def declare(tmp_path):
    """Declare one more job with a script of its own, an arrival and a schedule, from one bucket to another."""
    script = tmp_path / "prep.py"
    script.write_text("print('prepared')", encoding="utf-8")

    def job(scope, name, raw, curated):
        output = ProcessingOutput(
            output_name="data", source="/opt/ml/processing/output", destination=curated.at(f"{name}/")
        )
        source = ProcessingInput(source=raw.at(f"{name}/"), destination="/opt/ml/processing/input")
        return ProcessingJob(
            scope,
            name,
            PROCESSOR.run(code=str(script), inputs=[source], outputs=[output]),
            triggers=[OnObjectCreated(raw.at(f"{name}/"), suffix=".csv"), OnSchedule("rate(1 day)")],
        )

    return job


def settled(app):
    return Stack(app, "Jobs", env=Environment(account="111122223333", region="eu-central-1"))


def below_a_construct(app):
    return Construct(Stack(app, "Jobs"), "Team/A")


@pytest.mark.parametrize(
    "make", [lambda app: Stack(app, "Jobs"), settled, below_a_construct], ids=["stack", "settled", "construct"]
)
def test_one_more_job_asks_for_its_resources_and_hardly_more(make, declare, calls):
    scope = make(App())
    raw, curated = DataBucket(scope, "Raw"), DataBucket(scope, "Curated")
    for name in ("First", "Second"):
        declare(scope, name, raw, curated)
    calls()

    declare(scope, "Third", raw, curated)

    assert calls() == DECLARING


def test_one_more_job_is_asked_for_its_tags_and_given_its_definition_at_synth(declare, calls, monkeypatch):
    monkeypatch.delitem(sys.modules, "cdk_nag", raising=False)  # what it would find is acknowledged, call by call
    asked = []
    for jobs in (2, 3):
        app = App()
        stack = Stack(app, "Jobs")
        raw, curated = DataBucket(stack, "Raw"), DataBucket(stack, "Curated")
        for number in range(jobs):
            declare(stack, f"Job{number}", raw, curated)
        calls()
        app.synth()
        asked.append(Counter(calls()))

    assert asked[1] - asked[0] == SYNTHESIZING


def test_what_is_reckoned_in_python_is_what_node_says(declare):
    scope = below_a_construct(App())
    raw, curated = DataBucket(scope, "Raw"), DataBucket(scope, "Curated")

    job = declare(scope, "Day/Night", raw, curated)

    assert job.path == job.node.path == "Jobs/Team--A/Day--Night"
    assert Stack.of(job).node.path == "Jobs"
    [arrivals] = [child for child in job.node.children if child.node.id == "OnObjectCreated"]
    assert Path(arrivals.node.path).parent == Path(job.path)

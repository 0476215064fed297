"""jobs.yaml as constructs."""

import json

import pytest
from aws_cdk import App, Stack

from cdk_processing import (
    DataBucket,
    DeclarationError,
    ExecutionVariables,
    OnObjectCreated,
    OnSchedule,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    ProcessingJobs,
    ProcessingOutput,
    SKLearnProcessor,
)
from tests.declarations import files

SMALL = """\
buckets:
  raw:
  curated: {bucket_name: census-curated}
jobs:
  Preprocess:
    processor:
      SKLearnProcessor: {framework_version: 1.4-2, instance_type: ml.m5.xlarge, instance_count: 1}
    run:
      code: s3://my-code/prep.py
      inputs:
        - {source: "{buckets.raw}/census/", destination: /opt/ml/processing/input}
      outputs:
        - output_name: train
          source: /opt/ml/processing/train
          destination: "{buckets.curated}/train/{TRIGGER_TIME:%Y/%m/%d}/"
      arguments: [--ratio, "{parameters.ratio}"]
    parameters:
      ratio: {default: "0.2"}
    triggers:
      - OnObjectCreated: {location: "{buckets.raw}/census/", suffix: .csv}
      - OnSchedule: {expression: "cron(0 6 * * ? *)", timezone: Europe/Berlin}
"""


@pytest.fixture
def jobs(tmp_path):
    def write(text):
        (tmp_path / "jobs.yaml").write_text(text, encoding="utf-8")
        return tmp_path / "jobs.yaml"

    return write


def test_a_file_makes_the_template_that_python_makes(jobs):
    def by_file(stack):
        ProcessingJobs.from_file(stack, "Jobs", jobs(SMALL))

    def by_hand(stack):
        scope = ProcessingJobs(stack, "Jobs")
        raw = DataBucket(scope, "raw")
        curated = DataBucket(scope, "curated", bucket_name="census-curated")
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        request = processor.run(
            code="s3://my-code/prep.py",
            inputs=[ProcessingInput(source=raw.at("census/"), destination="/opt/ml/processing/input")],
            outputs=[
                ProcessingOutput(
                    output_name="train",
                    source="/opt/ml/processing/train",
                    destination=curated.at(f"train/{ExecutionVariables.TRIGGER_TIME:%Y/%m/%d}/"),
                )
            ],
            arguments=["--ratio", Parameter("ratio", default="0.2")],
        )
        triggers = [
            OnObjectCreated(raw.at("census/"), suffix=".csv"),
            OnSchedule("cron(0 6 * * ? *)", timezone="Europe/Berlin"),
        ]
        ProcessingJob(scope, "Preprocess", request, triggers=triggers)

    def template(make):
        app = App()
        stack = Stack(app, "Census")
        make(stack)
        return json.dumps(app.synth().get_stack_by_name("Census").template, sort_keys=True)

    assert template(by_file) == template(by_hand)


def test_every_kind_of_job_is_made(stack, synth, resources, tmp_path):
    made = ProcessingJobs.from_file(stack, "Jobs", files.write(tmp_path) / "jobs.yaml", variables=files.VARIABLES)

    template = synth(stack)

    assert set(made.jobs) == {"Evaluate", "Fold", "Join", "Preprocess", "Spark", "Train"}
    assert made["Train"].path.endswith("/Jobs/Train")
    assert len(resources(template, "AWS::StepFunctions::StateMachine")) == 6
    assert made.buckets["landing"].bucket_name == "company-landing"


def test_a_bucket_may_be_passed(stack, synth, jobs):
    raw = DataBucket(stack, "Raw")
    text = SMALL.replace("  raw:\n", "")

    made = ProcessingJobs.from_file(stack, "Jobs", jobs(text), buckets={"raw": raw})

    assert made.buckets["raw"] is raw
    synth(stack)


def test_what_the_library_finds_is_told_with_its_place_and_all_at_once(stack, jobs, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    text = SMALL.replace("1.4-2", '"1.4"').replace("s3://my-code/prep.py", "prep.py").replace("cron(0 6", "cron(99 6")
    text += "    launch_policy: {attempts: 99}\n"

    with pytest.raises(DeclarationError) as told:
        ProcessingJobs.from_file(stack, "Jobs", jobs(text))

    assert [str(each).split(" must")[0] for each in told.value.problems] == [
        "jobs.yaml:7:45: jobs.Preprocess.processor.SKLearnProcessor.framework_version",
        "jobs.yaml:9:13: jobs.Preprocess.run.code",
        "jobs.yaml:21:34: jobs.Preprocess.triggers[1].OnSchedule.expression (minutes)",
        "jobs.yaml:22:31: jobs.Preprocess.launch_policy.attempts",
    ]
    assert "it leads on from the folder of this file" in str(told.value)


def test_an_output_in_the_watched_prefix_is_told_at_the_output(stack, jobs):
    text = SMALL.replace("{buckets.curated}/train", "{buckets.raw}/census/out")

    with pytest.raises(DeclarationError) as told:
        ProcessingJobs.from_file(stack, "Jobs", jobs(text))

    [problem] = told.value.problems
    assert (problem.line, problem.field) == (15, "jobs.Preprocess.run.outputs[0].destination")


def test_a_job_of_an_output_that_does_not_exist_is_told_at_the_input(stack, jobs):
    text = SMALL + (
        "  Evaluate:\n"
        "    processor:\n"
        "      SKLearnProcessor: {framework_version: 1.4-2, instance_type: ml.m5.xlarge, instance_count: 1}\n"
        "    run:\n"
        "      code: s3://my-code/evaluate.py\n"
        "      inputs:\n"
        '        - {source: "{jobs.Preprocess.outputs.test}", destination: /opt/ml/processing/input}\n'
        "    triggers:\n"
        "      - OnSuccessOf: {job: Preprocess}\n"
    )

    with pytest.raises(DeclarationError) as told:
        ProcessingJobs.from_file(stack, "Jobs", jobs(text))

    [problem] = told.value.problems
    assert "must be text that names an output, one of 'train', got" in str(problem)
    assert problem.line == 28


def test_a_marker_with_a_mistake_is_told_at_the_marker(stack, tmp_path):
    file = files.write(tmp_path) / "jobs.yaml"
    file.write_text(files.JOBS.replace("name: _DONE", "name: a/b"), encoding="utf-8")

    with pytest.raises(DeclarationError) as told:
        ProcessingJobs.from_file(stack, "Jobs", file, variables=files.VARIABLES)

    [problem] = told.value.problems
    assert problem.field == "jobs.Join.triggers[0].OnAll.markers.stock.OnMarker.name"
    assert files.JOBS.replace("name: _DONE", "name: a/b").splitlines()[problem.line - 1].endswith("name: a/b}}")

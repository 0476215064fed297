"""One object as input means that object, and its key reaches the container exactly."""

import json

import pytest

from .conftest import SCRIPTS

KEYS = [
    "in/with space.csv",
    "in/\"double\" and 'single' quotes.csv",
    "in/plus+plus%2B&=#?.csv",
    "in/ünï-日本語-🎉.csv",
    "in/back\\slash {% 1 + 1 %} ${x} {{run:RUN_ID}}.csv",
    "in/deep/er/file.csv",
]


@pytest.fixture(scope="module")
def stack(deploy):
    def declare(stack):
        from cdk_processing import (
            DataBucket,
            ExecutionVariables,
            NetworkConfig,
            OnObjectCreated,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            SKLearnProcessor,
        )

        data = DataBucket(stack, "Data")
        reports = DataBucket(stack, "Reports")

        def job(name, *, env=None, arguments=None):
            processor = SKLearnProcessor(
                framework_version="1.4-2",
                instance_type="ml.m5.xlarge",
                instance_count=1,
                env=env,
                network_config=NetworkConfig(enable_network_isolation=True),
            )
            ProcessingJob(
                stack,
                name,
                processor.run(
                    code=SCRIPTS / "report.py",
                    inputs=[
                        ProcessingInput(
                            source=ExecutionVariables.OBJECT_URI, destination="/opt/ml/processing/input/data"
                        )
                    ],
                    outputs=[
                        ProcessingOutput(
                            output_name="report",
                            source="/opt/ml/processing/output",
                            destination=reports.at(f"{name}/{ExecutionVariables.RUN_ID}/"),
                        )
                    ],
                    arguments=arguments,
                ),
                triggers=[OnObjectCreated(data.at("in/" if name == "Named" else "long/"))],
            )

        v = ExecutionVariables
        job(
            "Named",
            env={"OBJECT_URI": str(v.OBJECT_URI), "RUN": f"{v.RUN_ID}-{v.ATTEMPT}"},
            arguments=[v.OBJECT_KEY, f"{v.OBJECT_SIZE} bytes at {v.TRIGGER_TIME:%Y-%m-%d}", v.OBJECT_BUCKET],
        )
        job("Unnamed")

    return deploy(declare)


def report_of(embedded, stack, run):
    [uri] = json.loads(embedded.client("stepfunctions").describe_execution(executionArn=run.arn)["output"])[
        "outputs"
    ].values()
    key = uri.partition("s3://")[2].partition("/")[2]
    return json.loads(embedded.get(f"{stack}/Reports", f"{key}report.json"))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_reaches_the_container_exactly(embedded, stack, key):
    embedded.put(f"{stack}/Data", key, "content")

    report = report_of(embedded, stack, embedded.wait_for_run(f"{stack}/Named"))

    bucket = embedded.bucket(f"{stack}/Data")
    assert report["arguments"][0] == key
    assert report["arguments"][1].startswith("7 bytes at 2")
    assert report["arguments"][2] == bucket
    assert report["environment"]["OBJECT_URI"] == f"s3://{bucket}/{key}"
    assert list(report["files"].values()) == ["content"]
    assert list(report["files"]) == [f"data/{key}"]


def test_a_key_of_1024_bytes_reaches_the_container_exactly(embedded, stack):
    key = "long/" + "/".join(["ü" * 100] * 5) + "/"
    key += "x" * (1024 - len(key.encode()))
    assert len(key.encode()) == 1024
    embedded.put(f"{stack}/Data", key, "content")

    report = report_of(embedded, stack, embedded.wait_for_run(f"{stack}/Unnamed"))

    assert report["files"] == {f"data/{key}": "content"}


def test_a_key_that_begins_as_another_does_not_bring_the_other(embedded, stack):
    embedded.put(f"{stack}/Data", "long/1.csv.bak", "other")
    embedded.wait_for_run(f"{stack}/Unnamed")
    embedded.put(f"{stack}/Data", "long/1.csv", "one")

    report = report_of(embedded, stack, embedded.wait_for_run(f"{stack}/Unnamed"))

    assert report["files"] == {"data/long/1.csv": "one"}


def test_a_line_break_in_a_key_reaches_the_container_exactly(embedded, stack):
    """No argument holds a line break, and no URI of SageMaker's: the manifest names the object."""
    embedded.put(f"{stack}/Data", "long/two\nlines.csv", "content")

    report = report_of(embedded, stack, embedded.wait_for_run(f"{stack}/Unnamed"))

    assert report["files"] == {"data/long/two\nlines.csv": "content"}


def test_an_empty_object_launches_nothing(embedded, stack):
    from cdk_processing.local.testing import RunFailedError

    embedded.put(f"{stack}/Data", "long/folder/", b"")

    with pytest.raises(RunFailedError, match="no run of"):
        embedded.wait_for_run(f"{stack}/Unnamed", timeout=1.5)


def test_a_key_too_long_for_an_argument_ends_as_a_dead_letter_that_says_so(embedded, stack, dead_letters):
    embedded.put(f"{stack}/Data", "in/" + "long/" * 60 + "x", "content")

    run = embedded.wait_for_run(f"{stack}/Named", must_succeed=False)

    assert run.status == "FAILED"
    [letter] = dead_letters(stack)
    assert "length less than or equal to 256" in letter["reason"]


def test_the_same_event_twice_makes_one_job(embedded, stack):
    embedded.put(f"{stack}/Data", "long/twice.csv", "once")
    first = embedded.wait_for_run(f"{stack}/Unnamed")
    states = embedded.client("stepfunctions")
    event = states.describe_execution(executionArn=first.arn)["input"]
    machine = embedded.deployment.job(f"{stack}/Unnamed").state_machine_arn

    states.start_execution(stateMachineArn=machine, input=event)
    second = embedded.wait_for_run(f"{stack}/Unnamed")

    output = json.loads(states.describe_execution(executionArn=second.arn)["output"])
    assert output["status"] == "Duplicate"
    jobs = embedded.client("sagemaker").list_processing_jobs(NameContains=output["run_id"])["ProcessingJobSummaries"]
    assert [job["ProcessingJobName"] for job in jobs] == [output["job_name"]]

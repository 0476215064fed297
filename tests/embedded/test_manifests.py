"""An input that is a manifest: the role may read the objects it names, where the declaration says that they lie."""

import json

import pytest

from .conftest import SCRIPTS


@pytest.fixture(scope="module")
def stack(deploy):
    def declare(stack):
        from aws_cdk import aws_kms as kms

        from cdk_processing import (
            DataBucket,
            ExecutionVariables,
            OnObjectCreated,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            SKLearnProcessor,
        )

        lists = DataBucket(stack, "Lists")
        images = DataBucket(stack, "Images", encryption_key=kms.Key(stack, "ImagesKey"))
        reports = DataBucket(stack, "Reports")
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)

        def job(name, source, triggers=()):
            manifest = ProcessingInput(
                source,
                "/opt/ml/processing/input/data",
                s3_data_type="ManifestFile",
                objects=[images.at("cats/"), f"s3://{images.bucket_name}/dogs/"],
            )
            place = reports.at(f"{name}/{ExecutionVariables.RUN_ID}/")
            output = ProcessingOutput("/opt/ml/processing/output", place)
            run = processor.run(code=SCRIPTS / "report.py", inputs=[manifest], outputs=[output])
            return ProcessingJob(stack, name, run, triggers=triggers)

        job("Fixed", lists.at("today.json"))
        arriving = job("Arriving", ExecutionVariables.OBJECT_URI, [OnObjectCreated(lists.at("arriving/"))])
        arriving.add_trigger(OnObjectCreated(lists.at("later/")))

    return deploy(declare)


@pytest.fixture
def write_manifest(embedded, stack):
    """``write_manifest(key, *names)`` lists objects of the bucket of images."""

    def write(key, *names):
        images = embedded.bucket(f"{stack}/Images")
        for name in names:
            embedded.put(f"{stack}/Images", name, name)
        embedded.put(f"{stack}/Lists", key, json.dumps([{"prefix": f"s3://{images}/"}, *names]))

    return write


def files_seen(embedded, stack, run):
    output = json.loads(embedded.client("stepfunctions").describe_execution(executionArn=run.arn)["output"])
    [uri] = output["outputs"].values()
    key = uri.partition("s3://")[2].partition("/")[2]
    return json.loads(embedded.get(f"{stack}/Reports", f"{key}report.json"))["files"]


def test_a_job_reads_the_objects_that_a_manifest_names_and_no_others_beside_them(embedded, stack, write_manifest):
    embedded.put(f"{stack}/Images", "cats/1.png.bak", "not listed")
    write_manifest("today.json", "cats/1.png", "dogs/deep/2.png")
    embedded.start(f"{stack}/Fixed")

    run = embedded.wait_for_run(f"{stack}/Fixed")

    assert files_seen(embedded, stack, run) == {
        "data/cats/1.png": "cats/1.png",
        "data/dogs/deep/2.png": "dogs/deep/2.png",
    }


@pytest.mark.parametrize("folder", ["arriving", "later"])
def test_a_manifest_that_arrives_brings_what_it_names_whatever_trigger_saw_it(embedded, stack, write_manifest, folder):
    write_manifest(f"{folder}/batch 1.json", "cats/3.png")

    run = embedded.wait_for_run(f"{stack}/Arriving")

    assert files_seen(embedded, stack, run) == {"data/cats/3.png": "cats/3.png"}


def test_an_object_elsewhere_is_refused_and_named(embedded, stack, write_manifest, dead_letters):
    write_manifest("today.json", "cats/1.png", "birds/4.png")
    embedded.start(f"{stack}/Fixed")

    run = embedded.wait_for_run(f"{stack}/Fixed", must_succeed=False)

    assert run.status == "FAILED"
    [letter] = dead_letters(stack)
    images = embedded.bucket(f"{stack}/Images")
    assert letter["reason"].startswith("ClientError: Data download failed: An error occurred (AccessDenied)")
    assert f"{images}/birds/4.png" in letter["reason"]
    assert "s3:GetObject" in letter["reason"]


def test_an_object_that_is_not_there_is_named(embedded, stack, dead_letters):
    images = embedded.bucket(f"{stack}/Images")
    embedded.put(f"{stack}/Lists", "today.json", json.dumps([{"prefix": f"s3://{images}/"}, "dogs/gone.png"]))
    embedded.start(f"{stack}/Fixed")

    embedded.wait_for_run(f"{stack}/Fixed", must_succeed=False)

    [letter] = dead_letters(stack)
    assert letter["reason"].endswith(f"(s3://{images}/dogs/gone.png)")

"""A Spark job as it is declared, with the role that is made for it, on two instances of the embedded AWS."""

import json

import pytest

APP = """
import json, sys
import words
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
lines = spark.read.text("file:///opt/ml/processing/input/text")
total = lines.rdd.map(lambda row: words.count(row.value)).sum()
out = {"total": total, "arguments": sys.argv[1:], "team": spark.conf.get("spark.app.team"),
       "master": spark.sparkContext.master.split(":")[0], "executors": spark.conf.get("spark.cores.max")}
open("/opt/ml/processing/output/report.json", "w").write(json.dumps(out))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What the job saw, and the names of its event logs."""
    import aws_cdk

    from cdk_processing import DataBucket, ProcessingInput, ProcessingJob, ProcessingOutput, PySparkProcessor
    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    folder = tmp_path_factory.mktemp("spark")
    (folder / "app.py").write_text(APP)
    (folder / "words.py").write_text("def count(text):\n    return len(text.split())\n")
    app = aws_cdk.App(outdir=str(folder / "out"))
    stack = aws_cdk.Stack(app, "Spark")
    data, results = DataBucket(stack, "Data"), DataBucket(stack, "Results")
    processor = PySparkProcessor(
        framework_version="3.5",
        py_version="py39",
        container_version="1",
        instance_type="ml.m5.xlarge",
        instance_count=2,
    )
    request = processor.run(
        submit_app=str(folder / "app.py"),
        submit_py_files=[str(folder / "words.py")],
        inputs=[ProcessingInput(source=data.at("text/"), destination="/opt/ml/processing/input/text")],
        outputs=[
            ProcessingOutput(
                output_name="report", source="/opt/ml/processing/output", destination=results.at("report/")
            )
        ],
        arguments=["--greeting", "a b"],
        configuration=[{"Classification": "spark-defaults", "Properties": {"spark.app.team": "growth"}}],
        spark_event_logs_s3_uri=results.at("events/"),
    )
    ProcessingJob(stack, "Count", request)
    with LocalAws() as aws, DeployedAws(aws) as deployed:
        deployed.deploy(app)
        deployed.put("Data", "text/a.txt", "one two\nthree\n")
        deployed.put("Data", "text/b.txt", "four five six\n")
        deployed.start("Count")
        deployed.wait_for_run("Count", timeout=600)
        yield (
            json.loads(deployed.get("Results", "report/report.json")),
            list(deployed.objects("Results", "events/")),
        )


def test_a_declared_spark_job_runs_on_a_cluster_of_its_size(report):
    seen, _ = report
    assert seen["total"] == 6
    assert seen["master"] == "spark"
    assert int(seen["executors"]) >= 2


def test_its_arguments_and_configuration_arrive(report):
    seen, _ = report
    assert (seen["arguments"], seen["team"]) == (["--greeting", "a b"], "growth")


def test_its_event_logs_are_uploaded(report):
    _, events = report
    assert len(events) == 1
    assert events[0].startswith("events/app-")

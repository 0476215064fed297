"""Spark for real: the image's own release, on one instance and on two, with the example and with what must fail."""

from __future__ import annotations

import io
import json
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cdk_processing.local.container.environments import environment_for
from cdk_processing.local.container.runner import RunnerSettings, run_processing_job
from cdk_processing.local.job_runner import JobResult
from examples.spark.make_customers import make_customers
from tests.local.container.data_plane import (
    Observer,
    Session,
    contents,
    description,
    ministack,
    put,
    s3_input,
    s3_outputs,
)

IMAGE = "153931337802.dkr.ecr.us-west-2.amazonaws.com/sagemaker-spark-processing:3.5-cpu-py39-v1"
EXAMPLE = Path(__file__).parents[4] / "examples" / "spark" / "feature_transformation.py"
ROWS = 100_000
APP = "/opt/ml/processing/input/code/app.py"
EVENTS = "/opt/ml/processing/spark-events/"
CHANNELS = ("train", "validation", "categories")
# Reads what the job wrote with pandas, as whoever comes next would.
READER = """
import json, sys
import pandas
tables = {name: pandas.read_parquet(f"{sys.argv[1]}/{name}") for name in ("train", "validation")}
both = pandas.concat(tables.values())
print(json.dumps([{name: len(table) for name, table in tables.items()}, both.customer_id.nunique(),
                  {name: str(kind) for name, kind in both.dtypes.items()}, sorted(both.features.iloc[0])]))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    environment_for(IMAGE)  # built once, so that no job's time is spent on it
    yield from ministack(tmp_path_factory.mktemp("ministack"))


@pytest.fixture(scope="module")
def customers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("customers")
    make_customers(folder, ROWS)
    return {f"in/{path.name}": path.read_bytes() for path in folder.iterdir()}


def submit(
    server: Session, work: Path, objects: Mapping[str, bytes], command: Sequence[str], **overrides: Any
) -> tuple[JobResult, Observer]:
    """Run a job as the SDK's Spark processors ask for it; each folder among the objects is an input."""
    bucket = f"spark-{abs(hash(work)) % 10**9}"
    put(server, bucket, objects)
    inputs = [
        s3_input(f"s3://{bucket}/{folder}/", f"input/{folder}", folder)
        for folder in sorted({key.split("/")[0] for key in objects})
    ]
    channels = [(name, "EndOfJob") for name in CHANNELS] + [("spark-events", "Continuous")]
    outputs = [
        {**s3_outputs(f"s3://{bucket}/{name}", mode, name)["Outputs"][0], "OutputName": name} for name, mode in channels
    ]
    described = description(
        ["smspark-submit", *command],
        ProcessingInputs=inputs,
        ProcessingOutputConfig={"Outputs": outputs},
        **overrides,
    )
    described["AppSpecification"]["ImageUri"] = IMAGE
    observer = Observer()
    return run_processing_job(described, server, observer, threading.Event(), RunnerSettings(work)), observer


@pytest.mark.parametrize(("count", "isolated"), [(1, True), (2, False)], ids=["one isolated", "two"])
def test_features_of_a_hundred_thousand_rows(
    server: Session, tmp_path: Path, customers: dict[str, bytes], count: int, isolated: bool
) -> None:
    configuration = [{"Classification": "spark-defaults", "Properties": {"spark.app.team": "growth"}}]
    outcome, observer = submit(
        server,
        tmp_path / "work",
        {
            **{key.replace("in/", "customers/"): body for key, body in customers.items()},
            "code/app.py": EXAMPLE.read_bytes(),
            "conf/configuration.json": json.dumps(configuration).encode(),
        },
        ["--local-spark-event-logs-dir", EVENTS, APP, "--validation-share", "0.25"],
        InstanceCount=count,
        NetworkConfig={"EnableNetworkIsolation": isolated},
    )
    assert outcome == JobResult("Completed"), observer.lines[-20:]
    assert f"{ROWS} rows transformed" in observer.lines

    written = contents(server, f"spark-{abs(hash(tmp_path / 'work')) % 10**9}")
    for key, body in written.items():
        path = tmp_path / "read" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    python = environment_for(IMAGE).python
    done = subprocess.run([python, "-I", "-c", READER, tmp_path / "read"], capture_output=True, text=True, check=True)
    rows, distinct, kinds, features = json.loads(done.stdout)
    assert rows["train"] + rows["validation"] == distinct == ROWS
    assert 0.24 < rows["validation"] / ROWS < 0.26
    assert kinds == {"customer_id": "int64", "features": "object", "churned": "int32"}
    assert features == ["indices", "size", "type", "values"]

    (table,) = (body.decode() for key, body in written.items() if "categories/part-" in key)
    header, *lines = (line.split(",") for line in table.splitlines())
    assert header == ["column", "category", "count"]
    assert len(lines) == 10 + 3 + 4
    assert sum(int(line[2]) for line in lines) == 3 * ROWS

    (events,) = (body for key, body in written.items() if key.startswith("spark-events/"))
    told = [json.loads(line) for line in events.splitlines()]
    properties = next(each for each in told if each["Event"] == "SparkListenerEnvironmentUpdate")["Spark Properties"]
    assert properties["spark.app.team"] == "growth"
    assert told[-1]["Event"] == "SparkListenerApplicationEnd"
    ran_on = {each["Task Info"]["Host"] for each in told if each["Event"] == "SparkListenerTaskEnd"}
    assert ran_on == ({"algo-1", "algo-2"} if count == 2 else {"localhost"})
    assert properties.get("spark.authenticate.secret", "*********(redacted)") == "*********(redacted)"


def test_a_job_gets_its_arguments_modules_files_and_configuration(server: Session, tmp_path: Path) -> None:
    app = b"""
import os, sys
import more
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(sys.argv[1:])
print(more.WORD, open("/opt/ml/processing/input/files/note.txt").read(), os.environ["STAGE"])
print(spark.sparkContext.master, spark.conf.get("spark.sql.shuffle.partitions"), spark.version)
print(spark.sparkContext.parallelize([1, 2, 3]).map(more.double).sum())
spark.range(5).write.parquet("kept")
print(spark.read.parquet("kept").count(), os.path.exists("kept"))
"""
    configuration = [
        {"Classification": "spark-defaults", "Properties": {"spark.sql.shuffle.partitions": "7"}},
        {
            "Classification": "spark-env",
            "Properties": {},
            "Configurations": [{"Classification": "export", "Properties": {"STAGE": "dev"}}],
        },
    ]
    outcome, observer = submit(
        server,
        tmp_path,
        {
            "code/app.py": app,
            "py-files/more.py": b"WORD = 'more'\ndef double(x): return 2 * x\n",
            "files/note.txt": b"noted",
            "conf/configuration.json": json.dumps(configuration).encode(),
        },
        [
            *("--py-files", "/opt/ml/processing/input/py-files", "--files", "/opt/ml/processing/input/files"),
            *(APP, "--jars", "a b", "", "$HOME"),
        ],
    )
    assert outcome == JobResult("Completed"), observer.lines[-20:]
    lines = [line for line in observer.lines if not line.startswith("smspark-submit: ")]
    assert lines[-5:-3] == ["['--jars', 'a b', '', '$HOME']", "more noted dev"]
    assert lines[-3].startswith("local[")
    assert lines[-3].endswith(" 7 3.5.0")
    assert lines[-2:] == ["12", "5 False"]


def test_a_class_of_a_jar_is_run(server: Session, tmp_path: Path) -> None:
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    outcome, observer = submit(
        server,
        tmp_path,
        {"code/app.jar": jar.getvalue(), "jars/more.jar": jar.getvalue()},
        [
            *("--class", "org.apache.hadoop.util.VersionInfo", "--jars", "/opt/ml/processing/input/jars"),
            "/opt/ml/processing/input/code/app.jar",
        ],
    )
    assert outcome == JobResult("Completed"), observer.lines[-20:]
    assert "Hadoop 3.3.4" in observer.lines


@pytest.mark.parametrize(
    ("app", "command", "code", "message"),
    [
        (b"raise ValueError('no such plan')", [APP], 1, "returned non-zero exit status 1."),
        (b"import sys; sys.exit(3)", [APP], 3, "returned non-zero exit status 3."),
        (b"", ["/opt/ml/processing/input/code/other.py"], 2, "code/other.py' returned non-zero exit status 2."),
        (b"", ["--conf", "a=b", APP], 1, "(caused by NoSuchOption): Couldn't parse input.: No such option: --conf"),
    ],
    ids=["raises", "exits", "missing", "option"],
)
def test_a_job_that_fails_tells_code_and_message(
    server: Session, tmp_path: Path, app: bytes, command: list[str], code: int, message: str
) -> None:
    outcome, observer = submit(server, tmp_path, {"code/app.py": app}, command)
    assert (outcome.status, outcome.failure_reason) == ("Failed", f"AlgorithmError: , exit code: {code}")
    assert outcome.exit_message is not None
    assert outcome.exit_message.startswith("Algorithm Error: (caused by ")
    assert message in outcome.exit_message
    if app.startswith(b"raise"):
        assert "ValueError: no such plan" in observer.lines


def test_s3_without_the_jars_says_which_to_add(server: Session, tmp_path: Path) -> None:
    app = b"""
import sys
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate().read.csv(sys.argv[1])
"""
    outcome, observer = submit(server, tmp_path, {"code/app.py": app}, [APP, "s3://some/where"])
    assert outcome.status == "Failed"
    assert "hadoop-aws-3.3.4.jar and aws-java-sdk-bundle-1.12.262.jar" in (outcome.exit_message or "")
    warned = [line for line in observer.lines if "of its arguments" in line]
    assert len(warned) == 1
    assert observer.lines.index(warned[0]) == 0

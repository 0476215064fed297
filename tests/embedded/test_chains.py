"""A chain of jobs whose runs each write to a place of their own, on the embedded AWS."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

CLEAN = """
import pathlib, sys
pathlib.Path("/opt/ml/processing/clean/rows.txt").write_text(sys.argv[1])
"""
AGGREGATE = """
import json, pathlib
read = sorted(path.read_text() for path in pathlib.Path("/opt/ml/processing/clean").rglob("*.txt"))
pathlib.Path("/opt/ml/processing/report/read.json").write_text(json.dumps(read))
"""


@pytest.fixture(scope="module")
def chain(deploy, tmp_path_factory):
    """A job that writes to a folder a run, and one that is launched by its success and reads its output."""

    def declare(stack):
        from cdk_processing import (
            DataBucket,
            ExecutionVariables,
            OnSuccessOf,
            Parameter,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            SKLearnProcessor,
        )

        folder = tmp_path_factory.mktemp("scripts")
        (folder / "clean.py").write_text(CLEAN)
        (folder / "aggregate.py").write_text(AGGREGATE)
        lake = DataBucket(stack, "Lake")
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        clean = ProcessingJob(
            stack,
            "Clean",
            processor.run(
                folder / "clean.py",
                outputs=[
                    ProcessingOutput(
                        "/opt/ml/processing/clean", lake.at(f"clean/run={ExecutionVariables.RUN_ID}/"), "clean"
                    )
                ],
                arguments=[Parameter("rows")],
            ),
        )
        ProcessingJob(
            stack,
            "Aggregate",
            processor.run(
                folder / "aggregate.py",
                inputs=[ProcessingInput(clean.outputs["clean"], "/opt/ml/processing/clean")],
                outputs=[
                    ProcessingOutput(
                        "/opt/ml/processing/report",
                        lake.at(f"report/{ExecutionVariables.UPSTREAM_RUN_ID}/"),
                        "report",
                    )
                ],
            ),
            triggers=[OnSuccessOf(clean)],
        )

    return deploy(declare)


def test_a_job_reads_what_the_run_wrote_that_launched_it_and_nothing_of_the_runs_before(embedded, chain):
    for number in (1, 2):
        embedded.start(f"{chain}/Clean", {"rows": f"day {number}"})
        embedded.wait_for_run(f"{chain}/Clean")
        embedded.wait_for_run(f"{chain}/Aggregate")

    keys = embedded.objects(f"{chain}/Lake", "report/")
    assert sorted(json.loads(embedded.get(f"{chain}/Lake", key)) for key in keys) == [["day 1"], ["day 2"]]


DAYS = [datetime(2026, 5, day, 6, tzinfo=timezone.utc) for day in (1, 2, 3)]


@pytest.fixture(scope="module")
def daily(deploy, tmp_path_factory):
    """A scheduled job whose runs queue and write to a folder a day, and a reader that needs a key to begin."""

    def declare(stack):
        from cdk_processing import (
            DataBucket,
            ExecutionVariables,
            OnSchedule,
            OnSuccessOf,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            SKLearnProcessor,
        )

        folder = tmp_path_factory.mktemp("daily")
        (folder / "clean.py").write_text(CLEAN)
        (folder / "aggregate.py").write_text(AGGREGATE)
        time = ExecutionVariables.TRIGGER_TIME
        lake = DataBucket(stack, "Lake")
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        clean = ProcessingJob(
            stack,
            "Clean",
            processor.run(
                folder / "clean.py",
                # Without a slash at the end: the reader's input is a folder all the same.
                outputs=[ProcessingOutput("/opt/ml/processing/clean", lake.at(f"clean/dt={time:%Y-%m-%d}"), "clean")],
                arguments=[f"{time:%Y-%m-%d}"],
            ),
            triggers=[
                OnSchedule(
                    "cron(0 6 * * ? *)",
                    start=DAYS[0] - timedelta(days=1),
                    end=DAYS[-1] + timedelta(days=1),
                    overlap="queue",
                )
            ],
        )
        ProcessingJob(
            stack,
            "Aggregate",
            processor.run(
                folder / "aggregate.py",
                inputs=[
                    ProcessingInput(clean.outputs["clean"], "/opt/ml/processing/clean"),
                    ProcessingInput(lake.at("key/"), "/opt/ml/processing/key"),
                ],
                outputs=[
                    ProcessingOutput("/opt/ml/processing/report", lake.at(f"report/dt={time:%Y-%m-%d}/"), "report")
                ],
            ),
            triggers=[OnSuccessOf(clean)],
        )

    return deploy(declare)


def test_a_redriven_reader_reads_its_own_day_though_others_have_come_since(embedded, daily):
    """The first reader fails, because its key is missing. By the time it is redriven, more days lie beside its own."""
    embedded.fire_schedule(f"{daily}/Clean", DAYS[0])
    embedded.wait_for_run(f"{daily}/Clean")
    failed = embedded.wait_for_run(f"{daily}/Aggregate", must_succeed=False)
    assert not failed.succeeded

    embedded.put(f"{daily}/Lake", "key/key", "key")
    embedded.put(f"{daily}/Lake", "clean/dt=2026-05-01-old/rows.txt", "a folder whose name begins alike")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda at: embedded.fire_schedule(f"{daily}/Clean", at), DAYS[1:]))
    for _ in DAYS[1:]:
        embedded.wait_for_run(f"{daily}/Clean")
        embedded.wait_for_run(f"{daily}/Aggregate")
    machine = embedded.deployment.job(f"{daily}/Aggregate").state_machine_arn
    embedded.processing.redrive(embedded.processing.run(machine, failed.arn))
    embedded.wait_for_run(f"{daily}/Aggregate")

    for at in DAYS:
        report = json.loads(embedded.get(f"{daily}/Lake", f"report/dt={at:%Y-%m-%d}/read.json"))
        assert report == [f"{at:%Y-%m-%d}"]

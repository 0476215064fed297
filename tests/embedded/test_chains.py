"""A chain of jobs whose runs each write to a place of their own, on the embedded AWS."""

import json

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

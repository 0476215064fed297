"""A folder is launched by its marker, and several folders when all their markers are there."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from cdk_processing.client import InvalidParametersError, RunKeyReusedError

from .conftest import SCRIPTS

SOURCES = ("orders", "stock", "prices")


@pytest.fixture(scope="module")
def stack(deploy):
    def declare(stack):
        from cdk_processing import (
            DataBucket,
            ExecutionVariables,
            OnAll,
            OnMarker,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            SKLearnProcessor,
        )

        v = ExecutionVariables
        data, reports = DataBucket(stack, "Data"), DataBucket(stack, "Reports")
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)

        def job(name, folders, trigger):
            report = reports.at(f"{name}/day={v.PARTITION['day']}/{v.RUN_ID}/")
            ProcessingJob(
                stack,
                name,
                processor.run(
                    code=SCRIPTS / "report.py",
                    inputs=[
                        ProcessingInput(source=folder, destination=f"/opt/ml/processing/input/{key}")
                        for key, folder in folders.items()
                    ],
                    outputs=[
                        ProcessingOutput(output_name="report", source="/opt/ml/processing/output", destination=report)
                    ],
                    arguments=["--day", v.PARTITION["day"], *(str(folder) for folder in folders.values())],
                ),
                triggers=[trigger],
            )

        job("One", {"data": v.FOLDER_URI}, OnMarker(data.at("one/day=")))
        markers = {source: OnMarker(data.at(f"{source}/")) for source in SOURCES}
        job("All", {source: v.FOLDER_URI[source] for source in SOURCES}, OnAll(markers, by=["day"]))

    return deploy(declare)


@pytest.fixture
def report(embedded, stack):
    """What a run saw, and the key of where it wrote that."""

    def read(run):
        [uri] = dict(run.outcome.outputs).values()
        key = uri.partition("s3://")[2].partition("/")[2] + "report.json"
        return json.loads(embedded.get(f"{stack}/Reports", key)), key

    return read


def test_a_marker_launches_one_run_that_reads_its_folder_alone(embedded, stack, report):
    for key in ("day=06%3A00 'x'/a.csv", "day=06%3A00 'x'/deep/b.csv", "day=06%3A00 'x'y/c.csv"):
        embedded.put(f"{stack}/Data", f"one/{key}", "content")

    embedded.put(f"{stack}/Data", "one/day=06%3A00 'x'/_SUCCESS", b"")

    seen, key = report(embedded.wait_for_run(f"{stack}/One"))
    place = f"s3://{embedded.bucket(f'{stack}/Data')}/one/day=06%3A00 'x'/"
    assert sorted(seen["files"]) == ["data/_SUCCESS", "data/a.csv", "data/deep/b.csv"]
    assert seen["arguments"] == ["--day", "06%3A00 'x'", place]
    assert key.startswith("One/day=06%3A00 'x'/")
    assert len(embedded.processing.runs(f"{stack}/One")) == 1  # the files launched none


def test_a_marker_that_is_written_again_is_another_run(embedded, stack):
    ids = set()
    for _ in range(2):
        embedded.put(f"{stack}/Data", "one/day=again/_SUCCESS", b"")
        ids.add(embedded.wait_for_run(f"{stack}/One").outcome.run_id)

    assert len(ids) == 2


def test_a_marker_without_the_value_in_its_path_leaves_a_dead_letter(embedded, stack, dead_letters):
    embedded.put(f"{stack}/Data", "one/day=/_SUCCESS", b"")
    assert embedded.wait_for_run(f"{stack}/One", must_succeed=False).status == "FAILED"
    embedded.put(f"{stack}/Data", "orders/_SUCCESS", b"")
    assert embedded.wait_for_run(f"{stack}/All", must_succeed=False).status == "FAILED"

    one, joined = dead_letters(stack)

    bucket = embedded.bucket(f"{stack}/Data")
    assert f"the path must have a folder day=VALUE, got s3://{bucket}/one/day=/_SUCCESS" in one["reason"]
    assert "the path of a marker must have the folder day=VALUE" in joined["reason"]


def test_markers_that_come_at_once_make_one_run_of_all_folders(embedded, stack, report):
    for source in SOURCES:
        embedded.put(f"{stack}/Data", f"{source}/day=1/{source}.csv", "content")
    barrier = Barrier(len(SOURCES))

    def mark(source):
        barrier.wait(30)
        embedded.put(f"{stack}/Data", f"{source}/day=1/_SUCCESS", b"")

    with ThreadPoolExecutor(len(SOURCES)) as pool:
        list(pool.map(mark, SOURCES))

    runs = [embedded.wait_for_run(f"{stack}/All") for _ in SOURCES]
    statuses = [run.outcome.status for run in runs]
    assert statuses.count("Completed") == 1
    assert set(statuses) <= {"Completed", "Waiting", "Duplicate"}
    assert len({run.outcome.run_id for run in runs}) == 1
    [done] = [run for run in runs if run.outcome.status == "Completed"]
    seen, key = report(done)
    assert sorted(seen["files"]) == sorted(
        name for source in SOURCES for name in (f"{source}/{source}.csv", f"{source}/_SUCCESS")
    )
    assert seen["arguments"][:2] == ["--day", "1"]
    assert key.startswith("All/day=1/")


def test_one_after_the_other_waits_and_says_for_what_and_one_that_comes_again_is_a_duplicate(embedded, stack):
    missing = []
    for source in SOURCES:
        embedded.put(f"{stack}/Data", f"{source}/day=2/_SUCCESS", b"")
        missing.append(embedded.wait_for_run(f"{stack}/All").outcome.missing)
    embedded.put(f"{stack}/Data", "orders/day=2/_SUCCESS", b"")
    again = embedded.wait_for_run(f"{stack}/All")

    assert missing == [("prices", "stock"), ("prices",), ()]
    assert again.outcome.status == "Duplicate"
    # The RUN_ID is that of all four; it names the one that did the work.
    assert embedded.processing.run(f"{stack}/All", again.outcome.run_id).outcome.status == "Completed"


def test_a_start_by_hand_reads_the_folder_that_it_names(embedded, stack, report):
    place = f"s3://{embedded.bucket(f'{stack}/Data')}"
    embedded.put(f"{stack}/Data", "one/day=hand/a.csv", "content")
    embedded.start(f"{stack}/One", folder=f"{place}/one/day=hand/", run_key="hand")
    seen, key = report(embedded.wait_for_run(f"{stack}/One"))
    folders = {source: f"{place}/{source}/day=1/" for source in SOURCES}
    embedded.start(f"{stack}/All", folder=folders)
    every, _ = report(embedded.wait_for_run(f"{stack}/All"))

    assert sorted(seen["files"]) == ["data/a.csv"]
    assert key.startswith("One/day=hand/")
    assert every["arguments"] == ["--day", "1", *folders.values()]
    with pytest.raises(RunKeyReusedError, match=r"other folder: s3://.*/one/day=hand/"):
        embedded.start(f"{stack}/One", folder=f"{place}/one/day=1/", run_key="hand")


@pytest.mark.parametrize("folder", ["s3://b/day=1", "day=1/", {"orders": "s3://b/day=1"}, {}, {"orders": 7}])
def test_a_folder_that_is_none_starts_nothing(embedded, stack, folder):
    with pytest.raises(InvalidParametersError, match="folder"):
        embedded.start(f"{stack}/One", folder=folder)


def test_a_start_without_its_folder_fails_with_what_to_give(embedded, stack, dead_letters):
    embedded.start(f"{stack}/One")

    assert embedded.wait_for_run(f"{stack}/One", must_succeed=False).status == "FAILED"
    [letter] = dead_letters(stack)
    assert 'start it with {"folder": "s3://bucket/.../"}' in letter["reason"]

"""Yesterday's partition by a schedule in a timezone, over the days when the clocks change, on the embedded AWS."""

import json
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from cdk_processing.schedules.recorded import schedule_of

REPORT = """
import json, pathlib, sys
read = sorted(path.read_text() for path in pathlib.Path("/opt/ml/processing/input").rglob("*.txt"))
pathlib.Path("/opt/ml/processing/report/report.json").write_text(json.dumps([*read, *sys.argv[1:]]))
"""
BERLIN = "Europe/Berlin"


@pytest.fixture(scope="module")
def nightly(deploy, tmp_path_factory):
    """A job that reads yesterday's partition at half past midnight in Berlin."""

    def declare(stack):
        from cdk_processing import (
            DataBucket,
            ExecutionVariables,
            OnSchedule,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            SKLearnProcessor,
        )

        script = tmp_path_factory.mktemp("scripts") / "report.py"
        script.write_text(REPORT)
        events, reports = DataBucket(stack, "Events"), DataBucket(stack, "Reports")
        start, end = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2026, 11, 1, tzinfo=timezone.utc)
        schedule = OnSchedule("cron(30 0 * * ? *)", timezone=BERLIN, start=start, end=end)
        yesterday = ExecutionVariables.TRIGGER_TIME.in_timezone(schedule.timezone) - timedelta(days=1)
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        ProcessingJob(
            stack,
            "Report",
            processor.run(
                script,
                inputs=[ProcessingInput(events.at(f"dt={yesterday:%Y-%m-%d}/"), "/opt/ml/processing/input")],
                outputs=[
                    ProcessingOutput("/opt/ml/processing/report", reports.at(f"dt={yesterday:%Y-%m-%d}/"), "report")
                ],
                arguments=[f"{yesterday}", f"{ExecutionVariables.TRIGGER_TIME + timedelta(hours=6):%d.%m. %H:%M}"],
            ),
            triggers=[schedule],
        )

    return deploy(declare)


def due(embedded, begin, count):
    """The first times of the schedule from a moment on, as the embedded scheduler works them out."""
    scheduler = embedded.client("scheduler")
    [schedule] = [
        found
        for group in scheduler.list_schedules()["Schedules"]
        if (found := scheduler.get_schedule(Name=group["Name"]))["ScheduleExpression"] == "cron(30 0 * * ? *)"
    ]
    times, moment = [], begin
    for _ in range(count):
        moment = schedule_of(schedule).next_after(moment)
        times.append(moment)
    return times


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (
            datetime(2026, 3, 28, 12, tzinfo=timezone.utc),
            {
                "2026-03-28": ["rows of 2026-03-28", "2026-03-28T00:30:00+01:00", "29.03. 05:30"],
                "2026-03-29": ["rows of 2026-03-29", "2026-03-29T00:30:00+01:00", "30.03. 04:30"],
                "2026-03-30": ["rows of 2026-03-30", "2026-03-30T00:30:00+02:00", "31.03. 04:30"],
            },
        ),
        (
            datetime(2026, 10, 24, 12, tzinfo=timezone.utc),
            {
                "2026-10-24": ["rows of 2026-10-24", "2026-10-24T00:30:00+02:00", "25.10. 04:30"],
                "2026-10-25": ["rows of 2026-10-25", "2026-10-25T00:30:00+02:00", "26.10. 05:30"],
                "2026-10-26": ["rows of 2026-10-26", "2026-10-26T00:30:00+01:00", "27.10. 05:30"],
            },
        ),
    ],
    ids=["forward", "back"],
)
def test_each_night_reads_the_partition_of_the_day_that_has_ended_there(embedded, nightly, begin, expected):
    for day in expected:
        embedded.put(f"{nightly}/Events", f"dt={day}/rows.txt", f"rows of {day}")

    for at in due(embedded, begin, len(expected)):
        embedded.fire_schedule(f"{nightly}/Report", at)
        embedded.wait_for_run(f"{nightly}/Report")

    reports = {day: embedded.get(f"{nightly}/Reports", f"dt={day}/report.json") for day in expected}
    assert {day: json.loads(report) for day, report in reports.items()} == expected


def test_a_day_is_made_up_for_by_a_start_with_its_time_and_a_redrive_keeps_it(embedded, nightly):
    machine = embedded.deployment.job(f"{nightly}/Report").state_machine_arn
    # The first run fails: the partition is not there yet.
    embedded.start(f"{nightly}/Report", at=datetime(2026, 5, 2, 0, 30, tzinfo=ZoneInfo(BERLIN)))
    failed = embedded.wait_for_run(f"{nightly}/Report", must_succeed=False)
    assert not failed.succeeded

    embedded.put(f"{nightly}/Events", "dt=2026-05-01/rows.txt", "late rows")
    embedded.processing.redrive(embedded.processing.run(machine, failed.arn))
    embedded.wait_for_run(f"{nightly}/Report")

    report = json.loads(embedded.get(f"{nightly}/Reports", "dt=2026-05-01/report.json"))
    assert report == ["late rows", "2026-05-01T00:30:00+02:00", "02.05. 04:30"]


def test_a_run_whose_time_cannot_be_read_fails_with_the_reason_and_a_dead_letter(embedded, nightly, dead_letters):
    dead_letters(nightly)
    machine = embedded.deployment.job(f"{nightly}/Report").state_machine_arn
    embedded.client("stepfunctions").start_execution(stateMachineArn=machine, input='{"time": "2026-02-30T00:00:00Z"}')

    failed = embedded.wait_for_run(f"{nightly}/Report", must_succeed=False)

    [letter] = dead_letters(nightly)
    assert not failed.succeeded
    assert "the time of the run must be a time from 2000 to 2098 in ISO 8601" in letter["reason"]
    assert letter["reason"].endswith("got 2026-02-30T00:00:00Z")

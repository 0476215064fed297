from datetime import datetime, timezone

from cdk_processing.client import DeadLetter, Job, RedrivenLetter, Run
from cdk_processing.views import letter_view
from cdk_processing.views.letters import redriven_text

AT = datetime(2026, 1, 31, 6, tzinfo=timezone.utc)
RUN_ID = "0123456789abcdef0123456789abcdef"
MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:Machine"


def letter(kind, **fields):
    return DeadLetter(kind, "m-1", "https://queue", AT, "{not JSON", **fields)


GIVEN_UP = letter(
    "run",
    job="Census/Preprocess",
    run_id=RUN_ID,
    run_key="s3://raw/a.csv@1",
    attempt=3,
    error="States.TaskFailed",
    reason="out of memory",
    event={"a": 1},
)


def test_a_run_that_failed_for_good_is_shown_by_its_id_its_reason_and_its_event():
    view = letter_view(GIVEN_UP)
    assert (view.job, view.what, view.reason) == (
        "Census/Preprocess",
        "run 01234567 failed at attempt 3",
        "States.TaskFailed: out of memory",
    )
    assert view.details() == ["run key: s3://raw/a.csv@1", 'event: {"a": 1}']
    assert view.readable


def test_a_run_without_a_run_id_is_shown_by_its_execution():
    assert letter_view(letter("run", execution_arn="arn:x:name", attempt=1)).what == "run name failed at attempt 1"


def test_an_event_that_was_not_delivered_names_its_rule_and_its_job_s_machine():
    view = letter_view(letter("event", state_machine_arn=MACHINE, source_arn="the-rule", event="x" * 400))
    assert (view.job, view.what) == (MACHINE, "event that the-rule could not deliver")
    assert view.details() == [f'event: "{"x" * 299} ... (402 characters)']


def test_a_letter_that_is_not_readable_shows_its_text():
    view = letter_view(letter("unreadable"))
    assert (view.job, view.readable) == ("?", False)
    assert view.details() == ["text: {not JSON"]


def test_a_redrive_says_what_became_of_the_letter():
    started = Run(Job("Census/Preprocess", "census", MACHINE), "redrive-1", "arn:1", "RUNNING", AT)
    assert redriven_text(RedrivenLetter(GIVEN_UP, started, True), "01234567") == (
        "run 01234567: started Census/Preprocess as run 01234567"
    )
    assert redriven_text(RedrivenLetter(GIVEN_UP, started, False, "denied"), "01234567") == (
        "run 01234567: started Census/Preprocess as run 01234567; the letter stays in the queue"
    )
    assert redriven_text(RedrivenLetter(GIVEN_UP, None, True, "it has run since"), None) == (
        "run 01234567: not started: it has run since; the letter is deleted"
    )
    assert redriven_text(RedrivenLetter(GIVEN_UP, None, False, "no such job"), None) == (
        "run 01234567: not started: no such job; the letter stays in the queue"
    )

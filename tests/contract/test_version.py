"""The contract's version: what an older release wrote is read, what a newer one wrote is refused with the fix."""

import json
from dataclasses import replace

import pytest

from cdk_processing.contract.dead_letter import GivenUpRun
from cdk_processing.contract.description import METADATA, JobDescription
from cdk_processing.contract.outcome import COMPLETED, DUPLICATE, Outcome
from cdk_processing.contract.redrive import REDRIVE_FIELD, RedriveEnvelope
from cdk_processing.contract.run_keys import run_key_of
from cdk_processing.contract.start import StartInput, is_start
from cdk_processing.contract.success_event import SUCCEEDED, SUCCESS_SOURCE, SuccessEvent
from cdk_processing.contract.tags import CONTRACT_TAG, MachineTags
from cdk_processing.contract.version import VERSION, VERSION_FIELD, read_version, refuse_newer, version_of
from cdk_processing.errors import NewerContractError

LETTER = GivenUpRun("A/B", "arn:m", "arn:e", "r", "k", 2, "b-r-2", "Error", "reason", {"run_key": "k"})
EVENT = SuccessEvent("A/B", "arn:m", "arn:e", "r", "k", "t", 1, "b-r-1", {"out": "s3://b/o/"}, {"p": "1"})
DESCRIPTION = JobDescription("A/B", "a-b", ("a schedule",), {"out": "s3://b/o/"})


def event(detail):
    return {"source": SUCCESS_SOURCE, "detail-type": SUCCEEDED, "detail": detail}


def machine(description):
    return {"Type": "AWS::StepFunctions::StateMachine", "Metadata": {METADATA: description}}


OUTCOME = Outcome(DUPLICATE, "r", "b-r-1", "Failed", "arn:e", outputs=(("out", "s3://b/o/"),))
START = StartInput({"day": "monday"}, "k")
REDRIVE = RedriveEnvelope({"run_key": "k"}, "manual:k", "r", 3)


def as_json(form):
    return json.dumps(form)


def redriven(form):
    return {REDRIVE_FIELD: form}


FORMS = [
    (LETTER, GivenUpRun.parse, lambda form: form),
    (EVENT, SuccessEvent.parse, event),
    (DESCRIPTION, JobDescription.parse, machine),
    (OUTCOME, Outcome.parse, as_json),
    (replace(OUTCOME, status=COMPLETED, job_status=None, made_by=None), Outcome.parse, as_json),
    (START, StartInput.parse, as_json),
    (REDRIVE, RedriveEnvelope.parse, redriven),
]


def fields_of(value):
    """The form as an object; the input of an execution is rendered as JSON."""
    form = value.render()
    form = json.loads(form) if isinstance(form, str) else form
    return form.get(REDRIVE_FIELD, form)


@pytest.mark.parametrize(("value", "parse", "wrapped"), FORMS)
def test_a_form_is_read_as_it_was_written(value, parse, wrapped):
    assert parse(wrapped(fields_of(value))) == value


@pytest.mark.parametrize(("value", "parse", "wrapped"), FORMS)
def test_a_form_of_the_first_release_names_no_version_and_is_read(value, parse, wrapped):
    first = {name: item for name, item in fields_of(value).items() if name != VERSION_FIELD}

    assert parse(wrapped(first)).version == 1


@pytest.mark.parametrize(("value", "parse", "wrapped"), FORMS)
@pytest.mark.parametrize("version", [VERSION + 1, 99, 0, -1, "x", None, 1.5])
def test_a_form_of_a_newer_release_is_refused_with_what_to_do(value, parse, wrapped, version):
    with pytest.raises(NewerContractError, match=r"contract must be a version .* 1-\d+, got .*; install the release"):
        parse(wrapped({**fields_of(value), VERSION_FIELD: version}))


@pytest.mark.parametrize("body", [None, "text", [1], {}, {"event": {}, "execution": "e"}])
def test_what_is_no_dead_letter_of_a_run_is_none(body):
    assert GivenUpRun.parse(body) is None


def test_what_is_no_event_of_ours_is_none():
    assert SuccessEvent.parse({"source": "aws.s3", "detail-type": SUCCEEDED, "detail": {}}) is None


@pytest.mark.parametrize(
    "resource", [{}, {"Type": "AWS::S3::Bucket"}, {"Type": "AWS::StepFunctions::StateMachine", "Metadata": {"a": {}}}]
)
def test_what_is_no_job_in_a_template_is_none(resource):
    assert JobDescription.parse(resource) is None


def test_tags_are_read_as_they_were_written_and_a_newer_job_is_still_listed():
    tags = MachineTags("A/B", "a-b", "https://queue")

    assert MachineTags.parse(tags.render()) == tags
    assert MachineTags.parse({**tags.render(), CONTRACT_TAG: "99"}).version == 99
    assert MachineTags.parse({"other": "tag"}) is None


def test_tags_of_the_first_release_name_no_version():
    tags = MachineTags("A/B", "a-b").render()
    del tags[CONTRACT_TAG]

    assert MachineTags.parse(tags) == MachineTags("A/B", "a-b", version=1)


def test_the_refusal_names_what_cannot_be_read():
    with pytest.raises(NewerContractError, match=r"got 99; .* \(the dead letter of A/B\)"):
        read_version({VERSION_FIELD: 99}, "the dead letter of A/B")
    with pytest.raises(NewerContractError, match="A/B"):
        refuse_newer(VERSION + 1, "A/B")
    assert version_of({}) == 1


@pytest.mark.parametrize("text", ["", "{}", '{"parameters": {"day": "1"}}', '["a"]', '{"source": "aws.s3", "id": "e"}'])
def test_an_input_that_somebody_writes_by_hand_names_no_version_and_is_read(text):
    assert StartInput.parse(text).version in (1, VERSION)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({}, True),
        (START.fields(), True),
        ({"run_key": "k"}, True),
        ({"source": "aws.s3", "id": "e"}, False),
        ({REDRIVE_FIELD: {}}, False),
        (None, False),
        ([], False),
    ],
)
def test_a_start_by_hand_is_known_from_an_event(event, expected):
    assert is_start(event) is expected


def test_a_redrive_of_a_newer_release_has_no_run_key_here():
    with pytest.raises(NewerContractError, match="the input of a redrive"):
        run_key_of({REDRIVE_FIELD: {"event": {}, VERSION_FIELD: VERSION + 1}}, "arn:e")

"""The same calls, made with the SageMaker SDK and with this library."""

import difflib
import json
from pathlib import Path

import pytest

from tests.parity.calls import CALLS
from tests.parity.differences import DIFFERENCES, LAUNCHER, expected_here
from tests.parity.random_calls import EVERY, RANDOM

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "sdk-parity.md"
RECORDED = json.loads((ROOT / "tests" / "data" / "sdk_requests.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("call", EVERY, ids=lambda call: call.name)
def test_a_call_sends_what_the_sdk_sends_but_for_the_differences_of_the_table(call, sdk, here):
    theirs, ours = sdk[call.name], here[call.name]
    if theirs.request is None and ours.request is None:
        problem = "" if ours.refusal.startswith("DeclarationError") else "crashes here"
    elif ours.request is None:
        problem = "" if _documented(ours.refusal, here=True) else "is taken by the SDK, and refused here"
    elif theirs.request is None:
        problem = "" if _documented(theirs.refusal, here=False) else "is refused by the SDK, and taken here"
    else:
        expected = expected_here(call, theirs, ours)[0]
        problem = "" if ours.request == expected else "\n".join(_changes(expected, ours.request))
    if problem:
        pytest.fail(f"{call}\n{problem}\nSDK: {theirs.refusal}\nhere: {ours.refusal}", pytrace=False)


def _changes(expected, found):
    """Where a request is not as expected, line by line."""
    texts = [json.dumps(each, indent=1, sort_keys=True, ensure_ascii=False).splitlines() for each in (expected, found)]
    return difflib.unified_diff(*texts, "expected of the SDK's request", "here", n=3, lineterm="")


def _documented(refusal, *, here):
    """Whether each reason of a refusal is in the table."""
    reasons = [line for line in refusal.splitlines() if line.startswith("  - ")] or [refusal]
    return all(any(difference.refuses(reason, here=here) for difference in DIFFERENCES) for reason in reasons)


@pytest.mark.parametrize("call", [call for call in CALLS if call.recorded], ids=lambda call: call.recorded)
def test_the_recorded_requests_are_what_the_sdk_sends(call, sdk):
    assert sdk[call.name].request == RECORDED[call.recorded]["request"]


def test_every_recorded_request_has_its_call():
    assert sorted(call.recorded for call in CALLS if call.recorded) == sorted(RECORDED)


def test_no_two_calls_have_one_name():
    names = [call.name for call in EVERY]

    assert len(names) == len(set(names))


def test_no_more_than_half_of_the_random_calls_are_refused(sdk, here):
    equal = [call for call in RANDOM if sdk[call.name].request and here[call.name].request]

    assert len(equal) > len(RANDOM) / 2


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.what)
def test_a_difference_of_the_table_is_there(difference, sdk, here):
    if difference.what == LAUNCHER:
        return  # shown in test_launcher.py
    assert any(_shows(call, difference, sdk[call.name], here[call.name]) for call in CALLS)


def _shows(call, difference, theirs, ours):
    if theirs.request and ours.request:
        return difference.what in expected_here(call, theirs, ours)[1]
    if theirs.request:
        return difference.refuses(ours.refusal, here=True)
    return bool(ours.request) and difference.refuses(theirs.refusal, here=False)


def test_the_table_in_the_docs_is_the_one_that_is_tested():
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("|")]

    assert rows[2:] == [f"| {it.what} | {it.sdk} | {it.here} | {it.why} |" for it in DIFFERENCES]

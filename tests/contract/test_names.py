"""Names of processing jobs: taken apart, put together, and matched by the patterns of their own job alone."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ministack.core.iam_evaluator import fnmatch_iam_cs  # what the embedded AWS holds roles to

from cdk_processing.contract.names import JobName, job_pattern, log_stream_pattern, log_stream_prefix
from cdk_processing.request.limits import BASE_NAME_LENGTH

BASE_NAMES = st.from_regex(r"[a-z0-9](-{0,3}[a-z0-9]){0,23}", fullmatch=True).filter(
    lambda name: len(name) <= BASE_NAME_LENGTH
)
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("census-preprocess-" + "a" * 32 + "-12", JobName("census-preprocess", "a" * 32, 12)),
        ("a-" + "b" * 32 + "-1", JobName("a", "b" * 32, 1)),
        ("a-" + "b" * 31 + "-1", None),
        ("a-" + "b" * 32, None),
        ("a-" + "g" * 32 + "-1", None),
        ("somebodys-job", None),
        (None, None),
    ],
)
def test_a_name_is_taken_apart_or_known_as_somebody_else_s(text, parts):
    assert JobName.parse(text) == parts


@given(base=BASE_NAMES, run_id=HEX, attempt=st.integers(1, 99_999))
def test_a_name_that_was_put_together_comes_apart_again_and_fits_sagemaker(base, run_id, attempt):
    name = JobName(base, run_id, attempt)

    assert JobName.parse(str(name)) == name
    assert len(str(name)) <= 63
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", str(name))


def test_another_attempt_has_the_same_run_id():
    assert str(JobName("prep", "a" * 32, 1).with_attempt(7)) == f"prep-{'a' * 32}-7"


def matches(pattern, name):
    return fnmatch_iam_cs(name, pattern)


PREP_ALL = ("prep", "prep-all", "0" * 32, 1)


@example(*PREP_ALL)
@example("a", "a-" + "0" * 20, "0" * 32, 1)
@given(own=BASE_NAMES, other=BASE_NAMES, run_id=HEX, attempt=st.integers(1, 99_999))
def test_the_patterns_of_a_job_match_its_own_names_and_no_other_job_s(own, other, run_id, attempt):
    mine, theirs = str(JobName(own, run_id, attempt)), str(JobName(other, run_id, attempt))

    for pattern, suffix in ((job_pattern(own), ""), (log_stream_pattern(own), "/algo-1-1700000000")):
        assert matches(pattern, mine + suffix)
        assert matches(pattern, theirs + suffix) == (own == other)


@given(base=BASE_NAMES, more=BASE_NAMES, run_id=HEX, attempt=st.integers(1, 99_999))
def test_the_patterns_of_a_job_match_no_name_of_a_longer_base(base, more, run_id, attempt):
    longer = f"{base}-{more}"[:BASE_NAME_LENGTH].strip("-")

    assert matches(job_pattern(base), str(JobName(longer, run_id, attempt))) == (longer == base)


def test_a_pattern_with_a_star_right_behind_the_base_would_match_the_longer_one():
    own, other, run_id, attempt = PREP_ALL

    assert matches(f"{own}-*", str(JobName(other, run_id, attempt)))


def test_the_log_streams_of_a_job_begin_with_its_whole_name():
    assert log_stream_prefix("prep-1") == "prep-1/"

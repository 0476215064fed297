"""What a check against the model finds is what botocore's own validator finds, and what the model itself says."""

from collections import Counter
from functools import cache

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.request.shapes import Entry, Key, Shapes, reachable
from tests.request.declarations import profile
from tests.request.service_model import refusals, requests, sdk_refusals

pytestmark = pytest.mark.drawn

OPERATIONS = (
    "CreateProcessingJob",
    "DescribeProcessingJob",
    "ListProcessingJobs",
    "StopProcessingJob",
    "AddTags",
    "ListTags",
    "DeleteTags",
)


@cache
def shapes():
    return Shapes(reachable(_model()["shapes"], [_input(operation) for operation in OPERATIONS]))


@cache
def _model():
    return Loader().load_service_model("sagemaker", "service-2")


def _input(operation):
    return _model()["operations"][operation]["input"]["shape"]


def flaws(request, operation="CreateProcessingJob", **options):
    return shapes()[_input(operation)].flaws(request, **options)


def place(path):
    """A path as botocore writes it."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif isinstance(step, Key):
            text += f" (key: {step.key})"
        else:
            text += f".{step.key if isinstance(step, Entry) else step}"
    return text.lstrip(".")


def in_words_of_botocore(request, found):
    """The flaws that botocore looks for: it leaves maxima, enumerations and patterns to the service."""
    for flaw in found:
        [rule] = flaw.broken if len(flaw.broken) == 1 else [next((r for r in flaw.broken if r == "min"), "pattern")]
        if rule == "unknown":
            yield "unknown field", place((*flaw.path[:-1], str(flaw.path[-1].key)))
        elif rule == "required" and not _is_there(request, flaw.path):
            yield "missing required field", place(flaw.path)
        elif rule in ("required", "null", "type"):
            yield "invalid type", place(flaw.path)
        elif rule == "min":
            yield f"invalid {'range' if flaw.shape.type == 'integer' else 'length'}", place(flaw.path)


def _is_there(request, path):
    for step in path[:-1]:
        request = request[step.key if isinstance(step, Entry) else step]
    return path[-1] in request


@pytest.mark.parametrize("operation", OPERATIONS)
@profile(60)
@given(st.data())
def test_missing_and_unknown_members_types_and_minima_are_those_that_botocore_refuses(operation, data):
    request = data.draw(requests(operation))

    ours = in_words_of_botocore(request, flaws(request, operation))

    assert Counter(ours) == Counter(sdk_refusals(request, operation))


@pytest.mark.parametrize("operation", OPERATIONS)
@profile(60)
@given(st.data())
def test_of_what_botocore_sends_exactly_that_is_refused_which_the_model_refuses(operation, data):
    request = data.draw(requests(operation).filter(lambda request: not sdk_refusals(request, operation)))

    broken = [rule for flaw in flaws(request, operation) for rule in flaw.broken]

    assert len(broken) == len(refusals(request, operation)), (broken, refusals(request, operation))


def test_the_generated_requests_break_every_rule_and_some_break_none():
    seen = Counter()

    @profile(200)
    @given(requests("CreateProcessingJob"))
    def look(request):
        seen.update({rule for flaw in flaws(request) for rule in flaw.broken} or {"none"})

    look()

    assert set(seen) == {"none", "required", "null", "unknown", "type", "enum", "min", "max", "pattern"}


def test_a_flaw_says_where_it_is_and_which_rules_are_broken():
    request = {"Environment": {"1": 5}, "Tags": [{"Key": "a", "Value": "b"}, {"Key": "%" * 200}]}

    found = {flaw.path: (flaw.value, flaw.shape.name, flaw.broken) for flaw in flaws(request)}

    assert found == {
        ("ProcessingJobName",): (None, "ProcessingJobName", ("required",)),
        ("ProcessingResources",): (None, "ProcessingResources", ("required",)),
        ("AppSpecification",): (None, "AppSpecification", ("required",)),
        ("RoleArn",): (None, "RoleArn", ("required",)),
        ("Environment", Key("1")): ("1", "ProcessingEnvironmentKey", ("pattern",)),
        ("Environment", Entry("1")): (5, "ProcessingEnvironmentValue", ("type",)),
        ("Tags", 1, "Key"): ("%" * 200, "TagKey", ("max", "pattern")),
        ("Tags", 1, "Value"): (None, "TagValue", ("required",)),
    }


def test_a_text_that_nobody_knows_yet_passes():
    request = {"RoleArn": "later", "Tags": [{"Key": "later", "Value": "%"}]}

    found = flaws(request, is_open=lambda text: text == "later")

    assert [flaw.path for flaw in found if "required" not in flaw.broken] == [("Tags", 0, "Value")]


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_no_number(value):
    [flaw] = flaws({"StoppingCondition": {"MaxRuntimeInSeconds": value}})[-1:]

    assert (flaw.path, flaw.broken) == (("StoppingCondition", "MaxRuntimeInSeconds"), ("type",))

"""AWS's images against what the SageMaker SDK itself answers, as tests/data/record_image_uris.py has recorded it."""

import json
from collections import Counter
from pathlib import Path

import pytest

from cdk_processing import ProcessingImage
from cdk_processing.request.images import image_families, image_versions

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "image_uris.json").read_text(encoding="utf-8"))
CASES = [dict(zip(RECORDED["columns"], case, strict=True)) for case in RECORDED["cases"]]
FAMILIES = sorted({case["framework"] for case in CASES})


def ours(case):
    """The image's URI in the case's region, and what is wrong."""
    if case["framework"] == "spark":
        named = ("framework_version", "py_version", "container_version", "instance_type")
        image = ProcessingImage.spark(**{name: case[name] for name in named})
    else:
        image = ProcessingImage.framework(**{name: case[name] for name in case if name not in ("region", "uri")})
    problems = image.problems() or image.aws.region_problems(case["region"])
    return (None if problems else image.aws.uri_in(case["region"])), problems


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_is_the_one_that_the_sdk_picks_or_a_problem_where_it_picks_none(family):
    cases = [case for case in CASES if case["framework"] == family]

    differing = [(case, *found) for case in cases if (found := ours(case))[0] != case["uri"]]

    assert differing == []


def test_the_record_has_answers_for_every_family_version_and_kind_of_processor():
    answered = {(case["framework"], case["framework_version"]) for case in CASES if case["uri"]}
    kinds = Counter((case["instance_type"] or "")[:5] for case in CASES if case["uri"])

    assert {(f, v) for f in image_families() for v in image_versions(f)} <= answered
    assert len(answered) > 300
    assert min(kinds["ml.m5"], kinds["ml.g4"]) > 300
    assert sum(1 for case in CASES if case["uri"] is None) > 100

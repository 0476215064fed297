import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.constructs.naming import base_name_for


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Census/Preprocess", "census-preprocess"),
        ("ProductionEurope/Census/PreprocessEverything", "preprocess-everything"),
        ("Census/HTTPLogs", "census-http-logs"),
        ("Census/My Job_2", "census-my-job-2"),
        ("A" * 40, "a" * 24),
        ("Stack/" + "Word" * 10, "word-word-word-word-word"),
        ("Ünïcode/Jöb", "n-code-j-b"),
        ("Stack/---", "stack"),
        ("--/__", "job"),
    ],
)
def test_a_name_is_the_end_of_the_path_that_fits(path, name):
    assert base_name_for(path) == name


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4).map("/".join))
def test_any_path_makes_a_name_that_sagemaker_takes(path):
    assert re.fullmatch(r"[a-z0-9](-*[a-z0-9])*", base_name_for(path))
    assert len(base_name_for(path)) <= 24

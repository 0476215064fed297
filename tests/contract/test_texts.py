"""Each text is fitted to the rule of the field that holds it."""

import re

import pytest
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.contract.texts import (
    ALARM_NAME,
    DESCRIPTION,
    ROLE_DESCRIPTION,
    SECURITY_GROUP_DESCRIPTION,
    TAG_KEY,
    TAG_VALUE,
    fit,
)

RULES = [ALARM_NAME, DESCRIPTION, ROLE_DESCRIPTION, SECURITY_GROUP_DESCRIPTION, TAG_KEY, TAG_VALUE]


@pytest.mark.parametrize("rule", RULES)
def test_text_that_fits_stays_as_it_is(rule):
    assert fit("Census/Clean nightly", rule) == "Census/Clean nightly"


@pytest.mark.parametrize(
    ("text", "rule", "fitted"),
    [
        ("Clean & join", TAG_VALUE, "Clean - join-"),
        ("Job (nightly)", TAG_VALUE, "Job -nightly--"),
        ("データ", TAG_VALUE, "データ"),
        ("データ", ROLE_DESCRIPTION, "----"),
        ("Größe", ROLE_DESCRIPTION, "Größe"),
        ("Größe", SECURITY_GROUP_DESCRIPTION, "Gr--e-"),
        ("Job (nightly)", SECURITY_GROUP_DESCRIPTION, "Job (nightly)"),
        ("Clean & join", SECURITY_GROUP_DESCRIPTION, "Clean & join"),
        ("two\nlines", DESCRIPTION, "two-lines-"),
    ],
)
def test_what_the_field_does_not_take_is_replaced(text, rule, fitted):
    assert re.sub(r"-[0-9a-f]{8}$", "-", fit(text, rule)) == fitted


@given(st.text(max_size=600), st.sampled_from(RULES))
def test_any_text_fits_once_it_is_fitted_and_stays_so(text, rule):
    fitted = fit(text, rule)

    assert rule.fits(fitted)
    assert fit(fitted, rule) == fitted


@given(st.sets(st.text(alphabet="a&(", min_size=1, max_size=300), min_size=2), st.sampled_from(RULES))
def test_different_texts_stay_different(texts, rule):
    assert len({fit(text, rule) for text in texts}) == len(texts)


@pytest.mark.drawn
@given(st.text(max_size=1200))
def test_botocores_own_pattern_takes_a_fitted_description_of_a_role(text):
    shape = get_session().get_service_model("iam").shape_for("roleDescriptionType")

    fitted = fit(text, ROLE_DESCRIPTION)

    assert re.fullmatch(shape.metadata["pattern"], fitted)
    assert len(fitted) <= shape.metadata["max"]

"""The depth of expressions, held to the reference implementation of JSONata, which nobody here has written."""

import random

import pytest

from cdk_processing.workflow.depth import depth
from tests.workflow.reference import evaluate_all

#: Expressions of which every branch is taken, so that what is found without evaluating is what evaluating shows.
WHOLE = [
    "1",
    "'a\\u0027b'",
    "$x",
    "null",
    "$x.a",
    "$x.a.`b-c`.d",
    "$x.a.d",
    "a.b",
    "[1, 2, 3]",
    "[]",
    "[[1], [[2]]]",
    "{'a': 1, 'b': [1, 2]}",
    "1 + 2 * 3",
    "1 * 2 + 3",
    "(1 + 2) * 3",
    "-$x.n",
    "1 = 1 and 2 = 2 and 3 = 3",
    "false or false or (false or true)",
    "true ? 1 : 2",
    "false ? 1 : false ? 2 : false ? 3 : 4",
    "true ? (1 + 1)",
    "'a' & 'b' & 'c'",
    "$join(['a', 'b', 'c'])",
    "$string($length('abc'))",
    "($a := 1; $b := $a + 1; $b)",
    "1 in [1, 2, 3]",
    "$not(1 in [2])",
    "$map([1, 2], function($v) { $v + 1 + 2 })",
    "true in $map([1], function($v) { $type($v) = 'number' and $v in [1, 2] })",
    "[1, 2, 3][$ > 1]",
    "[1, 2, 3][0]",
    "$x.list[$ in ['p', 'q']]",
    "$exists($x.list[$ in ['p', 'q']])",
    "$contains('a/b', /a\\/b|c/)",
    "$match('abc', /b(c)/, 1).groups[0]",
    "$x.list[[1..$count($x.list) - 1]]",
    "$lookup($x, 'a')",
    "$x.a = {'a': $string($x.n & 'z' & 'y')}",
    "+".join("1" * 60),
    "$join([" + ", ".join(["'a'"] * 300) + "])",
]
BINDINGS = {"x": {"a": {"b-c": {"d": 1}, "d": 2}, "n": 3, "list": ["p", "q", "r"]}}


def test_each_form_is_as_deep_as_its_evaluation_by_the_reference():
    found = evaluate_all(WHOLE, BINDINGS)

    assert [each.error for each in found] == [None] * len(WHOLE)
    assert {body: depth(body) for body in WHOLE} == dict(zip(WHOLE, [each.depth for each in found], strict=True))


@pytest.mark.parametrize("terms", [2, 50, 80, 99])
def test_a_chain_of_so_many_terms_is_what_the_references_own_guardrail_lets_through(terms):
    chain = " + ".join(["1"] * terms)
    [let_through] = evaluate_all([chain], stack=depth(chain))
    [stopped] = evaluate_all([chain], stack=depth(chain) - 1)

    assert depth(chain) == terms
    assert let_through.error is None
    assert stopped.error.startswith("D1011 Stack overflow")


def test_no_evaluation_goes_deeper_than_what_was_found_without_it():
    draw = random.Random(20240305)
    bodies = [generated(draw, 5) for _ in range(400)]

    for body, found in zip(bodies, evaluate_all(bodies, BINDINGS), strict=True):
        assert found.error is None or not found.error.startswith("S"), (body, found.error)  # S: no JSONata at all
        assert found.depth <= depth(body), body


def test_a_call_of_a_function_that_has_a_name_is_as_deep_as_its_body():
    body = "($deep := function($v) { 1 + 1 + 1 + 1 + 1 }; $deep(1))"
    [let_through] = evaluate_all([body], stack=depth(body))

    assert depth(body) == 7
    assert let_through.value == 5


@pytest.mark.parametrize("body", ["1 +", "(1", "$x[", "a b", "'open", "$x.^(a)", "function($v) { 1", "/a"])
def test_what_cannot_be_read_is_no_depth_but_an_error(body):
    with pytest.raises(ValueError, match="unexpected"):
        depth(body)


def generated(draw, left):
    """Some expression of the part of the language that definitions are written in."""
    if left == 0:
        return draw.choice(["1", "'a'", "$x", "$x.n", "$x.list", "true", "null", "-2", "$", "$x.a.`b-c`"])
    one, two, three = (generated(draw, draw.randrange(left)) for _ in range(3))
    return draw.choice(
        [
            f"{one} {draw.choice(['+', '-', '*', '&', '=', '!=', '<', 'and', 'or', 'in'])} {two}",
            f"({one}) {draw.choice(['&', 'and', 'or', 'in', '='])} ({two})",
            f"({one} ? {two} : {three})",
            f"{one} ? {two} : {three}",
            f"[{one}, {two}, {three}]",
            f"{{'k': {one}, 'l': {two}}}",
            f"$string({one})",
            f"$exists({one})",
            f"($v := {one}; $w := {two}; {three})",
            f"$map([{one}], function($v) {{ {two} }})",
            f"[{one}, {two}][{three}]",
            f"[{one}, {two}][0]",
        ]
    )

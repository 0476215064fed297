"""Jobs that are larger than usual run, or are refused at synth: Step Functions stops expressions at a depth of 100."""

import json

import pytest

from cdk_processing import ExecutionVariables, Parameter
from cdk_processing.workflow.definition import Workflow, definition
from cdk_processing.workflow.depth import DEEPEST, depth
from cdk_processing.workflow.launches import EventMapping
from cdk_processing.workflow.limits import definition_problems
from cdk_processing.workflow.newest import NEWEST_ONLY
from cdk_processing.workflow.patterns import condition
from cdk_processing.workflow.turns import TURNS
from tests.workflow.reference import evaluate_tree
from tests.workflow.states_language import expressions

V = ExecutionVariables
CONTEXT = {
    "Execution": {
        "Id": "arn:aws:states:us-east-1:111122223333:execution:Census:e1",
        "StartTime": "2024-03-05T07:08:09Z",
    },
    "StateMachine": {"Id": "arn:aws:states:us-east-1:111122223333:stateMachine:Census"},
}


def defined(request=None, **options):
    return definition(Workflow("Census/Job", "census-job", request or {}, "aws", "https://queue", **options))


def problems(tree):
    return [str(problem) for problem in definition_problems(tree, json.dumps(tree))]


def arguments(tree, event):
    """What a run makes its job with, by the reference implementation; fails beyond the deepest that we write."""
    states = {"input": event, "context": CONTEXT}
    variables = evaluate_tree(tree["States"]["Prepare"]["Assign"], **states)
    return evaluate_tree(tree["States"]["RunJob"]["Arguments"], variables, **states)


def test_sixty_parameters_reach_the_job():
    names = [f"p{number}" for number in range(60)]
    values = {name: Parameter(name, default=5, type=int, enum_values=list(range(40))) for name in names}
    tree = defined({"Environment": {name: f"<{value}>" for name, value in values.items()}}, announces=True)

    sent = arguments(tree, {"parameters": {"p0": 7, "p59": "9"}})["Environment"]

    assert problems(tree) == []
    assert (sent["p0"], sent["p1"], sent["p59"]) == ("<7>", "<5>", "<9>")


@pytest.mark.parametrize(
    "values",
    [
        [f"value {number}" for number in range(300)],
        list(range(300)),
        [{"prefix": f"in/{number}/"} for number in range(300)],
        [{"anything-but": [f"value {number}" for number in range(1, 300)]}],
        [{"anything-but": {"suffix": [f".{number}" for number in range(1, 300)]}}],
    ],
    ids=["texts", "numbers", "prefixes", "anything but texts", "anything but suffixes"],
)
def test_a_trigger_with_a_pattern_of_three_hundred_values_is_known(values):
    wanted = values[-1]
    if isinstance(wanted, dict):
        wanted = "in/299/x" if "prefix" in wanted else "value 0"
    pattern = {"source": ["my.app"], "detail": {"batch": values}}
    tree = defined(event_mappings=(EventMapping(condition(pattern), "'mine'"),))

    states = {"input": {"source": "my.app", "detail": {"batch": wanted}}, "context": CONTEXT}
    run = evaluate_tree(tree["States"]["Prepare"]["Assign"]["run"], **states)

    assert problems(tree) == []
    assert run["key"] == "mine"


def test_a_pattern_of_a_hundred_fields_is_known():
    pattern = {"detail": {f"field{number}": ["a", "b"] for number in range(100)}}
    tree = defined(event_mappings=(EventMapping(condition(pattern), "'mine'"),))
    event = {"detail": {f"field{number}": "b" for number in range(100)}}

    run = evaluate_tree(tree["States"]["Prepare"]["Assign"]["run"], input=event, context=CONTEXT)

    assert problems(tree) == []
    assert run["key"] == "mine"


@pytest.mark.parametrize("number", [0, 57, 99])
def test_each_of_a_hundred_triggers_is_known(number):
    event_mappings = tuple(
        EventMapping(
            condition({"source": [f"app{each}"]}),
            f"'key {each}'",
            "the event has no key",
            parameters=(("day", f"'day {each}'"),),
        )
        for each in range(100)
    )
    tree = defined({"Environment": {"DAY": str(Parameter("day"))}}, event_mappings=event_mappings)

    sent = arguments(tree, {"source": f"app{number}"})

    assert problems(tree) == []
    assert sent["Environment"]["DAY"] == f"day {number}"


def test_a_hundred_run_time_values_fit_into_one_text():
    text = "".join(
        f"{V.TRIGGER_TIME:%Y}{V.ATTEMPT}{V.RUN_ID}-{Parameter(f'p{number}', default='x')}/" for number in range(25)
    )
    tree = defined({"Environment": {"TEXT": text}})

    sent = arguments(tree, {"time": "2024-03-05T00:00:00Z"})["Environment"]["TEXT"]

    assert problems(tree) == []
    assert sent.count("-x/") == 25
    assert sent.startswith("20241")


def test_what_nests_too_deeply_is_refused_with_the_reason_and_advice():
    pattern = {"detail": {"x": ["a"]}}
    for _ in range(60):
        pattern = {"$or": [pattern, {"detail": {"y": ["b"]}}]}
    tree = defined(event_mappings=(EventMapping(condition(pattern), "'mine'"),))

    [problem] = problems(tree)

    assert problem.startswith(
        "Prepare.Assign.run must be at most 80 deep: Step Functions fails every run at about 100, "
    )
    assert problem.endswith("nest fewer $or inside each other in the patterns of the job's triggers")


def test_a_definition_that_is_too_long_is_refused_with_advice():
    tree = defined({"Environment": {f"P{number}": "x" * 1000 for number in range(1100)}})

    [problem] = problems(tree)

    assert problem.startswith("state machine definition must be at most 1,048,576 characters")
    assert problem.endswith("declare fewer parameters, triggers and values in patterns, or make two jobs of it")


def test_no_expression_of_a_usual_job_comes_near():
    everything = defined(
        {"Environment": {"DAY": str(Parameter("day")), "KEY": str(V.OBJECT_KEY)}},
        event_mappings=(
            EventMapping(condition({"source": ["a", "b"]}), "'mine'", "none", fields=NEWEST_ONLY.event_fields),
        ),
        instance_types=("ml.m5.large", "ml.m5.xlarge"),
        table="table",
        admissions=(NEWEST_ONLY, TURNS),
        announces=True,
    )

    assert max(depth(text[2:-2]) for text in expressions(everything)) < DEEPEST / 2

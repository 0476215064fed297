"""Step Functions' own limits: an expression's depth, 256 KiB of data, and the errors that States.ALL leaves out."""

import json

import pytest

CAUGHT = [{"ErrorEquals": ["States.ALL"], "Assign": {"told": "{% $states.errorOutput %}"}, "Next": "Caught"}]
NOTHING = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues", "Arguments": {}, "Catch": CAUGHT}
LISTS = [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}]
LARGE = "$pad('', 262200, 'x')"


def run(world, event=None, **first):
    """Run one state; what it catches is the output."""
    states = {"First": {"End": True, **first}, "Caught": {"Type": "Pass", "Output": "{% $told %}", "End": True}}
    definition = {"QueryLanguage": "JSONata", "StartAt": "First", "States": states}
    return world.execute(world.machine(definition, world.role("states.amazonaws.com", LISTS)), event or {})


def chain(terms):
    return "{% " + "+".join(["1"] * terms) + " %}"


def test_an_expression_may_nest_a_hundred_deep(world):
    assert run(world, Type="Pass", Output=chain(100))["output"] == "100"


def test_one_that_nests_deeper_fails_with_the_error_of_aws(world):
    ended = run(world, Type="Pass", Output=chain(101))

    assert (ended["status"], ended["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert "Stack overflow error: Check for non-terminating recursive function" in ended["cause"]


def test_a_task_catches_an_expression_that_nests_too_deeply(world):
    ended = run(world, **{**NOTHING, "Arguments": {"QueueNamePrefix": chain(150)}})

    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["Error"] == "States.QueryEvaluationError"


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Pass", "Output": f"{{% {LARGE} %}}"},
        {"Type": "Pass", "Assign": {"x": f"{{% {LARGE} %}}"}},
        {"Type": "Pass", "Assign": {"x": "{% $pad('', 140000, 'x') %}", "y": "{% $pad('', 140000, 'x') %}"}},
        {**NOTHING, "Output": f"{{% {LARGE} %}}"},
        {**NOTHING, "Assign": {"x": f"{{% {LARGE} %}}"}},
    ],
    ids=["output", "variable", "variables together", "output of a task", "variable of a task"],
)
def test_data_over_256_kib_ends_the_execution_and_cannot_be_caught(world, state):
    ended = run(world, **state)

    assert (ended["status"], ended["error"]) == ("FAILED", "States.DataLimitExceeded")


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Pass", "Output": "{% $pad('', 262100, 'x') %}"},
        {"Type": "Pass", "Output": "{% $pad('', 87000, 'ü€') %}"},
        {"Type": "Pass", "Assign": {"x": "{% $pad('', 131000, 'x') %}", "y": "{% $pad('', 131000, 'x') %}"}},
    ],
    ids=["output", "bytes", "variables"],
)
def test_data_of_256_kib_passes(world, state):
    assert run(world, **state)["status"] == "SUCCEEDED"


def test_bytes_count_not_characters(world):
    assert run(world, Type="Pass", Output="{% $pad('', 88000, '€') %}")["error"] == "States.DataLimitExceeded"


@pytest.mark.parametrize("name", ["States.DataLimitExceeded", "States.Runtime"])
def test_what_states_all_leaves_out_is_caught_by_its_name(world, name):
    catch = [{**CAUGHT[0], "ErrorEquals": [name]}]
    broken = (
        {"Assign": {"x": f"{{% {LARGE} %}}"}} if "Data" in name else {"Resource": "arn:aws:states:::aws-sdk:nothing:at"}
    )

    assert run(world, **{**NOTHING, **broken, "Catch": catch})["status"] == "SUCCEEDED"
    assert run(world, **{**NOTHING, **broken})["error"] == name

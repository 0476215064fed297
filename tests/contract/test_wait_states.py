"""Whoever looks at a run must know each state that it may wait in."""

import pytest

from cdk_processing.contract.parameters import FIRST_STATE
from cdk_processing.contract.wait_states import WAITED_FOR, waited_for
from cdk_processing.workflow.capacity import Capacity
from cdk_processing.workflow.definition import Workflow, definition
from cdk_processing.workflow.turns import TURNS


def test_a_state_machine_waits_in_the_states_that_are_known_and_begins_in_the_first_one():
    limits = {"admissions": (TURNS,), "capacity": Capacity("arn:line", 2, None)}
    defined = definition(Workflow("Census/Job", "census-job", {}, "aws", "https://queue", **limits))
    waits = {name for name, state in defined["States"].items() if state["Type"] == "Wait"}

    assert waits == set(WAITED_FOR)
    assert defined["StartAt"] == FIRST_STATE


def test_a_run_that_waits_for_its_place_tells_how_many_come_first():
    told = '{"place":false,"at":0,"before":300,"running":2,"more":true,"joined":true}'

    assert waited_for("WaitForPlace", told) == "for its turn: at least 300 before it, 2 of them running"


@pytest.mark.parametrize("data", [None, "{}", "no JSON", '{"Error": "Sfn.SfnException"}', "[]"])
def test_a_run_whose_question_for_a_place_failed_just_waits_for_its_turn(data):
    assert waited_for("WaitForPlace", data) == "for its turn"

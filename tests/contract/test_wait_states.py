"""Whoever looks at a run must know each state that it may wait in."""

from cdk_processing.contract.parameters import FIRST_STATE
from cdk_processing.contract.wait_states import WAITED_FOR
from cdk_processing.workflow.definition import Workflow, definition
from cdk_processing.workflow.turns import TURNS


def test_a_state_machine_waits_in_the_states_that_are_known_and_begins_in_the_first_one():
    defined = definition(Workflow("Census/Job", "census-job", {}, "aws", "https://queue", admissions=(TURNS,)))
    waits = {name for name, state in defined["States"].items() if state["Type"] == "Wait"}

    assert waits == set(WAITED_FOR)
    assert defined["StartAt"] == FIRST_STATE

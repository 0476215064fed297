import json

import pytest

EVERYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


@pytest.fixture(scope="session")
def states_role(world):
    return world.role("states.amazonaws.com", EVERYTHING)


@pytest.fixture(scope="session")
def play(world, states_role):
    """Run a definition (or one state) on an input; the execution with its events' types in order."""

    def run(states, given=None, start=None, **machine):
        if "Type" in states:
            states = {"Only": {"End": True, **states}}
        definition = {"QueryLanguage": "JSONPath", "StartAt": start or next(iter(states)), "States": states, **machine}
        ended = dict(world.execute(world.machine(definition, states_role), {} if given is None else given))
        client = world.client("stepfunctions")
        ended["events"] = client.get_execution_history(executionArn=ended["executionArn"])["events"]
        ended["types"] = [event["type"] for event in ended["events"]]
        if "output" in ended:
            ended["output"] = json.loads(ended["output"])
        return ended

    return run

"""Events, and the runs that a synthesized state machine makes of them."""

from tests.workflow.states_language import evaluate

PATTERN = {"source": ["my.app"], "detail-type": ["Batch Ready"], "detail": {"kind": [{"prefix": "b"}]}}
CONTEXT = {
    "Execution": {"Id": "arn:aws:states:us-east-1:111122223333:execution:M:e1", "StartTime": "2024-03-05T07:08:09Z"},
    "StateMachine": {"Id": "arn:aws:states:us-east-1:111122223333:stateMachine:M"},
}


def run_of(states, event):
    return evaluate(states["Prepare"]["Assign"], input=event, context=CONTEXT)["run"]


def event(**change):
    return {"id": "e-1", "source": "my.app", "detail-type": "Batch Ready", "detail": {"kind": "b1"}, **change}

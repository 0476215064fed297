"""Limits on how many runs, or instances, work at once: the states in which a run waits for its place.

```
... -> AskForPlace --> JudgePlace -- it has its place --> on to the job
          ^               |    +---- it never can ------> SendDeadLetter
          +- WaitForPlace +
```

The platform's state machine answers (:mod:`~cdk_processing.workflow.line`). If the call fails, the run asks again: its
place in the line is kept. A place ends with the execution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cdk_processing.access.statement import Statement
from cdk_processing.contract.wait_states import WAIT_FOR_PLACE
from cdk_processing.workflow.failures import caught
from cdk_processing.workflow.jsonata import expression, quoted
from cdk_processing.workflow.launch_policy import MOST_TURN_LOOKS
from cdk_processing.workflow.line import PLATFORM_LINE

__all__ = ["ASK_FOR_PLACE", "Capacity", "capacity_statements", "capacity_states"]

#: The first of the states.
ASK_FOR_PLACE = "AskForPlace"
#: How often in a row the call may fail: about a quarter of an hour.
_MOST_FAILED_CALLS = 30
_LOOKED = expression("$turn_looks + 1")
# With these waits, 700 looks cover more than two weeks, even if each wait is the shortest. Early waits are short,
# because most runs wait for minutes. Who has many before it that wait too need not look soon: a job takes minutes to
# start alone.
_FIRST_SECONDS, _SLOWNESS, _LONGEST_SECONDS, _SECONDS_EACH = 15, 40, 3_600, 60
_WAIT = f"""(
  $ahead := ($answer.before - $answer.running) / $max([1, $answer.running]);
  $seconds := {_FIRST_SECONDS} + $power($turn_looks, 2) / {_SLOWNESS} + {_SECONDS_EACH} * $ahead;
  $ceil($min([{_LONGEST_SECONDS}, $seconds]) * (0.75 + $random() / 4))
)"""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The limits that a job's runs wait for.

    Attributes:
        machine: ARN of the platform's state machine that keeps lines.
        max_concurrency: How many runs of the job work at once; None for no limit.
        instances: How many instances of the platform's limit a run takes; may be a number token. None if the platform
            has no limit.
    """

    machine: str
    max_concurrency: int | None
    instances: int | float | None

    def lines(self) -> str:
        """The lines in which a run needs places, as JSONata. The same order for all runs, so none waits in a circle."""
        lines = []
        if self.max_concurrency is not None:
            lines.append(f"{{'name': $states.context.StateMachine.Id, 'weight': 1, 'limit': {self.max_concurrency}}}")
        if self.instances is not None:
            lines.append(f"{{'name': {quoted(PLATFORM_LINE)}, 'weight': {self.instances}}}")
        return f"[{', '.join(lines)}]"


#: Variables of these states at the start of a run. Waiting for a turn counts as well: the history has to hold both.
VARIABLES: dict[str, Any] = {"turn_looks": 0, "failed_calls": 0, "answer": {"at": 0, "joined": False}}


def capacity_states(partition: str, capacity: Capacity | None, following: str) -> dict[str, Any]:
    """The states that wait for a place; none if there is no limit."""
    if capacity is None:
        return {}
    asked = {
        "execution": "$states.context.Execution.Id",
        "lines": capacity.lines(),
        "at": "$answer.at",
        "joined": "$answer.joined",
    }
    failed = "$states.result.Status != 'SUCCEEDED'"
    [catcher] = caught("JudgePlace")
    no_answer = "$merge([$answer, {'place': false, 'before': 0, 'running': 0}])"
    return {
        ASK_FOR_PLACE: {
            "Type": "Task",
            "Resource": f"arn:{partition}:states:::aws-sdk:sfn:startSyncExecution",
            "Arguments": {
                "StateMachineArn": capacity.machine,
                "Input": expression(
                    f"$string({{{', '.join(f'{quoted(key)}: {value}' for key, value in asked.items())}}})"
                ),
            },
            "Catch": [
                {
                    **catcher,
                    "Assign": {
                        **catcher["Assign"],
                        "failed_calls": expression("$failed_calls + 1"),
                        "answer": expression(no_answer),
                    },
                }
            ],
            "Assign": {
                "answer": expression(f"{failed} ? {no_answer} : $parse($states.result.Output)"),
                "failed_calls": expression(f"{failed} ? $failed_calls + 1 : 0"),
                "failure": expression("{'Error': 'CdkProcessing.NoPlace', 'Cause': ''}"),
                "reason": expression(f"{failed} ? $states.result.Error & ': ' & $states.result.Cause : ''"),
            },
            # What a run waits for is read from its history: the input of its Wait state.
            "Output": expression(f"{failed} ? {{}} : $parse($states.result.Output)"),
            "Next": "JudgePlace",
        },
        "JudgePlace": {
            "Type": "Choice",
            "Choices": [
                {"Condition": expression("$answer.place"), "Next": following},
                {
                    "Condition": expression("$exists($answer.limit)"),
                    "Assign": {
                        "reason": expression(
                            "'the run needs ' & $answer.weight & ' instances, and max_instances of the platform is ' "
                            "& $answer.limit"
                        ),
                    },
                    "Next": "SendDeadLetter",
                },
                {"Condition": expression(f"$failed_calls > {_MOST_FAILED_CALLS}"), "Next": "SendDeadLetter"},
                {
                    "Condition": expression(f"$turn_looks >= {MOST_TURN_LOOKS}"),
                    "Assign": {
                        "failure": {"Error": "CdkProcessing.TurnNeverCame"},
                        "reason": expression(
                            "'waited too long for the place of this run: ' & $answer.before & ' come first'"
                        ),
                    },
                    "Next": "SendDeadLetter",
                },
            ],
            "Default": WAIT_FOR_PLACE,
        },
        WAIT_FOR_PLACE: {
            "Type": "Wait",
            "Seconds": expression(_WAIT),
            "Assign": {"turn_looks": _LOOKED},
            "Next": ASK_FOR_PLACE,
        },
    }


def capacity_statements(capacity: Capacity | None) -> list[Statement]:
    """The permission to ask for a place."""
    return [] if capacity is None else [Statement("AskForPlaces", ["states:StartSyncExecution"], [capacity.machine])]

"""Admission that runs the executions of a schedule one after the other, so that they do not overlap.

An item of the table holds the *line* of a schedule: its executions, in the order of arrival. The first one has
its turn for as long as it runs. It does not release the turn, so an aborted execution leaves nothing locked. Any other
execution asks Step Functions whether the first one still runs. If not, it removes that one from the line, on condition
that it is still the first. Every step is idempotent, because a retry after a lost response repeats it.

```
Admit -- queue --> JoinLine --> ReadLine -- I am first ------------------------> on to the job
      -- skip ---> TakeTurn (nobody was first: on to the job)     ^
                      | somebody was                              |
                   ReadLine -- nobody is first --> TakeTurn       |
                      | somebody else                             |
                   DescribeFirst --> JudgeFirst -- has ended --> LeaveLine
                      ^                 |--- runs, skip ------> Skipped
                      |                 |--- runs, queue
                      +-- WaitForTurn <-+
```
"""

from __future__ import annotations

from typing import Any

from cdk_processing.access.statement import Place, Statement
from cdk_processing.contract.outcome import SKIPPED
from cdk_processing.workflow.admission import Admission, Gate, MachinePolicy
from cdk_processing.workflow.failures import PATIENT_RETRY, caught
from cdk_processing.workflow.items import ITEM_ID, update_item, when_condition_failed
from cdk_processing.workflow.jsonata import expression, quoted
from cdk_processing.workflow.launch_policy import MOST_TURN_LOOKS

__all__ = ["TURNS"]

_ME = expression("$states.context.Execution.Id")
# With these waits, 700 looks cover more than two weeks. An execution's history has no room for more looks.
_FIRST_LOOK_SECONDS, _LATER_BY_SECONDS, _LONGEST_LOOK_SECONDS = 15, 6, 3_600
_LOOKED = {"turn_looks": expression("$turn_looks + 1")}
# Reading the line again takes as many history events as two looks.
_READ_AGAIN = {"turn_looks": expression("$turn_looks + 2")}


def _states(gate: Gate) -> dict[str, Any]:
    """The states that wait for a turn, or skip the run."""
    partition, table, following = gate.partition, gate.table, gate.admitted
    item = f"{quoted(f'{gate.owner}#line#')} & $states.context.StateMachine.Id & '#' & $run.schedule"
    me, just_me = {":me": {"S": _ME}}, {":just_me": {"L": [{"S": _ME}]}}
    join = update_item(
        partition,
        table,
        item,
        update="SET line = list_append(if_not_exists(line, :nobody), :just_me)",
        condition="NOT contains(line, :me)",
        values={**me, **just_me, ":nobody": {"L": []}},
    )
    take = update_item(
        partition,
        table,
        item,
        update="SET line = :just_me",
        condition="attribute_not_exists(line[0]) OR line[0] = :me",
        values={**me, **just_me},
    )
    leave = update_item(
        partition,
        table,
        item,
        update="REMOVE line[0]",
        condition="line[0] = :ended",
        values={":ended": {"S": expression("$first")}},
    )
    first = "$states.result.Item.line.L[0].S"
    look = f"$min([{_LONGEST_LOOK_SECONDS}, {_FIRST_LOOK_SECONDS} + {_LATER_BY_SECONDS} * $turn_looks])"
    return {
        "JoinLine": {**join, "Catch": caught("JudgeLine"), "Next": "ReadLine"},
        "TakeTurn": {**take, "Catch": caught("JudgeLine"), "Next": following},
        "LeaveLine": {**leave, "Catch": _counted(caught("JudgeLine")), "Assign": _READ_AGAIN, "Next": "ReadLine"},
        # A failed condition means that the change is already made, by this or another execution. Read the line.
        "JudgeLine": when_condition_failed("ReadLine"),
        "ReadLine": {
            "Type": "Task",
            "Resource": f"arn:{partition}:states:::dynamodb:getItem",
            "Arguments": {
                "TableName": table,
                "Key": {ITEM_ID: {"S": expression(item)}},
                "ConsistentRead": True,
                # Only the first element: a state's result holds 256 KiB, an item 400.
                "ProjectionExpression": "line[0]",
            },
            "Retry": PATIENT_RETRY,
            "Catch": caught("SendDeadLetter"),
            "Assign": {"first": expression(f"$exists({first}) ? {first} : 'nobody'")},
            "Next": "JudgeTurn",
        },
        "JudgeTurn": {
            "Type": "Choice",
            "Choices": [
                {"Condition": expression("$first = $states.context.Execution.Id"), "Next": following},
                {"Condition": expression("$first = 'nobody'"), "Next": "TakeTurn"},
            ],
            "Default": "DescribeFirst",
        },
        "DescribeFirst": {
            "Type": "Task",
            "Resource": f"arn:{partition}:states:::aws-sdk:sfn:describeExecution",
            # Leave out input and output, which may be 256 KiB each.
            "Arguments": {"ExecutionArn": expression("$first"), "IncludedData": "METADATA_ONLY"},
            # It ran when it joined the line, so it exists. Step Functions may find it late, and deletes it in the end.
            "Retry": PATIENT_RETRY,
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {
                        **caught("JudgeFirst")[0]["Assign"],
                        "first_status": expression(
                            "$contains($states.errorOutput.Error & ' ' & $states.errorOutput.Cause, "
                            "/DoesNotExist|InvalidArn/) ? 'GONE' : 'UNKNOWN'"
                        ),
                    },
                    "Next": "JudgeFirst",
                }
            ],
            "Assign": {"first_status": expression("$states.result.Status")},
            "Next": "JudgeFirst",
        },
        "JudgeFirst": {
            "Type": "Choice",
            "Choices": [
                {"Condition": expression("$first_status = 'UNKNOWN'"), "Next": "SendDeadLetter"},
                {
                    # Somebody redrove this run on purpose, so it waits.
                    "Condition": expression(
                        "$first_status = 'RUNNING' and $run.overlap = 'skip' and $not($run.redriven)"
                    ),
                    "Next": "Skipped",
                },
                {
                    "Condition": expression(
                        f"$first_status in ['RUNNING', 'PENDING_REDRIVE'] and $turn_looks < {MOST_TURN_LOOKS}"
                    ),
                    "Next": "WaitForTurn",
                },
                {
                    "Condition": expression(f"$turn_looks >= {MOST_TURN_LOOKS}"),
                    "Assign": {
                        "failure": {"Error": "CdkProcessing.TurnNeverCame"},
                        "reason": expression("'waited too long for the turn of this run: ' & $first & ' comes first'"),
                    },
                    "Next": "SendDeadLetter",
                },
            ],
            "Default": "LeaveLine",
        },
        "WaitForTurn": {
            "Type": "Wait",
            "Seconds": expression(look),
            "Assign": _LOOKED,
            "Next": "DescribeFirst",
        },
        "Skipped": {"Type": "Succeed", "Output": gate.refused(SKIPPED)},
    }


def _counted(catchers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**each, "Assign": {**each["Assign"], **_READ_AGAIN}} for each in catchers]


def _describe_runs(place: Place, state_machine_name: str) -> list[Statement]:
    """The permission to check whether another run of the job still runs."""
    return [
        Statement(
            "DescribeRuns",
            ["states:DescribeExecution"],
            [place.arn("states", f"execution:{state_machine_name}:*")],
            wildcard_reason="Executions are named by Step Functions; the pattern covers this state machine's only.",
        )
    ]


#: A run of a schedule waits for the earlier runs, or ends as ``Skipped`` if one still runs.
TURNS = Admission(
    name="turns",
    entries=(("$run.overlap = 'queue'", "JoinLine"), ("$run.overlap = 'skip'", "TakeTurn")),
    states=_states,
    run_fields={"schedule": "$event.schedule & ''", "overlap": "$event.overlap & ''"},
    # Separate from ``looks``, which limits how long a run waits for an adopted job.
    variables={"turn_looks": 0},
    keeps_items=True,
    machine_policy=MachinePolicy("TurnPolicy", "TakeTurns", _describe_runs),
)

"""Runs that must not overlap, and arrivals that are out of date: what is kept in the platform's table.

A *lease* names the execution that holds it, and holds as long as that execution runs. So nothing has to be given back,
and nothing can leak when an execution is aborted: whoever finds the lease taken asks Step Functions whether its holder
still runs, and takes the place of one that does not, on condition that nobody has been quicker.

```
Admit -- queue --> TakeTicket --> JudgeHolder
      -- skip ---> TakeLease (done: on to the job)
                      | taken
                   ReadLease --> DescribeHolder --> JudgeHolder -- has ended --> TakeLease
                                      ^                 |--- runs, skip ------> Skipped
                                      |                 |--- runs, queue
                                      +-- WaitForTurn <-+
```
A *ticket* keeps those who queue in order: each puts itself in the place of the last one, is told who that was, and
first waits for that one's end. The lease alone keeps them apart.
"""

from __future__ import annotations

from typing import Any

from cdk_processing.workflow.jsonata import expression, quoted

__all__ = ["LONGEST_LOOK", "admit", "newest_states", "turn_states"]

#: Name of the attribute that identifies an item: ``<job>#<kind>#<what>``, so that a job's role reaches its own alone.
ITEM_ID = "id"
#: Attribute that DynamoDB drops an item after.
EXPIRES = "expires"

_ME = expression("$states.context.Execution.Id")
_MONTH_SECONDS = 30 * 86_400
_FIRST_LOOK, LONGEST_LOOK = 15, 600
_PATIENT_RETRY = [
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 1,
        "MaxAttempts": 6,
        "BackoffRate": 2.0,
        "MaxDelaySeconds": 30,
        "JitterStrategy": "FULL",
    }
]
_CONDITION_FAILED = "$contains($failure.Error & ' ' & $failure.Cause, 'ConditionalCheckFailed')"


def admit(following: str, *, newest: bool, turns: bool) -> dict[str, Any]:
    """The state that leads to what a trigger asks for."""
    choices = []
    if newest:
        choices.append({"Condition": expression("$exists($run.sequencer)"), "Next": "RecordNewest"})
    if turns:
        choices += [
            {"Condition": expression("$event.overlap = 'queue'"), "Next": "TakeTicket"},
            {"Condition": expression("$event.overlap = 'skip'"), "Next": "TakeLease"},
        ]
    return {"Type": "Choice", "Choices": choices, "Default": following}


def newest_states(partition: str, table: str, job: str, following: str, outcome: dict[str, Any]) -> dict[str, Any]:
    """The states that note the newest arrival of a key, and end what is older."""
    item = f"{quoted(f'{job}#newest#')} & $hash($states.context.StateMachine.Id & $run.object, 'MD5')"
    record = _update(
        partition,
        table,
        item,
        update="SET newest = :mine, expires = :expires",
        # The same one again is a duplicate, which the job's name tells.
        condition="attribute_not_exists(newest) OR newest <= :mine",
        values={
            ":mine": {"S": expression("$run.sequencer")},
            ":expires": {"N": expression(f"$string($floor($millis() / 1000) + {_MONTH_SECONDS})")},
        },
    )
    return {
        "RecordNewest": {**record, "Catch": _caught("JudgeNewest"), "Next": following},
        "JudgeNewest": _when_condition_failed("Superseded"),
        "Superseded": {"Type": "Succeed", "Output": outcome},
    }


def turn_states(partition: str, table: str, job: str, following: str, outcome: dict[str, Any]) -> dict[str, Any]:
    """The states that wait for a lease, or do without the run."""
    item = f"{quoted(f'{job}#lease#')} & $states.context.StateMachine.Id & '#' & $event.schedule"
    ticket = _update(partition, table, item, update="SET ticket = :me", values={":me": {"S": _ME}}, old=True)
    lease = _update(
        partition,
        table,
        item,
        update="SET holder = :me",
        condition="attribute_not_exists(holder) OR holder IN (:me, :ended)",
        values={":me": {"S": _ME}, ":ended": {"S": expression("$exists($holder) ? $holder : '-'")}},
    )
    # An answer that was lost and asked for again may name ourselves.
    before = "$states.result.Attributes.ticket.S"
    somebody = f"$exists({before}) and {before} != $states.context.Execution.Id"
    look = f"$min([{LONGEST_LOOK}, {_FIRST_LOOK} + 3 * $looks])"
    return {
        "TakeTicket": {
            **ticket,
            "Catch": _caught("SendDeadLetter"),
            "Assign": {
                "holder": expression(f"{somebody} ? {before} : '-'"),
                "holder_status": expression(f"{somebody} ? 'UNSEEN' : 'NONE'"),
            },
            "Next": "JudgeHolder",
        },
        "TakeLease": {**lease, "Catch": _caught("JudgeLease"), "Next": following},
        "JudgeLease": _when_condition_failed("ReadLease"),
        "ReadLease": {
            "Type": "Task",
            "Resource": f"arn:{partition}:states:::dynamodb:getItem",
            "Arguments": {"TableName": table, "Key": {ITEM_ID: {"S": expression(item)}}, "ConsistentRead": True},
            "Retry": _PATIENT_RETRY,
            "Catch": _caught("SendDeadLetter"),
            "Assign": {
                "holder": expression("$exists($states.result.Item.holder.S) ? $states.result.Item.holder.S : '-'")
            },
            "Next": "DescribeHolder",
        },
        "DescribeHolder": {
            "Type": "Task",
            "Resource": f"arn:{partition}:states:::aws-sdk:sfn:describeExecution",
            "Arguments": {"ExecutionArn": expression("$holder")},
            # It ran when it took its place, so it exists; Step Functions may learn of it late, and forgets it in time.
            "Retry": _PATIENT_RETRY,
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {
                        "failure": expression("$states.errorOutput"),
                        "holder_status": expression(
                            "$contains($states.errorOutput.Error & ' ' & $states.errorOutput.Cause, "
                            "/DoesNotExist|InvalidArn/) ? 'GONE' : 'UNKNOWN'"
                        ),
                    },
                    "Next": "JudgeHolder",
                }
            ],
            "Assign": {"holder_status": expression("$states.result.Status")},
            "Next": "JudgeHolder",
        },
        "JudgeHolder": {
            "Type": "Choice",
            "Choices": [
                {"Condition": expression("$holder_status = 'UNSEEN'"), "Next": "DescribeHolder"},
                {"Condition": expression("$holder_status = 'UNKNOWN'"), "Next": "SendDeadLetter"},
                {
                    # A run that somebody redrives is wanted: it waits.
                    "Condition": expression(
                        "$holder_status = 'RUNNING' and $event.overlap = 'skip' and $not($run.redriven)"
                    ),
                    "Next": "Skipped",
                },
                {"Condition": expression("$holder_status in ['RUNNING', 'PENDING_REDRIVE']"), "Next": "WaitForTurn"},
            ],
            "Default": "TakeLease",
        },
        "WaitForTurn": {
            "Type": "Wait",
            "Seconds": expression(look),
            "Assign": {"looks": expression("$looks + 1")},
            "Next": "DescribeHolder",
        },
        "Skipped": {"Type": "Succeed", "Output": outcome},
    }


def _update(
    partition: str,
    table: str,
    item: str,
    *,
    update: str,
    values: dict[str, Any],
    condition: str | None = None,
    old: bool = False,
) -> dict[str, Any]:
    arguments = {
        "TableName": table,
        "Key": {ITEM_ID: {"S": expression(item)}},
        "UpdateExpression": update,
        "ExpressionAttributeValues": values,
    }
    if condition is not None:
        arguments["ConditionExpression"] = condition
    if old:
        arguments["ReturnValues"] = "UPDATED_OLD"
    # A failed condition is an answer, not a failure to try again.
    retry = [{"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "MaxAttempts": 0}, *_PATIENT_RETRY]
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::dynamodb:updateItem",
        "Arguments": arguments,
        "Retry": retry if condition is not None else _PATIENT_RETRY,
    }


def _caught(following: str) -> list[dict[str, Any]]:
    return [
        {"ErrorEquals": ["States.ALL"], "Assign": {"failure": expression("$states.errorOutput")}, "Next": following}
    ]


def _when_condition_failed(following: str) -> dict[str, Any]:
    return {
        "Type": "Choice",
        "Choices": [{"Condition": expression(_CONDITION_FAILED), "Next": following}],
        "Default": "SendDeadLetter",
    }

"""The state machine of a platform that keeps lines: who may run now, and who must wait.

A *line* is an item of the platform's table. It lists executions in the order of arrival, each with its *weight*: 1 in
the line of a job, the number of its instances in the line of the platform. An execution has a place if its weight and
the weights of all before it are at most the line's limit. So nobody overtakes, and a place that an execution has
stays its own: places before it only become free.

No place is given back, so nothing leaks. Whoever must wait asks Step Functions whether others before it still run, and
removes those that have ended with a conditional write. The first one that waits looks at those that have places;
everyone else looks at the one right before it. Every step is idempotent, because a retry after a lost response repeats
it.

```
Begin -> NextLine -- no line is left --------------------------------------------------> HasPlace
           ^  |  -- heavier than the limit --> TooHeavy
           |  +--> JoinLine --> ReadLine -- everybody before me fits, and so do I --> PassLine --> NextLine
           |          ^           |  ^  |
           |          +- not in --+  |  +-- else --> ChooseSuspects --> DescribeSuspect --> JudgeSuspect --> MustWait
           |                         +--- LeaveLine <-- some have ended -----------------------+
```

It is an EXPRESS state machine, which a run calls and waits for (:mod:`~cdk_processing.workflow.capacity`). Its
permission to describe executions covers all of the account, because stacks that it does not know share the platform. So
only this role has it, and the role of a job may only call this state machine, which answers with numbers.
"""

from __future__ import annotations

from typing import Any

from cdk_processing.access.keys import through_service
from cdk_processing.access.statement import Place, Statement
from cdk_processing.workflow.failures import PATIENT_RETRY, caught
from cdk_processing.workflow.items import CONDITION_FAILED, ITEM_ID, USE_KEY, update_item
from cdk_processing.workflow.jsonata import expression, quoted

__all__ = ["MOST_AT_ONCE", "PLATFORM_LINE", "line_definition", "line_statements"]

#: Name of the line for all jobs of the platform.
PLATFORM_LINE = "platform"
#: How many runs of one line may have places at once: so many elements of the list are read.
MOST_AT_ONCE = 300
#: How many executions one look asks Step Functions about before it reads the line again. The account may describe 15 a
#: second: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
_SUSPECTS = 20
#: The beginning of the items' ids. The items of jobs begin with a path or an id, which never begins with ``#``.
_ITEMS = "#line#"
_ITEM = f"{quoted(_ITEMS)} & $line.name"
# A DynamoDB item holds 400 kB, of which this leaves room for an element more.
_FULL = "$contains($failure.Error & ' ' & $failure.Cause, /[Ii]tem size/)"
_RUNS = "$status in ['RUNNING', 'PENDING_REDRIVE']"
_FIRST_ELEMENTS = ",".join(f"line[{place}]" for place in range(MOST_AT_ONCE))
# The suspects without the first one; empty for a list of one.
_REST = "[$suspects[[1..$count($suspects) - 1]]]"
_WEIGHT = "$number($substringBefore($m, ' '))"


def line_definition(partition: str, table: str, max_instances: int | None) -> dict[str, Any]:
    """The state machine's definition.

    Its input has the ``execution`` that asks, the ``lines`` in which it needs places, one after the other, the number
    of the line ``at`` which it is, and whether it has ``joined`` that. Each line has a ``name``, a ``weight`` and a
    ``limit``; that of the platform has its limit here. The output has ``place``, and for an execution that must wait
    ``at``, ``joined``, and how many are ``before`` it, of which so many are ``running``. ``before`` is at least what it
    says if ``more`` is true.

    Args:
        partition: ``aws``, ``aws-cn`` ...
        table: Name of the platform's table.
        max_instances: The limit of the platform's line; None if it has none.
    """
    me = {":me": {"S": expression("$line.me")}}
    join = update_item(
        partition,
        table,
        _ITEM,
        update="SET line = list_append(if_not_exists(line, :nobody), :just_me)",
        condition="NOT contains(line, :me)",
        values={**me, ":nobody": {"L": []}, ":just_me": {"L": [{"S": expression("$line.me")}]}},
    )
    leave = update_item(partition, table, _ITEM, update=_removal(), condition=_condition(), values=expression(_VALUES))
    lines = "$states.input.lines"
    if max_instances is None:
        # A stack that was deployed before the platform lost its limit.
        lines = f"$filter({lines}, function($l) {{ $l.name != {quoted(PLATFORM_LINE)} }})"
    states = {
        "Begin": {
            "Type": "Pass",
            "Assign": {
                "lines": expression(f"[{lines}]"),
                "at": expression("$states.input.at"),
                "joined": expression("$states.input.joined"),
                "name": expression("$substringAfter($states.input.execution, ':execution:')"),
                "executions": expression("$substringBefore($states.input.execution, ':execution:') & ':execution:'"),
                "is_first_look": expression("$not($states.input.joined)"),
                "thorough": False,
            },
            "Next": "NextLine",
        },
        "NextLine": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": expression("$at < $count($lines)"),
                    "Assign": {"line": expression(_line(max_instances))},
                    "Next": "JudgeWeight",
                }
            ],
            "Default": "HasPlace",
        },
        "JudgeWeight": {
            "Type": "Choice",
            "Choices": [
                {"Condition": expression("$line.weight > $line.limit"), "Next": "TooHeavy"},
                {"Condition": expression("$joined"), "Next": "ReadLine"},
            ],
            "Default": "JoinLine",
        },
        "JoinLine": {**join, "Catch": caught("JudgeJoin"), "Assign": {"joined": True}, "Next": "ReadLine"},
        "JudgeJoin": {
            "Type": "Choice",
            "Choices": [
                {"Condition": expression(CONDITION_FAILED), "Assign": {"joined": True}, "Next": "ReadLine"},
                {"Condition": expression(_FULL), "Next": "LineIsFull"},
            ],
            "Default": "Failed",
        },
        "ReadLine": {
            "Type": "Task",
            "Resource": f"arn:{partition}:states:::dynamodb:getItem",
            "Arguments": {
                "TableName": table,
                "Key": {ITEM_ID: {"S": expression(_ITEM)}},
                "ConsistentRead": True,
                # A state's result holds 256 KiB, an item 400.
                "ProjectionExpression": _FIRST_ELEMENTS,
            },
            "Retry": PATIENT_RETRY,
            "Catch": caught("Failed"),
            "Assign": {"seen": expression(_SEEN)},
            "Next": "JudgeLine",
        },
        "JudgeLine": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": expression("$seen.is_in and $seen.taken + $line.weight <= $line.limit"),
                    "Next": "PassLine",
                },
                # Somebody has deleted the item.
                {"Condition": expression("$not($seen.is_in or $seen.more)"), "Next": "JoinLine"},
                # Of a thousand that come at once, each would ask about one that has just come, too.
                {"Condition": expression("$is_first_look and $not($seen.is_next)"), "Next": "MustWait"},
            ],
            "Default": "ChooseSuspects",
        },
        "PassLine": {
            "Type": "Pass",
            "Assign": {"at": expression("$at + 1"), "joined": False, "thorough": False},
            "Next": "NextLine",
        },
        "ChooseSuspects": {
            "Type": "Pass",
            "Assign": {"suspects": expression(_CHOSEN), "ended": []},
            "Next": "DescribeSuspect",
        },
        "DescribeSuspect": {
            "Type": "Task",
            "Resource": f"arn:{partition}:states:::aws-sdk:sfn:describeExecution",
            "Arguments": {
                "ExecutionArn": expression("$executions & $substringAfter($suspects[0], ' ')"),
                # Leave out input and output, which may be 256 KiB each.
                "IncludedData": "METADATA_ONLY",
            },
            # It ran when it joined the line, so it exists. Step Functions may find it late, and deletes it in the end.
            "Retry": [{"ErrorEquals": ["Sfn.ExecutionDoesNotExistException"], "MaxAttempts": 2}, *PATIENT_RETRY],
            "Catch": caught("JudgeError"),
            "Assign": {
                "ended": expression(
                    f"($status := $states.result.Status; {_RUNS} ? $ended : [$append($ended, $suspects[0])])"
                ),
                "suspects": expression(_REST),
            },
            "Next": "JudgeSuspect",
        },
        "JudgeError": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": expression(
                        "$contains($failure.Error & ' ' & $failure.Cause, /DoesNotExist|InvalidArn/)"
                    ),
                    "Assign": {
                        "ended": expression("[$append($ended, $suspects[0])]"),
                        "suspects": expression(_REST),
                    },
                    "Next": "JudgeSuspect",
                },
                # All runs of the account share one rate. The next look asks again.
                {
                    "Condition": expression(
                        "$contains($failure.Error & ' ' & $failure.Cause, /Throttl|Rate exceeded/)"
                    ),
                    "Assign": {"suspects": expression(_REST)},
                    "Next": "JudgeSuspect",
                },
            ],
            "Default": "Failed",
        },
        "JudgeSuspect": {
            "Type": "Choice",
            "Choices": [
                {"Condition": expression("$count($suspects) > 0"), "Next": "DescribeSuspect"},
                {"Condition": expression("$count($ended) > 0"), "Next": "LeaveLine"},
            ],
            "Default": "MustWait",
        },
        "LeaveLine": {**leave, "Catch": caught("JudgeLeave"), "Assign": {"thorough": True}, "Next": "ReadLine"},
        # A failed condition means that somebody else has changed the line. Read it again.
        "JudgeLeave": {
            "Type": "Choice",
            "Choices": [{"Condition": expression(CONDITION_FAILED), "Next": "ReadLine"}],
            "Default": "Failed",
        },
        "HasPlace": {"Type": "Succeed", "Output": {"place": True}},
        "MustWait": {"Type": "Succeed", "Output": {"place": False, **_WAITS, "joined": True}},
        # It joins as soon as there is room. Until then, the order of those outside is that of their looks.
        "LineIsFull": {
            "Type": "Succeed",
            "Output": {
                "place": False,
                "at": expression("$at"),
                "joined": False,
                "before": MOST_AT_ONCE,
                "running": 1,
                "more": True,
            },
        },
        "TooHeavy": {
            "Type": "Succeed",
            "Output": {"place": False, "weight": expression("$line.weight"), "limit": expression("$line.limit")},
        },
        "Failed": {"Type": "Fail", "Error": expression("$failure.Error"), "Cause": expression("$reason")},
    }
    return {
        "Comment": "Keeps the lines of the runs that wait for a place.",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "States": states,
    }


_WAITS = {
    "at": expression("$at"),
    "before": expression("$count($seen.before)"),
    # Those before it that have places: as many as fit, from the first one on. None weighs less than 1.
    "running": expression(
        f"""$count($filter($reduce(
          [$seen.before[[0..$line.limit - 1]]], function($sums, $m) {{ [$append($sums, $sums[-1] + {_WEIGHT})] }}, [0]
        ), function($s) {{ $s <= $line.limit }})) - 1"""
    ),
    "more": expression("$not($seen.is_in)"),
}


def _line(max_instances: int | None) -> str:
    """The line at which the execution is, and its own element in it."""
    limit = "$lines[$at].limit"
    if max_instances is not None:
        limit = f"$lines[$at].name = {quoted(PLATFORM_LINE)} ? {max_instances} : {limit}"
    return (
        "{'name': $lines[$at].name, 'weight': $lines[$at].weight, "
        f"'limit': {limit}, 'me': $lines[$at].weight & ' ' & $name}}"
    )


# What an execution sees of the line: who is before it, whether it is in the part that it sees, whether there may be
# more, and how much those before it take together. If all of these have places, it is next. It counts the elements by
# the text of the line: names contain no "|".
_SEEN = f"""(
  $all := [$states.result.Item.line.L.S];
  $text := '|' & $join($all, '|') & '|';
  $mine := '|' & $line.me & '|';
  $is_in := $contains($text, $mine);
  $before := [$split($substringBefore($text, $mine), '|')][$ != ''];
  $taken := $sum([0, $before.{_WEIGHT.replace("$m", "$")}]);
  {{
    'is_in': $is_in,
    'more': $count($all) = {MOST_AT_ONCE},
    'before': [$before],
    'taken': $taken,
    'is_next': $is_in and $taken <= $line.limit
  }}
)"""

# The one that is next looks at some of those with places, from anywhere in the list on; the others look at the one
# right before them. Who has found one that has ended looks at more.
_CHOSEN = f"""(
  $before := $seen.before;
  $last := $count($before) - 1;
  $from := $seen.is_next ? $floor($random() * ($last + 1)) : $max([0, $last - ($thorough ? {_SUSPECTS - 1} : 0)]);
  $order := $append($before[[$from..$last]], $seen.is_next ? $before[[0..$from - 1]] : []);
  [$order[[0..{_SUSPECTS - 1}]]]
)"""

# The places of those that have ended, the last one first.
_PLACES = "$reverse([$map($seen.before, function($m, $i) { $m in $ended ? $i })])"
_VALUES = "$merge($map($seen.before, function($m, $i) { $m in $ended ? {':e' & $i: {'S': $m}} }))"


def _removal() -> str:
    return expression(f"'REMOVE ' & $join($map({_PLACES}, function($p) {{ 'line[' & $p & ']' }}), ', ')")


def _condition() -> str:
    return expression(f"$join($map({_PLACES}, function($p) {{ 'line[' & $p & '] = :e' & $p }}), ' AND ')")


def line_statements(place: Place, table_arn: str, key_arn: str | None) -> list[Statement]:
    """The statements of the state machine's role.

    Args:
        place: Where the platform is.
        table_arn: The platform's table.
        key_arn: The key that encrypts it; None if DynamoDB's own does.
    """
    lines = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{_ITEMS}*"]}}
    statements = [
        Statement("KeepLines", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [table_arn], lines),
        Statement(
            "DescribeRuns",
            ["states:DescribeExecution"],
            [place.arn("states", "execution:*")],
            wildcard_reason="Stacks that this one does not know share the platform, and CloudFormation names their "
            "state machines. This role reads the status alone.",
        ),
    ]
    if key_arn is not None:
        statements.append(Statement("EncryptLines", USE_KEY, [key_arn], through_service("dynamodb")))
    return statements

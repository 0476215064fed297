"""How states write items of the platform's table. The runs of a job coordinate through these items."""

from __future__ import annotations

from typing import Any

from cdk_processing.access.keys import through_service
from cdk_processing.access.statement import Statement, literal
from cdk_processing.workflow.failures import PATIENT_RETRY
from cdk_processing.workflow.jsonata import expression

__all__ = [
    "CONDITION_FAILED",
    "EXPIRES",
    "ITEM_ID",
    "USE_KEY",
    "item_statements",
    "update_item",
    "when_condition_failed",
]

#: Name of the attribute that identifies an item: ``<owner>#<kind>#<what>``. A job's role can access only its own.
ITEM_ID = "id"
#: Attribute with the time after which DynamoDB deletes an item.
EXPIRES = "expires"

#: The actions on the key of an encrypted table.
USE_KEY = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
]
#: Whether ``$failure`` is a failed condition, as JSONata.
CONDITION_FAILED = "$contains($failure.Error & ' ' & $failure.Cause, 'ConditionalCheckFailed')"


def item_statements(table_arn: str, key_arn: str | None, owner: str) -> list[Statement]:
    """The permissions to read and write the items of a job.

    Args:
        table_arn: The platform's table.
        key_arn: The key that encrypts it; None if DynamoDB's own does.
        owner: The beginning of the ids of its items: the job's path, or its identity.
    """
    keep = Statement(
        "KeepItems",
        ["dynamodb:GetItem", "dynamodb:UpdateItem"],
        [table_arn],
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{literal(f'{owner}#')}*"]}},
    )
    if key_arn is None:
        return [keep]
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    return [keep, Statement("EncryptItems", USE_KEY, [key_arn], through_service("dynamodb"))]


def update_item(
    partition: str,
    table: str,
    item: str,
    *,
    update: str,
    values: dict[str, Any] | str,
    condition: str | None = None,
    names: dict[str, str] | None = None,
    returned: str | None = None,
) -> dict[str, Any]:
    """A state that updates an item if a condition holds, without ``Next`` and ``Catch``.

    Args:
        partition: ``aws``, ``aws-cn`` ...
        table: Name of the table.
        item: The item's id, as JSONata.
        update: What to change, as a DynamoDB update expression.
        values: The values in ``update`` and ``condition``, by name, or JSONata for them.
        condition: What must hold, as a DynamoDB condition expression; None if nothing must.
        names: The attributes that ``update`` and ``condition`` name with a ``#``.
        returned: What the call returns of the item: ``ALL_NEW``; None for nothing.
    """
    # A failed condition is a valid result: do not retry it.
    answer = {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "MaxAttempts": 0}
    optional = {
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ReturnValues": returned,
    }
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::dynamodb:updateItem",
        "Arguments": {
            "TableName": table,
            "Key": {ITEM_ID: {"S": expression(item)}},
            "UpdateExpression": update,
            **{name: value for name, value in optional.items() if value is not None},
        },
        "Retry": PATIENT_RETRY if condition is None else [answer, *PATIENT_RETRY],
    }


def when_condition_failed(following: str) -> dict[str, Any]:
    """The Choice state after a failed update: ``following`` if the condition failed, else ``SendDeadLetter``."""
    return {
        "Type": "Choice",
        "Choices": [{"Condition": expression(CONDITION_FAILED), "Next": following}],
        "Default": "SendDeadLetter",
    }

"""The condition key ``dynamodb:LeadingKeys``. MiniStack does not set it, so a policy that uses it would allow all.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdk_processing.local import ministack

__all__ = ["with_leading_keys"]

_ACTIONS = "ministack.core.iam_actions"
_EQUALITY = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)")


def with_leading_keys(describe: Callable[[bytes], dict[str, Any]]) -> Callable[[bytes], dict[str, Any]]:
    """Add the partition keys of a request to the context that IAM evaluates."""

    def dynamodb_service_context(body: bytes) -> dict[str, Any]:
        context = describe(body)
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            return context
        keys = list(_leading_keys(request)) if isinstance(request, dict) else []
        return {**context, "dynamodb:LeadingKeys": keys} if keys else context

    return dynamodb_service_context


def _leading_keys(request: Mapping[str, Any]) -> Iterator[str]:
    if "TableName" in request:
        yield from _of_table(request["TableName"], request)
    for table, asked in (request.get("RequestItems") or {}).items():
        for each in asked.get("Keys", ()) if isinstance(asked, dict) else asked:
            found = each if isinstance(asked, dict) else next(iter(each.values()), {})
            item = found.get("Key") or found.get("Item") or found
            yield from _of_table(table, {"Key": item})
    for item in request.get("TransactItems") or ():
        for member in item.values():
            yield from _of_table(member.get("TableName", ""), member)


def _of_table(name: str, request: Mapping[str, Any]) -> Iterator[str]:
    partition_key = _partition_key(name, request.get("IndexName"))
    if partition_key is None:
        return
    names = request.get("ExpressionAttributeNames") or {}
    values = request.get("ExpressionAttributeValues") or {}
    for item in (request.get("Key"), request.get("Item")):
        if isinstance(item, dict) and partition_key in item:
            yield _text(item[partition_key])
    for attribute, value in _EQUALITY.findall(request.get("KeyConditionExpression") or ""):
        if names.get(attribute, attribute) == partition_key and value in values:
            yield _text(values[value])


def _partition_key(name: str, index: str | None) -> str | None:
    table = ministack.internal("ministack.services.dynamodb", "_tables").get(str(name).rpartition("/")[2] or name)
    if table is None:
        return None
    schema = table["KeySchema"]
    for each in [*(table.get("GlobalSecondaryIndexes") or ()), *(table.get("LocalSecondaryIndexes") or ())]:
        if index is not None and each["IndexName"] == index:
            schema = each["KeySchema"]
    return next((str(key["AttributeName"]) for key in schema if key["KeyType"] == "HASH"), None)


def _text(value: Any) -> str:
    return str(next(iter(value.values()), "")) if isinstance(value, dict) else str(value)

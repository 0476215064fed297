"""The encryption keys of tables, for CloudFormation and IAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk_processing.local.aws.kms.keys import key_arn
from cdk_processing.local.ministack import internal

__all__ = ["keep_table_key", "table_key"]


def table_key(table_arn: str) -> str | None:
    """ARN of the customer managed key that encrypts a table, if any."""
    table = _table(table_arn.partition(":table/")[2].partition("/")[0])
    return key_arn(((table or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn"))


def keep_table_key(name: str, properties: Mapping[str, Any]) -> None:
    """Give a table the key from its template, which MiniStack's CloudFormation ignores."""
    table, asked = _table(name), properties.get("SSESpecification") or {}
    if table is None:
        return
    if str(asked.get("SSEEnabled", "")).lower() == "true":
        described = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key_arn(asked.get("KMSMasterKeyId"))}
        table["SSEDescription"] = described
    else:
        table.pop("SSEDescription", None)


def _table(name: str) -> Any:
    return internal("ministack.services.dynamodb", "_tables").get(name)

"""Keys that other services use: their ARN, aliases and policy."""

from __future__ import annotations

from cdk_processing.local.ministack import internal

__all__ = ["key_aliases", "key_arn", "key_policy"]


def key_arn(key: str | None) -> str | None:
    """ARN of a key from its id, alias or ARN; None for AWS managed keys (``alias/aws/...``): no permission needed."""
    if not key or "alias/aws/" in key:
        return None
    record = internal("ministack.services.kms", "_resolve_key")(key)
    return str(record["Arn"]) if record and record.get("KeyManager", "CUSTOMER") == "CUSTOMER" else None


def key_aliases(arn: str) -> list[str]:
    """The aliases of a key, ``alias/name`` each."""
    key_id = arn.rpartition("/")[2]
    aliases = internal("ministack.services.kms", "_aliases")
    return [f"alias/{str(alias).partition(':alias/')[2]}" for alias, key in aliases.items() if key == key_id]


def key_policy(arn: str) -> str | None:
    """A key's policy."""
    record = internal("ministack.services.kms", "_resolve_key")(arn)
    return record.get("Policy") if record else None

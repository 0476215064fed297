"""Permissions on KMS keys, given by ARN, id or alias.

A policy on an alias gives no permission on its key. If only the alias is known, the policy uses the condition
``kms:ResourceAliases``, which IAM compares with the aliases of the key.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cdk_processing.access.statement import Place, Statement

__all__ = ["key_statements", "through_service"]

_ALIAS = re.compile(r"(?:(?P<keys>.*:)?)(?P<alias>alias/.+)")
_ALIAS_REASON = "Only the alias of the key is known; the condition admits the keys that have this alias."


def key_statements(
    place: Place,
    sid: str,
    actions: Sequence[str],
    keys: Iterable[str],
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[Statement]:
    """The statements to use keys: one for keys with an ARN or id, one for keys with an alias.

    Args:
        place: The account and region of the job, and so of ids and aliases.
        sid: The statement's id.
        actions: The actions allowed.
        keys: ARNs, ids, ``alias/name`` or ARNs of aliases. CDK tokens count as ARNs.
        conditions: Conditions in addition to the one on the alias.
    """
    named: dict[str, None] = {}
    patterns: dict[str, None] = {}
    aliases: dict[str, None] = {}
    for key in keys:
        found = _ALIAS.fullmatch(key)
        if found is None:
            named[key if ":" in key or "${" in key else place.arn("kms", f"key/{key}")] = None
        else:
            patterns[f"{found['keys']}key/*" if found["keys"] else place.arn("kms", "key/*")] = None
            aliases[found["alias"]] = None
    if named:
        yield Statement(sid, actions, list(named), conditions or {})
    if aliases:
        by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": list(aliases)}, **(conditions or {})}
        yield Statement(f"{sid}ByAlias", actions, list(patterns), by_alias, wildcard_reason=_ALIAS_REASON)


def through_service(service: str) -> dict[str, dict[str, str]]:
    """The condition that a service uses the key for the role. So the role cannot decrypt stolen data of other services.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return {"StringLike": {"kms:ViaService": f"{service}.*"}}

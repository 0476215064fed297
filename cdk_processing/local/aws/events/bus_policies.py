"""Policies of event buses, which MiniStack's CloudFormation does not provision.

They are stored and can be read, but have no effect. The embedded AWS has one account, whose own roles need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk_processing.local.ministack import internal, scope

__all__ = ["provide_bus_policies"]

_EVENTS = "ministack.services.eventbridge"


def provide_bus_policies() -> None:
    """Let CloudFormation create ``AWS::Events::EventBusPolicy``."""
    internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")["AWS::Events::EventBusPolicy"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }


def _create(_logical_id: str, properties: Mapping[str, Any], _stack: str) -> tuple[str, dict[str, Any]]:
    bus, sid = properties.get("EventBusName", "default"), properties["StatementId"]
    policies = internal(_EVENTS, "_event_bus_policies")
    policy = policies.setdefault(bus, {"Version": "2012-10-17", "Statement": []})
    policy["Statement"] = [*_others(policy, sid), _statement(bus, properties)]
    return f"{bus}|{sid}", {}


def _update(
    physical_id: str, _old: Mapping[str, Any], new: Mapping[str, Any], stack: str
) -> tuple[str, dict[str, Any]]:
    made = _create(physical_id, new, stack)
    if made[0] != physical_id:
        _delete(physical_id, {})
    return made


def _delete(physical_id: str, _properties: Mapping[str, Any]) -> None:
    bus, _, sid = physical_id.partition("|")
    policies = internal(_EVENTS, "_event_bus_policies")
    if (policy := policies.get(bus)) is not None:
        policy["Statement"] = _others(policy, sid)


def _others(policy: Mapping[str, Any], sid: str) -> list[dict[str, Any]]:
    return [statement for statement in policy["Statement"] if statement.get("Sid") != sid]


def _statement(bus: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The ``Statement`` property, or a statement built from the separate properties of older templates."""
    if "Statement" in properties:
        return {"Sid": properties["StatementId"], **properties["Statement"]}
    account, region = scope()
    principal = properties.get("Principal", "*")
    made = {
        "Sid": properties["StatementId"],
        "Effect": "Allow",
        "Principal": principal if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": properties.get("Action", "events:PutEvents"),
        "Resource": f"arn:aws:events:{region}:{account}:event-bus/{bus}",
    }
    condition = properties.get("Condition")
    return {**made, "Condition": {condition["Type"]: {condition["Key"]: condition["Value"]}}} if condition else made

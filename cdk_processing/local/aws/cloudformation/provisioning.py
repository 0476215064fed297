"""Extends what MiniStack's CloudFormation does with one resource type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local.ministack import internal

__all__ = ["after_provisioning", "before_provisioning", "replace_deletion"]


def after_provisioning(resource_type: str, finish: Callable[[str, Mapping[str, Any]], None]) -> None:
    """Call ``finish`` with the physical id and properties after CloudFormation has created or updated a resource."""
    handlers = internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")[resource_type]
    create, update = handlers["create"], handlers["update"]

    def created(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        result = create(logical_id, properties, stack)
        finish(result[0], properties)
        return result

    def updated(physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, *logical_id: str) -> Any:
        result = update(physical_id, old, new, stack, *logical_id)
        finish(result[0], new)
        return result

    handlers["create"], handlers["update"] = created, updated


def before_provisioning(resource_type: str, problem: Callable[[str, Mapping[str, Any]], str]) -> None:
    """Make CloudFormation fail to create or update a resource if ``problem`` finds an error in its properties."""
    handlers = internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")[resource_type]
    create, update = handlers["create"], handlers["update"]

    def refuse(properties: Mapping[str, Any]) -> None:
        if reason := problem(resource_type, properties):
            raise ValueError(reason)

    def created(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        refuse(properties)
        return create(logical_id, properties, stack)

    def updated(physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, *logical_id: str) -> Any:
        refuse(new)
        return update(physical_id, old, new, stack, *logical_id)

    handlers["create"], handlers["update"] = created, updated


def replace_deletion(resource_type: str, delete: Callable[[str], None]) -> None:
    """Make CloudFormation delete a resource by calling ``delete`` with its physical id."""
    handlers = internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    handlers[resource_type]["delete"] = lambda physical_id, _properties: delete(physical_id)

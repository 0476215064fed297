"""The resources of stacks for Cloud Control, by type and identifier, with changes made outside CloudFormation."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdk_processing.local import ministack

__all__ = ["Resource", "ResourceNotFoundError", "StackResources"]

_CLOUDFORMATION = "ministack.services.cloudformation"
_PROVISIONERS = f"{_CLOUDFORMATION}.provisioners"


class ResourceNotFoundError(Exception):
    """No stack has this resource."""


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    Attributes:
        stack: The stack's name.
        logical_id: Its logical id.
        type: Its CloudFormation type.
        identifier: Its physical id.
        properties: Its current properties.
        attributes: The values that ``Fn::GetAtt`` returns.
    """

    stack: str
    logical_id: str
    type: str
    identifier: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any]

    @property
    def arn(self) -> str:
        """Its ARN, for IAM checks."""
        return str(self.attributes.get("Arn", self.identifier))

    def is_replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Whether a change to these properties requires replacement."""
        return bool(ministack.internal(_PROVISIONERS, "_replacing_change")(self.type, self.properties, properties))


class StackResources:
    """Finds resources of the current account and region, and changes them outside CloudFormation."""

    def __init__(self) -> None:
        # By account, region, type and identifier: the properties from the stack, and the current properties.
        self._changed: dict[tuple[str, ...], tuple[Any, dict[str, Any]]] = {}

    def reset(self) -> None:
        """Forget all changes."""
        self._changed.clear()

    def find(self, type_name: str, identifier: str) -> Resource:
        """A resource by its identifier or ARN.

        Raises:
            ResourceNotFoundError: No stack has it.
        """
        for resource in self.of_type(type_name):
            if identifier in (resource.identifier, resource.arn):
                return resource
        raise ResourceNotFoundError(
            f"Resource of type '{type_name}' with identifier '{identifier}' was not found among the resources of stacks"
        )

    def of_type(self, type_name: str) -> Iterator[Resource]:
        """Every resource of a type."""
        for stack in list(ministack.internal(_CLOUDFORMATION, "_stacks").values()):
            for logical_id, record in stack.get("_resources", {}).items():
                if record.get("ResourceType") == type_name and record.get("PhysicalResourceId"):
                    yield self._resource(stack["StackName"], logical_id, record)

    def change(self, resource: Resource, properties: Mapping[str, Any]) -> None:
        """Change a resource's properties. Its stack does not notice, as in AWS."""
        update = ministack.internal(_PROVISIONERS, "_update_resource")
        update(
            resource.type,
            resource.identifier,
            dict(resource.properties),
            copy.deepcopy(properties),
            resource.stack,
            resource.logical_id,
        )
        key = (*ministack.scope(), resource.type, resource.identifier)
        declared = self._changed[key][0] if key in self._changed else copy.deepcopy(resource.properties)
        self._changed[key] = (declared, dict(properties))

    def _resource(self, stack: str, logical_id: str, record: Mapping[str, Any]) -> Resource:
        properties = record.get("Properties") or {}
        key = (*ministack.scope(), record["ResourceType"], record["PhysicalResourceId"])
        if key in self._changed:
            declared, changed = self._changed[key]
            if declared == properties:
                properties = changed
            else:  # The stack has changed the resource since.
                del self._changed[key]
        return Resource(
            stack,
            logical_id,
            record["ResourceType"],
            record["PhysicalResourceId"],
            properties,
            record.get("Attributes") or {},
        )

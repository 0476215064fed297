"""CloudFormation's events: each status change of a stack goes to the default event bus, as in AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.events.bus import put_event

__all__ = ["announce_stack_status"]

_CLOUDFORMATION = "ministack.services.cloudformation"
_STACK = "AWS::CloudFormation::Stack"


def announce_stack_status(add: Callable[..., None]) -> Callable[..., None]:
    """Put an event on the bus for each status that MiniStack adds to a stack's history."""

    def add_event(
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str = "",
        physical_id: str = "",
        detailed_status: str = "",
    ) -> None:
        add(stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status)
        # A nested stack is also a resource of its parent, with an id other than the parent's. A detailed status
        # ("CONFIGURATION_COMPLETE") does not change the status itself.
        if resource_type == _STACK and physical_id == stack_id and not detailed_status:
            token: Any = ministack.internal(f"{_CLOUDFORMATION}.stacks", "CLIENT_REQUEST_TOKEN").get()
            detail = {
                "stack-id": stack_id,
                "status-details": {"status": status, "status-reason": reason or ""},
                "client-request-token": token or "",
            }
            put_event("aws.cloudformation", "CloudFormation Stack Status Change", detail, [stack_id])

    return add_event

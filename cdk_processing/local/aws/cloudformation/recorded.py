"""Resource types that are recorded and do nothing, because what they are for is outside the embedded AWS.

A chat channel would send messages to Slack or Microsoft Teams, and nothing here leaves the machine. Nothing here costs
anything, so a budget counts nothing. Jobs have no real
network, so the rules of security groups let nothing in or out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk_processing.local.ministack import internal, scope

__all__ = ["RECORDED", "record_resources"]

#: The types; of a chat channel, the part of its ARN too.
RECORDED = {
    "AWS::Budgets::Budget": "",
    "AWS::Chatbot::MicrosoftTeamsChannelConfiguration": "microsoft-teams-channel",
    "AWS::Chatbot::SlackChannelConfiguration": "slack-channel",
    "AWS::EC2::SecurityGroupIngress": "",
}


def record_resources() -> None:
    """Let CloudFormation create, update and delete these resources."""
    handlers = internal("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS")
    for resource_type, channel in RECORDED.items():
        handlers[resource_type] = _handlers(channel)


def _handlers(channel: str) -> dict[str, Any]:
    def create(logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        made = f"{stack}-{logical_id}"
        if channel:
            made = f"arn:aws:chatbot::{scope()[0]}:chat-configuration/{channel}/{properties['ConfigurationName']}"
        return made, {"Arn": made, "Id": made}

    def update(
        physical_id: str, _old: Mapping[str, Any], _new: Mapping[str, Any], _stack: str
    ) -> tuple[str, dict[str, Any]]:
        return physical_id, {"Arn": physical_id, "Id": physical_id}

    return {"create": create, "update": update, "delete": lambda _physical_id, _properties: None}

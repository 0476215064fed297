"""Chat channels that get the alerts of a platform, by Amazon Q Developer in chat applications (once AWS Chatbot)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from constructs import Construct

from cdk_processing.access.statement import Statement
from cdk_processing.constructs.naming import base_name_for
from cdk_processing.constructs.pseudo_parameters import partition_token
from cdk_processing.constructs.resources import arn_of, known_as, node_of, path_of, resource, role
from cdk_processing.constructs.roles import STACK_MARK, RoleStandards
from cdk_processing.contract.texts import digest
from cdk_processing.errors import Problem
from cdk_processing.request.tokens import is_token
from cdk_processing.request.types import ListOf

__all__ = ["SlackChannel", "TeamsChannel", "channel_problems", "subscribe_channels"]

#: https://docs.aws.amazon.com/general/latest/gr/chatbot.html lists no region of these partitions.
_WITHOUT_CHAT = ("cn-", "us-gov-", "us-iso", "eu-isoe-")
_SERVICE = "chatbot.amazonaws.com"
_UUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """A Slack channel that gets a platform's alerts.

    Authorize the workspace once in the console of Amazon Q Developer in chat applications, and invite its app to a
    private channel (``/invite @Amazon Q``). AWS accepts a channel once for each account.

    Args:
        workspace_id: Capital letters and digits, such as ``T0123ABCD``.
        channel_id: Letters and digits, such as ``C0123ABCD``. It is the end of the channel's link.
    """

    kind: ClassVar[str] = "AWS::Chatbot::SlackChannelConfiguration"

    workspace_id: str
    channel_id: str

    def problems(self) -> list[Problem]:
        """What is wrong with it."""
        return [
            *_id_problems("workspace_id", self.workspace_id, "[0-9A-Z]{1,255}", "an id such as 'T0123ABCD'"),
            *_id_problems("channel_id", self.channel_id, "[0-9A-Za-z]{1,255}", "an id such as 'C0123ABCD', not a name"),
        ]

    def properties(self) -> dict[str, Any]:
        """What tells the channel, as in a template."""
        return {"SlackWorkspaceId": self.workspace_id, "SlackChannelId": self.channel_id}


@dataclass(frozen=True, slots=True)
class TeamsChannel:
    """A Microsoft Teams channel that gets a platform's alerts.

    Authorize the team once in the console of Amazon Q Developer in chat applications. AWS accepts a channel once for
    each account.

    Args:
        tenant_id: The UUID of the Microsoft 365 tenant.
        team_id: The UUID of the team.
        channel_id: As in the channel's link, percent-encoded: ``19%3Aab12...%40thread.tacv2``.
    """

    kind: ClassVar[str] = "AWS::Chatbot::MicrosoftTeamsChannelConfiguration"

    tenant_id: str
    team_id: str
    channel_id: str

    def problems(self) -> list[Problem]:
        """What is wrong with it."""
        channel = r"[\w=+/.,-]*%3[aA][\w=+/.,-]*%40[\w=+/.,-]*"
        return [
            *_id_problems("tenant_id", self.tenant_id, _UUID, "a UUID"),
            *_id_problems("team_id", self.team_id, _UUID, "a UUID"),
            *_id_problems("channel_id", self.channel_id, channel, "percent-encoded: '19%3Aab12%40thread.tacv2'"),
        ]

    def properties(self) -> dict[str, Any]:
        """What tells the channel, as in a template."""
        return {"TeamsTenantId": self.tenant_id, "TeamId": self.team_id, "TeamsChannelId": self.channel_id}


def channel_problems(channels: Any, region: str) -> Iterator[Problem]:
    """What is wrong with the argument ``alert_channels``, in a region."""
    if isinstance(channels, (SlackChannel, TeamsChannel, str)) or not isinstance(channels, Sequence):
        fix = "write alert_channels=[SlackChannel(workspace_id=..., channel_id=...)]"
        yield Problem("alert_channels", channels, "a list of SlackChannel and TeamsChannel", fix)
        return
    for index, channel in enumerate(channels):
        field = f"alert_channels[{index}]"
        if not isinstance(channel, (SlackChannel, TeamsChannel)):
            fix = "write SlackChannel(workspace_id=..., channel_id=...)"
            yield Problem(field, channel, "a SlackChannel or TeamsChannel", fix)
        else:
            yield from (problem.inside(field).on(type(channel).__name__) for problem in channel.problems())
            if channel in channels[:index]:
                yield Problem(field, channel, "named once", "drop one")
    if channels and not is_token(region) and region.startswith(_WITHOUT_CHAT):
        allowed = f"empty in {region}, where AWS does not offer chat channels"
        yield Problem("alert_channels", list(channels), allowed, "use alert_emails")


def subscribe_channels(
    platform: Construct,
    channels: ListOf[SlackChannel | TeamsChannel],
    topic_arn: str,
    standards: RoleStandards,
) -> None:
    """Send what a topic gets to chat channels.

    Args:
        platform: The platform.
        channels: The channels.
        topic_arn: The topic.
        standards: What the role of the channels has in common with the platform's other roles.
    """
    if not channels:
        return
    made = role(
        platform,
        "ChatRole",
        services=[_SERVICE],
        statements=[_show_alarms()],
        description=f"Shows the alarms of {known_as(platform)} in chat",
        standards=standards,
        # AWS documents no aws:SourceAccount for this service, and a role that it cannot assume shows nothing.
        trust_policy=_trust(),
    )
    for channel in channels:
        properties = channel.properties()
        mark = digest("|".join(properties.values()))
        resource(
            platform,
            f"{type(channel).__name__}{mark.upper()}",
            channel.kind,
            {
                # Unique in the account, for all regions.
                "ConfigurationName": {
                    "Fn::Join": [
                        "-",
                        [base_name_for(path_of(platform)), node_of(platform).addr[-8:], mark, STACK_MARK],
                    ]
                },
                **properties,
                "IamRoleArn": arn_of(made),
                "SnsTopicArns": [topic_arn],
                # Left out, AWS takes AdministratorAccess.
                "GuardrailPolicies": [f"arn:{partition_token()}:iam::aws:policy/CloudWatchReadOnlyAccess"],
                "LoggingLevel": "ERROR",
            },
        )


def _trust() -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": _SERVICE}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _show_alarms() -> Statement:
    # https://docs.aws.amazon.com/chatbot/latest/adminguide/chatbot-iam-policies.html: for notifications alone
    return Statement(
        "ShowAlarms",
        ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"],
        ["*"],
        wildcard_reason="A message shows the graph of its alarm's metric, and reading a metric takes no resource.",
    )


def _id_problems(field: str, given: object, pattern: str, allowed: str) -> list[Problem]:
    if isinstance(given, str) and (is_token(given) or re.fullmatch(pattern, given)):
        return []
    return [Problem(field, given, allowed, "copy it from the channel's link")]

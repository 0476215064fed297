"""The topic that gets a platform's alarms, made or given, and its subscriptions by e-mail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from aws_cdk import Annotations
from constructs import Construct

from cdk_processing.constructs.acknowledgements import of_packs
from cdk_processing.constructs.placement import Placement, place_problems
from cdk_processing.constructs.resource_policies import BUDGETS, admit, admit_budgets, tls_only
from cdk_processing.constructs.resources import acknowledge, place_of, resource, stack_of
from cdk_processing.constructs.whereabouts import where_is
from cdk_processing.contract.texts import digest
from cdk_processing.errors import Problem
from cdk_processing.request.types import ListOf

__all__ = ["admit_alarms", "email_problems", "make_topic", "subscribe_emails", "topic_problems"]

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]+")
_WARNING = "cdk-processing:imported-topic"
_ALARMS = "cloudwatch.amazonaws.com"
_NO_REDRIVE = (
    "SNS tries to send an e-mail for hours, and the alarm stays in CloudWatch. The platform's queue holds failed runs, "
    "which are started again from there."
)


def topic_problems(topic: Any, platform: Construct) -> list[Problem]:
    """What is wrong with a topic that a platform is given; None means that one is made."""
    if topic is None:
        return []
    if not hasattr(topic, "topic_arn") or not hasattr(topic, "add_to_resource_policy"):
        fix = 'write sns.Topic.from_topic_arn(stack, "Alerts", arn), or leave it out to have a topic made'
        return [Problem("alert_topic", topic, "an sns.ITopic", fix)]
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html
    if topic.fifo is True or topic.topic_arn.endswith(".fifo"):
        return [Problem("alert_topic", topic.topic_arn, "a standard topic", "alarms cannot publish to a FIFO topic")]
    here = place_of(stack_of(platform))
    where = where_is(topic, topic.topic_arn)
    fix = "name a topic in the platform's region"
    return place_problems([Placement("alert_topic", "a topic", where, here, fix, any_account=True)])


def email_problems(addresses: Any) -> Iterator[Problem]:
    """What is wrong with the argument ``alert_emails``."""
    if isinstance(addresses, str) or not isinstance(addresses, Sequence):
        fix = f"write alert_emails=[{addresses!r}]" if isinstance(addresses, str) else "write a list"
        yield Problem("alert_emails", addresses, "a list of e-mail addresses", fix)
        return
    for index, address in enumerate(addresses):
        if not isinstance(address, str) or not _EMAIL.fullmatch(address):
            yield Problem(f"alert_emails[{index}]", address, "an e-mail address", "correct it")
        elif address in addresses[:index]:
            yield Problem(f"alert_emails[{index}]", address, "named once", "drop one")


def make_topic(platform: Construct, key_arn: str | None, *, with_budgets: bool = False) -> str:
    """Make the topic; returns its ARN.

    Args:
        platform: The platform.
        key_arn: The key that encrypts it. None for no key: the policy of AWS's own key, ``aws/sns``, admits no alarms.
        with_budgets: Whether budgets send to it.
    """
    made = resource(platform, "Alerts", "AWS::SNS::Topic", {"KmsMasterKeyId": key_arn} if key_arn else {})
    if key_arn is None:
        reason = "encryption_key='aws-owned': alarms cannot publish to a topic with the key aws/sns."
        acknowledge(made, platform, reason, "CKV_AWS_26", *of_packs("SNSEncryptedKMS"))
    arn = made.attribute("ref")
    statements = [tls_only("sns:Publish", arn), admit(_ALARMS, "sns:Publish", arn)]
    statements += [admit_budgets(arn)] if with_budgets else []
    document = {"Version": "2012-10-17", "Statement": statements}
    properties = {"Topics": [arn], "PolicyDocument": document}
    resource(platform, "AlertsPolicy", "AWS::SNS::TopicPolicy", properties)
    return arn


def admit_alarms(topic: Any, platform: Construct, *, with_budgets: bool = False) -> str:
    """Let alarms publish to a topic that was given, and budgets if there are any; returns its ARN.

    It warns where the topic's policy is another app's.
    """
    from aws_cdk import aws_iam as iam

    arn = str(topic.topic_arn)
    statements = [admit(_ALARMS, "sns:Publish", arn), *([admit_budgets(arn)] if with_budgets else [])]
    added = [topic.add_to_resource_policy(iam.PolicyStatement.from_json(each)) for each in statements]
    if not all(each.statement_added for each in added):
        services = f"{_ALARMS} and {BUDGETS}" if with_budgets else _ALARMS
        Annotations.of(platform).add_warning_v2(
            _WARNING,
            f"this app cannot change the policy of the topic {topic.node.path}. Alarms reach it only if that policy "
            f"allows {services} the action sns:Publish, and the policy of its key, if it has one, kms:Decrypt and "
            "kms:GenerateDataKey, each for this account (aws:SourceAccount). When both are there, "
            f'write Annotations.of(platform).acknowledge_warning("{_WARNING}").',
        )
    return arn


def subscribe_emails(platform: Construct, addresses: ListOf[str], topic_arn: str) -> None:
    """Send what a topic gets by e-mail. SNS asks each address to confirm."""
    for address in addresses:
        properties = {"TopicArn": topic_arn, "Protocol": "email", "Endpoint": address}
        made = resource(platform, f"Email{digest(address).upper()}", "AWS::SNS::Subscription", properties)
        acknowledge(made, platform, _NO_REDRIVE, "Serverless-SNSRedrivePolicy")

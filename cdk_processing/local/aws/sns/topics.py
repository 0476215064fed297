"""Enforces policies and keys of SNS topics, when an AWS service publishes and when a topic delivers to a queue.

If the policy or the key does not allow it, the message is lost, as in AWS. The log has a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.iam.trust import service_may_deliver
from cdk_processing.local.aws.kms.keys import key_arn, key_policy
from cdk_processing.local.aws.sqs.queues import queue_key

__all__ = ["deliver_if_key_admits", "keep_key", "publish_as_service"]

logger = logging.getLogger(__name__)

_SNS = "ministack.services.sns"
_SERVICE = "sns.amazonaws.com"
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
_NEEDS = ("kms:GenerateDataKey", "kms:Decrypt")


def publish_as_service(service: str, source_arn: str, topic_arn: str, subject: str, message: str) -> str | None:
    """Publish on behalf of an AWS service in the current account and region; return why it failed, or None."""
    topic = ministack.internal(_SNS, "_topic_by_arn_any_scope")(topic_arn)
    if topic is None:
        return f"there is no topic {topic_arn}"
    account = ministack.scope()[0]
    if not ministack.internal(_SNS, "topic_policy_allows")(topic_arn, service, source_arn, account):
        return f"the policy of {topic_arn} does not allow sns:Publish to {service}"
    key = topic["attributes"].get("KmsMasterKeyId")
    refusal = _key_refusal(key, service, source_arn) if key else None
    if refusal is None:
        ministack.internal(_SNS, "publish_internal")(topic_arn, message, subject)
    return refusal


def _key_refusal(key: str, service: str, source_arn: str) -> str | None:
    arn = key_arn(key)
    if arn is None:
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html: its policy allows no other service
        return f"the key {key} is AWS's own or is not there, and does not admit {service}"
    policy, account = key_policy(arn), ministack.scope()[0]
    for action in _NEEDS:
        if not service_may_deliver(policy, service, action, arn, account, source_arn):
            return f"the policy of {arn} does not allow {action} to {service}"
    return None


def keep_key(topic_arn: str, properties: Mapping[str, Any]) -> None:
    """Give a topic the key from its template, which MiniStack's CloudFormation ignores."""
    attributes = ministack.internal(_SNS, "_topic_by_arn_any_scope")(topic_arn)["attributes"]
    attributes.pop("KmsMasterKeyId", None)
    if properties.get("KmsMasterKeyId"):
        attributes["KmsMasterKeyId"] = str(properties["KmsMasterKeyId"])


def deliver_if_key_admits(deliver: Callable[..., None]) -> Callable[..., None]:
    """Deliver to a queue only if the policy of its key allows SNS."""

    def deliver_to_sqs(endpoint: str, *rest: Any, topic_arn: str = "", **options: Any) -> None:
        key = queue_key(endpoint)
        refusal = _key_refusal(key, _SERVICE, topic_arn) if key else None
        if refusal is None:
            deliver(endpoint, *rest, topic_arn=topic_arn, **options)
        else:
            logger.warning("a notification of %s is lost to %s: %s", topic_arn, endpoint, refusal)

    return deliver_to_sqs

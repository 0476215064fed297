"""The key of a platform: what its policy must admit, so that the services of AWS can use it."""

from __future__ import annotations

from typing import Any

from aws_cdk import Annotations
from constructs import Construct

from cdk_processing.constructs.placement import Placement, place_problems
from cdk_processing.constructs.pseudo_parameters import (
    account_token,
    partition_token,
    region_token,
    url_suffix_token,
)
from cdk_processing.constructs.resource_policies import BUDGETS
from cdk_processing.constructs.resources import place_of, stack_of
from cdk_processing.constructs.whereabouts import where_is
from cdk_processing.errors import Problem
from cdk_processing.request.keys import key_name
from cdk_processing.request.tokens import is_token

__all__ = ["admit_services", "key_statements", "shared_key_problems"]

_WARNING = "cdk-processing:imported-key"
_EVERYTHING = "*"  # in a key's own policy: this key


def key_statements(*, with_budgets: bool = False) -> list[dict[str, Any]]:
    """The policy of a key that is made for a platform.

    Args:
        with_budgets: Whether budgets send to the topic.
    """
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html: IAM policies decide
    account = {
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition_token()}:iam::{account_token()}:root"},
        "Action": "kms:*",
        "Resource": _EVERYTHING,
    }
    place = (partition_token(), region_token(), account_token(), url_suffix_token())
    return [account, *_service_statements(*place, with_budgets=with_budgets)]


def shared_key_problems(key: object, platform: Construct) -> list[Problem]:
    """What is wrong with a key that a platform is given; None means that one is made."""
    if key is None:
        return []
    if not hasattr(key, "key_arn") or not hasattr(key, "add_to_resource_policy"):
        fix = 'write kms.Key.from_key_arn(stack, "Key", arn), or leave it out to have a key made'
        return [Problem("encryption_key", key, "a kms.IKey or 'aws-owned'", fix)]
    name = key_name(key) or ""
    if "alias/" in name:
        fix = "import the key itself: kms.Key.from_key_arn, or kms.Key.from_lookup(stack, 'Key', alias_name=...)"
        return [Problem("encryption_key", name, "a key whose ARN is known, not only its alias", fix)]
    here = place_of(stack_of(platform))
    fix = "name a key in the platform's region"
    return place_problems([Placement("encryption_key", "a key", where_is(key, name), here, fix, any_account=True)])


def admit_services(key: Any, platform: Construct, *, with_budgets: bool = False) -> None:
    """Admit the services in the policy of a key; warn where the policy is another app's.

    Args:
        key: A ``kms.IKey``.
        platform: The platform that the key is for.
        with_budgets: Whether budgets send to the topic.
    """
    from aws_cdk import aws_iam as iam

    place = (partition_token(), region_token(), account_token(), url_suffix_token())
    for statement in _service_statements(*place, with_budgets=with_budgets):
        added = key.add_to_resource_policy(iam.PolicyStatement.from_json(statement), True)
        if not added.statement_added:
            _warn(key, platform, with_budgets)
            return


def _warn(key: Any, platform: Construct, with_budgets: bool) -> None:
    place = place_of(stack_of(platform))
    partition, region, account = (
        f"<{name}>" if is_token(value) else value
        for name, value in (("partition", place.partition), ("region", place.region), ("account", place.account))
    )
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    statements = _service_statements(partition, region, account, suffix, with_budgets=with_budgets)
    needed = ", ".join(str(statement).replace("'", '"') for statement in statements)
    Annotations.of(platform).add_warning_v2(
        _WARNING,
        f"this app cannot change the policy of the key {key.node.path}. Without these statements in it, alarms reach "
        f"nobody, events that cannot be delivered are lost, and there are no logs: {needed}. When they are "
        f'there, write Annotations.of(platform).acknowledge_warning("{_WARNING}").',
    )


def _service_statements(
    partition: str, region: str, account: str, suffix: str, *, with_budgets: bool
) -> list[dict[str, Any]]:
    groups = f"arn:{partition}:logs:{region}:{account}:log-group:/aws/vendedlogs/states/*"
    return [
        *([_budgets(account)] if with_budgets else []),
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": _EVERYTHING,
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        },
        # A queue whose key does not admit EventBridge drops silently: https://github.com/aws/aws-cdk/issues/33169.
        # AWS does not say that EventBridge calls KMS with aws:SourceAccount. The policy of the queue, which EventBridge
        # must pass too, does ask for it.
        {
            "Sid": "Events",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": _EVERYTHING,
        },
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{region}.{suffix}"},
            "Action": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            "Resource": _EVERYTHING,
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        },
    ]


def _budgets(account: str) -> dict[str, Any]:
    # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
    return {
        "Sid": "Budgets",
        "Effect": "Allow",
        "Principal": {"Service": BUDGETS},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": _EVERYTHING,
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }

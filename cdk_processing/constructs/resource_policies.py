"""Statements of the policies of queues and topics: TLS alone, and the one service that sends."""

from __future__ import annotations

from typing import Any

from cdk_processing.constructs.pseudo_parameters import account_token, partition_token

__all__ = ["BUDGETS", "admit", "admit_budgets", "tls_only"]

#: The service that sends the alerts of budgets.
BUDGETS = "budgets.amazonaws.com"


def tls_only(action: str, target: str) -> dict[str, Any]:
    """Deny what does not come over TLS."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": target,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def admit(service: str, action: str, target: str) -> dict[str, Any]:
    """Allow a service to send, for this account only."""
    return {
        "Sid": "Service",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": target,
        "Condition": {"StringEquals": {"aws:SourceAccount": account_token()}},
    }


def admit_budgets(topic_arn: str) -> dict[str, Any]:
    """The statement of a topic's policy by which the account's budgets may send to it."""
    # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
    return {
        "Sid": "Budgets",
        "Effect": "Allow",
        "Principal": {"Service": BUDGETS},
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account_token()},
            "ArnLike": {"aws:SourceArn": f"arn:{partition_token()}:budgets::{account_token()}:*"},
        },
    }

"""Statements of the policies of queues and topics: TLS alone, and the one service that sends."""

from __future__ import annotations

from typing import Any

from cdk_processing.constructs.pseudo_parameters import account_token

__all__ = ["admit", "tls_only"]


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

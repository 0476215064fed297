"""Roles that CloudFormation creates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk_processing.local.ministack import internal

__all__ = ["keep_boundary"]


def keep_boundary(name: str, properties: Mapping[str, Any]) -> None:
    """Give a role the permissions boundary from its template, which MiniStack's CloudFormation ignores."""
    role = internal("ministack.services.iam", "_roles").get(name)
    if role is not None:
        role["PermissionsBoundary"] = properties.get("PermissionsBoundary")

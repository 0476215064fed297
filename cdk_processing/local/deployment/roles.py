"""Warn about stand-ins: roles that the embedded AWS made, because an app names roles that exist only in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cdk_processing.local.stand_in import STAND_IN

__all__ = ["stand_in_warnings"]


def stand_in_warnings(iam: Any) -> Iterator[str]:
    """Yield a warning for each stand-in.

    Args:
        iam: A client of the embedded IAM.
    """
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if role.get("Description") == STAND_IN:
                yield (
                    f"role {role['Arn']} is a stand-in that may do everything: what the role of this name may do in "
                    "AWS is not checked"
                )

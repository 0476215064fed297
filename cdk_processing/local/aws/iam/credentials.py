"""Temporary credentials with which an AWS service acts as a role."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cdk_processing.local.aws.iam.principals import role_account_and_name, role_record
from cdk_processing.local.ministack import internal

__all__ = ["Credentials", "credentials_for_role", "current_role_id"]


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials of a role, issued to an AWS service."""

    access_key: str
    secret_key: str
    token: str
    expires: float
    role_id: str


def current_role_id(role_arn: str) -> str | None:
    """The role's unique id. A role that is deleted and created again gets a new one."""
    role = role_record(role_arn)
    return None if role is None else str(role.get("RoleId"))


def credentials_for_role(role_arn: str, session_name: str, duration: float = 12 * 3600) -> Credentials:
    """Credentials with which a service acts as a role. The caller must check the trust policy first."""
    sts = "ministack.services.sts"
    account, name = role_account_and_name(role_arn)
    role_id = current_role_id(role_arn) or ""
    made = Credentials(
        access_key=internal(sts, "_gen_session_access_key")(),
        secret_key=internal(sts, "_gen_secret")(),
        token=internal(sts, "_gen_session_token")(),
        expires=time.time() + duration,
        role_id=role_id,
    )
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
        "UserId": f"{role_id}:{session_name}",
        "SecretAccessKey": made.secret_key,
        "SessionToken": made.token,
        "Expiration": made.expires,
        "AccountId": account,
        "PrincipalType": "AssumedRole",
    }
    register = internal(sts, "register_session")
    register(made.access_key, session)
    return made

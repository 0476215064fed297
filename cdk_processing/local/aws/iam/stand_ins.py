"""Stand-ins for roles that exist only in the user's AWS account. The user asks for them by option."""

from __future__ import annotations

import json

from cdk_processing.local.aws.iam.principals import role_account_and_name
from cdk_processing.local.ministack import internal
from cdk_processing.local.stand_in import STAND_IN

__all__ = ["make_stand_in"]

_HANDLERS = ("ministack.services.iam", "_IAM_HANDLERS")
_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"


def make_stand_in(role_arn: str) -> None:
    """Make a role that SageMaker may assume and that may do everything, because its real permissions are unknown."""
    name = role_account_and_name(role_arn)[1]
    path = role_arn.split(":role", 1)[1].removesuffix(name)
    statement = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    requests = {
        "CreateRole": {
            "RoleName": name,
            "Path": path,
            "AssumeRolePolicyDocument": trust,
            "Description": STAND_IN,
        },
        "AttachRolePolicy": {"RoleName": name, "PolicyArn": _POLICY},
    }
    for operation, fields in requests.items():
        answer = internal(*_HANDLERS)[operation]({field: [value] for field, value in fields.items()})
        if answer[0] >= 400:
            raise ValueError(f"no stand-in for {role_arn} could be made: {answer[2]!r}")

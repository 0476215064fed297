"""What a deployed role may do, read and replaced by the tests that take statements away."""

import json

__all__ = ["put_statements", "statements_of"]

_OWN = "LeastPrivilege"
# A policy needs a statement; this one allows nothing that any job does.
_NOTHING = {"Sid": "Nothing", "Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}


def statements_of(iam, role, policy=_OWN):
    """The statements of an inline policy of a role; with its own one, those of its managed policies."""
    found = list(iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]["Statement"])
    for attached in _attached(iam, role) if policy == _OWN else ():
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        found += document["Statement"]
    return found


def put_statements(iam, role, statements, policy=_OWN):
    """Let a role have these statements, in an inline policy alone."""
    document = json.dumps({"Version": "2012-10-17", "Statement": statements or [_NOTHING]})
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=document)
    for attached in _attached(iam, role) if policy == _OWN else ():
        iam.detach_role_policy(RoleName=role, PolicyArn=attached["PolicyArn"])


def _attached(iam, role):
    return iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]

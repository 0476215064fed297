"""The standards as Deny statements, with the condition keys that SageMaker has for CreateProcessingJob.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemakerai.html. Keys of KMS keys
have two names there: ``sagemaker:VolumeKmsKey`` is being replaced by ``sagemaker:VolumeKmsKeyArn``. A job is denied if
it has neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from cdk_processing.request.instances import families_with_local_storage
from cdk_processing.standards.created_job import DEFAULT_MAX_RUNTIME
from cdk_processing.standards.standards import Standards

__all__ = ["DENIALS", "deny_statements", "permissions_boundary", "service_control_policy", "size"]

_CREATE = "sagemaker:CreateProcessingJob"
_Conditions = dict[str, dict[str, Any]]


def _instance_types(standards: Standards) -> Iterator[_Conditions]:
    allowed = standards.allowed("instance_types")
    if allowed is not None:
        yield {"ForAnyValue:StringNotLike": {"sagemaker:InstanceTypes": list(allowed)}}


def _max_runtime(standards: Standards) -> Iterator[_Conditions]:
    most = standards.longest_run
    if most is not None:
        # A job that names no limit has no such key, and SageMaker stops it after its own limit.
        operator = "NumericGreaterThanIfExists" if most < DEFAULT_MAX_RUNTIME else "NumericGreaterThan"
        yield {operator: {"sagemaker:MaxRuntimeInSeconds": str(most)}}


def _volume_encryption(standards: Standards) -> Iterator[_Conditions]:
    if standards.volume_encryption:
        local = [f"ml.{family}.*" for family in sorted(families_with_local_storage())]
        yield {**_without_key("VolumeKmsKey"), "ForAnyValue:StringNotLike": {"sagemaker:InstanceTypes": local}}


def _output_encryption(standards: Standards) -> Iterator[_Conditions]:
    if standards.output_encryption:
        yield _without_key("OutputKmsKey")


def _traffic_encryption(standards: Standards) -> Iterator[_Conditions]:
    if standards.traffic_encryption:
        yield {"BoolIfExists": {"sagemaker:InterContainerTrafficEncryption": "false"}}


def _network_isolation(standards: Standards) -> Iterator[_Conditions]:
    if standards.network_isolation:
        yield {"BoolIfExists": {"sagemaker:NetworkIsolation": "false"}}


def _vpc(standards: Standards) -> Iterator[_Conditions]:
    if standards.vpc:
        yield {"Null": {"sagemaker:VpcSubnets": "true"}}


def _subnets(standards: Standards) -> Iterator[_Conditions]:
    yield from _outside("sagemaker:VpcSubnets", standards.allowed("subnets"))


def _security_groups(standards: Standards) -> Iterator[_Conditions]:
    yield from _outside("sagemaker:VpcSecurityGroupIds", standards.allowed("security_groups"))


def _required_tags(standards: Standards) -> Iterator[_Conditions]:
    for key, values in standards.tag_values.items():
        name = f"aws:RequestTag/{key}"
        # StringNotLike holds for a tag that is missing, too.
        yield {"StringNotLike": {name: list(values)}} if values else {"Null": {name: "true"}}


def _regions(standards: Standards) -> Iterator[_Conditions]:
    allowed = standards.allowed("regions")
    if allowed is not None:
        yield {"StringNotEquals": {"aws:RequestedRegion": list(allowed)}}


#: The conditions on which each rule denies a job; any of them is enough.
DENIALS: Final[Mapping[str, Callable[[Standards], Iterator[_Conditions]]]] = {
    "instance_types": _instance_types,
    "max_runtime_in_seconds": _max_runtime,
    "volume_encryption": _volume_encryption,
    "output_encryption": _output_encryption,
    "traffic_encryption": _traffic_encryption,
    "network_isolation": _network_isolation,
    "vpc": _vpc,
    "subnets": _subnets,
    "security_groups": _security_groups,
    "required_tags": _required_tags,
    "regions": _regions,
}


def deny_statements(
    standards: Standards, *, exempt: Collection[str] = (), unless: _Conditions | None = None
) -> list[dict[str, Any]]:
    """A statement for each rule that SageMaker has a condition key for.

    Args:
        standards: The standards.
        exempt: Names of rules to leave out.
        unless: Conditions that each statement has besides its own.

    Example:
        >>> [statement] = deny_statements(Standards(vpc=True))
        >>> statement["Condition"]
        {'Null': {'sagemaker:VpcSubnets': 'true'}}
    """
    return [
        {
            "Sid": _sid(rule, number),
            "Effect": "Deny",
            "Action": _CREATE,
            "Resource": "*",
            "Condition": {**conditions, **(unless or {})},
        }
        for rule, conditions_of in DENIALS.items()
        if rule not in exempt
        for number, conditions in enumerate(conditions_of(standards))
    ]


def service_control_policy(standards: Standards, exempt_roles: Iterable[str] = ()) -> dict[str, Any]:
    """A service control policy that denies every principal of an account what breaks the standards.

    Args:
        standards: The standards. Their exemptions are not in it: it cannot tell one job from another.
        exempt_roles: Patterns of the ARNs of roles that it does not apply to.
    """
    roles = list(exempt_roles)
    unless = {"ArnNotLike": {"aws:PrincipalArn": roles}} if roles else None
    return _document(deny_statements(standards, unless=unless))


def permissions_boundary(standards: Standards) -> dict[str, Any]:
    """A permissions boundary for the roles of jobs: what breaks the standards is denied, whatever their policies allow.

    It also denies images of other repositories, for which SageMaker has no condition key: a job's execution role pulls
    the image. And it denies a role in it to make roles that are not.
    """
    statements: list[dict[str, Any]] = [{"Sid": "UpToPolicies", "Effect": "Allow", "Action": "*", "Resource": "*"}]
    statements += deny_statements(standards)
    repositories = [_repository_arn(each) for each in standards.allowed("image_repositories") or ()]
    known = [each for each in repositories if each is not None]
    if known and len(known) == len(repositories):
        actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        statements.append({"Sid": "ImageRepositories", "Effect": "Deny", "Action": actions, "NotResource": known})
    statements.append(
        {
            "Sid": "KeepBoundary",
            "Effect": "Deny",
            "Action": [
                "iam:AttachRolePolicy",
                "iam:CreateRole",
                "iam:DeleteRolePermissionsBoundary",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
                "iam:UpdateAssumeRolePolicy",
            ],
            "Resource": "*",
        }
    )
    return _document(statements)


def size(document: Mapping[str, Any]) -> int:
    """The bytes of a policy without white space, as IAM and Organizations count them."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _outside(key: str, allowed: tuple[str, ...] | None) -> Iterator[_Conditions]:
    if allowed is not None:
        yield {"ForAnyValue:StringNotEquals": {key: list(allowed)}}


def _without_key(name: str) -> _Conditions:
    return {"Null": {f"sagemaker:{name}": "true", f"sagemaker:{name}Arn": "true"}}


def _sid(rule: str, number: int) -> str:
    words = "".join(word.capitalize() for word in rule.split("_"))
    return f"{words}{number + 1 if number else ''}"


def _repository_arn(pattern: str) -> str | None:
    """The ARN pattern of a pattern of image URIs; None if that is not one of ECR."""
    registry, slash, repository = pattern.partition("/")
    labels = registry.split(".")
    if not slash or len(labels) < 6 or labels[1:3] != ["dkr", "ecr"]:
        return None
    return f"arn:*:ecr:{labels[3]}:{labels[0]}:repository/{repository}"

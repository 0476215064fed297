"""What the policies of a template allow: PassRole to SageMaker, and to create processing jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cdk_processing.standards.patterns import matches
from cdk_processing.standards.template_text import TemplateText

__all__ = ["Grant", "create_grants", "pass_role_grants"]

_SAGEMAKER = "sagemaker.amazonaws.com"
#: Services whose calls synth reads: state machines and schedules.
_READ: Final = frozenset({"states.amazonaws.com", "scheduler.amazonaws.com"})
#: AWS's managed policies that allow to create processing jobs and to pass roles to them.
_WIDE: Final = ("AdministratorAccess", "PowerUserAccess", "AmazonSageMaker*FullAccess", "AmazonSageMakerFullAccess")
_ROLES = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
_POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy")


@dataclass(frozen=True, slots=True)
class Grant:
    """A policy that allows too much.

    Attributes:
        resource: Logical id of the role, user, group or policy.
        what: What it allows, in words.
    """

    resource: str
    what: str


def pass_role_grants(resources: Mapping[str, Any], reader: TemplateText) -> Iterator[Grant]:
    """Policies that allow to pass roles to SageMaker without naming each role."""
    for name, _, statement in _statements(resources):
        if not _allows(statement, "iam:PassRole") or not _passes_to_sagemaker(statement, reader):
            continue
        wide = [text for text in _texts(statement.get("Resource"), reader) if "*" in text]
        if wide or "NotResource" in statement:
            yield Grant(name, f"iam:PassRole on {' and '.join(wide) or 'all but a few roles'}")
    for name, policy in _wide_policies(resources, reader):
        yield Grant(name, f"what AWS's {policy} allows, PassRole among it")


def create_grants(resources: Mapping[str, Any], reader: TemplateText) -> Iterator[Grant]:
    """Policies by which something else than a state machine or a schedule may create processing jobs."""
    for name, holders, statement in _statements(resources):
        if not _allows(statement, "sagemaker:CreateProcessingJob"):
            continue
        trusted = {service for holder in holders for service in _trusted(resources.get(holder), reader)}
        if not holders:
            yield Grant(name, "sagemaker:CreateProcessingJob, for whoever it is attached to")
        elif trusted - _READ:
            yield Grant(name, f"sagemaker:CreateProcessingJob to {' and '.join(sorted(trusted - _READ))}")
    for name, policy in _wide_policies(resources, reader):
        yield Grant(name, f"what AWS's {policy} allows, to create processing jobs among it")


def _statements(resources: Mapping[str, Any]) -> Iterator[tuple[str, list[str], Mapping[str, Any]]]:
    """Each Allow statement, with the logical ids of its policy and of the roles that have it."""
    for name, resource in resources.items():
        kind, properties = resource.get("Type"), resource.get("Properties") or {}
        documents = []
        holders = [name]
        if kind in _ROLES:
            documents = [each.get("PolicyDocument") for each in _dicts(properties.get("Policies"))]
        elif kind in _POLICIES:
            documents = [properties.get("PolicyDocument")]
            holders = _holders(name, properties, resources)
        for document in documents:
            listed = document.get("Statement") if isinstance(document, Mapping) else None
            for statement in _dicts(listed if isinstance(listed, list) else [listed]):
                if statement.get("Effect") == "Allow":
                    yield name, holders, statement


def _holders(name: str, properties: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """Logical ids of what a policy is attached to; "" for a role of elsewhere, user or group."""
    given = [*_list(properties.get("Roles")), *_list(properties.get("Users")), *_list(properties.get("Groups"))]
    given += [properties[key] for key in ("RoleName", "UserName") if key in properties]
    found = [str(each.get("Ref", "")) if isinstance(each, Mapping) else "" for each in given]
    for other, resource in resources.items():
        attached = (resource.get("Properties") or {}).get("ManagedPolicyArns")
        if any(isinstance(each, Mapping) and each.get("Ref") == name for each in _list(attached)):
            found.append(other)
    return found


def _trusted(resource: Any, reader: TemplateText) -> set[str]:
    """Who may assume a role: services, or ``other principals``."""
    if not isinstance(resource, Mapping) or resource.get("Type") != "AWS::IAM::Role":
        return {"other principals"}
    document = (resource.get("Properties") or {}).get("AssumeRolePolicyDocument")
    found: set[str] = set()
    for statement in _dicts(_list(document.get("Statement") if isinstance(document, Mapping) else None)):
        principal = statement.get("Principal")
        if isinstance(principal, Mapping) and set(principal) == {"Service"}:
            found |= set(_texts(principal["Service"], reader))
        else:
            found.add("other principals")
    return found or {"other principals"}


def _wide_policies(resources: Mapping[str, Any], reader: TemplateText) -> Iterator[tuple[str, str]]:
    for name, resource in resources.items():
        if resource.get("Type") in _ROLES:
            for each in _texts((resource.get("Properties") or {}).get("ManagedPolicyArns"), reader):
                policy = each.rpartition("/")[2]
                if ":aws:policy/" in each and any(matches(policy, pattern) for pattern in _WIDE):
                    yield name, policy


def _allows(statement: Mapping[str, Any], action: str) -> bool:
    def named(actions: Any) -> bool:
        return any(matches(action.lower(), str(each).lower()) for each in _list(actions))

    return named(statement.get("Action")) or ("NotAction" in statement and not named(statement["NotAction"]))


def _passes_to_sagemaker(statement: Mapping[str, Any], reader: TemplateText) -> bool:
    """Whether no condition keeps the statement from SageMaker."""
    conditions = statement.get("Condition")
    for operator, keys in conditions.items() if isinstance(conditions, Mapping) else ():
        for key, values in keys.items() if isinstance(keys, Mapping) else ():
            if key.lower() == "iam:passedtoservice" and operator in ("StringEquals", "StringLike"):
                return any(matches(_SAGEMAKER, each) for each in _texts(values, reader))
    return True


def _texts(value: Any, reader: TemplateText) -> list[str]:
    return [reader.text(each) for each in _list(value)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _dicts(values: Any) -> list[Mapping[str, Any]]:
    return [each for each in _list(values) if isinstance(each, Mapping)]

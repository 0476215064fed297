"""What a job lives by, and whether it is still there in the template: an override or an aspect may have replaced it.

``add_property_override`` and its like change the template alone. The resource does not have the value, nor does
CloudFormation object to it. The first run would fail, or none would begin. Values that only the deployment knows pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

__all__ = ["Kept", "KeptMachine", "KeptRole", "KeptTrigger", "KeptTrust", "LogicalIds", "Loss"]

_OWN_POLICY = (
    "write iam.Policy(scope, 'Mine', roles=[job.execution_role], statements=[...]), or set role.policies = "
    "[*role.policies, mine]"
)
_OWN_ATTACHMENT = "write role.managed_policy_arns = [*(role.managed_policy_arns or []), arn]"
#: What a schedule's input must hold, by which a run knows itself.
_INPUT = {
    "source": "aws.scheduler",
    "schedule": "<aws.scheduler.schedule-arn>",
    "time": "<aws.scheduler.scheduled-time>",
}


class Loss(NamedTuple):
    """Something that a job lives by and that the template has no more.

    Attributes:
        rule: The rule's name, by which it is acknowledged.
        name: The property.
        text: What is wrong and what to do.
    """

    rule: str
    name: str
    text: str


class LogicalIds(NamedTuple):
    """The logical ids of a template, by construct path."""

    by_path: Mapping[str, str]

    def ref(self, path: str) -> Any:
        """``Ref`` of a resource; None if the template does not have it."""
        return {"Ref": self.by_path[path]} if path in self.by_path else None

    def arn(self, path: str) -> Any:
        """``Fn::GetAtt`` of a resource's ARN; None if the template does not have it."""
        return {"Fn::GetAtt": [self.by_path[path], "Arn"]} if path in self.by_path else None


class Kept(Protocol):
    """What must be kept of a resource."""

    def losses(self, properties: Mapping[str, Any], ids: LogicalIds) -> Iterator[Loss]:
        """What the properties, as in the template, have no more."""


@dataclass(slots=True)
class KeptRole:
    """A role: who may assume it, and what it may do.

    Attributes:
        services: The services that assume it.
        sids: The statements of its inline policy.
        attached: The policies that it is attached to; tokens until the end of synth.
    """

    services: Sequence[str]
    sids: Sequence[str]
    attached: list[Any]

    def losses(self, properties: Mapping[str, Any], ids: LogicalIds) -> Iterator[Loss]:
        """Services, statements and attached policies that are gone."""
        del ids
        arns = properties.get("ManagedPolicyArns", [])
        if isinstance(arns, list) and any(arn not in arns for arn in self.attached):
            text = f"must keep the policies of this library, got {_shown(arns)}; {_OWN_ATTACHMENT}"
            yield Loss("role-permissions", "ManagedPolicyArns", text)
        found = _sids(properties.get("Policies", []), self.sids)
        missing = [sid for sid in self.sids if sid not in found]
        if missing:
            text = f"must keep the statements of this library, got none for {', '.join(missing)}; {_OWN_POLICY}"
            yield Loss("role-permissions", "Policies", text)
        refused = [each for each in self.services if not _trusts(properties.get("AssumeRolePolicyDocument"), each)]
        if refused:
            named = " and ".join(refused)
            text = f"must let {named} assume the role; add your statement to those of this library"
            yield Loss("role-trust", "AssumeRolePolicyDocument", text)


@dataclass(frozen=True, slots=True)
class KeptTrust:
    """A role that a job was given: the service that must be able to assume it.

    Attributes:
        service: The service.
    """

    service: str

    def losses(self, properties: Mapping[str, Any], ids: LogicalIds) -> Iterator[Loss]:
        """The service, if the role does not trust it."""
        del ids
        if not _trusts(properties.get("AssumeRolePolicyDocument"), self.service):
            text = f"must let {self.service} assume the role; write assumed_by=iam.ServicePrincipal({self.service!r})"
            yield Loss("role-trust", "AssumeRolePolicyDocument", text)


@dataclass(frozen=True, slots=True)
class KeptMachine:
    """The state machine of a job: the role that it has, and the tags by which clients find it.

    Attributes:
        role: The role's path.
        tags: The keys of the tags.
    """

    role: str
    tags: Sequence[str]

    def losses(self, properties: Mapping[str, Any], ids: LogicalIds) -> Iterator[Loss]:
        """A role and tags that are gone."""
        role = ids.arn(self.role)
        if role is not None and properties.get("RoleArn") != role:
            given = _shown(properties.get("RoleArn"))
            text = (
                f"must be the role {self.role}, which has the job's permissions, got {given}; leave it, or name your "
                "own roles in iam.Role.customize_roles"
            )
            yield Loss("workflow-role", "RoleArn", text)
        tags = properties.get("Tags", [])
        if isinstance(tags, list) and all(isinstance(tag, Mapping) for tag in tags):
            found = {str(tag.get("Key")) for tag in tags}
            if missing := [key for key in self.tags if key not in found]:
                text = (
                    f"must keep {', '.join(missing)}, by which the job is found; "
                    "write Tags.of(job).add(key, value) for a tag of yours"
                )
                yield Loss("job-tags", "Tags", text)


@dataclass(frozen=True, slots=True)
class KeptTrigger:
    """A rule or a schedule that launches a job: what it starts, as which role, with which input.

    Attributes:
        machine: The path of the job's state machine.
        role: The path of the role that starts it.
    """

    machine: str
    role: str

    def losses(self, properties: Mapping[str, Any], ids: LogicalIds) -> Iterator[Loss]:
        """A target, a role or an input that is gone."""
        is_schedule = "Target" in properties
        name = "Target" if is_schedule else "Targets"
        targets = properties.get(name, [])
        targets = [targets] if is_schedule else targets
        if not isinstance(targets, list) or not all(isinstance(each, Mapping) for each in targets):
            return
        own = [each for each in targets if each.get("Arn") == ids.ref(self.machine)]
        if not own:
            text = (
                f"must have the state machine {self.machine}, got {_shown(targets)}; make a rule of your own for others"
            )
            yield Loss("trigger-target", name, text)
            return
        role = ids.arn(self.role)
        if role is not None and any(each.get("RoleArn") != role for each in own):
            text = f"must start it as the role {self.role}, which may; leave RoleArn"
            yield Loss("trigger-target", name, text)
        if any(_is_changed(each, is_schedule=is_schedule) for each in own):
            text = (
                "must pass the event as it is, by which a run knows itself; give values with the trigger's parameters="
            )
            yield Loss("trigger-input", name, text)


def _is_changed(target: Mapping[str, Any], *, is_schedule: bool) -> bool:
    if not is_schedule:
        return any(name in target for name in ("Input", "InputPath", "InputTransformer"))
    given = target.get("Input")
    if isinstance(given, Mapping):  # a function of CloudFormation, such as one with a token in a parameter
        given = json.dumps(given).replace("\\", "")
        return not all(text in given for text in _INPUT.values())
    try:
        event = json.loads(str(given))
    except ValueError:
        return True
    return not isinstance(event, dict) or any(event.get(name) != value for name, value in _INPUT.items())


def _sids(policies: Any, otherwise: Sequence[str]) -> set[str]:
    """The statements of inline policies by id; ``otherwise`` if only the deployment knows them."""
    found: set[str] = set()
    if not isinstance(policies, list):
        return set(otherwise)
    for policy in policies:
        document = policy.get("PolicyDocument") if isinstance(policy, Mapping) else None
        statements = document.get("Statement") if isinstance(document, Mapping) else None
        if not isinstance(statements, list):
            return set(otherwise)
        found |= {str(each.get("Sid")) for each in statements if isinstance(each, Mapping)}
    return found


def _trusts(document: Any, service: str) -> bool:
    statements = document.get("Statement") if isinstance(document, Mapping) else None
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list):
        return document is not None  # a function of CloudFormation
    return any(_admits(each, service) for each in statements)


def _admits(statement: Any, service: str) -> bool:
    if not isinstance(statement, Mapping) or statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    named = principal.get("Service") if isinstance(principal, Mapping) else principal
    listed = named if isinstance(named, list) else [named]
    return any(each in (service, "*") or isinstance(each, Mapping) for each in listed)


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:100]}..."

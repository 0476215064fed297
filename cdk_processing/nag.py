"""A pack for cdk-nag: the processing jobs of any state machine of an app, with this library or without it.

No other pack reads the definitions of state machines. Like cdk-nag's own packs, it reads constructs: it does not see a
property override (``add_property_override``). ``StandardsValidation`` reads the templates as they are deployed, and
holds jobs to a team's own limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

import jsii
from aws_cdk import CfnResource, Stack

try:
    from cdk_nag import IApplyRule, NagMessageLevel, NagPack, NagRuleCompliance
except ModuleNotFoundError as error:  # an extra brings it
    raise ModuleNotFoundError("cdk_processing.nag needs cdk-nag: pip install 'cdk-processing[nag]'") from error

from cdk_processing.request.instances import has_local_storage
from cdk_processing.standards.created_job import CreatedJob
from cdk_processing.standards.definitions import CreatingState, creating_states
from cdk_processing.standards.grants import pass_role_grants
from cdk_processing.standards.template_text import TemplateText, parsed

__all__ = ["ProcessingChecks"]

_MACHINE = "AWS::StepFunctions::StateMachine"
_POLICIES = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::Group")
#: What makes each run's name another one.
_UNIQUE = re.compile(r"Execution\.(Id|Name)|States\.UUID|\$uuid\(|\$hash\(|States\.Hash|Task\.Token")

Finding = Callable[[CreatingState], bool]


def _job(state: CreatingState) -> CreatedJob:
    return CreatedJob(state.name, state.request, state.instance_types)


def _is_true(rule: str) -> Finding:
    return lambda state: _job(state).value_of(rule) in (True, "true")


def _is_given(rule: str) -> Finding:
    return lambda state: bool(_job(state).value_of(rule))


def _has_volume_key(state: CreatingState) -> bool:
    job = _job(state)
    return bool(job.value_of("volume_encryption")) or (bool(job.types) and all(map(has_local_storage, job.types)))


def _has_output_key(state: CreatingState) -> bool:
    return bool(_job(state).value_of("output_encryption")) or not _job(state).has_outputs


def _has_own_name(state: CreatingState) -> bool:
    return _UNIQUE.search(state.job_name) is not None


#: Each rule about a job: its name, what is found, why it matters, and whether a state meets it.
_RULES: Final[tuple[tuple[str, str, str, Finding], ...]] = (
    (
        "NetworkIsolation",
        "The processing job is not isolated from the network.",
        "A container without a network cannot send data elsewhere. Set EnableNetworkIsolation to true.",
        _is_true("network_isolation"),
    ),
    (
        "Vpc",
        "The processing job runs outside of a VPC.",
        "In a VPC, security groups and endpoint policies apply to what the hosts reach. Set VpcConfig.",
        _is_given("subnets"),
    ),
    (
        "VolumeEncryption",
        "The processing job's volumes have no KMS key of your own.",
        "A key of your own says who can read the volumes. Set VolumeKmsKeyId, or take a type with local NVMe storage.",
        _has_volume_key,
    ),
    (
        "OutputEncryption",
        "The processing job's outputs have no KMS key of your own.",
        "A key of your own says who can read the outputs. Set ProcessingOutputConfig.KmsKeyId.",
        _has_output_key,
    ),
    (
        "TrafficEncryption",
        "The hosts of the processing job do not encrypt what they send each other.",
        "Set EnableInterContainerTrafficEncryption to true.",
        _is_true("traffic_encryption"),
    ),
    (
        "TimeLimit",
        "The processing job has no time limit of its own.",
        "SageMaker stops it after 24 hours only. Set StoppingCondition.MaxRuntimeInSeconds.",
        _is_given("max_runtime_in_seconds"),
    ),
    (
        "JobName",
        "Two runs can ask for the same name of a processing job.",
        "SageMaker accepts a name once, so the second run fails. Make the name from the execution's name or a UUID.",
        _has_own_name,
    ),
)


class ProcessingChecks(NagPack):
    """Checks each processing job that a state machine creates, and PassRole to SageMaker.

    The rules are ``CdkProcessing-NetworkIsolation``, ``-Vpc``, ``-VolumeEncryption``, ``-OutputEncryption``,
    ``-TrafficEncryption``, ``-TimeLimit``, ``-JobName``, each with the state's name in brackets, and ``-PassRole``. A
    value that is known at run time only is a finding for the rules that ask for ``true``.

    Args:
        scope: The app.
        verbose: Whether findings also say why they matter.

    Example:
        >>> from aws_cdk import App, Validations
        >>> from cdk_processing.nag import ProcessingChecks
        >>> app = App()
        >>> Validations.of(app).add_plugins(ProcessingChecks(app))
    """

    def __init__(self, scope: Any = None, *, verbose: bool | None = None) -> None:
        super().__init__(scope, verbose=verbose)
        self._pack_name = "CdkProcessing"

    @property
    def name(self) -> str:
        """The name in the CDK's report."""
        return "CdkProcessing"

    def _check_resource(self, node: CfnResource) -> None:
        kind = node.cfn_resource_type
        if kind == _MACHINE:
            states = list(_states(node))
            for name, info, explanation, is_met in _RULES:
                found = [state.name for state in states if not is_met(state)]
                self._apply_rule(cast(IApplyRule, _Rule(node, name, info, explanation, found)))
        elif kind in _POLICIES:
            found = [grant.what for grant in pass_role_grants(_resources(node), TemplateText({}))]
            info = "The policy allows iam:PassRole to SageMaker on roles that it does not name."
            explanation = "Whoever has it can run a job as any of those roles. Name each role, and iam:PassedToService."
            self._apply_rule(cast(IApplyRule, _Rule(node, "PassRole", info, explanation, found)))


@jsii.implements(IApplyRule)
class _Rule:
    """One rule, and what it has found in one resource."""

    def __init__(self, node: CfnResource, name: str, info: str, explanation: str, found: list[str]) -> None:
        self._node = node
        self._name = name
        self._info = info
        self._explanation = explanation
        self._found = found

    @property
    def node(self) -> CfnResource:
        """The resource."""
        return self._node

    @property
    def rule_suffix_override(self) -> str | None:
        """The rule's name."""
        return self._name

    @property
    def info(self) -> str:
        """What is found."""
        return self._info

    @property
    def explanation(self) -> str:
        """Why it matters."""
        return self._explanation

    @property
    def level(self) -> NagMessageLevel:
        """Findings are errors."""
        return NagMessageLevel.ERROR

    def rule(self, node: CfnResource) -> Any:
        """Whether the resource meets the rule; the names of what does not."""
        del node
        return self._found or NagRuleCompliance.COMPLIANT


def _states(node: CfnResource) -> Iterator[CreatingState]:
    machine = cast(Any, node)
    stack = Stack.of(node)
    reader = TemplateText({})
    if machine.definition_string is not None:
        text = reader.text(stack.resolve(machine.definition_string))
        substitutions = stack.resolve(machine.definition_substitutions)
        for key, value in substitutions.items() if isinstance(substitutions, Mapping) else ():
            text = text.replace(f"${{{key}}}", reader.text(value))
        definition = parsed(text)
    else:
        definition = reader.tree(stack.resolve(machine.definition))
    return creating_states(definition) if isinstance(definition, Mapping) else iter(())


def _resources(node: CfnResource) -> dict[str, Any]:
    """The resource as in a template, as far as its policies go."""
    made, stack = cast(Any, node), Stack.of(node)
    properties = {
        "PolicyDocument": stack.resolve(getattr(made, "policy_document", None)),
        "ManagedPolicyArns": stack.resolve(getattr(made, "managed_policy_arns", None)),
        "Policies": [
            {"PolicyDocument": each.get("policyDocument", each.get("PolicyDocument"))}
            for each in stack.resolve(getattr(made, "policies", None)) or ()
        ],
    }
    return {"": {"Type": node.cfn_resource_type, "Properties": properties}}

"""A pack for cdk-nag: the processing jobs of any state machine of an app, with this library or without it.

No other pack reads the definitions of state machines. cdk-nag's own packs read constructs, and do not see a property
override (``add_property_override``). This one reads the resources in the templates as they are deployed, as
``StandardsValidation`` does, which holds jobs to a team's own limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

import jsii
from aws_cdk import CfnResource, Stack, Stage

try:
    from cdk_nag import IApplyRule, NagMessageLevel, NagPack, NagRuleCompliance
except ModuleNotFoundError as error:  # an extra brings it
    raise ModuleNotFoundError("cdk_processing.nag needs cdk-nag: pip install 'cdk-processing[nag]'") from error

from cdk_processing.request.instances import has_local_storage
from cdk_processing.standards.created_job import CreatedJob
from cdk_processing.standards.definitions import CreatingState, creating_states
from cdk_processing.standards.grants import pass_role_grants
from cdk_processing.standards.template_text import TemplateText
from cdk_processing.standards.templates import SynthesizedStack, definition_of

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
    value that is known at run time only is a finding for the rules that ask for ``true``. It reads the templates of the
    last synth, so ``validate_scope`` comes after ``app.synth()``; as a plugin it always does.

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
            stack, logical_id = _deployed(node)
            own = {logical_id: stack.resources[logical_id]} if logical_id in stack.resources else {}
            found = [grant.what for grant in pass_role_grants(own, TemplateText(stack.template))]
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
    """The states of a state machine that create jobs."""
    stack, name = _deployed(node)
    definition = definition_of(stack, name, TemplateText(stack.template)) if name in stack.resources else None
    return creating_states(definition) if isinstance(definition, Mapping) else iter(())


def _deployed(node: CfnResource) -> tuple[SynthesizedStack, str]:
    """The stack of a resource as it is deployed, and the resource's logical id."""
    stack = Stack.of(node)
    stage = cast(Stage, Stage.of(node))
    file = Path(stage.outdir, stack.template_file)
    if not file.is_file():
        raise RuntimeError(f"{stack.node.path} has no template yet: call app.synth() before validate_scope()")
    template = _template(file, file.stat().st_mtime_ns)
    return SynthesizedStack(stack.node.path, template), str(stack.resolve(node.logical_id))


@lru_cache(maxsize=4)
def _template(file: Path, changed: int) -> Mapping[str, Any]:
    """A template, read once for all its resources."""
    del changed
    return cast("Mapping[str, Any]", json.loads(file.read_text(encoding="utf-8")))

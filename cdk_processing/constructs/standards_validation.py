"""Holds every processing job of an app to standards, whoever wrote it: a validation plugin of the CDK.

The CDK calls it with the templates as they are deployed, at each synth, also where ``skip_validation`` is set.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from cdk_processing.constructs.synthesized import synthesized_stacks
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.standards.exemption import Exemption
from cdk_processing.standards.standards import Standards, rule_names
from cdk_processing.standards.templates import judge_stack

__all__ = ["StandardsValidation"]


@jsii.implements(IPolicyValidationPlugin)
class StandardsValidation:
    """Holds every processing job of an app to standards, also jobs that are written without this library.

    One line adds it: ``Validations.of(app).add_plugins(StandardsValidation(Standards.strict()))``. It reads all stacks
    as they are deployed, in all stages: state machines (also Map and Parallel states, JSON text and definitions in
    assets), ``AWS::SageMaker::ProcessingJob``, schedules that call SageMaker, processing steps of pipelines,
    ``AwsCustomResource``, and the policies that allow ``iam:PassRole`` or ``sagemaker:CreateProcessingJob``. A finding
    cannot be acknowledged: exempt the job instead.

    Args:
        standards: What the jobs must be.
        denied_at_run_time: Whether a service control policy or a permissions boundary with the same standards is in
            force, as ``cdk-processing policies`` prints them. Values that are not known at synth are then left to it.
            Otherwise synth rejects them.

    Raises:
        DeclarationError: The standards are no ``Standards``.

    Example:
        >>> from aws_cdk import App, Validations
        >>> from cdk_processing import Standards, StandardsValidation
        >>> app = App()
        >>> Validations.of(app).add_plugins(StandardsValidation(Standards.strict()))
    """

    def __init__(self, standards: Standards, *, denied_at_run_time: bool = False) -> None:
        if not isinstance(standards, Standards):
            problem = Problem("standards", standards, "a Standards", "write Standards.baseline()")
            raise DeclarationError("StandardsValidation", [problem])
        self._standards = standards
        self._denied_at_run_time = denied_at_run_time

    @property
    def name(self) -> str:
        """The name in the CDK's report."""
        return "cdk-processing"

    @property
    def version(self) -> str | None:
        """Not reported."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """The names of the rules."""
        return list(rule_names())

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Judge all stacks; the CDK calls this."""
        today = date.today()
        broken = [_told("exemptions", str(problem), "fatal") for problem in self._standards.ended(today)]
        used: dict[Exemption, None] = {}
        for each in context.stack_templates:
            stacks = synthesized_stacks(Path(each.template_path), each.region, denies=self._denied_at_run_time)
            for file, stack in stacks:
                found, verdict = judge_stack(self._standards, stack, today)
                used |= dict.fromkeys(verdict.exemptions)
                # Nobody can acknowledge what is fatal.
                broken += [
                    _told(
                        one.breach.rule,
                        str(one.breach),
                        "fatal",
                        PolicyViolatingResource(
                            locations=["Properties"],
                            construct_path=stack.paths.get(one.resource),
                            resource_logical_id=one.resource,
                            template_path=str(file),
                        ),
                    )
                    for one in found
                ]
        told = [_told("exemptions", str(each), "info") for each in used]
        told += [
            _told("exemptions", f"exemption of {each.job} from {each.rule} is not needed; remove it", "warning")
            for each in self._standards.exemptions
            if each not in used and not each.has_ended(today)
        ]
        return PolicyValidationPluginReport(success=not broken, violations=broken + told)


def _told(rule: str, text: str, severity: str, *resources: PolicyViolatingResource) -> PolicyViolation:
    return PolicyViolation(rule_name=rule, description=text, severity=severity, violating_resources=list(resources))

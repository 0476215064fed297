"""Holds the jobs of a platform to its standards: judged at the end of synth, and denied at run time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Annotations
from constructs import Construct, IConstruct, IValidation

from cdk_processing.constructs.checks import checks_of
from cdk_processing.constructs.list_tokens import with_split_lists
from cdk_processing.constructs.resources import attach, path_of, place_of, resource, stack_of
from cdk_processing.constructs.typed import TypedResource
from cdk_processing.errors import Problem
from cdk_processing.standards.created_job import CreatedJob
from cdk_processing.standards.definitions import creating_states
from cdk_processing.standards.denials import DENIALS, deny_statements, size
from cdk_processing.standards.exemption import Exemption
from cdk_processing.standards.judging import judge
from cdk_processing.standards.standards import Standards
from cdk_processing.standards.template_text import TemplateText, parsed

__all__ = ["HeldJob", "hold_to_standards", "standards_problems"]

#: Of a managed policy, without white space:
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_MANAGED_POLICY = 6_144
_held: WeakKeyDictionary[Any, _HeldPlatform] = WeakKeyDictionary()


class HeldJob:
    """What the standards need to know of a declared job.

    Args:
        scope: The job.
        path: The path by which the job is known.
        role: The role that creates its processing jobs.
        request: Called at the end of synth: the CreateProcessingJob request with all tags.
        instance_types: The instance types that a run tries in order; () if the request names its only type.
        attempts: How many jobs one run creates at most.
        edited: Called at the end of synth: the definition that somebody has put in place of the library's own, as the
            CDK has it; None if nobody has.
    """

    def __init__(
        self,
        scope: Construct,
        path: str,
        role: TypedResource,
        *,
        request: Callable[[], dict[str, Any]],
        instance_types: tuple[str, ...],
        attempts: int,
        edited: Callable[[], Any],
    ) -> None:
        self.scope = scope
        self.path = path
        self.role = role
        self._request = request
        self._instance_types = instance_types
        self._attempts = attempts
        self._edited = edited

    def created(self) -> list[CreatedJob]:
        """The processing jobs, as SageMaker is asked to create them."""
        region = place_of(stack_of(self.scope)).region
        edited = self._edited()
        if edited is None:
            return [
                CreatedJob(
                    self.path,
                    self._request(),
                    self._instance_types,
                    self._attempts,
                    region,
                    is_declared=True,
                    is_denied_at_run_time=True,
                )
            ]
        reader = TemplateText({})
        definition = parsed(reader.text(stack_of(self.scope).resolve(edited)))
        states = creating_states(definition) if isinstance(definition, dict) else ()
        return [
            CreatedJob(
                self.path,
                state.request,
                state.instance_types,
                max(state.attempts, self._attempts),
                region,
                is_denied_at_run_time=True,
            )
            for state in states
        ]


def standards_problems(standards: object) -> list[Problem]:
    """What is wrong with the standards that a platform is given; None means none."""
    if standards is None or isinstance(standards, Standards):
        return []
    fix = "write standards=Standards.baseline()"
    return [Problem("standards", standards, "a Standards", fix)]


def hold_to_standards(job: HeldJob, platform: object) -> None:
    """Judge a job at the end of synth, and deny its role what breaks its platform's standards, if it has any."""
    standards = getattr(platform, "standards", None)
    if isinstance(standards, Standards):
        if platform not in _held:
            _held[platform] = _HeldPlatform(platform, standards, job.scope)
        _held[platform].hold(job)


class _HeldPlatform:
    """The jobs of one platform, and which of its exemptions they use.

    A platform that is no construct of this app gets its policy in the stack of the first job.
    """

    def __init__(self, platform: Any, standards: Standards, first: Construct) -> None:
        self._standards = standards
        self._scope: Construct = platform if isinstance(platform, Construct) else stack_of(first)
        self._path = getattr(platform, "role_standards", None)
        self._policy: str | None = None
        self._jobs: set[str] = set()
        self._used: set[Exemption] = set()
        if standards.exemptions:
            checks_of(stack_of(self._scope)).late.append(self._ended)
            self._scope.node.add_validation(_UnusedExemptions(self._scope, self.unused))

    def hold(self, job: HeldJob) -> None:
        """Judge a job at the end of synth, and deny its role what breaks the standards."""
        self._jobs.add(job.path)
        today = date.today()
        exempt = {
            each.rule
            for each in self._standards.exemptions
            if each.job == job.path and each.rule in DENIALS and not each.has_ended(today)
        }
        if deny_statements(self._standards, exempt=exempt):
            arn = self._make_policy(job.scope, exempt) if exempt else self._shared_policy()
            attach(job.role, arn)
        checks_of(stack_of(job.scope)).late.append(lambda: self._judge(job))

    def unused(self) -> list[str]:
        """Exemptions that no job needs, in words."""
        return [
            f"exemption of {each.job} from {each.rule} is not needed: "
            + ("the job meets the standard" if each.job in self._jobs else "no job of this platform has that path")
            + "; remove it from the standards"
            for each in self._standards.exemptions
            if each not in self._used and not each.has_ended(date.today())
        ]

    def _judge(self, job: HeldJob) -> list[str]:
        verdicts = [judge(self._standards, created, date.today()) for created in job.created()]
        for exemption in {each for verdict in verdicts for each in verdict.exemptions} - self._used:
            self._used.add(exemption)
            Annotations.of(job.scope).add_info(str(exemption))
        return [str(breach) for verdict in verdicts for breach in verdict.breaches]

    def _ended(self) -> list[str]:
        return [str(problem) for problem in self._standards.ended(date.today())]

    def _shared_policy(self) -> str:
        if self._policy is None:
            self._policy = self._make_policy(self._scope, frozenset())
        return self._policy

    def _make_policy(self, scope: Construct, exempt: set[str] | frozenset[str]) -> str:
        """A managed policy: one for all jobs of the platform, and one for each job that is exempt from something."""
        document = {"Version": "2012-10-17", "Statement": deny_statements(self._standards, exempt=exempt)}
        properties: dict[str, Any] = {
            "Description": f"What SageMaker Processing jobs of {path_of(scope)} may not be"[:1000],
            "PolicyDocument": with_split_lists(document),
        }
        if self._path is not None and self._path.role_path is not None:
            properties["Path"] = self._path.role_path
        made = resource(scope, "Standards", "AWS::IAM::ManagedPolicy", properties)
        checks_of(stack_of(scope)).late.append(lambda: _size_problems(made, document))
        return made.attribute("ref")


def _size_problems(made: TypedResource, document: dict[str, Any]) -> list[str]:
    found = size(document)
    if found <= _MANAGED_POLICY:
        return []
    return [
        f"the policy {made.node.path} must have at most {_MANAGED_POLICY:,} characters, got {found:,}; name fewer "
        "instance types, subnets, security groups or values of tags, or use patterns"
    ]


@jsii.implements(IValidation)
class _UnusedExemptions:
    """Warns of exemptions that nobody needs, when every job has been judged."""

    def __init__(self, scope: IConstruct, unused: Callable[[], list[str]]) -> None:
        self._scope = scope
        self._unused = unused
        self._warned: set[str] = set()

    def validate(self) -> list[str]:
        """Nothing is wrong: an exemption too many is a warning."""
        for text in self._unused():
            if text not in self._warned:
                self._warned.add(text)
                Annotations.of(self._scope).add_warning_v2("cdk-processing:unused-exemption", text)
        return []

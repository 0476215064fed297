"""Every processing job that a template creates, whoever wrote it, and what else in it the standards are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cdk_processing.contract.description import METADATA
from cdk_processing.errors import Problem
from cdk_processing.standards.created_job import CreatedJob
from cdk_processing.standards.definitions import creating_states, declared_attempts, is_create_call
from cdk_processing.standards.exemption import Exemption
from cdk_processing.standards.grants import create_grants, pass_role_grants
from cdk_processing.standards.judging import Breach, Verdict, judge, judge_findings
from cdk_processing.standards.standards import Standards
from cdk_processing.standards.template_text import TemplateText, parsed

__all__ = ["FoundBreach", "SynthesizedStack", "definition_of", "jobs_of", "judge_stack"]

_PUBLIC_ACL = ("PublicRead", "PublicReadWrite", "AuthenticatedRead")


@dataclass(frozen=True, slots=True)
class SynthesizedStack:
    """A stack as it is deployed.

    Attributes:
        path: The stack's construct path.
        template: The template.
        paths: The construct path of each resource, by logical id.
        region: The region; None if it is not known at synth.
        file: Reads a file that the stack publishes, by its key in S3; None for one that it does not publish.
        denies: Whether a service control policy or a permissions boundary denies what breaks the standards. Values
            that are not known at synth are then left to it.
        resources: The resources by logical id; listed once, as every one of them is looked up there.
    """

    path: str
    template: Mapping[str, Any]
    paths: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    file: Callable[[str], str | None] = lambda key: None
    denies: bool = False
    resources: Mapping[str, Mapping[str, Any]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = self.template.get("Resources")
        items = found.items() if isinstance(found, Mapping) else ()
        resources = {name: each for name, each in items if isinstance(each, Mapping)}
        object.__setattr__(self, "resources", resources)

    def path_of(self, name: str) -> str:
        """The construct path of a resource, without what the CDK's constructs add to it."""
        path = self.paths.get(name, f"{self.path}/{name}")
        for ending in ("/Default", "/Resource"):
            path = path.removesuffix(ending)
        return path


@dataclass(frozen=True, slots=True)
class FoundBreach:
    """A breach, and the logical id of the resource that has it."""

    resource: str
    breach: Breach


def judge_stack(standards: Standards, stack: SynthesizedStack, today: date) -> tuple[list[FoundBreach], Verdict]:
    """What a stack breaks of the standards.

    Args:
        standards: The standards.
        stack: The stack.
        today: The day on which exemptions must not have ended.

    Returns:
        The breaches with their resources, and the verdict with the exemptions that were used.
    """
    reader = TemplateText(stack.template)
    found: list[FoundBreach] = []
    used: list[Exemption] = []
    for name, breaches in _findings(standards, stack, reader):
        verdict = judge_findings(standards, breaches, today)
        found += [FoundBreach(name, breach) for breach in verdict.breaches]
        used += verdict.exemptions
    for name in stack.resources:
        for job in _jobs(stack, name, reader):
            verdict = judge(standards, job, today)
            found += [FoundBreach(name, breach) for breach in verdict.breaches]
            used += verdict.exemptions
    return found, Verdict(tuple(each.breach for each in found), tuple(dict.fromkeys(used)))


def jobs_of(stack: SynthesizedStack) -> Iterator[CreatedJob]:
    """Every processing job that a stack creates."""
    reader = TemplateText(stack.template)
    for name in stack.resources:
        yield from _jobs(stack, name, reader)


def _jobs(stack: SynthesizedStack, name: str, reader: TemplateText) -> Iterator[CreatedJob]:
    """The jobs that a resource creates."""
    resource = stack.resources[name]
    properties = resource.get("Properties") or {}
    path = stack.path_of(name)
    match resource.get("Type"):
        case "AWS::StepFunctions::StateMachine":
            yield from _machine_jobs(stack, name, reader)
        case "AWS::SageMaker::ProcessingJob":
            yield CreatedJob(path, reader.tree(properties), region=stack.region, is_denied_at_run_time=stack.denies)
        case "AWS::Scheduler::Schedule":
            target = reader.tree(properties).get("Target") or {}
            if is_create_call(target.get("Arn")):
                yield _job(stack, path, parsed(str(target.get("Input"))))
        case "AWS::SageMaker::Pipeline":
            body = (properties.get("PipelineDefinition") or {}).get("PipelineDefinitionBody")
            document = parsed(reader.text(body)) if not _is_tree(body) else reader.tree(body)
            for step in document.get("Steps") or () if isinstance(document, Mapping) else ():
                if isinstance(step, Mapping) and step.get("Type") == "Processing":
                    yield _job(stack, f"{path}/{step.get('Name')}", _open_gets(step.get("Arguments")))
        case str() as kind if kind.startswith("Custom::"):
            # The CDK's AwsCustomResource.
            for event in ("Create", "Update"):
                call = parsed(reader.text(properties.get(event)))
                if isinstance(call, Mapping) and str(call.get("action")).lower() == "createprocessingjob":
                    yield _job(stack, path, call.get("parameters"))


def _machine_jobs(stack: SynthesizedStack, name: str, reader: TemplateText) -> Iterator[CreatedJob]:
    definition = definition_of(stack, name, reader)
    if not isinstance(definition, Mapping):
        return
    ours = (stack.resources[name].get("Metadata") or {}).get(METADATA)
    # The retries of this library's own definitions are states, and not a Retry of the state that creates the job.
    attempts = declared_attempts(definition) if isinstance(ours, Mapping) else 1
    for state in creating_states(definition):
        path = stack.path_of(name)
        path = path.removesuffix("/StateMachine") if isinstance(ours, Mapping) else f"{path}/{state.name}"
        yield CreatedJob(
            path,
            state.request,
            state.instance_types,
            max(state.attempts, attempts),
            stack.region,
            is_denied_at_run_time=stack.denies,
        )


def _job(stack: SynthesizedStack, path: str, request: Any) -> CreatedJob:
    given = request if isinstance(request, Mapping) else "${Token[known.at.run.time]}"
    return CreatedJob(path, given, region=stack.region, is_denied_at_run_time=stack.denies)


def definition_of(stack: SynthesizedStack, name: str, reader: TemplateText) -> Any:
    """The definition of a state machine; None if synth cannot read it."""
    properties = stack.resources[name].get("Properties") or {}
    if "Definition" in properties:
        return reader.tree(properties["Definition"])
    text: str | None = None
    if "DefinitionString" in properties:
        text = reader.text(properties["DefinitionString"])
    elif isinstance(properties.get("DefinitionS3Location"), Mapping):
        text = stack.file(reader.text(properties["DefinitionS3Location"].get("Key")))
    if text is None:
        return None
    for key, value in (properties.get("DefinitionSubstitutions") or {}).items():
        text = text.replace(f"${{{key}}}", reader.text(value))
    return parsed(text)


def _findings(
    standards: Standards, stack: SynthesizedStack, reader: TemplateText
) -> Iterator[tuple[str, list[Breach]]]:
    """What breaks the rules that are not about a single job."""
    resources = stack.resources
    if standards.known_jobs:
        for name, resource in resources.items():
            is_machine = resource.get("Type") == "AWS::StepFunctions::StateMachine"
            if is_machine and not isinstance(definition_of(stack, name, reader), Mapping):
                fix = "write it into the template"
                problem = Problem("definition", None, "readable at synth", fix, "standard known_jobs")
                yield name, [Breach(stack.path_of(name), "known_jobs", problem)]
        for grant in create_grants(resources, reader):
            allowed = "to state machines and schedules, whose jobs synth reads"
            fix = "launch the job by a state machine, or remove the permission"
            problem = Problem("right to create jobs", grant.what, allowed, fix, "standard known_jobs")
            yield grant.resource, [Breach(stack.path_of(grant.resource), "known_jobs", problem)]
    if standards.pass_role:
        for grant in pass_role_grants(resources, reader):
            fix = "name each role's ARN in Resource"
            problem = Problem("iam:PassRole", grant.what, "on named roles", fix, "standard pass_role")
            yield grant.resource, [Breach(stack.path_of(grant.resource), "pass_role", problem)]
    if standards.private_buckets:
        for name in resources:
            for what in _public(stack, name):
                fix = "remove it; give access to named principals"
                problem = Problem("bucket", what, "private", fix, "standard private_buckets")
                yield name, [Breach(stack.path_of(name), "private_buckets", problem)]


def _public(stack: SynthesizedStack, name: str) -> Iterator[str]:
    """What opens a bucket to everybody."""
    resource = stack.resources[name]
    properties = resource.get("Properties") or {}
    if resource.get("Type") == "AWS::S3::Bucket":
        if properties.get("AccessControl") in _PUBLIC_ACL:
            yield f"AccessControl {properties['AccessControl']}"
        block = properties.get("PublicAccessBlockConfiguration")
        off = [key for key, value in (block.items() if isinstance(block, Mapping) else ()) if str(value) == "False"]
        if off:
            yield f"{' and '.join(sorted(off))} off"
    if resource.get("Type") == "AWS::S3::BucketPolicy":
        document = properties.get("PolicyDocument")
        listed = document.get("Statement") if isinstance(document, Mapping) else None
        for statement in listed if isinstance(listed, list) else [listed]:
            if isinstance(statement, Mapping) and statement.get("Effect") == "Allow":
                principal = statement.get("Principal")
                if principal in ("*", {"AWS": "*"}, {"AWS": ["*"]}) and not statement.get("Condition"):
                    yield "a policy that allows everybody"


def _is_tree(value: Any) -> bool:
    return isinstance(value, Mapping) and not next(iter(value), "").startswith(("Fn::", "Ref"))


def _open_gets(value: Any) -> Any:
    """A pipeline's arguments with a token for what its run gives: ``{"Get": "Parameters.Type"}``."""
    if isinstance(value, Mapping):
        if len(value) == 1 and next(iter(value)) in ("Get", "Std:Join"):
            return "${Token[known.at.run.time]}"
        return {key: _open_gets(item) for key, item in value.items()}
    return [_open_gets(item) for item in value] if isinstance(value, list) else value

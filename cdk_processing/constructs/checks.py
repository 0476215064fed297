"""What is done once for each stack at the end of synth, when aspects have run and tags are final.

The CDK validates late too, but not where an app asks for ``synth(skip_validation=True)``, and only after it has named
the template of a nested stack by its content. So the work hangs on a dependency of the stack: the CDK reads the
dependencies of all constructs right after the aspects, always.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Acknowledgment, Annotations, Stack, Validations
from constructs import Dependable, DependencyGroup, IConstruct, IValidation

from cdk_processing.access.statement import Statement, policy_document
from cdk_processing.constructs import sharing
from cdk_processing.constructs.acknowledgements import Acknowledged, acknowledged_wildcards
from cdk_processing.constructs.list_tokens import with_split_lists
from cdk_processing.constructs.overrides import watch_overrides
from cdk_processing.constructs.sharing import Definition, map_parts, shared_parts
from cdk_processing.constructs.typed import TypedResource, read_all, write_all
from cdk_processing.constructs.written_over import Kept

__all__ = ["TELLS_IN_ASSEMBLY", "TEMPLATE_BYTES", "LateRead", "StackChecks", "checks_of"]

#: The context key by which what is wrong is written into the assembly.
TELLS_IN_ASSEMBLY = "cdk-processing:check"

#: Of all inline policies of a role together, without white space:
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_INLINE_POLICIES = 10_240
#: Of a template in S3: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
TEMPLATE_BYTES = 1_000_000
_COMPACT = "@aws-cdk/core:suppressTemplateIndentation"
_TOKEN = "${Token["
# What the CDK writes for a token is about so much longer.
_TOKEN_BYTES = 100
# Of each line, at the depth at which most are.
_INDENTATION = 8

_known: WeakKeyDictionary[Stack, StackChecks] = WeakKeyDictionary()


class LateRead(NamedTuple):
    """A property to be read when aspects have run.

    Attributes:
        made: The resource.
        name: The property's name in a template.
        take: Called with the value, which is None if there is none; returns what is wrong, in words.
    """

    made: TypedResource
    name: str
    take: Callable[[Any], list[str]]


class StackChecks:
    """What this library has made in a stack, and what is to be done for it at the end.

    The CDK calls :meth:`finish` at each synth; one call for each stack.

    Attributes:
        statements: What each role or policy allows.
        given: What the roles that jobs were given allow by this library; the CDK writes it into policies of its own.
        roles_of_policies: The role that a policy is attached to. AWS counts its characters with the role's own.
        rules: Rules of cdk-nag and checkov that do not apply to a resource, beside those about wildcards.
        reads: Properties to read when aspects have run.
        late: Called at the end, after the reads; each returns what is wrong, in words.
        definitions: The definition of each job, by the job's path.
        kept: What an override must leave of a resource, by its path.
        resources: Type and properties of all resources that this library has made in the stack.
        problems: What was wrong at the last synth.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.statements: dict[TypedResource, Sequence[Statement]] = {}
        self.given: dict[IConstruct, list[Statement]] = {}
        self.roles_of_policies: dict[TypedResource, TypedResource] = {}
        self.rules: list[Acknowledged] = []
        self.reads: list[LateRead] = []
        self.late: list[Callable[[], list[str]]] = []
        self.definitions: dict[str, Definition] = {}
        self.kept: dict[str, Kept] = {}
        self.resources: list[tuple[str, Mapping[str, Any]]] = []
        self.problems: list[str] = []
        self._tags: dict[str, str] | None = None
        self._is_validated = False
        self._parts: dict[str, Any] = {}

    def stack_tags(self) -> dict[str, str]:
        """The tags that CloudFormation gives everything in the stack, read once a synth."""
        if self._tags is None:
            self._tags = _stack_tags(self._stack)
        return self._tags

    def finish(self) -> None:
        """Do what was left for the end, and have the CDK tell what AWS would refuse."""
        self._tags = None
        found = [*self._take(), *(problem for check in self.late for problem in check())]
        is_large = sum(len(each.text) for each in self.definitions.values()) > sharing.SHARED_FROM
        self._write_definitions(is_large)
        # A stack that need not share is far below the limit of a template.
        self.problems = [*found, *self._policy_problems(), *(self._template_problems() if is_large else [])]
        # Only cdk-nag has rules to acknowledge, and an app that uses it has imported it.
        if (self.problems or "cdk_nag" in sys.modules) and not self._is_validated:
            self._stack.node.add_validation(_Validation(self))
            self._is_validated = True

    def told(self) -> list[str]:
        """What is wrong; nothing for ``cdk-processing check``, which reads it in the assembly.

        An error in the assembly keeps the CDK's command line from deploying the stack too.
        """
        if not self._stack.node.try_get_context(TELLS_IN_ASSEMBLY):
            return self.problems
        for problem in self.problems:
            Annotations.of(self._stack).add_error(problem)
        return []

    def acknowledge(self) -> None:
        """Tell cdk-nag why what it finds is as it should be."""
        rules: dict[IConstruct, dict[str, str]] = {}
        for made, rule, reason in self.acknowledged():
            rules.setdefault(made, {})[rule] = reason
        for made, reasons in rules.items():
            Validations.of(made).acknowledge(*(Acknowledgment(id=rule, reason=why) for rule, why in reasons.items()))

    def acknowledged(self) -> list[Acknowledged]:
        """What is acknowledged for cdk-nag, with the values of other stacks as they are now."""
        rules = [each for each in self.rules if not each.is_for_checkov]
        return [*acknowledged_wildcards(self._stack, {**self.statements, **self.given}), *rules]

    def _take(self) -> list[str]:
        """Take what aspects have left of resources, all in one call to Node; returns what is wrong with it."""
        values = read_all([(late.made, late.name) for late in self.reads])
        return [problem for late, value in zip(self.reads, values, strict=True) for problem in late.take(value)]

    def _policy_problems(self) -> list[str]:
        """Roles that allow more than fits, even if each value that is not known yet is short."""
        attached: dict[TypedResource, list[Sequence[Statement]]] = {}
        for made, statements in self.statements.items():
            attached.setdefault(self.roles_of_policies.get(made, made), []).append(statements)
        found = []
        for role, policies in attached.items():
            documents = [with_split_lists(policy_document(each)) for each in policies]
            if len(json.dumps(documents)) <= _INLINE_POLICIES // 2:
                continue
            size = sum(len(_flat_text(document)) for document in self._stack.resolve(documents))
            if size > _INLINE_POLICIES:
                found.append(
                    f"the inline policies of role {role.node.path} must have at most {_INLINE_POLICIES:,} characters, "
                    f"got {size:,}; name fewer places, such as one prefix above several inputs, or pass a role of "
                    "your own as role="
                )
        return found

    def _write_definitions(self, is_large: bool) -> None:
        """Put the definitions into the template; what they have in common once, where there are many."""
        definitions = self.definitions.values()
        parts = shared_parts([(each.text, each.own_texts) for each in definitions]) if is_large else []
        if parts or self._parts:
            self._parts = map_parts(self._stack, parts)
        changes = [(each, each.change(self._parts)) for each in definitions]
        read = write_all([(each.machine, change) for each, change in changes])
        for (definition, change), values in zip(changes, read, strict=True):
            if change.properties:
                [value] = values
                definition.keep(value)

    def _template_problems(self) -> list[str]:
        if self._estimated_bytes() < TEMPLATE_BYTES * 3 // 4:
            return []
        is_compact = bool(self._stack.node.try_get_context(_COMPACT))
        written = self._stack.resolve(self._made())
        size = len(json.dumps(written, ensure_ascii=False, indent=None if is_compact else 1).encode())
        if size <= TEMPLATE_BYTES:
            return []
        compact = "" if is_compact else f", and write it without indentation: set the context {_COMPACT!r} to true"
        return [
            f"the template must have at most {TEMPLATE_BYTES:,} bytes, and its {len(self.definitions)} jobs alone have "
            f"{size:,}; put the jobs into several stacks, which may share one ProcessingPlatform{compact}"
        ]

    def _estimated_bytes(self) -> int:
        """What the template may have, without asking the CDK: it takes its time to write thousands of tokens.

        JSON is written without indentation, which Python does many times faster, and the indentation is added.
        """
        described = json.dumps([self.resources, [dict(each.metadata) for each in self.definitions.values()]])
        lines = described.count(",") + 2 * (described.count("{") + described.count("["))
        texts = json.dumps([[each.written for each in self.definitions.values()], list(self._parts)])
        tokens = described.count(_TOKEN) + texts.count(_TOKEN)
        return len(described) + lines * _INDENTATION + len(texts) + tokens * _TOKEN_BYTES

    def _made(self) -> dict[str, Any]:
        """What this library has made, as it is in the template; a definition beside its other properties."""
        resources = {
            f"{number:032}": {"Type": kind, "Properties": {**properties, "DefinitionString": None}}
            for number, (kind, properties) in enumerate(self.resources)
        }
        definitions = {
            job: {"Properties": {"DefinitionString": each.written}, "Metadata": dict(each.metadata)}
            for job, each in self.definitions.items()
        }
        return {"Resources": resources, "Definitions": definitions, "Mappings": {"": {"": list(self._parts)}}}


def checks_of(stack: Stack) -> StackChecks:
    """The checks of a stack; the first call has the CDK finish them at each synth."""
    if stack not in _known:
        _known[stack] = checks = StackChecks(stack)
        end = DependencyGroup()
        Dependable.implement(end, _End(checks))
        stack.node.add_dependency(end)
        watch_overrides(stack, checks.kept)
    return _known[stack]


class _End(Dependable):
    """A dependency on nothing, which the CDK asks for when aspects have run."""

    def __init__(self, checks: StackChecks) -> None:
        super().__init__()
        self._checks = checks

    @property
    def dependency_roots(self) -> list[IConstruct]:
        """Nothing; being asked is the point."""
        self._checks.finish()
        return []


@jsii.implements(IValidation)
class _Validation:
    """What the CDK does when references to other stacks are settled too, unless it is to skip that."""

    def __init__(self, checks: StackChecks) -> None:
        self._checks = checks

    def validate(self) -> list[str]:
        """What is wrong, for the CDK to raise with what others find."""
        if "cdk_nag" in sys.modules:
            self._checks.acknowledge()
        return self._checks.told()


def _stack_tags(stack: Stack) -> dict[str, str]:
    """The tags of a stack; a nested stack has those of its parent too."""
    parent = stack.nested_stack_parent
    return {**(_stack_tags(parent) if parent is not None else {}), **stack.tags.tag_values()}


def _flat_text(document: Any) -> str:
    """A policy as IAM counts it, with nothing where a value is not known yet."""
    if isinstance(document, Mapping):
        if len(document) == 1 and next(iter(document)).startswith(("Fn::", "Ref")):
            [argument] = document.values()
            parts = argument[1] if "Fn::Join" in document else []
            return json.dumps("".join(part for part in parts if isinstance(part, str)), ensure_ascii=False)
        return "{" + ",".join(f'"{name}":{_flat_text(item)}' for name, item in document.items()) + "}"
    if isinstance(document, list):
        return "[" + ",".join(_flat_text(item) for item in document) + "]"
    return json.dumps(document, ensure_ascii=False)

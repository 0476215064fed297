"""Reads the templates as they are deployed: what an override has taken from a job, and where a run-time value stands.

A plugin of the CDK's validation: only the templates have overrides, and the CDK calls plugins when they are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Stack,
    Stage,
    Validations,
)
from constructs import IConstruct

from cdk_processing.constructs.written_over import Kept, KeptRole, LogicalIds
from cdk_processing.request.markers import has_marker, values_in_tree

if TYPE_CHECKING:
    from cdk_processing.standards.templates import SynthesizedStack

__all__ = ["watch_overrides"]

_apps: WeakKeyDictionary[IConstruct, _Overrides] = WeakKeyDictionary()


def watch_overrides(stack: Stack, kept: dict[str, Kept]) -> None:
    """Have the CDK judge a stack's resources at each synth.

    Args:
        stack: The stack.
        kept: What must be kept, by the path of the resource.
    """
    root = stack.node.root
    if root not in _apps:
        if not Stage.is_stage(root):
            return
        _apps[root] = plugin = _Overrides()
        Validations.of(root).add_plugins(plugin)
    _apps[root].stacks[stack.node.path] = (stack, kept)


@jsii.implements(IPolicyValidationPlugin)
class _Overrides:
    """The plugin of one app."""

    def __init__(self) -> None:
        self.stacks: dict[str, tuple[Stack, dict[str, Kept]]] = {}

    @property
    def name(self) -> str:
        """The name in the CDK's report, and of its rules where they are acknowledged."""
        return "cdk-processing-overrides"

    @property
    def version(self) -> str | None:
        """Not reported."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """Not reported."""
        return None

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Judge all stacks; the CDK calls this."""
        from cdk_processing.constructs.synthesized import synthesized_stacks

        found = [
            violation
            for each in context.stack_templates
            for file, stack in synthesized_stacks(Path(each.template_path), None, denies=False)
            for violation in (*self._violations(file, stack), *_run_time_values(file, stack))
        ]
        return PolicyValidationPluginReport(success=not found, violations=found)

    def _violations(self, file: Path, stack: SynthesizedStack) -> Iterator[PolicyViolation]:
        made, kept = self.stacks.get(stack.path, (None, {}))
        if made is None:
            return
        paths = {stack.path_of(name): name for name in stack.resources}
        ids = LogicalIds(paths)
        for path, each in _resolved(made, kept).items():
            if path not in paths:
                continue  # removed from the tree
            properties = stack.resources[paths[path]].get("Properties") or {}
            for loss in each.losses(properties, ids):
                yield PolicyViolation(
                    rule_name=loss.rule,
                    description=f"{loss.name} of {path} {loss.text}",
                    severity="error",
                    violating_resources=[
                        PolicyViolatingResource(
                            locations=[f"Properties/{loss.name}"],
                            construct_path=stack.paths.get(paths[path]),
                            resource_logical_id=paths[path],
                            template_path=str(file),
                        )
                    ],
                )


def _run_time_values(file: Path, stack: SynthesizedStack) -> Iterator[PolicyViolation]:
    """Values of a run that stand in a template: whoever gets them there gets the marker."""
    if not has_marker(file.read_text(encoding="utf-8")):
        return
    for section in ("Resources", "Outputs"):
        for name, each in stack.template.get(section, {}).items():
            values = values_in_tree(each)
            if not values:
                continue
            labels = ", ".join(dict.fromkeys(value.label for value in values))
            path = stack.path_of(name) if section == "Resources" else f"{stack.path}/{name}"
            yield PolicyViolation(
                rule_name="run-time-value",
                description=f"{path} must not have {labels}, which only a run of a job knows; use run-time values in "
                "the request of a job alone. Where all runs write is outputs['name'].folder. What one run wrote is in "
                "the output of as_state(...), and in the event that OnSuccessOf waits for",
                severity="error",
                violating_resources=[
                    PolicyViolatingResource(
                        locations=[section],
                        construct_path=stack.paths.get(name),
                        resource_logical_id=name,
                        template_path=str(file),
                    )
                ],
            )


def _resolved(stack: Stack, kept: dict[str, Kept]) -> dict[str, Kept]:
    """With the ARNs of policies as they are in the template; asked of Node once for all, as jobs share them."""
    arns = sorted({arn for each in kept.values() if isinstance(each, KeptRole) for arn in each.attached})
    written: dict[str, Any] = dict(zip(arns, stack.resolve(arns) if arns else [], strict=True))
    return {
        path: KeptRole(each.services, each.sids, [written[arn] for arn in each.attached])
        if isinstance(each, KeptRole)
        else each
        for path, each in kept.items()
    }

"""List what a deployment changed in a stack, by construct path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cdk_processing.local.deployment.stacks import DeployedStack

__all__ = ["differences"]


def differences(before: DeployedStack | None, now: DeployedStack) -> Iterator[str]:
    """Yield a line for each added, changed or removed resource: ``Census/Preprocess/StateMachine changed``."""
    old = _resources(before) if before is not None else {}
    new = _resources(now)
    for logical_id in sorted({**old, **new}, key=lambda each: _path(before, now, each)):
        if logical_id not in old:
            what = "added"
        elif logical_id not in new:
            what = "removed"
        elif old[logical_id] != new[logical_id]:
            what = "changed"
        else:
            continue
        yield f"{_path(before, now, logical_id)} {what}"


def _resources(stack: DeployedStack) -> dict[str, Any]:
    return {
        logical_id: {name: value for name, value in resource.items() if name != "Metadata"}
        for logical_id, resource in stack.template.get("Resources", {}).items()
        if resource.get("Type") != "AWS::CDK::Metadata"
    }


def _path(before: DeployedStack | None, now: DeployedStack, logical_id: str) -> str:
    path = now.paths.get(logical_id) or (before.paths.get(logical_id) if before is not None else None)
    return (path or f"{now.name}/{logical_id}").removesuffix("/Resource")

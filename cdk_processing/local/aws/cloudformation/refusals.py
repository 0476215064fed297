"""CloudFormation operations that the embedded AWS does not support. Each error names an alternative."""

from __future__ import annotations

from typing import Any

from cdk_processing.local import ministack

__all__ = ["refuse_by_name"]

_CLOUDFORMATION = "ministack.services.cloudformation"
_REFACTOR = "cdk refactor moves resources between stacks in AWS alone; here, run cdk deploy, which makes them anew"
_MIGRATE = "cdk migrate reads what is in an account; run it with the credentials of a real one"

_WAYS_OUT = {
    "CreateStackRefactor": _REFACTOR,
    "DescribeStackRefactor": _REFACTOR,
    "ExecuteStackRefactor": _REFACTOR,
    "ListStackRefactorActions": _REFACTOR,
    "CreateGeneratedTemplate": _MIGRATE,
    "DescribeGeneratedTemplate": _MIGRATE,
    "GetGeneratedTemplate": _MIGRATE,
    "ListResourceScans": _MIGRATE,
    "StartResourceScan": _MIGRATE,
    "CreateStackSet": "declare the stacks in the app",
    "ListTypes": "types of resources are those of docs/embedded-aws.md",
    "RegisterType": "types of resources are those of docs/embedded-aws.md",
}


def refuse_by_name() -> None:
    """Refuse unsupported operations by name. MiniStack would say that they do not exist."""
    actions = ministack.internal(f"{_CLOUDFORMATION}.handlers", "_ACTION_HANDLERS")
    for action, way_out in _WAYS_OUT.items():
        actions.setdefault(action, _refusing(action, way_out))


def _refusing(action: str, way_out: str) -> Any:
    def refuse(_params: Any) -> Any:
        error = ministack.internal(f"{_CLOUDFORMATION}.helpers", "_error")
        return error("UnsupportedOperation", f"The embedded AWS does not do {action}: {way_out}", 400)

    return refuse

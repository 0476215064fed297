"""Drift of state machines, and change sets that revert drift, for ``cdk drift`` and ``cdk deploy --revert-drift``.

``cdk deploy --hotswap`` changes a state machine outside CloudFormation. Without this module, ``cdk drift`` would find
nothing, and ``cdk deploy --revert-drift``, which the CDK then recommends, would change nothing.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdk_processing.local import ministack

__all__ = ["compare_state_machines", "revert_drift"]

_CLOUDFORMATION = "ministack.services.cloudformation"
_DRIFT = f"{_CLOUDFORMATION}.drift"
_STATE_MACHINE = "AWS::StepFunctions::StateMachine"
# Key in the record of a change set: the live properties of the resources that it reverts.
_LIVE = "_cdk_processing_live"


def compare_state_machines() -> None:
    """Compare the definition and role of state machines. MiniStack only checks whether a state machine exists."""
    readers = ministack.internal(_DRIFT, "_DRIFT_READERS")
    readers[_STATE_MACHINE] = (_read_state_machine, frozenset({"DefinitionString", "RoleArn"}))


def _read_state_machine(arn: str, declared: Mapping[str, Any]) -> dict[str, Any] | None:
    machine = ministack.internal("ministack.services.stepfunctions", "_state_machines").get(arn)
    if machine is None:
        return None
    live = {"RoleArn": machine["roleArn"]}
    # With substitutions, the template's text differs from the resulting definition, so they cannot be compared.
    if not declared.get("DefinitionSubstitutions"):
        live["DefinitionString"] = machine["definition"]
    return live


def revert_drift() -> None:
    """Let a change set in ``REVERT_DRIFT`` mode revert changes made outside CloudFormation."""
    actions = ministack.internal(f"{_CLOUDFORMATION}.handlers", "_ACTION_HANDLERS")
    actions["CreateChangeSet"] = _with_drifted_resources(actions["CreateChangeSet"])
    actions["ExecuteChangeSet"] = _from_the_live_state(actions["ExecuteChangeSet"])


def _with_drifted_resources(create: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def create_change_set(params: Mapping[str, Any]) -> Any:
        kept = ministack.internal(_CLOUDFORMATION, "_change_sets")
        before = set(kept)
        answer = create(params)
        made = [kept[each] for each in kept if each not in before]
        if made and params.get("DeploymentMode") == ["REVERT_DRIFT"] and made[0]["ChangeSetType"] == "UPDATE":
            _add_drifted(made[0])
        return answer

    return create_change_set


def _add_drifted(change_set: dict[str, Any]) -> None:
    stack = ministack.internal(_CLOUDFORMATION, "_stacks")[change_set["StackName"]]
    listed = {change["ResourceChange"]["LogicalResourceId"] for change in change_set["Changes"]}
    live: dict[str, dict[str, Any]] = {}
    for logical_id, record, drift in _drifted(stack):
        if logical_id not in change_set["_template"].get("Resources", {}):
            continue
        live[logical_id] = json.loads(drift["ActualProperties"])
        if logical_id not in listed:
            names = sorted({each["PropertyPath"].split("/")[1] for each in drift["PropertyDifferences"]})
            change_set["Changes"].append(_modification(logical_id, record, names))
    if live:
        change_set[_LIVE] = live
        change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")


def _drifted(stack: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """The resources that differ from the stack's template. A deleted resource is not among them and stays deleted."""
    readers = ministack.internal(_DRIFT, "_DRIFT_READERS")
    detect = ministack.internal(_DRIFT, "detect_resource_drift")
    for logical_id, record in stack.get("_resources", {}).items():
        if record.get("ResourceType") in readers:
            drift = detect(stack, logical_id, record, "")
            if drift["StackResourceDriftStatus"] == "MODIFIED":
                yield logical_id, record, drift


def _modification(logical_id: str, record: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    details = [
        {
            "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
        for name in names
    ]
    return {
        "ResourceChange": {
            "Action": "Modify",
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": record["PhysicalResourceId"],
            "ResourceType": record["ResourceType"],
            "Replacement": "False",
            "Scope": ["Properties"],
            "Details": details,
        }
    }


def _from_the_live_state(execute: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Compare drifted resources in their live state, so that the update finds the differences."""

    def execute_change_set(params: Mapping[str, Any]) -> Any:
        find = ministack.internal(f"{_CLOUDFORMATION}.changesets", "_find_change_set")
        _, change_set = find(*(params.get(name, [""])[0] for name in ("ChangeSetName", "StackName")))
        if change_set and change_set["ExecutionStatus"] == "AVAILABLE":
            records = ministack.internal(_CLOUDFORMATION, "_stacks")[change_set["StackName"]].get("_resources", {})
            for logical_id, live in change_set.get(_LIVE, {}).items():
                records[logical_id]["Properties"] = {**records[logical_id].get("Properties", {}), **live}
        return execute(params)

    return execute_change_set

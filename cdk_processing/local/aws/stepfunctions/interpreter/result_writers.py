"""``ResultWriter``: the results of a Distributed Map as files in S3, with a manifest.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from __future__ import annotations

from typing import Any

from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate
from cdk_processing.local.aws.stepfunctions.interpreter.map_runs import MapRun
from cdk_processing.local.aws.stepfunctions.interpreter.s3_calls import put_text
from cdk_processing.local.aws.stepfunctions.interpreter.state import State, compact
from cdk_processing.local.aws.stepfunctions.interpreter.templates import fill

__all__ = ["write_results"]

_ERROR = "States.ResultWriterFailed"
_FILES = {"SUCCEEDED": ("SUCCEEDED",), "FAILED": ("FAILED", "TIMED_OUT"), "PENDING": ("ABORTED",)}


def write_results(state: State, effective: Any, run: MapRun) -> dict[str, Any]:
    """Write a file for each outcome, and the manifest. The result of the state is where that is."""
    writer = state.get("ResultWriter")
    given = writer.get("Arguments" if state.jsonata else "Parameters") or {}
    place = evaluate(state, given, "ResultWriter/Arguments") if state.jsonata else fill(state, given, effective)
    bucket, prefix = place["Bucket"], place.get("Prefix", "").strip("/")
    folder = f"{prefix}/{run.id}" if prefix else run.id
    files: dict[str, list[dict[str, Any]]] = {}
    for name, statuses in _FILES.items():
        ended = [child for child in run.children if child["status"] in statuses]
        files[name] = [_put(bucket, f"{folder}/{name}_0.json", [_entry(child) for child in ended])] if ended else []
    manifest = {"DestinationBucket": bucket, "MapRunArn": run.arn, "ResultFiles": files}
    _put(bucket, f"{folder}/manifest.json", manifest)
    return {"MapRunArn": run.arn, "ResultWriterDetails": {"Bucket": bucket, "Key": f"{folder}/manifest.json"}}


def _put(bucket: str, key: str, content: Any) -> dict[str, Any]:
    text = compact(content)
    put_text(bucket, key, text, _ERROR)
    return {"Key": key, "Size": len(text.encode())}


def _entry(child: dict[str, Any]) -> dict[str, Any]:
    told = {
        "ExecutionArn": child["executionArn"],
        "Input": child["input"],
        "InputDetails": {"Included": True},
        "Name": child["name"],
        "Output": child["output"],
        "OutputDetails": {"Included": True},
        "Error": child.get("error"),
        "Cause": child.get("cause"),
        "StartDate": child["startDate"],
        "StateMachineArn": child["stateMachineArn"],
        "Status": child["status"],
        "StopDate": child["stopDate"],
    }
    return {name: value for name, value in told.items() if value is not None}

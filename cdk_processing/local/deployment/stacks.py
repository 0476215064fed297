"""Create, update or delete one CloudFormation stack, and explain failures."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal, cast

from cdk_processing.errors import CdkProcessingError
from cdk_processing.local.deployment.expressions import substitute

if TYPE_CHECKING:
    from types_boto3_cloudformation.client import CloudFormationClient

    from cdk_processing.local.deployment.assembly import StackArtifact

__all__ = ["DeployedStack", "StackFailedError", "delete_stack", "deploy_stack"]

_LARGEST_BODY = 51_200
"""Largest template, in bytes, that fits into an API request. CloudFormation reads larger ones from the assets bucket.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

_CAPABILITIES: Any = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class StackFailedError(CdkProcessingError):
    """A stack could not be created, updated or deleted.

    Attributes:
        stack: Its name.
        reasons: Why resources failed, by logical id.
    """

    def __init__(self, stack: str, status: str, reasons: Mapping[str, str]) -> None:
        lines = "".join(f"\n  {logical_id}: {reason}" for logical_id, reason in reasons.items())
        super().__init__(f"Stack {stack} ended as {status}{lines or '; CloudFormation gives no reason'}")
        self.stack = stack
        self.reasons = dict(reasons)


@dataclass(frozen=True)
class DeployedStack:
    """A deployed stack.

    Attributes:
        name: The stack's name.
        stack_id: Its ARN.
        region: Its region.
        action: What the deployment did.
        outputs: Its outputs.
        exports: Its exports, by export name.
        resources: Physical ids by logical id.
        types: CloudFormation types by logical id.
        paths: Construct paths by logical id.
        template: Its template.
        account_id: Its account.
    """

    name: str
    stack_id: str
    region: str
    action: Literal["created", "updated", "unchanged"]
    outputs: Mapping[str, str]
    exports: Mapping[str, str]
    resources: Mapping[str, str]
    types: Mapping[str, str]
    paths: Mapping[str, str]
    template: Mapping[str, Any]
    account_id: str

    @property
    def references(self) -> dict[str, str]:
        """Values of ``Ref`` and of the most common ``Fn::GetAtt`` in this stack."""
        attributes = {}
        for logical_id, physical_id in self.resources.items():
            if physical_id.startswith("arn:"):
                attributes[f"{logical_id}.Arn"] = physical_id
            elif self.types[logical_id] == "AWS::S3::Bucket":
                attributes[f"{logical_id}.Arn"] = f"arn:aws:s3:::{physical_id}"
        return {
            **self.resources,
            **attributes,
            "AWS::AccountId": self.account_id,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": self.name,
            "AWS::StackId": self.stack_id,
        }


def deploy_stack(
    cloudformation: CloudFormationClient, stack: StackArtifact, region: str, places: Mapping[str, str]
) -> DeployedStack:
    """Create or update a stack. Does nothing if the stack is up to date.

    Args:
        cloudformation: CloudFormation client for the stack's account and region.
        stack: The stack. Its assets must be published already.
        region: Its region.
        places: Values of ``AWS::AccountId``, ``AWS::Region`` and ``AWS::Partition``.

    Raises:
        StackFailedError: The stack could not be created or updated.
    """
    from botocore.exceptions import ClientError

    status = _status(cloudformation, stack.name)
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"):
        # If the creation of a stack failed, CloudFormation only allows to delete it.
        delete_stack(cloudformation, stack.name)
        status = None
    request: dict[str, Any] = {
        "StackName": stack.name,
        "Capabilities": _CAPABILITIES,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
        **_template(stack, places),
    }
    began = datetime.now(timezone.utc)
    action: Literal["created", "updated", "unchanged"]
    try:
        if status is None:
            cloudformation.create_stack(**request)
            action = "created"
        else:
            cloudformation.update_stack(**request)
            action = "updated"
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        if "No updates are to be performed" not in message:
            raise StackFailedError(stack.name, "refused", {error.operation_name: message}) from None
        action = "unchanged"
    _wait(cloudformation, stack.name, began)
    return _describe(cloudformation, stack, region, places["AWS::AccountId"], action)


def delete_stack(cloudformation: CloudFormationClient, name: str) -> None:
    """Delete a stack. Does nothing if it does not exist.

    Raises:
        StackFailedError: The stack could not be deleted.
    """
    from botocore.exceptions import ClientError

    if _status(cloudformation, name) is None:
        return
    stack_id = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    began = datetime.now(timezone.utc)
    try:
        cloudformation.delete_stack(StackName=name)
    except ClientError as error:
        raise StackFailedError(name, "refused", {error.operation_name: error.response["Error"]["Message"]}) from None
    _wait(cloudformation, stack_id, began, gone_is_done=True)


def _template(stack: StackArtifact, places: Mapping[str, str]) -> dict[str, str]:
    body = json.dumps(stack.template, separators=(",", ":"))
    if len(body.encode()) <= _LARGEST_BODY:
        return {"TemplateBody": body}
    for asset in stack.assets:
        if asset.path == stack.template_file.resolve():
            bucket, key = substitute(asset.bucket, places), substitute(asset.key, places)
            return {"TemplateURL": f"https://s3.{places['AWS::Region']}.amazonaws.com/{bucket}/{key}"}
    raise StackFailedError(
        stack.name,
        "too large",
        {"template": f"it has {len(body)} bytes, more than {_LARGEST_BODY}, and it is not among the assets"},
    )


def _status(cloudformation: CloudFormationClient, name: str) -> str | None:
    from botocore.exceptions import ClientError

    try:
        status: str = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    return None if status == "DELETE_COMPLETE" else status


def _wait(cloudformation: CloudFormationClient, name: str, began: datetime, *, gone_is_done: bool = False) -> None:
    pause = 0.02  # boto3's waiters poll every 30 s; here a stack takes less than 1 s.
    while True:
        status = _status(cloudformation, name)
        if status is None:
            if gone_is_done:
                return
            raise StackFailedError(name, "DELETE_COMPLETE", _reasons(cloudformation, name, began))
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        if status == "UPDATE_ROLLBACK_COMPLETE" and not _reasons(cloudformation, name, began):
            return  # An earlier update failed; this one had no changes.
        raise StackFailedError(name, status, _reasons(cloudformation, name, began))


def _reasons(cloudformation: CloudFormationClient, name: str, began: datetime) -> dict[str, str]:
    """Return the resources that failed, in order. Leaves out those cancelled because of another failure."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    events = [event for page in pages for event in page["StackEvents"]]
    since = began - timedelta(seconds=2)
    reasons: dict[str, str] = {}
    for event in reversed(events):
        reason = event.get("ResourceStatusReason", "")
        if event["Timestamp"] < since or not event.get("ResourceStatus", "").endswith("_FAILED"):
            continue
        if "cancelled" in reason.lower():
            continue
        kind = event.get("ResourceType", "")
        reasons.setdefault(f"{event.get('LogicalResourceId', name)} ({kind})", reason or "no reason given")
    return _validation_errors(cloudformation, name, since) or reasons


def _validation_errors(cloudformation: CloudFormationClient, name: str, since: datetime) -> dict[str, str]:
    """Return what CloudFormation's pre-deployment validation found. The stack's own events do not give the details.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    from botocore.exceptions import ClientError

    try:
        events = cast("Any", cloudformation).describe_events(StackName=name, Filters={"FailedEvents": True})
    except (AttributeError, ClientError):  # The SDK is older, or the stack no longer exists.
        return {}
    return {
        f"{event.get('LogicalResourceId', name)} ({event.get('ResourceType', '')})": event["ValidationStatusReason"]
        for event in events["OperationEvents"]
        if event.get("EventType") == "VALIDATION_ERROR" and event["Timestamp"] >= since
    }


def _describe(
    cloudformation: CloudFormationClient,
    stack: StackArtifact,
    region: str,
    account_id: str,
    action: Literal["created", "updated", "unchanged"],
) -> DeployedStack:
    described = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
    resources = {
        summary["LogicalResourceId"]: summary
        for page in pages
        for summary in page["StackResourceSummaries"]
        if summary.get("PhysicalResourceId") and not summary["ResourceStatus"].startswith("DELETE_COMPLETE")
    }
    outputs = described.get("Outputs", [])
    return DeployedStack(
        name=stack.name,
        stack_id=described["StackId"],
        region=region,
        action=action,
        outputs={output["OutputKey"]: output["OutputValue"] for output in outputs},
        exports={output["ExportName"]: output["OutputValue"] for output in outputs if output.get("ExportName")},
        resources={logical_id: summary["PhysicalResourceId"] for logical_id, summary in resources.items()},
        types={logical_id: summary["ResourceType"] for logical_id, summary in resources.items()},
        paths=stack.paths,
        template=stack.template,
        account_id=account_id,
    )

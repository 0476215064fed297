"""Checks the processing jobs of a state machine when its stack is deployed, so that they do not fail at their run.

CloudFormation refuses a state machine whose jobs need what the embedded AWS lacks: a feature, an image, a role. AWS
checks less: it accepts roles and images that do not exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdk_processing.contract.tags import JOB_TAG
from cdk_processing.errors import Problem
from cdk_processing.local.aws.iam.principals import role_account_and_name, role_record
from cdk_processing.local.aws.iam.stand_ins import make_stand_in
from cdk_processing.local.aws.sagemaker.missing_features import missing_features
from cdk_processing.local.ministack import internal, scope

__all__ = ["DeployedJobs", "ImageCheck"]

_PROVISIONERS = "ministack.services.cloudformation.provisioners"
_CALLS = ("sagemaker:createProcessingJob", "aws-sdk:sagemaker:createProcessingJob")

ImageCheck = Callable[[str, str, bool], str | None]
"""Takes an image's URI, the job's account, and whether the job gives the entrypoint. Returns why it cannot run."""


class DeployedJobs:
    """The checks.

    Args:
        image_problem: Checks an image.
        stand_in_roles: Make the execution roles that do not exist.
    """

    def __init__(self, image_problem: ImageCheck, *, stand_in_roles: bool = False) -> None:
        self._image_problem = image_problem
        self._stand_in_roles = stand_in_roles

    def problem(self, _resource_type: str, properties: Mapping[str, Any]) -> str:
        """Why a state machine cannot be deployed, or "" if it can."""
        try:
            definition = json.loads(internal(_PROVISIONERS, "_sfn_definition")(properties))
        except ValueError:
            return ""  # Step Functions explains what is wrong with it.
        found = [
            str(problem.on(_job_of(request) or state))
            for state, request in _requests(definition)
            for problem in self._problems(request)
        ]
        return "\n".join(dict.fromkeys(found))

    def _problems(self, request: Mapping[str, Any]) -> Iterator[Problem]:
        yield from missing_features(request)
        application = request.get("AppSpecification")
        application = application if isinstance(application, Mapping) else {}
        if image := _known(application.get("ImageUri")):
            reason = self._image_problem(image, scope()[0], bool(application.get("ContainerEntrypoint")))
            if reason is not None:
                yield Problem("AppSpecification.ImageUri", image, "an image that can run on this machine", reason)
        role = _known(request.get("RoleArn"))
        if role and role_record(role) is None:
            yield from self._without_role(role)

    def _without_role(self, role: str) -> Iterator[Problem]:
        account = role_account_and_name(role)[0]
        if account != scope()[0]:
            fix = f"start the embedded AWS with --account {account}" if account else "give the ARN of a role"
            yield Problem("RoleArn", role, f"a role of account {scope()[0]}, as in AWS", fix)
        elif self._stand_in_roles:
            make_stand_in(role)
        else:
            fix = (
                "declare it in the app (iam.Role), in this stack or one deployed before it; leave role out to have one "
                "made; make it with `aws iam create-role`; or start with --stand-in-roles"
            )
            yield Problem("RoleArn", role, "a role that exists in the embedded AWS", fix)


def _requests(value: Any, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The requests of all states that create processing jobs, at any depth, with the state's name."""
    if not isinstance(value, Mapping):
        return
    states = value.get("States")
    for state, fields in states.items() if isinstance(states, Mapping) else ():
        yield from _requests(fields, state)
    for field in ("ItemProcessor", "Iterator"):
        yield from _requests(value.get(field), name)
    for branch in value.get("Branches") or ():
        yield from _requests(branch, name)
    resource = str(value.get("Resource", "")).partition(":states:::")[2].removesuffix(".sync")
    request = value.get("Arguments", value.get("Parameters"))
    if resource in _CALLS and isinstance(request, Mapping):
        yield name, request


def _job_of(request: Mapping[str, Any]) -> str | None:
    tags = request.get("Tags")
    tags = [tag for tag in tags if isinstance(tag, Mapping)] if isinstance(tags, list) else []
    return next((str(tag.get("Value")) for tag in tags if tag.get("Key") == JOB_TAG), None)


def _known(value: object) -> str:
    """The text; "" if only an execution or another tool knows it."""
    return value if isinstance(value, str) and "{%" not in value and "${" not in value else ""

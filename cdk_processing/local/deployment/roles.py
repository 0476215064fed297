"""Check the roles that an app refers to by ARN. They exist here only if a stack or a user has created them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from cdk_processing.contract.description import JobDescription
from cdk_processing.errors import Problem
from cdk_processing.local.deployment.stacks import DeployedStack

__all__ = ["missing_roles"]

#: Matches the execution role in a state machine definition. The template contains the definition as a JSON string.
_ROLE = re.compile(r'RoleArn[\\": ]+(arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]+)')


def missing_roles(iam: Any, stacks: Iterable[DeployedStack]) -> Iterator[str]:
    """Yield a warning for each job whose execution role does not exist.

    Args:
        iam: A client of the embedded IAM.
        stacks: The deployed stacks.
    """
    for stack in stacks:
        for logical_id, resource in stack.template.get("Resources", {}).items():
            about = JobDescription.parse(resource)
            if about is None:
                continue
            text = json.dumps(resource.get("Properties", {}).get("DefinitionString", ""))
            for arn in dict.fromkeys(_ROLE.findall(text)):
                if not _exists(iam, arn):
                    yield str(_problem(arn).on(about.job or logical_id))


def _problem(arn: str) -> Problem:
    fix = (
        "declare it in the app (iam.Role), leave role out to have one made, or make it with `aws iam create-role`; "
        "without it every run of the job fails"
    )
    return Problem("role", arn, "one that exists in the embedded AWS", fix)


def _exists(iam: Any, arn: str) -> bool:
    try:
        iam.get_role(RoleName=arn.rpartition("/")[2])
    except iam.exceptions.NoSuchEntityException:
        return False
    return True

"""What all roles of a platform have in common: a permissions boundary, a path, and what their names begin with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from cdk_processing.contract.texts import digest
from cdk_processing.errors import Problem
from cdk_processing.request.tokens import is_token

__all__ = ["STACK_MARK", "RoleStandards"]

#: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
_NAME_LENGTH = 64
_PREFIX_LENGTH = 32
_PREFIX = re.compile(r"[A-Za-z0-9+=,.@_-]+")
_PATH_LENGTH = 512
_PATH = re.compile(r"/([\x21-\x7e]+/)?")
_BOUNDARY = re.compile(r"arn:[a-z0-9-]+:iam::([0-9]{12}|aws):policy/.+")
_DIGEST_LENGTH = 8
#: A hyphen and four digits, as of a platform's role path.
_MARK_LENGTH = 5
#: The first part of the id that CloudFormation gives a stack once for all:
#: arn:aws:cloudformation:region:account:stack/name/51af3dc0-da77-11e4-872e-1234567db123
STACK_MARK = {
    "Fn::Select": [
        0,
        {"Fn::Split": ["-", {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}]},
    ]
}


class ManagedPolicy(Protocol):
    """An ``iam.IManagedPolicy``."""

    @property
    def managed_policy_arn(self) -> str:
        """ARN of the policy."""


@dataclass(frozen=True, slots=True)
class RoleStandards:
    """What is the same for all roles that a platform's jobs make.

    Args:
        permissions_boundary: An ``iam.IManagedPolicy``, or the ARN of one. Left out, no boundary.
        role_path: Begins and ends with ``/``. Left out, ``/``.
        role_name_prefix: 1-32 characters that the names begin with. Left out, CloudFormation makes the names.

    With a ``role_name_prefix``, a name is made of it, the end of the construct's path, a digest of that path and of the
    role's path, and a mark of the stack. A role that CloudFormation replaces gets another name, so that both can be
    there at once; and the same app can be deployed to several regions of an account.

    Example:
        >>> standards = RoleStandards(permissions_boundary="Boundary", role_path="data", role_name_prefix="data team")
        >>> [problem.field for problem in standards.problems()]
        ['permissions_boundary', 'role_path', 'role_name_prefix']
    """

    permissions_boundary: ManagedPolicy | str | None = None
    role_path: str | None = None
    role_name_prefix: str | None = None

    def problems(self) -> list[Problem]:
        """What is wrong with these standards."""
        return [*self._boundary_problems(), *self._path_problems(), *self._prefix_problems()]

    def properties(self, construct_path: str) -> dict[str, Any]:
        """Properties of the role at a construct's path, as in a template."""
        properties: dict[str, Any] = {}
        if self.permissions_boundary is not None:
            properties["PermissionsBoundary"] = self.boundary_arn
        if self.role_path is not None:
            properties["Path"] = self.role_path
        if self.role_name_prefix is not None:
            properties["RoleName"] = self.name(construct_path, self.role_path)
        return properties

    def name(self, construct_path: str, path: str | None) -> dict[str, Any]:
        """The name of a role, at most 64 characters.

        Args:
            construct_path: The construct's path.
            path: The role's path. A role of another path is another role, and its name must be free.
        """
        return self.name_with(self.role_name_prefix or "", "", construct_path, path)

    @staticmethod
    def name_with(prefix: str, mark: str, construct_path: str, path: str | None) -> dict[str, Any]:
        """A role's name.

        Args:
            prefix: What it begins with; a CDK token counts as the longest prefix.
            mark: What else tells it from others; a CDK token counts as 5 characters.
            construct_path: The construct's path.
            path: The role's path, as far as it is known at synth.
        """
        own = digest(f"{construct_path}|{path or '/'}")
        taken = (_PREFIX_LENGTH if is_token(prefix) else len(prefix)) + (_MARK_LENGTH if is_token(mark) else len(mark))
        room = _NAME_LENGTH - taken - 2 * (_DIGEST_LENGTH + 1)
        readable = re.sub(r"[^A-Za-z0-9]", "", construct_path)[-room:]
        return {"Fn::Join": ["", [f"{prefix}{readable}-{own}{mark}-", STACK_MARK]]}

    @property
    def boundary_arn(self) -> str:
        """ARN of the permissions boundary; "" if there is none."""
        given = self.permissions_boundary
        return given if isinstance(given, str) else getattr(given, "managed_policy_arn", "")

    def _boundary_problems(self) -> list[Problem]:
        given = self.permissions_boundary
        if given is None or (isinstance(given, str) and (is_token(given) or _BOUNDARY.fullmatch(given))):
            return []
        if not isinstance(given, str) and hasattr(given, "managed_policy_arn"):
            return []
        allowed = "an iam.IManagedPolicy, or the ARN of a managed policy"
        fix = 'write iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "name of the policy")'
        return [Problem("permissions_boundary", given, allowed, fix)]

    def _path_problems(self) -> list[Problem]:
        given = self.role_path
        if given is None:
            return []
        if isinstance(given, str) and len(given) <= _PATH_LENGTH and _PATH.fullmatch(given):
            return []
        allowed = f"at most {_PATH_LENGTH} ASCII characters without a space, with / at the beginning and at the end"
        fix = f"write role_path={'/' + str(given).strip('/ ') + '/'!r}" if isinstance(given, str) else "write '/data/'"
        return [Problem("role_path", given, allowed, fix)]

    def _prefix_problems(self) -> list[Problem]:
        given = self.role_name_prefix
        if given is None:
            return []
        if isinstance(given, str) and len(given) <= _PREFIX_LENGTH and _PREFIX.fullmatch(given):
            return []
        allowed = f"1-{_PREFIX_LENGTH} letters, digits and + = , . @ _ -"
        return [Problem("role_name_prefix", given, allowed, "shorten it, or leave out what IAM does not take")]

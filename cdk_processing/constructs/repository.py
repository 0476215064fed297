"""An ECR repository for the images of jobs, with safe defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from aws_cdk import CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_processing.constructs.removal import removal_policy_problems, removes_data
from cdk_processing.constructs.resources import acknowledge
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.images import ProcessingImage
from cdk_processing.request.tokens import is_token
from cdk_processing.request.types import Key, ListOf

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

__all__ = ["ProcessingRepository"]

#: https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


class ProcessingRepository(ecr.Repository):
    """An ``ecr.Repository`` for the images of jobs: immutable tags, scanned on push, encrypted, kept on delete.

    A tag never changes its image, so a run that is made again has the image that it had. An image without a tag is
    deleted after ``untagged_days``; pin a digest only of an image that has a tag.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.
        repository_name: Left out, CloudFormation chooses a unique name.
        encryption_key: ``kms.IKey`` to encrypt with, such as ``platform.key``. Left out, AWS's own key ``aws/ecr``.
            Whoever pulls needs no permission on either.
        pull_organization_id: All accounts of this AWS organization may pull, such as ``o-a1b2c3d4e5``.
        pull_accounts: Ids of accounts that may pull. The execution roles of jobs there need the permission too, which
            a job gives its role. Left out both, the repository's own account alone.
        untagged_days: 1-3,650 days until an image without a tag is deleted.
        lifecycle_rules: Your own ``ecr.LifecycleRule``. The rule for images without a tag comes last.
        removal_policy: What happens to the repository when the stack is deleted. Left out, it stays with its images.
            ``RemovalPolicy.DESTROY`` deletes both if the context ``cdk-processing:remove-data`` is true too.

    Raises:
        DeclarationError: An argument is not what it must be. The error lists all problems.

    Example:
        >>> import aws_cdk
        >>> stack = aws_cdk.Stack(aws_cdk.App(), "Shared")
        >>> images = ProcessingRepository(stack, "Images", pull_organization_id="o-a1b2c3d4e5")
        >>> images.image(tag="1.0").tag_or_digest
        '1.0'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository_name: str | None = None,
        encryption_key: Key | kms.IKey | None = None,
        pull_organization_id: str | None = None,
        pull_accounts: ListOf[str] = (),
        untagged_days: int = 14,
        lifecycle_rules: Sequence[Any] = (),
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        problems = [
            *_key_problems(encryption_key),
            *_organization_problems(pull_organization_id),
            *_account_problems(pull_accounts),
            *_days_problems(untagged_days),
            *removal_policy_problems(removal_policy),
        ]
        if problems:
            path = f"{scope.node.path}/{construct_id}".lstrip("/")
            raise DeclarationError(path, [problem.on(construct_id) for problem in problems])
        removes = removes_data(scope, removal_policy)
        key: Any = encryption_key
        super().__init__(
            scope,
            construct_id,
            empty_on_delete=removes or None,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=key,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            lifecycle_rules=[*lifecycle_rules, _drop_untagged(untagged_days, len(lifecycle_rules))],
            removal_policy=RemovalPolicy.DESTROY if removes else RemovalPolicy.RETAIN,
            repository_name=repository_name,
        )
        if pull_organization_id is not None:
            self._allow_pulling("Organization", iam.OrganizationPrincipal(pull_organization_id))
            # The rule looks at the principal, which is * for an organization, and not at the condition.
            reason = f"aws:PrincipalOrgID limits the pull rights to the accounts of {pull_organization_id}."
            acknowledge(cast(CfnResource, self.node.default_child), self, reason, "AwsSolutions-ECR1")
        if pull_accounts:
            accounts = [iam.AccountPrincipal(account) for account in pull_accounts]
            self._allow_pulling("Accounts", iam.CompositePrincipal(*accounts))

    def image(self, *, tag: str | None = None, digest: str | None = None) -> ProcessingImage:
        """An image of this repository, for ``image_uri``.

        Args:
            tag: Its tag, which stays the same image for ever.
            digest: Its ``sha256:`` digest. Give one of the two.

        Raises:
            DeclarationError: Neither or both are given.
        """
        if (tag is None) == (digest is None):
            given = None if tag is None else f"{tag} and {digest}"
            fix = 'write images.image(tag="1.0"): tags are immutable here, so there is no latest image'
            raise DeclarationError(self.node.path, [Problem("tag", given, "given, or digest, and not both", fix)])
        return ProcessingImage.from_ecr_repository(self, tag=tag, digest=digest)

    def _allow_pulling(self, sid: str, principal: iam.IPrincipal) -> None:
        self.add_to_resource_policy(iam.PolicyStatement(sid=sid, actions=_PULL, principals=[principal]))


def _drop_untagged(days: int, priority: int) -> ecr.LifecycleRule:
    return ecr.LifecycleRule(
        description="Delete images without a tag",
        max_image_age=Duration.days(days),
        rule_priority=priority + 1,
        tag_status=ecr.TagStatus.UNTAGGED,
    )


def _key_problems(key: object) -> Iterator[Problem]:
    if key is not None and not hasattr(key, "key_arn"):
        fix = "write platform.key, or leave it out for AWS's own key"
        yield Problem("encryption_key", key, "a kms.IKey", fix)


def _organization_problems(given: object) -> Iterator[Problem]:
    if given is None or (isinstance(given, str) and (is_token(given) or _ORGANIZATION.fullmatch(given))):
        return
    fix = "copy it from the AWS Organizations console"
    yield Problem("pull_organization_id", given, "the id of an organization, such as 'o-a1b2c3d4e5'", fix)


def _account_problems(given: Any) -> Iterator[Problem]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        yield Problem("pull_accounts", given, "a list of account ids", f"write pull_accounts=[{str(given)!r}]")
        return
    for index, account in enumerate(given):
        if not isinstance(account, str) or not (is_token(account) or _ACCOUNT.fullmatch(account)):
            yield Problem(f"pull_accounts[{index}]", account, "an account id: a text of 12 digits", "correct it")


def _days_problems(given: object) -> Iterator[Problem]:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= 3650:
        yield Problem("untagged_days", given, "1-3,650 days", "write untagged_days=14")

"""An image as CDK knows it: its URI, and the ECR repository that the job must be allowed to pull from."""

from __future__ import annotations

import re
from typing import NamedTuple
from weakref import WeakKeyDictionary

from aws_cdk import Annotations, CfnMapping, Stack
from constructs import Construct

from cdk_processing.constructs.pseudo_parameters import (
    partition_token,
    region_token,
    url_suffix_token,
    with_tokens,
)
from cdk_processing.constructs.resources import place_of, stack_of
from cdk_processing.constructs.whereabouts import Spot, Whereabouts, where_is
from cdk_processing.errors import Problem
from cdk_processing.request.images import AwsImage, ProcessingImage
from cdk_processing.request.tokens import is_token

__all__ = ["BoundImage", "bind_image", "image_problems", "location_of", "mapping_id", "warn_of_unknown_repository"]

_TOKEN = r"\$\{Token\[[^]]+\]\}"
#: A URI in ECR, of which the CDK may know any part only at deployment.
_ECR = re.compile(
    rf"(?P<account>\d{{12}}|{_TOKEN})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+|{_TOKEN})\.(?:[a-z0-9.-]|{_TOKEN})+/"
    rf"(?P<repository>(?:[^:@$]|{_TOKEN})+)"
)
_WARNING = "cdk-processing:image-of-unknown-repository"
_accounts: WeakKeyDictionary[Stack, dict[str, str]] = WeakKeyDictionary()


class BoundImage(NamedTuple):
    """An image in its place.

    Attributes:
        uri: The URI; may be a token.
        repository_arn: The ECR repository's ARN; None for an image from elsewhere.
    """

    uri: str
    repository_arn: str | None


def image_problems(image: ProcessingImage, region: str) -> list[Problem]:
    """What is wrong with an image in a region: AWS's own images are not everywhere."""
    if image.aws is None or is_token(region):
        return []
    return image.aws.region_problems(region)


def location_of(image: ProcessingImage) -> Whereabouts:
    """Where the registry is that holds an image of one's own."""
    if image.repository is not None:
        return where_is(image.repository, image.repository.repository_arn)
    match = _ECR.match(image.registry_uri) if isinstance(image.registry_uri, str) else None
    if match is None:
        return Whereabouts(Spot())
    account, region = ("" if is_token(match[part]) else match[part] for part in ("account", "region"))
    return Whereabouts(Spot(account, region))


def bind_image(image: ProcessingImage, scope: Construct) -> BoundImage:
    """Give an image its URI in the scope's stack; a build folder becomes a Docker image asset."""
    if image.aws is not None:
        return _bind_aws(image.aws, stack_of(scope))
    if image.repository is not None:
        uri = image.repository.repository_uri_for_tag_or_digest(image.tag_or_digest)
        return BoundImage(uri, image.repository.repository_arn)
    if image.directory is not None:
        return _build(image, scope)
    return _bind_registry(image.registry_uri or "", scope)


def _bind_aws(image: AwsImage, stack: Stack) -> BoundImage:
    region = place_of(stack).region
    if is_token(region):
        account = _account_mapping(image, stack)
        uri = image.uri(account, region_token(), url_suffix_token())
    else:
        account = image.accounts[region]
        uri = image.uri_in(region)
    return BoundImage(uri, f"arn:{partition_token()}:ecr:{region}:{account}:repository/{image.repository}")


def _account_mapping(image: AwsImage, stack: Stack) -> str:
    """The account that holds the image in whatever region the stack comes to lie, one mapping a registry and stack."""
    known = _accounts.setdefault(stack, {})
    if image.registry not in known:
        rows = {region: {"account": account} for region, account in image.accounts.items()}
        mapping = CfnMapping(stack, mapping_id(image.registry), mapping=rows)
        known[image.registry] = mapping.find_in_map(region_token(), "account")
    return known[image.registry]


def mapping_id(registry: str) -> str:
    """Construct id of a registry's mapping: ``Pytorch210ImageAccounts`` for ``pytorch-2.1.0``."""
    return "".join(word.capitalize() for word in re.findall("[a-z0-9]+", registry)) + "ImageAccounts"


def _build(image: ProcessingImage, scope: Construct) -> BoundImage:
    from aws_cdk import aws_ecr_assets

    asset = aws_ecr_assets.DockerImageAsset(
        scope, "Image", directory=image.directory or "", **dict(image.build_options)
    )
    return BoundImage(asset.image_uri, asset.repository.repository_arn)


def _bind_registry(uri: str, scope: Construct) -> BoundImage:
    match = _ECR.match(_written_out(uri, scope))
    if match is None:
        return BoundImage(uri, None)
    arn = f"arn:{partition_token()}:ecr:{match['region']}:{match['account']}:repository/{match['repository']}"
    return BoundImage(uri, arn)


def _written_out(uri: str, scope: Construct) -> str:
    """A URI with the text that a token of it stands for: the CDK writes that of an asset's image so."""
    if not is_token(uri) or _ECR.match(uri):
        return uri
    resolved = stack_of(scope).resolve(uri)
    text = resolved.get("Fn::Sub", "") if isinstance(resolved, dict) else resolved
    return (with_tokens(text) if isinstance(text, str) else None) or uri


def warn_of_unknown_repository(scope: Construct, image: ProcessingImage, bound: BoundImage) -> None:
    """Warn of an image of which nobody knows where it is: no role is allowed to pull it."""
    if bound.repository_arn is not None or not is_token(image.registry_uri):
        return
    Annotations.of(scope).add_warning_v2(
        _WARNING,
        "image_uri is known only at deployment, so the execution role may pull no image. Pass the repository: "
        'ProcessingImage.from_ecr_repository(repository, tag="..."). Or call '
        "repository.grant_pull(job.execution_role). If the image needs no permission, or the role has it, write "
        f'Annotations.of(job).acknowledge_warning("{_WARNING}", "why").',
    )

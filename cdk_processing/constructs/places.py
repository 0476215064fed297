"""What a job uses must be where the job is: events, images and keys stay in their region, events in their account too.

Only what is known at synth is compared: a stack without an account or a region says nothing of where it will be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from constructs import Construct

from cdk_processing.access.statement import Place
from cdk_processing.constructs.image import region_of
from cdk_processing.constructs.resources import partition_token, place_of, stack_of
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.errors import Problem
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.tokens import is_token

__all__ = ["platform_place_problems", "request_place_problems", "trigger_place_problems"]

#: Fields of an ARN: arn, partition, service, region, account, resource.
_ARN_FIELDS = 6
_FORWARD = (
    "declare the job there, or forward the events: there, a rule with {target} as its target; here, OnEvent on what it "
    'forwards (README, "Events of another region or account")'
)
_environments: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()


def trigger_place_problems(job: Construct, triggers: Sequence[Trigger]) -> list[Problem]:
    """Triggers whose events never reach the job: EventBridge tells of what happens in one account and region."""
    here = place_of(stack_of(job))
    found: list[Problem] = []
    for index, trigger in enumerate(triggers):
        field = f"triggers[{index}]"
        if (watched := trigger.watched) is not None:
            name = "a bucket" if isinstance(watched.bucket, str) else f"the bucket {watched.bucket.node.path}"
            found += _apart(f"{field}.location", name, _environment(watched.bucket), here, _forward(here))
        if (bus := getattr(trigger, "event_bus", None)) is not None:
            found += _apart(f"{field}.event_bus", "an event bus", _environment(bus), here, _forward(here))
        if isinstance(upstream := trigger.upstream, Construct):
            there = place_of(stack_of(upstream))
            found += _apart(f"{field}.job", f"the job {trigger.upstream.path}", there, here, _forward(here))
    return found


def platform_place_problems(job: Construct, platform: object) -> list[Problem]:
    """A platform elsewhere: a state machine cannot use its queue, topic, table and key."""
    if not isinstance(platform, Construct):
        return []
    fix = "make a ProcessingPlatform in the account and region of the job, or leave it out for the stack's own"
    there, here = place_of(stack_of(platform)), place_of(stack_of(job))
    return list(_apart("platform", f"the platform {platform.node.path}", there, here, fix))


def request_place_problems(job: Construct, request: ProcessingRequest) -> list[Problem]:
    """An image or a key of another region, which SageMaker refuses; another account's may be used.

    Source: https://github.com/aws/amazon-sagemaker-examples/issues/2422
    """
    here = place_of(stack_of(job))
    processor = request.processor
    image_fix = "push the image to a repository in the job's region (ECR replicates repositories), and name that one"
    found = list(_other_region("image_uri", "an image", region_of(processor.image), here, image_fix))
    for field in ("volume_kms_key", "output_kms_key"):
        there = _environment(getattr(processor, field, None)).region
        found += _other_region(field, "a key", there, here, "name a key in the job's region")
    return found


def _apart(field: str, what: str, there: Place, here: Place, fix: str) -> Iterator[Problem]:
    for name, theirs, ours in (("account", there.account, here.account), ("region", there.region, here.region)):
        if _differ(theirs, ours):
            yield Problem(field, f"{what} in {theirs}", f"in the job's {name}, {ours}", fix)
            return


def _other_region(field: str, what: str, there: str, here: Place, fix: str) -> Iterator[Problem]:
    if _differ(there, here.region):
        yield Problem(field, f"{what} in {there}", f"in the job's region, {here.region}", fix)


def _differ(theirs: str, ours: str) -> bool:
    return bool(theirs and ours) and not is_token(theirs) and not is_token(ours) and theirs != ours


def _forward(here: Place) -> str:
    return _FORWARD.format(target=f"the default event bus of {here.account} in {here.region}")


def _environment(resource: Any) -> Place:
    """Where a resource is, as far as its construct or its ARN says; asked of the CDK once."""
    if isinstance(resource, str):
        parts = resource.split(":")
        if len(parts) >= _ARN_FIELDS and parts[0] == "arn":
            return Place(parts[1], parts[3], parts[4])
        return Place(partition_token(), "", "")
    if not hasattr(resource, "env"):
        return Place(partition_token(), "", "")
    if resource not in _environments:
        environment = resource.env
        _environments[resource] = Place(partition_token(), environment.region, environment.account)
    return _environments[resource]

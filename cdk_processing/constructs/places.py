"""What a job uses must be where the job is: events, images and keys stay in their region, events in their account too.

A stack without an account or a region says nothing of where it will be, and nothing is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, cast

from constructs import Construct

from cdk_processing.access.statement import Place
from cdk_processing.constructs.image import location_of
from cdk_processing.constructs.placement import Placement
from cdk_processing.constructs.platform_interface import is_platform
from cdk_processing.constructs.resources import path_of, place_of, stack_of
from cdk_processing.constructs.whereabouts import Spot, Whereabouts, is_settled, where_is
from cdk_processing.request.datasets import AthenaDatasetDefinition, RedshiftDatasetDefinition
from cdk_processing.request.keys import key_id
from cdk_processing.request.location import S3Location, is_bucket
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.tokens import is_token

__all__ = [
    "grantee_placement",
    "job_placements",
    "state_placement",
    "trigger_placements",
]

_FORWARD = (
    "declare the job there, or forward the events: there, a rule with {target} as its target; here, OnEvent on what it "
    'forwards (README, "Events of another region or account")'
)
_IMAGE_FIX = "push the image to a repository in the job's region (ECR replicates repositories), and name that one"
_NETWORK_FIX = "name a VPC, subnets and security groups of the job's region"
_STATE_FIX = (
    "put the state machine into the job's account and region, or have it send an event that the job's OnEvent matches"
)
_PLATFORM_FIX = "make a ProcessingPlatform in the account and region of the job, or leave it out for the stack's own"
_RESULT_FIX = "name a bucket in the job's region for the result of the query"
_DATA_FIX = (
    "AWS asks for an input in the job's region of training jobs, and does not say it of processing jobs; declare the "
    "job beside its data, replicate the bucket, or try it out"
)
_ROLE_FIX = (
    "leave role out, or pass a role of the job's account, and admit it in the policies of the other account's buckets "
    "and keys"
)


def job_placements(job: Construct, request: object, triggers: object, platform: object) -> list[Placement]:
    """Everything that a job uses and that has a place of its own; what is no such thing is somebody else's problem."""
    if not is_settled(place_of(stack_of(job))):
        return []
    found: list[Placement] = []
    if isinstance(request, ProcessingRequest) and request.is_readable:
        found += _request_placements(job, request)
    if isinstance(triggers, Sequence) and not isinstance(triggers, (str, bytes)):
        found += trigger_placements(job, triggers)
    if platform is not None and is_platform(platform):
        found += _platform_placements(job, platform)
    return found


def trigger_placements(job: Construct, triggers: Sequence[Any]) -> list[Placement]:
    """What launches a job: EventBridge tells of what happens in one account and region."""
    here = place_of(stack_of(job))
    if not is_settled(here):
        return []
    fix = _FORWARD.format(target=f"the default event bus of {here.account} in {here.region}")
    found: list[Placement] = []
    for index, trigger in enumerate(triggers):
        field = f"triggers[{index}]"
        locations, upstream = getattr(trigger, "locations", {}), getattr(trigger, "upstream", None)
        if isinstance(locations, Mapping):  # else it is a class, which other checks reject
            for name, location in locations.items():
                found += _bucket(f"{field}.{name}", location, here, fix)
        if (bus := getattr(trigger, "event_bus", None)) is not None:
            found.append(Placement(f"{field}.event_bus", "an event bus", where_is(bus), here, fix))
        if isinstance(upstream, Construct):
            name = f"the job {path_of(upstream)}"
            found.append(Placement(f"{field}.job", name, where_is(upstream), here, fix))
    return found


def state_placement(job: Place, scope: Construct) -> Placement:
    """A state that runs a job: Step Functions starts executions of its own account and region alone.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
    """
    return Placement("scope", "a state", where_is(stack_of(scope)), job, _STATE_FIX)


def grantee_placement(job: Construct, grantee: Any) -> Placement:
    """Somebody who is to start a job: a state machine has no policy of its own that could admit another account."""
    account = getattr(grantee.grant_principal, "principal_account", None) or ""
    fix = "let it assume a role of the job's account, and grant that role"
    where = Whereabouts(Spot("" if is_token(account) else account))
    return Placement("grantee", "a principal", where, place_of(stack_of(job)), fix, any_region=True)


def _platform_placements(job: Construct, platform: Any) -> Iterator[Placement]:
    here = place_of(stack_of(job))
    if isinstance(platform, Construct):
        name = f"the platform {path_of(platform)}"
        yield Placement("platform", name, where_is(platform), here, _PLATFORM_FIX)
    # Of an imported platform, ARNs may say more. Topics and keys may be another account's, whose policies admit them.
    for field, name, any_account in (
        ("dead_letter_queue_arn", "a queue", False),
        ("log_group_arn", "a log group", False),
        ("alert_topic_arn", "a topic", True),
        ("key_arn", "a key", True),
    ):
        where = where_is(getattr(platform, field) or "")
        yield Placement(f"platform.{field}", name, where, here, _PLATFORM_FIX, any_account)


def _request_placements(job: Construct, request: ProcessingRequest) -> Iterator[Placement]:
    here = place_of(stack_of(job))
    processor = request.processor
    # An image of another region is refused: https://github.com/aws/amazon-sagemaker-examples/issues/2422
    yield Placement("image_uri", "an image", location_of(processor.image), here, _IMAGE_FIX, any_account=True)
    for field in ("volume_kms_key", "output_kms_key"):
        yield from _key(field, getattr(processor, field, None), here)
    yield from _role("role", processor.role, here)
    yield from _network(processor.network_config, here)
    for field, location in _data(request):
        yield from _bucket(field, location, here, _DATA_FIX, any_account=True, is_documented=False)
    for index, channel in enumerate(request.inputs):
        for name in ("athena_dataset_definition", "redshift_dataset_definition"):
            query = getattr(channel.dataset_definition, name, None)
            yield from _query(f"inputs[{index}].dataset_definition.{name}", query, here)


def _data(request: ProcessingRequest) -> Iterator[tuple[str, S3Location | None]]:
    """The places of inputs and outputs, by the argument that names them.

    AWS asks for the job's region of the inputs of training jobs
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html). Of those of processing jobs it
    says nothing (API_ProcessingS3Input, API_ProcessingS3Output).
    """
    for index, channel in enumerate(request.inputs):
        yield f"inputs[{index}].source", channel.location
        for number, location in enumerate(channel.object_locations):
            yield f"inputs[{index}].objects[{number}]", location
    for index, output in enumerate(request.outputs):
        yield f"outputs[{index}].destination", output.location
    for field, channel in zip_longest(request.program.input_fields, request.program.inputs):
        if channel is not None:
            yield field or "code", channel.location
    for output in request.program.outputs:
        yield "spark_event_logs_s3_uri", output.location


def _query(field: str, query: object, here: Place) -> Iterator[Placement]:
    """The result of a query, and its key.

    Athena refuses a result in another region (https://docs.aws.amazon.com/athena/latest/ug/querying.html). Redshift's
    UNLOAD needs an option for it, which SageMaker's request has no field for
    (https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html).
    """
    if isinstance(query, (AthenaDatasetDefinition, RedshiftDatasetDefinition)):
        yield from _bucket(f"{field}.output_s3_uri", query.location, here, _RESULT_FIX, any_account=True)
        yield from _key(f"{field}.kms_key_id", query.kms_key_id, here)
    if isinstance(query, RedshiftDatasetDefinition):
        yield from _role(f"{field}.cluster_role_arn", query.cluster_role_arn, here)


def _network(config: object, here: Place) -> Iterator[Placement]:
    """A VPC and what is in it; a subnet that another account shares is used like one's own."""
    if not isinstance(config, NetworkConfig):
        return
    named = [("vpc", "a VPC", config.vpc)]
    for field, name in (("subnets", "a subnet"), ("security_group_ids", "a security group")):
        given = getattr(config, field)
        if isinstance(given, (list, tuple)):
            named += [(f"{field}[{index}]", name, each) for index, each in enumerate(given)]
    for field, name, each in named:
        if each is not None:
            yield Placement(f"network_config.{field}", name, where_is(each), here, _NETWORK_FIX, any_account=True)


def _key(field: str, key: Any, here: Place) -> Iterator[Placement]:
    if isinstance(key, str) or hasattr(key, "key_arn"):
        where = where_is(key, key_id(key) or "")
        yield Placement(field, "a key", where, here, "name a key in the job's region", any_account=True)


def _role(field: str, role: Any, here: Place) -> Iterator[Placement]:
    """A role, which only a service of its own account can be given.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    if isinstance(role, str) or hasattr(role, "role_arn"):
        arn = role if isinstance(role, str) else role.role_arn
        yield Placement(field, "a role", where_is(role, arn), here, _ROLE_FIX, any_region=True)


def _bucket(
    field: str,
    location: S3Location | None,
    here: Place,
    fix: str,
    *,
    any_account: bool = False,
    is_documented: bool = True,
) -> Iterator[Placement]:
    if location is not None and is_bucket(bucket := location.bucket):
        name = f"the bucket {path_of(cast(Construct, bucket))}"
        yield Placement(field, name, where_is(bucket), here, fix, any_account, is_documented=is_documented)

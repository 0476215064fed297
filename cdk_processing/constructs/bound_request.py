"""What a job runs as and on: its execution role, its image and script, and where its channels are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from constructs import Construct

from cdk_processing.access.datasets import AthenaAccess, RedshiftAccess
from cdk_processing.access.execution import (
    BucketAccess,
    ExecutionAccess,
    common_execution_statements,
    execution_statements,
    image_statements,
    read_statements,
)
from cdk_processing.access.statement import Statement
from cdk_processing.constructs.acknowledgements import of_packs
from cdk_processing.constructs.assets import publish
from cdk_processing.constructs.checks import checks_of
from cdk_processing.constructs.image import bind_image, warn_of_unknown_repository
from cdk_processing.constructs.keys import permitted_key
from cdk_processing.constructs.list_tokens import with_joined_lists, with_split_lists
from cdk_processing.constructs.network import bind_network
from cdk_processing.constructs.platform_interface import IProcessingPlatform
from cdk_processing.constructs.resources import (
    AttachedPolicy,
    acknowledge,
    allow,
    arn_of,
    known_as,
    path_of,
    place_of,
    role,
    stack_of,
)
from cdk_processing.constructs.role_view import role_view
from cdk_processing.constructs.shared_policies import name_of_text, shared_policies
from cdk_processing.constructs.storage import bucket_access, result_access
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.constructs.typed import TypedResource
from cdk_processing.constructs.written_over import KeptTrust
from cdk_processing.request.channels import ProcessingInput
from cdk_processing.request.datasets import AthenaDatasetDefinition, RedshiftDatasetDefinition
from cdk_processing.request.feature_store import FeatureStoreOutput
from cdk_processing.request.keys import key_id
from cdk_processing.request.location import S3Location
from cdk_processing.request.request import Bindings, ProcessingRequest

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam

__all__ = ["BoundRequest"]

_POLICY_OF_GIVEN = "The role was given; the CDK writes what the job needs into a policy of this role alone."


class BoundRequest:
    """A request bound to its place in CDK.

    Attributes:
        role_arn: ARN of the execution role.
        manifest_bucket: Name of the bucket for manifests, where an input means exactly one object.
        manifest_prefix: Key prefix of the job's manifests.
        manifest_objects: ARN prefix of the job's manifests.
        manifest_key: The key that encrypts the manifests.
    """

    def __init__(
        self,
        scope: Construct,
        request: ProcessingRequest,
        base_name: str,
        platform: IProcessingPlatform,
        triggers: Sequence[Trigger],
    ) -> None:
        self._scope = scope
        self._request = request
        self._base_name = base_name
        self._image = bind_image(request.processor.image, scope)
        if not isinstance(request.processor.role, str):  # what the role of an ARN may do is its owner's business
            warn_of_unknown_repository(scope, request.processor.image, self._image)
        self._network = bind_network(request.network, platform.network_config, scope, request.processor.instance_count)
        self._queries = [channel.dataset_definition.query for channel in request.channels if channel.dataset_definition]
        self.manifest_bucket: str | None = None
        self.manifest_objects: str | None = None
        self.manifest_key: str | None = None
        self.manifest_prefix = f"manifests/{base_name}/"
        self._manifests: BucketAccess | None = None
        if request.needs_manifest:
            self._prepare_manifests(platform)
        self._published: dict[S3Location, None] = {}
        self._inputs = [self._locate_input(channel) for channel in request.channels]
        self._watched = [location for trigger in triggers for location in trigger.brings]
        self._platform = platform
        self._role: TypedResource | None = None
        self.role_arn: str = self._make_role()

    def render(self) -> dict[str, Any]:
        """The CreateProcessingJob request."""
        processor = self._request.processor
        request = self._request.render(
            Bindings(
                image_uri=self._image.uri,
                role_arn=self.role_arn,
                input_uris=tuple(
                    str(channel.source) if location is None else location.uri
                    for channel, location in zip(self._request.channels, self._inputs, strict=True)
                ),
                volume_key=key_id(processor.volume_kms_key),
                output_key=key_id(processor.output_kms_key),
                network=self._network,
            )
        )
        rendered: dict[str, Any] = with_joined_lists(request)
        return rendered

    def allow_reading(self, location: S3Location) -> None:
        """Let the role read one more place, where a trigger added later brings objects from."""
        self._watched.append(location)
        given = self._request.processor.role
        if self._role is not None:
            allow(self._role, self._scope, self._statements(), self._common_policies())
        elif given is not None and not isinstance(given, str):
            _add_to(given, read_statements(place_of(stack_of(self._scope)), tuple(self._reads())))

    def role_view(self, construct_id: str) -> iam.IRole:
        """The role as users hold it, where it is made here or named by its ARN."""
        if self._role is None:
            from aws_cdk import aws_iam

            return aws_iam.Role.from_role_arn(self._scope, construct_id, self.role_arn)
        return role_view(self._role, self._scope, construct_id)

    def _make_role(self) -> str:
        given = self._request.processor.role
        if isinstance(given, str):
            return given  # named by ARN: what it may do is its owner's business
        if given is not None:
            _add_to(given, self._statements())
            _expect_trust(given)
            arn: str = given.role_arn
            return arn
        self._role = role(
            self._scope,
            "ExecutionRole",
            services=["sagemaker.amazonaws.com"],
            statements=self._statements(),
            description=f"Runs {known_as(self._scope)}",
            standards=self._platform.role_standards,
            attached=self._common_policies(),
        )
        return arn_of(self._role)

    def _common_policies(self) -> list[AttachedPolicy]:
        """What the role may do like the roles of all jobs, and like those of the jobs with its image's repository."""
        scope, platform, repository = self._scope, self._platform, self._image.repository_arn
        place = place_of(stack_of(scope))
        common = shared_policies(scope, platform, "ExecutionPolicy", lambda: common_execution_statements(place))
        name = None if repository is None else name_of_text(repository)
        if name is None:
            return common
        return [
            *common,
            *shared_policies(scope, platform, f"ImagePolicy{name}", lambda: list(image_statements(repository))),
        ]

    def _statements(self) -> list[Statement]:
        processor = self._request.processor
        return execution_statements(
            ExecutionAccess(
                place=place_of(stack_of(self._scope)),
                base_name=self._base_name,
                reads=tuple(self._reads()),
                writes=tuple(self._writes()),
                repository_arn=self._image.repository_arn,
                volume_key=permitted_key(processor.volume_kms_key, self._scope),
                output_key=permitted_key(processor.output_kms_key, self._scope),
                subnets=tuple(self._network.ids("subnets")),
                security_groups=tuple(self._network.ids("security_group_ids")),
                athena=tuple(
                    _athena_access(query) for query in self._queries if isinstance(query, AthenaDatasetDefinition)
                ),
                redshift=tuple(
                    RedshiftAccess(str(query.cluster_id), str(query.database), str(query.db_user))
                    for query in self._queries
                    if isinstance(query, RedshiftDatasetDefinition)
                ),
                feature_groups=tuple(
                    str(channel.feature_store_output.feature_group_name)
                    for channel in self._request.outputs
                    if isinstance(channel.feature_store_output, FeatureStoreOutput)
                ),
                packages=self._request.program.codeartifact,
            )
        )

    def _reads(self) -> list[BucketAccess]:
        # All versions of the job's own files: a run that was launched before a deployment reads those of then.
        reads = [bucket_access(location) for location in self._published]
        reads += [
            bucket_access(location)
            for channel, location in zip(self._request.channels, self._inputs, strict=True)
            if location is not None and channel.files is None
        ]
        reads += [access for query in self._queries if query for access in result_access(query, self._scope)]
        reads += [bucket_access(location) for location in self._request.program.reads]
        objects = [location for channel in self._request.inputs for location in channel.object_locations]
        reads += [bucket_access(location) for location in objects]
        if self._manifests is not None:
            reads.append(self._manifests)
        if self._request.reads_arrivals:
            reads += [bucket_access(location) for location in self._watched]
        return reads

    def _writes(self) -> list[BucketAccess]:
        locations = [channel.location for channel in self._request.named_outputs]
        writes = [bucket_access(location.folder) for location in locations if location is not None]
        # A cluster writes its results by itself, as its own role.
        athena = [query for query in self._queries if isinstance(query, AthenaDatasetDefinition)]
        return writes + [access for query in athena for access in result_access(query, self._scope)]

    def _locate_input(self, channel: ProcessingInput) -> S3Location | None:
        """Where an input lies; None for the object that launches the run or its folder, which have no place yet."""
        if channel.is_arrived_object or channel.is_arrived_folder:
            return None
        files = channel.files
        if files is None:
            return channel.location
        published = publish(files, self._scope)
        self._published[published.versions] = None
        return published.location

    def _prepare_manifests(self, platform: IProcessingPlatform) -> None:
        place = S3Location(platform.work_bucket, self.manifest_prefix)
        self._manifests = bucket_access(place)
        self.manifest_bucket = place.bucket_name
        self.manifest_key = self._manifests.key_arn
        self.manifest_objects = f"{self._manifests.bucket_arn}/{self.manifest_prefix}"


def _athena_access(query: AthenaDatasetDefinition) -> AthenaAccess:
    assert query.location is not None  # validated before
    result = bucket_access(query.location)
    return AthenaAccess(
        catalog=str(query.catalog),
        database=str(query.database),
        work_group=query.work_group or "primary",
        bucket_arn=result.bucket_arn,
        objects=result.objects,
    )


def _expect_trust(given: Any) -> None:
    """Reject at synth a role of this app that SageMaker may not assume."""
    if hasattr(given, "node"):
        checks_of(stack_of(given)).kept[path_of(given)] = KeptTrust("sagemaker.amazonaws.com")


def _add_to(given: Any, statements: Sequence[Statement]) -> None:
    from aws_cdk import aws_iam as iam

    for statement in statements:
        given.add_to_principal_policy(iam.PolicyStatement.from_json(with_split_lists(statement.render())))
    if hasattr(given, "node"):
        checks_of(stack_of(given)).given.setdefault(given, []).extend(statements)
        acknowledge(given, given, _POLICY_OF_GIVEN, *of_packs("IAMNoInlinePolicy"))

"""Deploy a cloud assembly to the embedded AWS, and describe the deployed jobs and buckets.

Stacks are deployed as the account's root user. IAM is enforced for the jobs, not for the deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from cdk_processing.client.client import ProcessingClient
from cdk_processing.contract.description import JobDescription
from cdk_processing.errors import CdkProcessingError
from cdk_processing.local.deployment import assets
from cdk_processing.local.deployment.expressions import resolve_text, substitute
from cdk_processing.local.deployment.images import build_image
from cdk_processing.local.deployment.roles import stand_in_warnings
from cdk_processing.local.deployment.stacks import DeployedStack, StackFailedError, delete_stack, deploy_stack

if TYPE_CHECKING:
    from boto3.session import Session

    from cdk_processing.local.deployment.assembly import Assembly, StackArtifact

__all__ = [
    "DeployedBucket",
    "DeployedJob",
    "DeployedStack",
    "Deployment",
    "DeploymentError",
    "StackFailedError",
    "Target",
    "client_of",
    "deploy",
    "destroy",
]


class DeploymentError(CdkProcessingError):
    """The embedded AWS cannot deploy a cloud assembly."""


class Target(Protocol):
    """The target of a deployment, such as `LocalAws`."""

    @property
    def account_id(self) -> str:
        """The account id."""

    @property
    def region(self) -> str:
        """The region of stacks that set none."""

    @property
    def endpoint_url(self) -> str:
        """The endpoint URL of the embedded AWS."""

    def environment(self) -> Mapping[str, str]:
        """The ``AWS_*`` environment variables of the account's root user."""


@dataclass(frozen=True)
class DeployedJob:
    """A processing job of a deployed stack.

    Attributes:
        name: The construct's path: ``Census/Preprocess``.
        base_name: Prefix of the names of its processing jobs.
        state_machine_arn: ARN of its state machine. Each execution is a run.
        triggers: Descriptions of its triggers.
        outputs: Destination of each output, by name. Run-time values are not filled in.
        stack: The stack's name.
    """

    name: str
    base_name: str
    state_machine_arn: str
    triggers: tuple[str, ...]
    outputs: Mapping[str, str]
    stack: str


@dataclass(frozen=True)
class DeployedBucket:
    """A bucket of a deployed stack.

    Attributes:
        path: The construct's path: ``Census/Raw``.
        name: The bucket's name.
        stack: The stack's name.
    """

    path: str
    name: str
    stack: str


@dataclass(frozen=True)
class Deployment:
    """The deployed stacks of a cloud assembly.

    Attributes:
        stacks: Every stack, in the order of deployment.
        warnings: What the embedded AWS skipped, and why.
    """

    stacks: tuple[DeployedStack, ...]
    warnings: tuple[str, ...] = ()
    jobs: tuple[DeployedJob, ...] = field(init=False)
    buckets: tuple[DeployedBucket, ...] = field(init=False)

    def __post_init__(self) -> None:
        exports = {name: value for stack in self.stacks for name, value in stack.exports.items()}
        jobs = [job for stack in self.stacks for job in _jobs(stack, exports)]
        buckets = [bucket for stack in self.stacks for bucket in _buckets(stack)]
        object.__setattr__(self, "jobs", tuple(sorted(jobs, key=lambda job: job.name)))
        object.__setattr__(self, "buckets", tuple(sorted(buckets, key=lambda bucket: bucket.path)))

    @property
    def outputs(self) -> dict[str, dict[str, str]]:
        """Outputs of every stack, by the stack's name."""
        return {stack.name: dict(stack.outputs) for stack in self.stacks}

    def bucket(self, name: str) -> str:
        """Find the name of a bucket.

        Args:
            name: The construct's path (``Census/Raw``), a unique end of the path (``Raw``), the logical id, or the
                bucket's name itself.

        Raises:
            DeploymentError: No bucket matches, or several do. The error lists them.
        """
        paths = [bucket for bucket in self.buckets if name in (bucket.path, bucket.name)]
        ends = [bucket for bucket in self.buckets if bucket.path.endswith(f"/{name}")]
        logical = [stack.resources[name] for stack in self.stacks if stack.types.get(name) == "AWS::S3::Bucket"]
        for found in ([bucket.name for bucket in paths], [bucket.name for bucket in ends], logical):
            if len(found) == 1:
                return found[0]
        listed = ", ".join(bucket.path for bucket in self.buckets) or "none"
        problem = "Several buckets are" if ends or paths or logical else "No bucket is"
        raise DeploymentError(f"{problem} named {name!r}; the buckets are: {listed}")

    def job(self, name: str) -> DeployedJob:
        """Find a job by its construct's path, a unique end of the path, or its base name.

        Raises:
            DeploymentError: No job matches, or several do. The error lists them.
        """
        exact = [job for job in self.jobs if name in (job.name, job.base_name, job.state_machine_arn)]
        ends = [job for job in self.jobs if job.name.endswith(f"/{name}")]
        for found in (exact, ends):
            if len(found) == 1:
                return found[0]
        listed = ", ".join(job.name for job in self.jobs) or "none"
        problem = "Several jobs are" if exact or ends else "No job is"
        raise DeploymentError(f"{problem} named {name!r}; the jobs are: {listed}")


def deploy(
    assembly: Assembly,
    target: Target,
    *,
    progress: Callable[[str], None] | None = None,
    build_images: bool = False,
) -> Deployment:
    """Deploy every stack of an assembly, dependencies first.

    Args:
        assembly: The assembly.
        target: Where to deploy it.
        progress: Called with a line about each step.
        build_images: Build image assets with the Docker engine of this machine. An image that this machine cannot
            build gives a warning.

    Raises:
        DeploymentError: A construct has an error annotation, or a stack is for another account.
        ImageBuildError: Docker could not build an image.
        StackFailedError: A stack failed. The error names the resources and the reasons.
    """
    _refuse_errors(assembly)
    tell = progress or (lambda line: None)
    warnings: list[str] = []
    deployed: list[DeployedStack] = []
    with _clients(target) as client:
        for stack in assembly.stacks:
            region = _check_place(stack, target)
            places = {"AWS::AccountId": target.account_id, "AWS::Region": region, "AWS::Partition": "aws"}
            warnings += _build(stack, target, places, tell) if build_images else _not_built(stack)
            assets.bootstrap(client("ssm", region), stack.bootstrap_parameter)
            published = assets.publish(client("s3", region), stack.assets, places)
            if published:
                tell(f"{stack.display_name}: {published} asset{'s' if published > 1 else ''} published")
            deployed.append(deploy_stack(client("cloudformation", region), stack, region, places))
            tell(f"{stack.display_name}: {deployed[-1].action}")
        warnings += stand_in_warnings(client("iam", target.region))
    return Deployment(tuple(deployed), tuple(warnings))


def destroy(assembly: Assembly, target: Target, *, progress: Callable[[str], None] | None = None) -> None:
    """Delete every stack of an assembly, last deployed first. Resources with a retain policy stay.

    Raises:
        StackFailedError: A stack could not be deleted. The error names the resources and the reasons.
    """
    with _clients(target) as client:
        for stack in reversed(assembly.stacks):
            delete_stack(client("cloudformation", stack.region or target.region), stack.name)
            if progress is not None:
                progress(f"{stack.display_name}: deleted")


def client_of(target: Target) -> ProcessingClient:
    """Create a client for the embedded AWS. Ignores the environment variables of this process."""
    return ProcessingClient(_session(target), endpoint_url=target.endpoint_url)


def _build(
    stack: StackArtifact, target: Target, places: Mapping[str, str], tell: Callable[[str], None]
) -> Iterator[str]:
    """Build the images of a stack. Yields the reason for each image that cannot be built here."""
    registry = target.endpoint_url.partition("://")[2]
    for image in stack.images:
        reason = build_image(image, f"{registry}/{substitute(image.repository, places)}:{image.tag}", tell)
        if reason:
            yield (
                f"image asset {image.name!r} of {stack.display_name} is not built: {reason}. Without it, its jobs run "
                "only with --python"
            )


def _not_built(stack: StackArtifact) -> Iterator[str]:
    for image in stack.images:
        yield (
            f"image asset {image.name!r} of {stack.display_name} is not built; its jobs run with the Python that was "
            "given instead"
        )


def _refuse_errors(assembly: Assembly) -> None:
    """Refuse constructs with an error annotation, as `cdk deploy` does."""
    errors = [annotation for annotation in assembly.annotations if annotation.level == "error"]
    if errors:
        listed = "".join(f"\n  - {error}" for error in errors)
        count = f"{len(errors)} error{'s' if len(errors) > 1 else ''}"
        raise DeploymentError(f"The app reports {count}, so nothing is deployed:{listed}")


def _check_place(stack: StackArtifact, target: Target) -> str:
    if stack.account_id not in (None, target.account_id):
        raise DeploymentError(
            f"{stack.display_name} is a stack of account {stack.account_id}, but the embedded AWS has account "
            f"{target.account_id}; start it with --account {stack.account_id}, or remove the account from the "
            "stack's env"
        )
    return stack.region or target.region


@contextmanager
def _clients(target: Target) -> Iterator[Callable[[str, str], Any]]:
    """Cache the root user's clients by service and region. To create a client takes longer than to use it here."""
    session = _session(target)
    made: dict[tuple[str, str], Any] = {}

    def client(service: str, region: str) -> Any:
        if (service, region) not in made:
            made[service, region] = session.client(service, region_name=region, endpoint_url=target.endpoint_url)
        return made[service, region]

    try:
        yield client
    finally:
        for each in made.values():
            each.close()


def _session(target: Target) -> Session:
    import boto3

    credentials = target.environment()
    return boto3.session.Session(
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
        region_name=target.region,
    )


def _jobs(stack: DeployedStack, exports: Mapping[str, str]) -> list[DeployedJob]:
    values = {**exports, **stack.references}
    found = []
    for logical_id, resource in stack.template.get("Resources", {}).items():
        about = JobDescription.parse(resource)
        if about is None or logical_id not in stack.resources:
            continue
        found.append(
            DeployedJob(
                name=resolve_text(about.job or logical_id, values),
                base_name=resolve_text(about.base_name, values),
                state_machine_arn=stack.resources[logical_id],
                triggers=tuple(resolve_text(trigger, values) for trigger in about.triggers),
                outputs={name: resolve_text(uri, values) for name, uri in (about.outputs or {}).items()},
                stack=stack.name,
            )
        )
    return found


def _buckets(stack: DeployedStack) -> list[DeployedBucket]:
    return [
        DeployedBucket(
            stack.paths.get(logical_id, f"{stack.name}/{logical_id}").removesuffix("/Resource"), name, stack.name
        )
        for logical_id, name in stack.resources.items()
        if stack.types[logical_id] == "AWS::S3::Bucket"
    ]

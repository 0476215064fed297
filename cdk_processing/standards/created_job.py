"""A job as SageMaker is asked to create it, whoever asks: a declaration of this library, or a definition by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_list_token, is_number_token, is_token

__all__ = ["DEFAULT_MAX_RUNTIME", "CreatedJob", "is_open"]

#: Seconds after which SageMaker stops a job that names no limit:
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingStoppingCondition.html
DEFAULT_MAX_RUNTIME: Final = 86_400

_CLUSTER = "ProcessingResources.ClusterConfig"
#: Where the request has what a rule is about, and what a processor of this library calls it.
_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "instance_types": (f"{_CLUSTER}.InstanceType", "instance_type"),
    "max_instance_count": (f"{_CLUSTER}.InstanceCount", "instance_count"),
    "max_runtime_in_seconds": ("StoppingCondition.MaxRuntimeInSeconds", "max_runtime_in_seconds"),
    "volume_encryption": (f"{_CLUSTER}.VolumeKmsKeyId", "volume_kms_key"),
    "output_encryption": ("ProcessingOutputConfig.KmsKeyId", "output_kms_key"),
    "traffic_encryption": (
        "NetworkConfig.EnableInterContainerTrafficEncryption",
        "network_config.encrypt_inter_container_traffic",
    ),
    "network_isolation": ("NetworkConfig.EnableNetworkIsolation", "network_config.enable_network_isolation"),
    "vpc": ("NetworkConfig.VpcConfig", "network_config.vpc"),
    "subnets": ("NetworkConfig.VpcConfig.Subnets", "network_config.subnets"),
    "security_groups": ("NetworkConfig.VpcConfig.SecurityGroupIds", "network_config.security_group_ids"),
    "required_tags": ("Tags", "tags"),
    "image_repositories": ("AppSpecification.ImageUri", "image_uri"),
    "pinned_images": ("AppSpecification.ImageUri", "image_uri"),
    "regions": ("region", "region"),
    "max_run_cost": ("cost of a run", "cost of a run"),
}


def is_open(value: object) -> bool:
    """Whether only the deployment or the run knows a value."""
    if isinstance(value, (list, tuple)):
        return is_list_token(value)
    return is_number_token(value) or (isinstance(value, str) and (is_token(value) or has_run_time_value(value)))


@dataclass(frozen=True, slots=True)
class CreatedJob:
    """One CreateProcessingJob request, with what is known about its runs.

    Attributes:
        path: What the job is called in messages and exemptions: its construct path.
        request: The request, in the API's words: a dict. What is not known at synth is text with a CDK token.
        instance_types: The instance types that a run tries in order; () if the request names its only type.
        attempts: How many jobs one run creates at most.
        region: The region of the job's stack; None if it is not known at synth.
        is_declared: Whether a processor of this library declares the job. Messages then name its arguments.
        is_denied_at_run_time: Whether the role that creates the job is denied what breaks the standards. A value that
            is not known at synth is then left to the denial, where SageMaker has a condition key for it.
    """

    path: str
    request: Any
    instance_types: tuple[str, ...] = ()
    attempts: int = 1
    region: str | None = None
    is_declared: bool = False
    is_denied_at_run_time: bool = False

    def field_of(self, rule: str) -> str:
        """What the value that a rule is about is called."""
        return _FIELDS[rule][int(self.is_declared)]

    def value_of(self, rule: str) -> Any:
        """The value that a rule is about; None if the request has none."""
        value: Any = self.request
        for name in _FIELDS[rule][0].split("."):
            if is_open(value):
                return value  # the whole part is not known
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    @property
    def types(self) -> tuple[str, ...]:
        """Every instance type that the job may run on."""
        given = self.value_of("instance_types")
        return self.instance_types or (() if given is None else (str(given),))

    @property
    def max_runtime(self) -> Any:
        """Seconds after which SageMaker stops the job; a token if they are not known."""
        given = self.value_of("max_runtime_in_seconds")
        return DEFAULT_MAX_RUNTIME if given is None else given

    @property
    def tags(self) -> dict[str, str] | None:
        """The job's tags; None if they are not known at synth."""
        given = self.value_of("required_tags")
        if is_open(given):
            return None
        entries: Iterable[Any] = given if isinstance(given, list) else ()
        return {str(tag.get("Key")): str(tag.get("Value", "")) for tag in entries if isinstance(tag, Mapping)}

    @property
    def has_outputs(self) -> bool:
        """Whether SageMaker uploads anything for the job."""
        config = self.request.get("ProcessingOutputConfig") if isinstance(self.request, Mapping) else self.request
        return is_open(config) or (isinstance(config, Mapping) and bool(config.get("Outputs")))

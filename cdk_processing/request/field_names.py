"""The name that a declaration gives to a place in a CreateProcessingJob request."""

from __future__ import annotations

import re

__all__ = ["field_of"]

#: The fields whose name in a declaration is not the API's in snake case. The longest path that fits counts.
_NAMES = {
    "ProcessingInputs": "inputs",
    "ProcessingInputs[].S3Input": "inputs[]",
    "ProcessingInputs[].S3Input.S3Uri": "inputs[].source",
    "ProcessingInputs[].S3Input.LocalPath": "inputs[].destination",
    "ProcessingOutputConfig": "",
    "ProcessingOutputConfig.Outputs[].S3Output": "outputs[]",
    "ProcessingOutputConfig.Outputs[].S3Output.S3Uri": "outputs[].destination",
    "ProcessingOutputConfig.Outputs[].S3Output.LocalPath": "outputs[].source",
    "ProcessingOutputConfig.KmsKeyId": "output_kms_key",
    "ProcessingResources": "",
    "ProcessingResources.ClusterConfig": "",
    "ProcessingResources.ClusterConfig.VolumeKmsKeyId": "volume_kms_key",
    "AppSpecification": "",
    "AppSpecification.ContainerEntrypoint": "entrypoint",
    "AppSpecification.ContainerArguments": "arguments",
    "StoppingCondition": "",
    "NetworkConfig.EnableInterContainerTrafficEncryption": "network_config.encrypt_inter_container_traffic",
    "NetworkConfig.VpcConfig": "network_config",
    "Environment": "env",
    "RoleArn": "role",
    "ProcessingJobName": "base_job_name",
    "Tags[].Key": "tags[].Key",
    "Tags[].Value": "tags[].Value",
}
_LAST_STEP = re.compile(r"(\.\w+|\[\]| key|^\w+)$")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def field_of(path: str) -> str:
    """The argument that a path of the request stands for: ``inputs[2].destination``."""
    if path.startswith("ExperimentConfig."):
        return f"experiment_config[{path.partition('.')[2]!r}]"
    if path.startswith("Environment"):
        return f"env{path.removeprefix('Environment')}"
    numbers = iter(re.findall(r"\[\d+\]", path))
    general = re.sub(r"\[\d+\]", "[]", path)
    known = general
    while known and known not in _NAMES:
        known = _LAST_STEP.sub("", known)
    rest = general[len(known) :]
    named = _NAMES.get(known, "") + (rest if rest.startswith(" ") else _WORD_START.sub("_", rest).lower())
    return re.sub(r"\[\]", lambda _: next(numbers), named).lstrip(".")

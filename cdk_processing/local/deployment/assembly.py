"""Read a cloud assembly, the output of a CDK app in ``cdk.out``. This module deploys nothing.

The format is the CDK's ``cloud-assembly-schema``: https://github.com/aws/aws-cdk-cli/tree/main/packages/@aws-cdk
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cdk_processing.local.deployment.annotations import Annotation, read_annotations

__all__ = ["Assembly", "FileAsset", "ImageAsset", "StackArtifact"]

BOOTSTRAP_VERSION_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
"""Where `cdk bootstrap` writes its version; every template of the default synthesizer reads it."""


@dataclass(frozen=True)
class FileAsset:
    """A file, or a folder to zip, that is uploaded to a bucket before the stacks are deployed.

    Attributes:
        name: Its name in the CDK, for messages.
        path: The file or folder.
        zipped: Whether to zip the folder.
        bucket: Bucket name. It still contains placeholders such as ``${AWS::AccountId}``.
        key: Object key.
        region: The bucket's region, or None for the stack's region.
    """

    name: str
    path: Path
    zipped: bool
    bucket: str
    key: str
    region: str | None = None


@dataclass(frozen=True)
class ImageAsset:
    """A container image that is built from a folder.

    Attributes:
        name: Its name in the CDK, for messages.
        directory: The build context.
        repository: The target repository. It still contains placeholders such as ``${AWS::AccountId}``.
        tag: Its tag.
        options: Options for ``docker build``.
        unsupported: Settings of the asset that cannot be passed to ``docker build``.
    """

    name: str
    directory: Path
    repository: str
    tag: str
    options: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()


@dataclass(frozen=True)
class StackArtifact:
    """A stack of the assembly.

    Attributes:
        artifact_id: Unique within its assembly; dependencies refer to it.
        name: The CloudFormation stack's name.
        display_name: Its name in the CDK, such as ``Prod/Census``.
        template_file: Its template.
        account_id: Its account; None if the stack sets none.
        region: Its region; None if the stack sets none.
        parameters: CloudFormation parameters the app sets.
        tags: Tags of the stack.
        assets: File assets to publish before deploying the stack.
        images: Images to build before deploying the stack.
        bootstrap_parameter: The SSM parameter that `cdk bootstrap` would create.
        logical_ids: Logical ids by construct path (without a leading slash).
        annotations: The annotations of its constructs: infos, warnings, errors.
    """

    artifact_id: str
    name: str
    display_name: str
    template_file: Path
    account_id: str | None = None
    region: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    assets: tuple[FileAsset, ...] = ()
    images: tuple[ImageAsset, ...] = ()
    bootstrap_parameter: str = BOOTSTRAP_VERSION_PARAMETER
    logical_ids: Mapping[str, str] = field(default_factory=dict)
    annotations: tuple[Annotation, ...] = ()

    @cached_property
    def template(self) -> dict[str, Any]:
        """The parsed template."""
        return _read(self.template_file)

    @property
    def paths(self) -> dict[str, str]:
        """Construct paths by logical id."""
        return {logical_id: path for path, logical_id in self.logical_ids.items()}


@dataclass(frozen=True)
class Assembly:
    """A cloud assembly, including its nested assemblies.

    Attributes:
        folder: The assembly's folder.
        stacks: All stacks, dependencies first.
        missing_context: Context values that the app asked for and did not get.
    """

    folder: Path
    stacks: tuple[StackArtifact, ...]
    missing_context: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Assembly:
        """Read the assembly in a folder and its nested assemblies (one for each stage)."""
        manifest = _read(folder / "manifest.json")
        artifacts: dict[str, Any] = manifest.get("artifacts", {})
        stacks: list[StackArtifact] = []
        missing = [f"{entry.get('provider')} {entry.get('key')}" for entry in manifest.get("missing", [])]
        for artifact_id in _in_order(artifacts):
            artifact = artifacts[artifact_id]
            if artifact["type"] == "aws:cloudformation:stack":
                stacks.append(_stack(folder, artifact_id, artifacts))
            elif artifact["type"] == "cdk:cloud-assembly":
                nested = cls.read(folder / artifact["properties"]["directoryName"])
                stacks += nested.stacks
                missing += nested.missing_context
        return cls(folder, tuple(stacks), tuple(dict.fromkeys(missing)))

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """The annotations of all stacks: infos, warnings, errors."""
        return tuple(annotation for stack in self.stacks for annotation in stack.annotations)


def _in_order(artifacts: Mapping[str, Any]) -> Iterator[str]:
    """Yield artifact ids, dependencies first, otherwise in the manifest's order."""
    done: set[str] = set()

    def visit(artifact_id: str) -> Iterator[str]:
        if artifact_id in done or artifact_id not in artifacts:
            return
        done.add(artifact_id)
        for dependency in artifacts[artifact_id].get("dependencies", []):
            yield from visit(dependency)
        yield artifact_id

    for artifact_id in artifacts:
        yield from visit(artifact_id)


def _stack(folder: Path, artifact_id: str, artifacts: Mapping[str, Any]) -> StackArtifact:
    artifact = artifacts[artifact_id]
    properties = artifact.get("properties", {})
    account_id, _, region = artifact.get("environment", "").removeprefix("aws://").partition("/")
    assets: list[FileAsset] = []
    images: list[ImageAsset] = []
    bootstrap = properties.get("bootstrapStackVersionSsmParameter", BOOTSTRAP_VERSION_PARAMETER)
    for dependency in artifact.get("dependencies", []):
        needed = artifacts.get(dependency, {})
        if needed.get("type") == "cdk:asset-manifest":
            manifest = _read(folder / needed["properties"]["file"])
            assets += _file_assets(folder, manifest)
            images += _image_assets(folder, manifest)
    metadata = dict(artifact.get("metadata", {}))
    if "additionalMetadataFile" in artifact:
        metadata.update(_read(folder / artifact["additionalMetadataFile"]))
    return StackArtifact(
        artifact_id=artifact_id,
        name=properties.get("stackName", artifact_id),
        display_name=artifact.get("displayName", artifact_id),
        template_file=folder / properties["templateFile"],
        account_id=None if account_id in ("", "unknown-account") else account_id,
        region=None if region in ("", "unknown-region") else region,
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
        assets=tuple(assets),
        images=tuple(images),
        bootstrap_parameter=bootstrap,
        logical_ids={
            path.removeprefix("/"): entry["data"]
            for path, entries in metadata.items()
            for entry in entries
            if entry.get("type") == "aws:cdk:logicalId"
        },
        annotations=tuple(read_annotations(metadata)),
    )


def _file_assets(folder: Path, manifest: Mapping[str, Any]) -> Iterator[FileAsset]:
    for key, asset in manifest.get("files", {}).items():
        source = asset["source"]
        if "path" not in source:  # The asset is the output of a command. This library creates no such assets.
            continue
        for destination in asset["destinations"].values():
            yield FileAsset(
                name=asset.get("displayName", key),
                path=(folder / source["path"]).resolve(),
                zipped=source.get("packaging") == "zip",
                bucket=destination["bucketName"],
                key=destination["objectKey"],
                region=destination.get("region"),
            )


def _image_assets(folder: Path, manifest: Mapping[str, Any]) -> Iterator[ImageAsset]:
    for key, asset in manifest.get("dockerImages", {}).items():
        source = dict(asset["source"])
        directory = (folder / source.pop("directory", ".")).resolve()
        options: list[str] = []
        if "dockerFile" in source:
            options += ["--file", str(directory / source.pop("dockerFile"))]
        for name, option in (
            ("dockerBuildTarget", "--target"),
            ("networkMode", "--network"),
            ("platform", "--platform"),
        ):
            if name in source:
                options += [option, str(source.pop(name))]
        for name, value in source.pop("dockerBuildArgs", {}).items():
            options += ["--build-arg", f"{name}={value}"]
        if source.pop("cacheDisabled", False):
            options.append("--no-cache")
        for destination in asset["destinations"].values():
            yield ImageAsset(
                name=asset.get("displayName", key),
                directory=directory,
                repository=destination["repositoryName"],
                tag=destination["imageTag"],
                options=tuple(options),
                unsupported=tuple(sorted(source)),
            )


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content

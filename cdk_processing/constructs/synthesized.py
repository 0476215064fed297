"""The stacks of a cloud assembly as they are deployed, with the construct path of each resource."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from cdk_processing.standards.templates import SynthesizedStack

__all__ = ["synthesized_stacks"]


def synthesized_stacks(template: Path, region: str | None, *, denies: bool) -> Iterator[tuple[Path, SynthesizedStack]]:
    """A stack and its nested ones, each with the file of its template.

    Args:
        template: The file of the stack's template, in the folder of its assembly.
        region: The stack's region; None if it is not known at synth.
        denies: Whether what breaks the standards is denied at run time.
    """
    folder = template.parent
    metadata = _metadata(folder, template.name)
    files = dict(_entries(metadata, "aws:cdk:templateFile"))
    names: dict[str, dict[str, str]] = {path: {} for path in files}
    for path, name in _entries(metadata, "aws:cdk:logicalId"):
        owner = max((each for each in files if path.startswith(f"{each}/")), key=len, default=None)
        if owner is not None:
            names[owner][name] = path
    for path, file in files.items():
        document = json.loads((folder / file).read_text(encoding="utf-8"))
        read = partial(_published, folder)
        yield folder / file, SynthesizedStack(path, document, names[path], region, read, denies)


def _metadata(folder: Path, template: str) -> Mapping[str, Any]:
    """What the CDK says of the constructs of a stack, by path; newer releases say it in a file of its own."""
    for artifact in _json(folder / "manifest.json")["artifacts"].values():
        if artifact.get("properties", {}).get("templateFile") == template:
            more = artifact.get("additionalMetadataFile")
            found: dict[str, Any] = {**artifact.get("metadata", {}), **(_json(folder / more) if more else {})}
            return found
    return {}


def _entries(metadata: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    for path, entries in metadata.items():
        yield from ((path.removeprefix("/"), str(each["data"])) for each in entries if each.get("type") == kind)


def _published(folder: Path, key: str) -> str | None:
    """A file that the app publishes, by its key in S3; None if it publishes no such file."""
    for manifest in folder.glob("*.assets.json"):
        for each in (_json(manifest).get("files") or {}).values():
            keys = {target.get("objectKey") for target in each.get("destinations", {}).values()}
            source = folder / str(each.get("source", {}).get("path"))
            if key in keys and source.is_file():
                return source.read_text(encoding="utf-8")
    return None


def _json(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found

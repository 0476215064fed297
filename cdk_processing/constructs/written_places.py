"""Where a job writes objects, and whether their keys can begin with a prefix."""

from __future__ import annotations

from collections.abc import Iterator

from cdk_processing.request.location import S3Location
from cdk_processing.request.markers import segments
from cdk_processing.request.request import ProcessingRequest

__all__ = ["can_begin_with", "folder_of", "written_places"]

#: Values that can hold any text, so that a key made of them can begin with anything.
_ANY_TEXT = frozenset(
    {"FOLDER_URI", "OBJECT_KEY", "OBJECT_URI", "PARAMETER", "PARTITION", "SOURCE_FOLDER", "UPSTREAM_OUTPUT"}
)


def written_places(request: ProcessingRequest) -> Iterator[tuple[str, S3Location | None]]:
    """Where objects come to lie, by the field that says so: outputs, and results of queries."""
    for index, output in enumerate(request.named_outputs):
        yield f"outputs[{index}].destination", output.location
    for index, channel in enumerate(request.inputs):
        for name in ("athena_dataset_definition", "redshift_dataset_definition"):
            query = getattr(channel.dataset_definition, name, None)
            field = f"inputs[{index}].dataset_definition.{name}.output_s3_uri"
            yield field, getattr(query, "location", None)


def folder_of(key: str) -> str:
    """What keys of an output begin with: SageMaker writes ``<key>/<file>``, whether the slash is there or not."""
    return key if not key or key.endswith("/") else f"{key}/"


def can_begin_with(key: str, prefix: str) -> bool:
    """Whether a key that may hold run-time values can come to begin with a prefix."""
    rest = prefix
    for part in segments(key):
        if not isinstance(part, str):
            # A date or an id would have to spell the prefix's very text; an object's key or a parameter easily does.
            return not rest or part.name in _ANY_TEXT
        if not rest.startswith(part[: len(rest)]):
            return False
        rest = rest[len(part) :]
        if not rest:
            return True
    return not rest

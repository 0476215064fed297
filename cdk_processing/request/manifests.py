"""Manifests as inputs: which channels are one, and where the objects lie that a manifest names.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
"""

from __future__ import annotations

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.likely import s3_uri
from cdk_processing.request.location import S3Location
from cdk_processing.request.runtime import Parameter
from cdk_processing.request.tokens import is_token

__all__ = ["MANIFEST", "can_be_manifest", "check_objects", "missing_objects", "object_locations"]

MANIFEST = "ManifestFile"
_WHERE = "where the objects lie that the manifest names: a list of S3Locations or s3:// URIs"
_FIX = 'write objects=[bucket.at("images/")]'


def can_be_manifest(data_type: object) -> bool:
    """Whether an input is a manifest, or may turn out to be one when CloudFormation or a run says so."""
    if isinstance(data_type, Parameter):
        return MANIFEST in data_type.spec.enum_values
    return data_type == MANIFEST or is_token(data_type) or hasattr(type(data_type), "to_string")


def object_locations(objects: object) -> list[S3Location]:
    """Where the objects lie; what names no place is left out."""
    given = objects if isinstance(objects, (list, tuple)) else ()
    return [location for location in map(S3Location.of, given) if location is not None]


def check_objects(objects: object, data_type: object) -> list[Problem]:
    """What is wrong with the ``objects`` of a channel."""
    if objects is None:
        return []
    if not can_be_manifest(data_type):
        fix = f"set s3_data_type={MANIFEST!r}, or make each place an input of its own"
        return [Problem("objects", objects, f"left out with s3_data_type={data_type!r}", fix)]
    if not isinstance(objects, (list, tuple)):
        shown = f"write objects=[{objects!r}]" if isinstance(objects, str) else _FIX
        return [Problem("objects", objects, _WHERE, shown)]
    found = []
    for index, each in enumerate(objects):
        location = S3Location.of(each)
        if location is None:
            meant = s3_uri(each)
            fix = _FIX if meant is None else f"write {meant!r}"
            found.append(Problem(f"objects[{index}]", each, "an S3Location or an s3:// URI", fix))
        else:
            found += [problem.inside(f"objects[{index}]") for problem in location.problems()]
    return found + limits.check_unique("objects", [place.uri for place in object_locations(objects)], "name it once")


def missing_objects(objects: object, data_type: object) -> list[Problem]:
    """A manifest of which nobody says where its objects lie: the role could read the manifest alone."""
    if objects is not None or not can_be_manifest(data_type):
        return []
    fix = f"{_FIX}, or objects=[] if you grant the execution role yourself"
    return [Problem("objects", None, f"{_WHERE}, because the execution role is made to read them", fix)]

"""A location in S3: a bucket and a key or key prefix."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeGuard
from weakref import WeakKeyDictionary

from cdk_processing.errors import Problem
from cdk_processing.request.markers import fixed_prefix
from cdk_processing.request.runtime import has_run_time_value, text_of
from cdk_processing.request.tokens import is_token
from cdk_processing.request.types import Bucket

__all__ = ["JobOutput", "S3Location", "is_bucket"]

# Wider than S3's rules for new buckets: old ones in us-east-1 break them, and the API takes whatever exists.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_URI = re.compile(r"s3://(?P<bucket>[^/]+)(?:/(?P<key>.*))?", re.DOTALL)


# To read a bucket's name calls Node, so each is read once.
_names: WeakKeyDictionary[object, str] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket and a key prefix in it, as ``bucket.at("census/")`` gives.

    Args:
        bucket: An ``s3.IBucket`` of any app, or a bucket's name.
        key: A key or key prefix; "" is the whole bucket. It may hold run-time values.

    Example:
        >>> S3Location("raw-data", "census/").uri
        's3://raw-data/census/'
    """

    bucket: Bucket | str
    key: str = ""
    #: The bucket's name; a token where the name is known only at deployment.
    bucket_name: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bucket_name", _name_of(self.bucket))

    @classmethod
    def parse(cls, uri: str) -> S3Location | None:
        """The location of an ``s3://bucket/key`` URI; None for any other text."""
        match = _URI.fullmatch(uri)
        return cls(match["bucket"], match["key"] or "") if match else None

    @classmethod
    def of(cls, place: object) -> S3Location | None:
        """The location that an argument means: a location, an ``s3://`` URI or a whole bucket; None for others."""
        place = text_of(place)
        if isinstance(place, S3Location):
            return place
        if isinstance(place, str):
            return cls.parse(place)
        return cls(place) if is_bucket(place) else None

    @property
    def uri(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket_name}/{self.key}"

    @property
    def fixed_key(self) -> str:
        """The part of the key that is known before a run. The role gets permissions on it."""
        return fixed_prefix(self.key)

    @property
    def folder(self) -> S3Location:
        """The same location as a folder: SageMaker writes an output to ``<key>/<file>``, with or without the slash."""
        return self if not self.key or self.key.endswith("/") else self.at("/")

    def at(self, key: str) -> S3Location:
        """The same bucket, with ``key`` appended to this key."""
        return S3Location(self.bucket, self.key + key)

    def __str__(self) -> str:
        return self.uri

    def problems(self) -> list[Problem]:
        """What is wrong with this location."""
        found = []
        if not self.bucket_name:
            fix = "pass the bucket construct itself"
            if hasattr(self.bucket, "cfn_resource_type"):
                fix = "pass s3.Bucket.from_cfn_bucket(bucket)"
            found.append(Problem("bucket", self.bucket, "an s3.IBucket or a bucket's name", fix))
        elif has_run_time_value(self.bucket_name):
            found.append(
                Problem(
                    "bucket",
                    self.bucket_name,
                    "known at synth: the role gets permissions on it",
                    "name the bucket, and keep run-time values for the key",
                )
            )
        elif not is_token(self.bucket_name) and not _BUCKET.fullmatch(self.bucket_name):
            found.append(
                Problem(
                    "bucket",
                    self.bucket_name,
                    "letters, digits, '.', '-' and '_'",
                    "use the bucket's name as S3 shows it",
                )
            )
        if not isinstance(self.key, str):
            found.append(Problem("key", self.key, "a str", "write the key prefix as text"))
        elif self.key.startswith("/"):
            found.append(
                Problem("key", self.key, "a key prefix without a leading '/'", f"write {self.key.lstrip('/')!r}")
            )
        elif len(self.fixed_key.encode(errors="surrogatepass")) > 1024:
            found.append(Problem("key", self.key, "at most 1,024 bytes", "shorten the key"))
        return found


def is_bucket(value: object) -> TypeGuard[Bucket]:
    """Whether a value is a bucket construct."""
    # Looks at the class, because to read a construct's property calls Node.
    return hasattr(type(value), "bucket_name") and not isinstance(value, S3Location)


@dataclass(frozen=True, slots=True)
class JobOutput(S3Location):
    """An output of a job, as another job reads it: ``job.outputs["name"]``."""

    @property
    def folder(self) -> S3Location:
        """The part of the location that all runs share; the whole location if all runs write to it."""
        return S3Location(self.bucket, self.fixed_key)


def _name_of(bucket: object) -> str:
    """A bucket's name; "" for anything that is neither a name nor a bucket."""
    if isinstance(bucket, str):
        return bucket
    try:
        return _names[bucket]
    except (KeyError, TypeError):  # TypeError: not a construct
        name = getattr(bucket, "bucket_name", None)
    if not isinstance(name, str):
        return ""
    with suppress(TypeError):
        _names[bucket] = name
    return name

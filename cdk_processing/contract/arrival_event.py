"""The event of a new S3 object, as EventBridge delivers it, for an object whose own event launched nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

__all__ = ["CREATED", "LISTED_FIELDS", "S3", "StoredObject"]

#: The source of S3's events.
S3 = "aws.s3"
#: The kind of the event of a new object.
CREATED = "Object Created"
#: The fields of the event that a listing of the bucket also gives, by which a pattern may match.
LISTED_FIELDS = frozenset(
    {
        "source",
        "detail-type",
        "account",
        "region",
        "detail.bucket.name",
        *(f"detail.object.{name}" for name in ("key", "size", "etag", "version-id")),
    }
)
_NO_VERSION = "null"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in a bucket, as S3 lists it.

    Attributes:
        bucket: The bucket.
        key: The object's key.
        version_id: Its version; ``null`` if it was written while the bucket had no versioning.
        etag: Its ETag, without quotes.
        size: Its size in bytes.
        written: When it was written, with a timezone.
    """

    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    written: datetime

    @property
    def uri(self) -> str:
        """Its URI."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def has_version(self) -> bool:
        """Whether its event has a version. The event of another object has only a sequencer, which S3 does not list."""
        return self.version_id != _NO_VERSION

    def event(self, account: str, region: str) -> dict[str, Any]:
        """Its event, the same each time. It has no sequencer, and its time is when the object was written.

        Args:
            account: The account.
            region: The region.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
        """
        version = {"version-id": self.version_id} if self.has_version else {}
        digest = hashlib.md5(f"{self.uri}@{self.version_id}:{self.etag}".encode(), usedforsecurity=False).hexdigest()
        return {
            "version": "0",
            "id": "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:])),
            "detail-type": CREATED,
            "source": S3,
            "account": account,
            "time": self.written.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": region,
            "resources": [f"arn:aws:s3:::{self.bucket}"],
            "detail": {
                "version": "0",
                "bucket": {"name": self.bucket},
                "object": {"key": self.key, "size": self.size, "etag": self.etag, **version},
                "requester": account,
                "reason": "Backfill",
            },
        }

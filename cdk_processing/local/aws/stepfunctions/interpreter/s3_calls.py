"""Calls S3 with the state machine's role, for the data of a Distributed Map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cdk_processing.local.aws.stepfunctions.execution import current_execution, execution_error

__all__ = ["objects_of", "put_text", "read_object"]


@contextmanager
def _client(error_name: str) -> Iterator[Any]:
    """A client of S3; an error of a call becomes an error of the state."""
    from botocore.exceptions import BotoCoreError, ClientError

    execution = current_execution()
    assert execution is not None
    try:
        yield execution.client("s3")
    except ClientError as error:
        raise execution_error(error_name, str(error.response["Error"].get("Message", ""))) from error
    except BotoCoreError as error:
        raise execution_error(error_name, str(error)) from error


def read_object(arguments: Mapping[str, Any], error_name: str) -> bytes:
    """The content of an object.

    Args:
        arguments: The request of GetObject.
        error_name: The name of the error if that fails.
    """
    with _client(error_name) as s3:
        content: bytes = s3.get_object(**arguments)["Body"].read()
    return content


def put_text(bucket: str, key: str, text: str, error_name: str) -> None:
    """Write an object."""
    with _client(error_name) as s3:
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode())


def objects_of(arguments: Mapping[str, Any], error_name: str) -> Iterator[dict[str, Any]]:
    """The objects of a listing, page after page, with the fields that a Distributed Map gives to its items."""
    with _client(error_name) as s3:
        for page in s3.get_paginator("list_objects_v2").paginate(**arguments):
            for each in page.get("Contents", ()):
                yield {
                    "Etag": each["ETag"],
                    "Key": each["Key"],
                    "LastModified": int(each["LastModified"].timestamp()),
                    "Size": each["Size"],
                    "StorageClass": each.get("StorageClass", "STANDARD"),
                }

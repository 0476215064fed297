"""``ItemReader``: the items of a Distributed Map from S3, read with the state machine's role.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from cdk_processing.local.aws.stepfunctions.execution import execution_error
from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate
from cdk_processing.local.aws.stepfunctions.interpreter.numbers import whole_number
from cdk_processing.local.aws.stepfunctions.interpreter.s3_calls import objects_of, read_object
from cdk_processing.local.aws.stepfunctions.interpreter.state import State
from cdk_processing.local.aws.stepfunctions.interpreter.templates import fill

__all__ = ["read_items"]

_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
_ERROR = "States.ItemReaderFailed"
# "Currently, you can specify a limit of up to 100,000,000"
_MOST = 100_000_000


def read_items(state: State, effective: Any) -> list[Any]:
    """Read the items: an S3 listing, or the content of an object."""
    reader = state.get("ItemReader")
    config = reader.get("ReaderConfig") or {}
    most = _most(state, config, effective)
    given = reader.get("Arguments" if state.jsonata else "Parameters") or {}
    arguments = evaluate(state, given, "ItemReader/Arguments") if state.jsonata else fill(state, given, effective)
    if str(reader.get("Resource")).endswith("s3:listObjectsV2"):
        return list(islice(_listed(arguments, config), most))
    return list(islice(_parsed(_text_of(arguments), config, arguments), most))


def _most(state: State, config: Mapping[str, Any], effective: Any) -> int:
    most = whole_number(state, config, "MaxItems", effective)
    if most < 0:
        raise execution_error(_ERROR, "field MaxItems must be positive")
    return min(most or _MOST, _MOST)


def _listed(arguments: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Any]:
    for each in objects_of(arguments, _ERROR):
        if config.get("Transformation") == "LOAD_AND_FLATTEN":
            of_object = {"Bucket": arguments["Bucket"], "Key": each["Key"]}
            yield from _parsed(_text_of(of_object), config, of_object)
        else:
            yield each


def _text_of(arguments: Mapping[str, Any]) -> str:
    return read_object(arguments, _ERROR).decode(errors="replace")


def _parsed(text: str, config: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[Any]:
    kind = config.get("InputType", "JSON")
    if kind == "CSV":
        return _rows(text, config)
    if kind == "JSONL":
        return (json.loads(line) for line in text.splitlines() if line.strip())
    if kind == "MANIFEST":
        return _of_inventory(json.loads(text), arguments)
    return iter(_array(json.loads(text), config.get("ItemsPointer")))


def _array(data: Any, pointer: str | None) -> list[Any]:
    """The array in a document, at a JSON pointer."""
    from jsonpath import JSONPointer, JSONPointerError

    try:
        found = JSONPointer(pointer or "").resolve(data)
    except JSONPointerError as error:
        raise execution_error(_ERROR, f"The ItemsPointer {pointer} leads nowhere.") from error
    if not isinstance(found, list):
        raise execution_error(_ERROR, "Attempting to map over non-iterable node.")
    return found


def _rows(text: str, config: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The rows of a CSV file. A missing value is an empty text, and one too many is dropped."""
    rows = iter(csv.reader(io.StringIO(text), delimiter=_DELIMITERS[config.get("CSVDelimiter", "COMMA")]))
    given = config.get("CSVHeaders") if config.get("CSVHeaderLocation") == "GIVEN" else None
    headers = list(given) if given is not None else next(rows, [])
    if len(set(headers)) < len(headers):
        raise execution_error(_ERROR, "CSV headers cannot contain duplicates.")
    for row in rows:
        if row:
            yield {header: row[n] if n < len(row) else "" for n, header in enumerate(headers)}


def _of_inventory(manifest: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The objects that the manifest of an S3 inventory lists."""
    import gzip

    headers = [name.strip() for name in manifest["fileSchema"].split(",")]
    bucket = str(manifest.get("destinationBucket", arguments["Bucket"])).rpartition(":")[2]
    for file in manifest["files"]:
        content = read_object({"Bucket": bucket, "Key": file["key"]}, _ERROR)
        for row in csv.reader(io.StringIO(gzip.decompress(content).decode())):
            yield dict(zip(headers, row, strict=False))

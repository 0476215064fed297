"""``ItemBatcher``: several items for one execution of a Distributed Map.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cdk_processing.local.aws.stepfunctions.interpreter.expressions import evaluate
from cdk_processing.local.aws.stepfunctions.interpreter.numbers import whole_number
from cdk_processing.local.aws.stepfunctions.interpreter.state import State, compact
from cdk_processing.local.aws.stepfunctions.interpreter.templates import fill

__all__ = ["batches_of"]


def batches_of(state: State, effective: Any, items: Sequence[Any]) -> list[Any]:
    """The inputs of the executions: the items, or batches of them."""
    batcher = state.get("ItemBatcher")
    if not batcher:
        return list(items)
    most_items = whole_number(state, batcher, "MaxItemsPerBatch", effective)
    most_bytes = whole_number(state, batcher, "MaxInputBytesPerBatch", effective)
    shared = {}
    if "BatchInput" in batcher:
        given = batcher["BatchInput"]
        shared["BatchInput"] = (
            evaluate(state, given, "ItemBatcher/BatchInput") if state.jsonata else fill(state, given, effective)
        )
    overhead = len(compact({**shared, "Items": []}).encode())
    return [{**shared, "Items": batch} for batch in _batches(items, most_items, most_bytes, overhead)]


def _batches(items: Sequence[Any], most_items: int, most_bytes: int, overhead: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    size = overhead
    for item in items:
        length = len(compact(item).encode()) + 1
        if batch and ((most_items and len(batch) == most_items) or (most_bytes and size + length > most_bytes)):
            yield batch
            batch, size = [], overhead
        batch.append(item)
        size += length
    if batch:
        yield batch

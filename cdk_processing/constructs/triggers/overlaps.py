"""Markers of ``OnAll`` that also launch their job by another trigger.

A run reads an event as that of one trigger. So a marker of two triggers would count for one of them alone, and the
other would wait for it for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdk_processing.constructs.storage import shown
from cdk_processing.constructs.triggers.all_of import OnAll
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.constructs.triggers.marker import OnMarker
from cdk_processing.constructs.triggers.object_created import OnObjectCreated
from cdk_processing.errors import Problem
from cdk_processing.request.location import S3Location

__all__ = ["overlap_problems"]

_FIX = "watch another prefix, or make two jobs"


def overlap_problems(triggers: Sequence[Trigger]) -> list[Problem]:
    """What is wrong with valid triggers of one job together."""
    found = []
    for index, trigger in enumerate(triggers):
        if not isinstance(trigger, OnAll):
            continue
        for number, other in enumerate(triggers):
            if number == index or (number > index and isinstance(other, OnAll)):
                continue
            for name, marker in trigger.markers.items():
                if any(_may_be(marker, place, end) for place, end in _watched(other)):
                    field = f"triggers[{index}].markers[{name!r}].location"
                    allowed = f"where triggers[{number}] does not launch the job too: a marker has one trigger"
                    found.append(Problem(field, shown(marker.place), allowed, _FIX).on("OnAll"))
    return found


def _watched(trigger: Trigger) -> Iterator[tuple[S3Location, str]]:
    """The places that a trigger watches, and the end of the keys."""
    if isinstance(trigger, OnAll):
        for marker in trigger.markers.values():
            yield from _watched(marker)
    elif isinstance(trigger, OnMarker):
        yield trigger.place, f"/{trigger.name}"
    elif isinstance(trigger, OnObjectCreated):
        yield from ((place, trigger.suffix) for place in trigger.brings)


def _may_be(marker: OnMarker, place: S3Location, end: str) -> bool:
    """Whether a marker may be an object at a place whose key has an end."""
    key, own = marker.place.key, f"/{marker.name}"
    is_near = key.startswith(place.key) or place.key.startswith(key)
    return marker.place.bucket_name == place.bucket_name and is_near and (own.endswith(end) or end.endswith(own))

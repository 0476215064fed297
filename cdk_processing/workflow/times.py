"""Times that are reckoned from the run's own, as JSONata: in a timezone, days or hours before or after.

JSONata knows no timezones. So the definition holds a table of each timezone that it uses, and one function that finds
an offset in such a table, both in the first state. That state also reckons the times, once; all others read them.

A table's ``changes`` are numbers in rising order: the moment from which an offset counts, times the number of
``offsets``, plus the index of that offset. So the offset at a moment is that of the greatest number below the next
moment's: no search nests deeper for a longer table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from cdk_processing.request.times import Moment
from cdk_processing.schedules.offsets import EPOCH, offset_table
from cdk_processing.workflow.jsonata import quoted

__all__ = ["TIMES", "moments_expression", "time_problem", "time_statements"]

#: The name of the times in ``$run``.
TIMES = "times"

# A time that $toMillis reads in every implementation, and that lies where the tables know every shift of it; the first
# state must not fail, whatever a run was started with.
_YEAR = "20([0-8][0-9]|9[0-8])"
_DATE = (
    f"{_YEAR}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|20([02468][048]|[13579][26])-02-29"
)
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][01][0-9]:[0-5][0-9])"
_TIME = f"({_DATE})T{_CLOCK}"
_ALLOWED = "a time from 2000 to 2098 in ISO 8601, such as 2026-01-31T06:00:00Z"

_OFFSET = f"""function($zone, $at) {{(
    $n := $floor(($at - {EPOCH.timestamp() * 1000:.0f}) / 60000 / $zone.unit);
    $n := $n < $zone.from ? $n : $zone.from + ($n - $zone.from) % $zone.every;
    $k := $count($zone.offsets);
    60000 * $zone.offsets[$max($zone.changes[$ < ($n + 1) * $k]) % $k]
)}}"""
# The offset of a time on the wall is that of the first moment that has it; of a time that is skipped, the offset before
# it was skipped: Python's datetimes have it so. A day before, the offset is the one before any change that matters.
_LOCAL = """function($zone, $before, $after) {(
    $at := $ms + $before;
    $o := $offset($zone, $at);
    $wall := $at + $o + $after;
    $o := $after = 0 ? $o : $offset($zone, $wall - 86400000);
    $o := $after = 0 ? $o : $offset($zone, $wall - $o);
    $o := $after = 0 ? $o : $offset($zone, $wall - $o);
    {'wall': $wall, 'text': $iso($wall) & ($o < 0 ? '-' : '+') & $fromMillis($abs($o), '[H01]:[m01]')}
)}"""
_ISO = "function($wall) { $fromMillis($wall, '[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01]') }"


def time_statements(moments: Collection[Moment]) -> Iterator[str]:
    """What the times need, as statements of the first state, which has the run's time as ``$time``."""
    if not moments:
        return
    # "$" also matches before a line break at the end, in some engines: so the text ends with something else.
    yield f"$ms := $contains($time & '.', /^{_TIME}\\.$/) ? $toMillis($time)"
    yield f"$iso := {_ISO}"
    zones = list(dict.fromkeys(moment.zone for moment in moments if moment.zone))
    if zones:
        yield f"$offset := {_OFFSET}"
        yield f"$local := {_LOCAL}"
    for number, zone in enumerate(zones):
        yield f"$zone{number} := {_table(zone)}"


def moments_expression(moments: Collection[Moment]) -> str:
    """The times by their keys, each with its clock on the wall in milliseconds, and as text."""
    zones = list(dict.fromkeys(moment.zone for moment in moments if moment.zone))
    members = ", ".join(f"{quoted(moment.key)}: {_reckoned(moment, zones)}" for moment in moments)
    return f"$exists($ms) ? {{{members}}}"


def time_problem(moments: Collection[Moment]) -> Iterator[str]:
    """What is told of a run whose time cannot be reckoned with, as an expression with no value where it can."""
    if moments:
        yield f"$not($exists($ms)) ? {quoted(f'the time of the run must be {_ALLOWED}, got ')} & $time"


def _reckoned(moment: Moment, zones: Sequence[str]) -> str:
    if moment.zone:
        return f"$local($zone{zones.index(moment.zone)}, {moment.before * 1000}, {moment.after * 1000})"
    return f"($wall := $ms + {moment.before * 1000}; {{'wall': $wall, 'text': $iso($wall) & 'Z'}})"


def _table(zone: str) -> str:
    table = offset_table(zone)
    codes = zip(table.moments, table.codes, strict=True)
    fields = {
        "unit": table.unit,
        "from": table.repeats_from,
        "every": table.repeats_after,
        "offsets": _listed(table.offsets),
        "changes": _listed([moment * len(table.offsets) + code for moment, code in codes]),
    }
    return f"{{{', '.join(f'{quoted(name)}: {value}' for name, value in fields.items())}}}"


def _listed(numbers: Sequence[int]) -> str:
    return f"[{','.join(map(str, numbers))}]"

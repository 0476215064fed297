"""Times computed from the run's time, as JSONata: in a timezone, and days or hours earlier or later.

JSONata has no timezones. So the first state contains a table for each timezone that the definition uses, and one
function that finds an offset in such a table. That state also computes the times, once. All other states read them.

A table's ``changes`` are ascending numbers. Each encodes the moment when an offset begins and the index of that offset:
moment times the number of ``offsets``, plus index. To find the offset at a moment, take the greatest number below that
of the next moment. So a longer table does not make the search nest deeper.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from cdk_processing.request.times import Moment
from cdk_processing.schedules.offsets import EPOCH, offset_table
from cdk_processing.workflow.jsonata import quoted

__all__ = ["TIMES", "moments_expression", "time_problem", "time_statements"]

#: The field of ``$run`` that holds the times.
TIMES = "times"

# Matches a time that $toMillis reads in every implementation, and for which the tables cover every shift. The first
# state must not fail for any input.
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
# As in Python's datetime: a local time that occurs twice gets the offset of the first moment. A skipped local time gets
# the offset before the change. The search starts a day earlier, where the offset is from before any relevant change.
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
    """Statements of the first state that the times need. The state has the run's time in ``$time``."""
    if not moments:
        return
    # In some engines "$" also matches before a final line break. So append a character to the text.
    yield f"$ms := $contains($time & '.', /^{_TIME}\\.$/) ? $toMillis($time)"
    yield f"$iso := {_ISO}"
    zones = list(dict.fromkeys(moment.zone for moment in moments if moment.zone))
    if zones:
        yield f"$offset := {_OFFSET}"
        yield f"$local := {_LOCAL}"
    for number, zone in enumerate(zones):
        yield f"$zone{number} := {_table(zone)}"


def moments_expression(moments: Collection[Moment]) -> str:
    """The times by key, each as local time in milliseconds and as text."""
    zones = list(dict.fromkeys(moment.zone for moment in moments if moment.zone))
    members = ", ".join(f"{quoted(moment.key)}: {_reckoned(moment, zones)}" for moment in moments)
    return f"$exists($ms) ? {{{members}}}"


def time_problem(moments: Collection[Moment]) -> Iterator[str]:
    """The problem of a run whose time cannot be used, as an expression that has no value if it can."""
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

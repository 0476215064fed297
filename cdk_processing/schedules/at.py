"""``at(2030-01-31T06:00:00)``: one occurrence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo

from cdk_processing.errors import Problem, ScheduleError
from cdk_processing.schedules.timezones import as_instant

__all__ = ["At"]

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")


@dataclass(frozen=True, slots=True)
class At:
    """One occurrence.

    Attributes:
        local: The local time.
    """

    local: datetime

    @classmethod
    def read(cls, inner: str) -> At:
        """Parse the text between the parentheses.

        Raises:
            ScheduleError: It is not valid.
        """
        try:
            if _FORM.fullmatch(inner):
                return cls(datetime.fromisoformat(inner))
        except ValueError:
            pass
        allowed = "a date and time that there is, without a timezone: at(yyyy-mm-ddThh:mm:ss)"
        fix = "write such as at(2030-01-31T06:00:00), and the timezone in timezone="
        raise ScheduleError([Problem("expression", f"at({inner})", allowed, fix)])

    def next_after(self, moment: datetime, *, start: datetime, zone: tzinfo) -> datetime | None:
        """The occurrence, if it is after a moment and its local time is not skipped; else None."""
        del start
        found = as_instant(self.local, zone)
        return found if found is not None and found > moment else None

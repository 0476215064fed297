"""EventBridge Scheduler's expressions and timezones, and when a schedule is due. Nothing in here looks at a clock.

========== =======================================================
file       what lives there
========== =======================================================
cron       ``cron(...)``: the moments that six fields name
fields     the grammar of those fields
days       which days of a month they mean: ``L``, ``15W``, ``MON#1``
rate, at   ``rate(...)`` and ``at(...)``
expression which of the three a text is
unix       what a line of a Unix crontab is in EventBridge's cron
timezones  IANA names, and local times as instants
schedule   an expression with its timezone, start, end and window
gaps       the longest time between two occurrences
offsets    how a timezone's offset from UTC changes, as a table
dates      whether a schedule fires while UTC has another date
========== =======================================================
"""

from cdk_processing.schedules.dates import time_on_another_date
from cdk_processing.schedules.expression import Expression, expression_problems, likely_expression, parse
from cdk_processing.schedules.gaps import longest_gap
from cdk_processing.schedules.schedule import Schedule
from cdk_processing.schedules.timezones import timezone_problems, zone_named

__all__ = [
    "Expression",
    "Schedule",
    "expression_problems",
    "likely_expression",
    "longest_gap",
    "parse",
    "time_on_another_date",
    "timezone_problems",
    "zone_named",
]

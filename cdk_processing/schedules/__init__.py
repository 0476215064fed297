"""EventBridge Scheduler's expressions and timezones, and when a schedule fires. No code here reads the clock.

========== =======================================================
file       contents
========== =======================================================
cron       ``cron(...)``: the moments that match six fields
fields     the grammar of those fields
days       which days of a month match: ``L``, ``15W``, ``MON#1``
rate, at   ``rate(...)`` and ``at(...)``
expression parses any of the three
constructs the CDK's own schedules, durations and timezones as text
unix       converts a Unix crontab line to EventBridge's cron
timezones  IANA names, and local times as instants
schedule   an expression with its timezone, start, end and window
recorded   a schedule as EventBridge Scheduler describes it
gaps       the longest time between two occurrences
offsets    how a timezone's offset from UTC changes, as a table
dates      whether a schedule fires while UTC has another date
same       whether two expressions mean the same times
========== =======================================================
"""

from cdk_processing.schedules.dates import time_on_another_date
from cdk_processing.schedules.expression import Expression, expression_problems, likely_expression, parse
from cdk_processing.schedules.gaps import longest_gap
from cdk_processing.schedules.same import same_times
from cdk_processing.schedules.schedule import Schedule
from cdk_processing.schedules.timezones import timezone_problems, zone_named

__all__ = [
    "Expression",
    "Schedule",
    "expression_problems",
    "likely_expression",
    "longest_gap",
    "parse",
    "same_times",
    "time_on_another_date",
    "timezone_problems",
    "zone_named",
]

import random
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest

from cdk_processing.errors import ScheduleError
from cdk_processing.schedules.offsets import EPOCH, LAST_YEAR, offset_changes, offset_table

END = datetime(LAST_YEAR + 1, 1, 1, tzinfo=timezone.utc)


def minutes(instant):
    return (instant - EPOCH) // timedelta(minutes=1)


@pytest.mark.parametrize("part", range(4))
def test_the_table_of_every_timezone_has_pythons_offset_before_and_after_each_change(part):
    for name in sorted(available_timezones() - {"localtime"})[part::40]:
        zone, table = ZoneInfo(name), offset_table(name)
        start = int(EPOCH.timestamp()) // 60
        changes = [change.moment - start for change in offset_changes(zone, start, int(END.timestamp()) // 60)]
        moments = [0, minutes(END) - 1, *(each for moment in changes for each in (moment - 1, moment))]
        for moment in moments:
            offset = (EPOCH + timedelta(minutes=moment)).astimezone(zone).utcoffset()
            if moment < minutes(END):
                assert timedelta(minutes=table.offset_at(moment)) == offset, (name, moment)


def test_no_change_is_overlooked():
    draw = random.Random(1998)
    for name in (
        "Africa/Casablanca",
        "America/Caracas",
        "Asia/Gaza",
        "Asia/Pyongyang",
        "Europe/Berlin",
        "Pacific/Apia",
    ):
        zone, table = ZoneInfo(name), offset_table(name)
        for _ in range(3000):
            moment = draw.randrange(minutes(END))
            offset = (EPOCH + timedelta(minutes=moment)).astimezone(zone).utcoffset()
            assert timedelta(minutes=table.offset_at(moment)) == offset, (name, moment)


def test_a_rule_that_repeats_is_written_once():
    berlin = offset_table("Europe/Berlin")

    assert (berlin.unit, berlin.offsets) == (60, (60, 120))
    assert len(berlin.moments) < 2 * 30 + 1
    assert berlin.repeats_after == (28 * 365 + 7) * 24


def test_a_timezone_without_changes_has_one_offset():
    table = offset_table("Asia/Kathmandu")

    assert (table.moments, table.offsets) == ((0,), (345,))


def test_a_calendar_without_a_rule_is_written_out():
    table = offset_table("Africa/Casablanca")  # Ramadan

    assert len(table.moments) > 150


def test_there_is_no_table_of_a_timezone_that_there_is_not():
    with pytest.raises(ScheduleError, match="write 'Europe/Berlin'"):
        offset_table("Europe/Berln")

"""Two expressions that mean the same times, however they are written."""

import pytest

from cdk_processing.schedules import same_times

BERLIN, UTC = "Europe/Berlin", "UTC"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("cron(0 6 ? * MON-FRI *)", UTC), ("cron(00 06 ? * 2,3,4,5,6 *)", UTC)),
        (("cron(0 6 ? JAN 1 *)", UTC), ("cron( 0  6 ? 1 sun * )", UTC)),
        (("cron(0 6 * * ? *)", UTC), ("cron(0 6 ? * * *)", UTC)),
        (("cron(0 6 1-31 * ? *)", UTC), ("cron(0 6 ? * SUN-SAT *)", UTC)),
        (("cron(0 6 * * ? *)", UTC), ("cron(0 6 * * ? *)", "Etc/UTC")),
        (("cron(0 6 * * ? *)", BERLIN), ("cron(0 6 * * ? *)", "Arctic/Longyearbyen")),
        (("cron(*/15 * * * ? *)", UTC), ("cron(0,15,30,45 * * * ? *)", UTC)),
        (("rate(1 day)", UTC), ("rate(24 hours)", BERLIN)),
        (("at(2030-01-01T00:00:00)", UTC), ("at(2030-01-01T00:00:00)", "Etc/UTC")),
    ],
)
def test_other_words_for_the_same_times(one, other):
    assert same_times(*one, *other)
    assert same_times(*other, *one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("cron(0 6 * * ? *)", UTC), ("cron(0 6 * * ? *)", BERLIN)),
        (("cron(0 6 * * ? *)", UTC), ("cron(0 7 * * ? *)", UTC)),
        (("cron(0 6 1 * ? *)", UTC), ("cron(0 6 ? * MON#1 *)", UTC)),
        (("cron(0 6 L * ? *)", UTC), ("cron(0 6 31 * ? *)", UTC)),
        (("rate(1 day)", UTC), ("cron(0 0 * * ? *)", UTC)),
        (("rate(1 day)", UTC), ("rate(12 hours)", UTC)),
        (("at(2030-01-01T00:00:00)", UTC), ("cron(0 0 1 1 ? 2030)", UTC)),
    ],
)
def test_other_times(one, other):
    assert not same_times(*one, *other)

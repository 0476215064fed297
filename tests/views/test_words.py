import subprocess
import sys

import pytest

from cdk_processing.views.words import counted, in_bytes, in_time, short_id


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_500_000, "2.5 MB"), (5e12, "5000.0 GB")]
)
def test_sizes_have_the_unit_that_fits(count, text):
    assert in_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (4.24, "4.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_have_the_units_that_fit(seconds, text):
    assert in_time(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 stacks"), (1, "1 stack"), (2, "2 stacks")])
def test_one_thing_is_counted_without_an_s(number, text):
    assert counted(number, "stack") == text


def test_a_short_id_is_the_beginning_of_the_run_id():
    assert short_id("8456984e12345678abcdabcdabcdabcd") == "8456984e"


def test_views_load_neither_a_terminal_library_nor_an_sdk():
    program = "import cdk_processing.views, cdk_processing.views.reading, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"rich", "click", "boto3", "botocore", "aws_cdk", "jsii"}.isdisjoint(loaded)

"""docs/security.md says what the library does: its tables are made from it, and its code runs."""

import difflib
import os
import re
import subprocess
import sys

import pytest

from tests.compliance import security_page
from tests.compliance.security_page import PAGE, built, name_of, sids_in, tables, with_tables
from tests.least_privilege.written_calls import POLICIES


@pytest.fixture(scope="module")
def apps(tmp_path_factory):
    return built(tmp_path_factory.mktemp("apps"))


def test_the_tables_are_those_of_the_library(apps):
    """What is acknowledged is frozen here, too. ``UPDATE_GOLDEN=1`` writes the tables anew."""
    page = PAGE.read_text(encoding="utf-8")
    made = with_tables(page, tables(apps, page))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        PAGE.write_text(made, encoding="utf-8")
    changes = difflib.unified_diff(page.splitlines(), made.splitlines(), PAGE.name, "now", n=1, lineterm="")

    assert page == made, "\n".join(["UPDATE_GOLDEN=1 writes the tables anew", *changes])


def test_every_statement_of_the_apps_is_in_the_tables_with_its_reason(apps):
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    chat = {"ShowAlarms"}  # of the role of chat channels, in the table of wildcards alone

    assert sids_in(apps) - chat <= {name_of(each["Sid"]) for policy in POLICIES.values() for each in policy}
    assert [sid for sid, reason in told.items() if sid[0].isupper() and len(reason) < 20] == []


def test_a_statement_without_a_reason_is_found(monkeypatch):
    monkeypatch.setitem(POLICIES, "start", [{"Sid": "New", "Action": "s3:*", "Effect": "Allow", "Resource": "*"}])

    assert "| `New` | `s3:*` | - | ? |" in security_page.statements("start", PAGE.read_text(encoding="utf-8"))


BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_of_the_page_runs(number, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKS[number]], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert done.returncode == 0, done.stdout + done.stderr

"""docs/security.md gives a reason for each statement, and its code runs. Its tables: test_cdk_nag.py."""

import re

import pytest

from tests.compliance import security_page
from tests.compliance.security_page import PAGE
from tests.least_privilege.written_calls import POLICIES

TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_every_statement_has_a_reason():
    told = dict(re.findall(r"^\| `([A-Z]\w+)` \|.*\| ([^|]*) \|$", TEXT, re.MULTILINE))

    assert len(told) > 40
    assert [sid for sid, reason in told.items() if len(reason) < 20] == []


def test_a_statement_without_a_reason_is_found(monkeypatch):
    monkeypatch.setitem(POLICIES, "start", [{"Sid": "New", "Action": "s3:*", "Effect": "Allow", "Resource": "*"}])

    assert "| `New` | `s3:*` | - | ? |" in security_page.statements("start", TEXT)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_of_the_page_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[number], PAGE.name, "exec"), {"__name__": "__main__"})

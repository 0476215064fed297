"""One table of calls: what the policies of this library allow and deny, and which statement it is that decides."""

import pytest

from tests.least_privilege.evaluation import as_recorded, is_allowed
from tests.least_privilege.written_calls import CALLS, DENYING, POLICIES


def test_no_statement_is_left_out_of_the_table():
    for name, statements in POLICIES.items():
        if name == "boundary":  # its other statements are those of the standards
            continue
        sids = {statement["Sid"] for statement in statements} - {"Create"}
        decided = {call.sid for call in CALLS if call.policy == name} - {""}
        if name.startswith("execution,"):  # what else it has is in the table of the whole policy
            assert decided <= sids
            assert sids - decided <= {statement["Sid"] for statement in POLICIES["execution"]}
        else:
            assert decided == sids


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_call_is_allowed_or_denied_as_written(call):
    assert is_allowed(POLICIES[call.policy], as_recorded(call)) == call.is_allowed


@pytest.mark.parametrize("call", [call for call in CALLS if call.sid], ids=str)
def test_without_the_statement_that_decides_it_is_the_other_way_round(call):
    rest = [statement for statement in POLICIES[call.policy] if statement["Sid"] != call.sid]

    assert len(rest) == len(POLICIES[call.policy]) - 1
    assert is_allowed(rest, as_recorded(call)) == (call.policy in DENYING)

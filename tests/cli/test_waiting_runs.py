"""The list of runs says what each run waits for, if any waits."""

from cdk_processing.cli.terminal import show_runs
from cdk_processing.views.runs import Progress, RunView
from cdk_processing.views.states import state_of

RUNNING = RunView("01234567", "Census/Job", state_of("RUNNING", None), 5)
WAITING = RunView(
    "89abcdef",
    "Census/Job",
    RUNNING.state,
    3,
    progress=Progress("Waiting", "for its turn: 3 before it, 2 of them running"),
)


def test_a_run_that_waits_is_listed_with_what_for(capsys):
    show_runs([WAITING, RUNNING])

    titles, waiting, running = capsys.readouterr().out.splitlines()
    assert titles.split()[-1] == "WAITS"
    assert waiting.endswith("for its turn: 3 before it, 2 of them running")
    assert "turn" not in running


def test_a_list_of_which_none_waits_has_no_such_column(capsys):
    show_runs([RUNNING])

    assert "WAITS" not in capsys.readouterr().out

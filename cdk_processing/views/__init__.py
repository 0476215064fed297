"""What people see of jobs, runs and dead letters: frozen values, built from what `cdk_processing.client` reads.

The command line, the live screen and any later page show these. No terminal, no colour and no layout lives here.
"""

from cdk_processing.views.letters import LetterView, letter_view
from cdk_processing.views.runs import OutputView, Progress, RunView, explained_view, run_view
from cdk_processing.views.states import State, Tone, state_of

__all__ = [
    "LetterView",
    "OutputView",
    "Progress",
    "RunView",
    "State",
    "Tone",
    "explained_view",
    "letter_view",
    "run_view",
    "state_of",
]

"""Views of jobs, runs and dead letters to show to people: frozen dataclasses, built from `cdk_processing.client`.

The command line and the live screen render them. This package contains no terminal code and no layout.
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

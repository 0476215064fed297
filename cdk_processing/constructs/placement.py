"""One thing that a job uses, and whether it can be used where it is.

Where something is known to be where it cannot be used, that is a problem. Where only the CDK assumes so, or where AWS
does not say whether it works, it is a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Annotations
from constructs import Construct

from cdk_processing.access.statement import Place
from cdk_processing.constructs.whereabouts import Spot, Whereabouts
from cdk_processing.errors import Problem
from cdk_processing.request.tokens import is_token

__all__ = ["Placement", "place_problems", "warn_of_places"]

#: "account" or "region", theirs and ours.
_Difference = tuple[str, str, str]

_ASSUMED = "cdk-processing:imported-elsewhere"
_UNDOCUMENTED = "cdk-processing:data-of-another-region"


@dataclass(frozen=True, slots=True)
class Placement:
    """Something that a job uses, and where it must be.

    Attributes:
        field: The argument that names it.
        name: What it is called in a sentence.
        there: Where it is.
        here: Where the job is.
        fix: What to do if it is elsewhere.
        any_account: Whether another account's will do.
        any_region: Whether another region's will do.
        is_documented: Whether AWS says that it must be so.
    """

    field: str
    name: str
    there: Whereabouts
    here: Place
    fix: str
    any_account: bool = False
    any_region: bool = False
    is_documented: bool = True

    @property
    def problem(self) -> Problem | None:
        """What is wrong, where it is known to be where it cannot be used."""
        differing = self._differing(self.there.known)
        if not differing or not self.is_documented:
            return None
        ours = " and ".join(f"{name}, {ours}" for name, _, ours in differing)
        return Problem(self.field, f"{self.name} in {_joined(differing, 1)}", f"in the job's {ours}", self.fix)

    @property
    def warning(self) -> tuple[str, str] | None:
        """An id and a text, where it is not known whether it can be used where it is."""
        if known := self._differing(self.there.known):
            return None if self.is_documented else self._warn(_UNDOCUMENTED, "is in", known, "")
        if assumed := self._differing(self.there.assumed):
            doubt = "If it is not there, import it in the job's stack. If it is: "
            return self._warn(_ASSUMED, "was imported in a stack of", assumed, doubt)
        return None

    def _differing(self, there: Spot) -> list[_Difference]:
        compared = [
            (self.any_account, ("account", there.account, self.here.account)),
            (self.any_region, ("region", there.region, self.here.region)),
        ]
        return [
            (name, theirs, ours)
            for any_will_do, (name, theirs, ours) in compared
            if not any_will_do and theirs and ours and not is_token(ours) and theirs != ours
        ]

    def _warn(self, warning: str, verb: str, differing: list[_Difference], doubt: str) -> tuple[str, str]:
        text = (
            f"{self.field}: {self.name} {verb} {_joined(differing, 1)}, and the job is in {_joined(differing, 2)}. "
            f"{doubt}{self.fix}. When you have seen it work, write "
            f'Annotations.of(job).acknowledge_warning("{warning}").'
        )
        return warning, text


def _joined(differing: list[_Difference], item: int) -> str:
    return " and ".join(difference[item] for difference in differing)


def place_problems(placements: Sequence[Placement]) -> list[Problem]:
    """What is known to be where it cannot be used."""
    return [placement.problem for placement in placements if placement.problem is not None]


def warn_of_places(job: Construct, placements: Sequence[Placement]) -> None:
    """Warn of what may not work from where it is."""
    for placement in placements:
        if (warning := placement.warning) is not None:
            Annotations.of(job).add_warning_v2(*warning)

"""How CloudWatch computes an alarm's state from its datapoints, missing ones included. Pure, so a table can test it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["ALARM", "COMPARISONS", "EXTRA_PERIODS", "INSUFFICIENT_DATA", "OK", "AlarmRule", "State", "Verdict"]

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
OK: State = "OK"
ALARM: State = "ALARM"
INSUFFICIENT_DATA: State = "INSUFFICIENT_DATA"

EXTRA_PERIODS = 2
"""Periods before the evaluation periods that CloudWatch reads if datapoints are missing.

AWS says that it looks further back, not how far. Its tables show 5 periods for an alarm of 3.
"""

COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""The operators of a fixed threshold. The other three are for anomaly detection, which is not supported."""


@dataclass(frozen=True)
class Verdict:
    """The result of an evaluation.

    Attributes:
        state: The alarm's state.
        reason: The reason, in CloudWatch's words.
    """

    state: State
    reason: str


@dataclass(frozen=True)
class AlarmRule:
    """When an alarm goes into ALARM.

    Attributes:
        comparison: A key of :data:`COMPARISONS`.
        threshold: The value to compare a datapoint with.
        evaluation_periods: The number of datapoints to evaluate (N).
        datapoints_to_alarm: The number of them that must breach (M, at most N).
        missing: How to treat a missing datapoint: ``missing``, ``ignore``, ``breaching`` or ``notBreaching``.
    """

    comparison: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: str = "missing"

    @property
    def periods(self) -> int:
        """The number of periods to read."""
        return self.evaluation_periods + EXTRA_PERIODS

    def breaches(self, value: float) -> bool:
        """Whether a datapoint is on the wrong side of the threshold."""
        return COMPARISONS[self.comparison][0](value, self.threshold)

    def judge(self, values: Sequence[float | None], state: State) -> Verdict:
        """The alarm's state after these datapoints.

        Args:
            values: One value for each period, the newest first; None if there is no datapoint.
            state: The alarm's state so far.
        """
        there = [(age, value) for age, value in enumerate(values, start=1) if value is not None]
        if not there:
            return self._without_data(state)
        judged = there[: self.evaluation_periods]
        breaching = sum(self.breaches(value) for _, value in judged)
        filled = self.evaluation_periods - len(judged)
        found: State
        if filled and self.missing == "breaching":
            breaching += filled
        if breaching >= self.datapoints_to_alarm:
            found = ALARM
        elif filled and self.missing in ("missing", "ignore") and breaching == len(judged):
            found = self._from_breaching_only(judged[-1][0], state)
        else:
            found = OK
        return Verdict(found, self._reason(found, [value for _, value in judged], breaching, filled))

    def _without_data(self, state: State) -> Verdict:
        periods = _plural(self.evaluation_periods, "period")
        number = _plural(self.evaluation_periods, "missing datapoint")
        were = "was" if self.evaluation_periods == 1 else "were"
        treated = f"Threshold Crossed: no datapoints were received for {periods} and {number} {were} treated as"
        if self.missing == "breaching":
            return Verdict(ALARM, f"{treated} [Breaching].")
        if self.missing == "notBreaching":
            return Verdict(OK, f"{treated} [NonBreaching].")
        unknown = f"{_plural(self.evaluation_periods, 'datapoint')} {were} unknown."
        return Verdict(state if self.missing == "ignore" else INSUFFICIENT_DATA, f"Insufficient Data: {unknown}")

    def _from_breaching_only(self, oldest: int, state: State) -> State:
        """Fewer datapoints than the alarm needs, all of them breaching."""
        if self.missing == "ignore":
            return state
        # "Avoiding premature transitions": ALARM comes when the oldest datapoint is as old as the datapoints to alarm.
        return ALARM if oldest >= self.datapoints_to_alarm else OK

    def _reason(self, state: State, values: Sequence[float], breaching: int, filled: int) -> str:
        said = COMPARISONS[self.comparison][1]
        listed = ", ".join(str(float(value)) for value in values[:5])
        needed = self.datapoints_to_alarm if state == ALARM else self.evaluation_periods - self.datapoints_to_alarm + 1
        change = "OK -> ALARM" if state == ALARM else "ALARM -> OK"
        missing = f" and {_plural(filled, 'missing datapoint')}" if filled else ""
        number = breaching if state == ALARM else self.evaluation_periods - breaching
        verb = "was" if number == 1 else "were"
        negation = "" if state == ALARM else " not"
        return (
            f"Threshold Crossed: {number} out of the last {self.evaluation_periods} datapoints [{listed}]{missing} "
            f"{verb}{negation} {said} the threshold ({float(self.threshold)}) (minimum "
            f"{_plural(needed, 'datapoint')} for {change} transition)."
        )


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"

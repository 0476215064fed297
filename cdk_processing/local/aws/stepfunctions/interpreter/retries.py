"""``Retry`` and ``Catch``.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from cdk_processing.local import ministack
from cdk_processing.local.aws.stepfunctions.deletion import terminate_if_deleting
from cdk_processing.local.aws.stepfunctions.interpreter.dataflow import caught
from cdk_processing.local.aws.stepfunctions.interpreter.state import Outcome, State

__all__ = ["with_retry_and_catch"]

_SFN = "ministack.services.stepfunctions"
_ATTEMPTS, _INTERVAL, _BACKOFF = 3, 1, 2.0


def with_retry_and_catch(state: State, attempt: Callable[[], Outcome], failed: str | None = None) -> Outcome:
    """Run a state until it succeeds, its retries are used up, or an error is caught.

    Args:
        state: The state.
        attempt: Runs it once.
        failed: The type of the event that says that the state has failed, if it has one.
    """
    tried: Counter[int] = Counter()
    while True:
        try:
            return attempt()
        except ministack.internal(_SFN, "_ExecutionError") as error:
            number = _retrier_of(state, error.error, tried)
            if number is None:
                # AWS's histories have no such event for an error of the state itself.
                if failed is not None and error.error != "States.Runtime":
                    state.write(failed)
                return _caught(state, error)
        terminate_if_deleting()  # "each retry counts as a state transition"
        ministack.internal(_SFN, "_scaled_sleep")(_delay(state.get("Retry")[number], tried[number]))
        tried[number] += 1
        state.scope.context["State"]["RetryCount"] = sum(tried.values())


def _retrier_of(state: State, error: str, tried: Mapping[int, int]) -> int | None:
    """The number of the first retrier for an error, if it has an attempt left."""
    matches = ministack.internal(_SFN, "_error_matches")
    for number, retrier in enumerate(state.get("Retry", ())):
        if matches(retrier["ErrorEquals"], error):
            return number if tried[number] < retrier.get("MaxAttempts", _ATTEMPTS) else None
    return None


def _delay(retrier: Mapping[str, Any], retries_so_far: int) -> float:
    rate = retrier.get("BackoffRate", _BACKOFF)
    delay: float = retrier.get("IntervalSeconds", _INTERVAL) * rate**retries_so_far
    if "MaxDelaySeconds" in retrier:
        delay = min(delay, retrier["MaxDelaySeconds"])
    return random.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay


def _caught(state: State, error: Any) -> Outcome:
    matches = ministack.internal(_SFN, "_error_matches")
    for number, catcher in enumerate(state.get("Catch", ())):
        if matches(catcher["ErrorEquals"], error.error):
            output = {"Error": error.error, "Cause": error.cause}
            return caught(state, catcher, number, {key: text for key, text in output.items() if text is not None})
    raise error

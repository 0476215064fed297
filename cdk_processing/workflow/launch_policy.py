"""How often and how long a run retries, within the history limit of one execution.

A history holds 25,000 events: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html. One try to
create a job takes at most 10 events, one look at another job or run takes 9. So each kind of waiting has a fixed share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

from cdk_processing.errors import Problem
from cdk_processing.request.number_tokens import is_number_token

__all__ = ["FIRST_LOOK_SECONDS", "MOST_TURN_LOOKS", "PATIENT", "LaunchPolicy"]

#: Seconds before the first look at an adopted job.
FIRST_LOOK_SECONDS = 30
#: How often a run that waits for its turn or its place looks whether it may go on: 6,650 events.
MOST_TURN_LOOKS = 700
# Over all attempts: 9,000 events for tries, 8,100 for looks at adopted jobs.
_MOST_TRIES, _MOST_LOOKS = 900, 900
_BOUNDS = {
    "provisioning_slack_seconds": (60, 86_400),
    "retry_seconds": (1, 3_600),
    "retry_limit_seconds": (1, 86_400),
    "retries": (0, _MOST_TRIES - 1),
    "attempts": (1, 20),
}


@dataclass(frozen=True, slots=True)
class LaunchPolicy:
    """How often and how long a run retries. Each wait is random between 0 and its limit (full jitter).

    Args:
        provisioning_slack_seconds: How long the job's hosts may take to start and stop, on top of the job's time limit.
            After that the run stops the job and fails.
        retry_seconds: First wait after throttling, a quota in use or an error inside the service; doubled each time.
        retry_limit_seconds: The longest such wait.
        retries: How often a run retries to create a job with the same name.
        attempts: How many jobs one execution creates at most, if jobs fail because of capacity or an error inside the
            service. ``attempts`` times ``retries + 1`` is at most 900, so that the execution's history can hold them.
    """

    provisioning_slack_seconds: int = 3600
    retry_seconds: int = 30
    retry_limit_seconds: int = 900
    retries: int = 40
    attempts: int = 3

    def problems(self) -> list[Problem]:
        """What is wrong with the policy."""
        return list(self._out_of_bounds()) or list(self._too_many_tries())

    def _out_of_bounds(self) -> Iterator[Problem]:
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                fix = "correct it"
                if is_number_token(value):
                    fix = "write the number: the waits of a run are computed from it at synth"
                yield Problem(f"launch_policy.{name}", value, f"a whole number from {low:,} to {high:,}", fix)

    def _too_many_tries(self) -> Iterator[Problem]:
        most = _MOST_TRIES // self.attempts - 1
        if self.retries > most:
            allowed = f"at most {most} with attempts={self.attempts}: an execution's history holds 25,000 events"
            yield Problem("launch_policy.retries", self.retries, allowed, "lower it and raise retry_limit_seconds")

    def later_by(self, seconds: int) -> int:
        """How many seconds longer each wait is than the one before, between looks at an adopted job.

        Args:
            seconds: How long the job may take.
        """
        looks = _MOST_LOOKS // self.attempts
        # n looks take 30 n + later_by n (n - 1) / 2 seconds.
        return max(3, -(-2 * (seconds - FIRST_LOOK_SECONDS * looks) // (looks * (looks - 1))))

    def looks(self, seconds: int) -> int:
        """How many looks at an adopted job cover the time that the job may take.

        Args:
            seconds: How long the job may take.
        """
        step = self.later_by(seconds)
        linear = 2 * FIRST_LOOK_SECONDS - step
        return (isqrt(linear * linear + 8 * step * seconds) - linear) // (2 * step) + 1


#: The policy of a job that declares none.
PATIENT = LaunchPolicy()

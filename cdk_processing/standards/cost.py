"""What one run costs at most, from prices that the team gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdk_processing.standards.created_job import CreatedJob, is_open

__all__ = ["RunCost", "run_cost"]


@dataclass(frozen=True, slots=True)
class RunCost:
    """The most that one run costs: each attempt runs on the dearest type for as long as the job may.

    Attributes:
        instance_type: The dearest type that the job may run on.
        price: What one instance of it costs for an hour.
        count: The number of instances.
        seconds: How long one attempt runs at most.
        attempts: How many jobs the run creates at most.
    """

    instance_type: str
    price: float
    count: int
    seconds: int
    attempts: int

    @property
    def amount(self) -> float:
        """The cost, in the currency of the prices."""
        return self.price * self.count * self.seconds / 3600 * self.attempts

    def __str__(self) -> str:
        hours = f"{self.seconds / 3600:,.2f}".rstrip("0").rstrip(".")
        attempts = f" x {self.attempts} attempts" if self.attempts > 1 else ""
        return f"{self.amount:,.2f} ({self.count} x {self.instance_type} at {self.price:g} x {hours} h{attempts})"


def run_cost(prices: Mapping[str, float], job: CreatedJob) -> RunCost | None:
    """What one run of a job costs at most; None if a price, the number of instances or the time limit is not known.

    Args:
        prices: What one instance costs for an hour, by instance type.
        job: The job.

    Example:
        >>> cluster = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2}
        >>> request = {
        ...     "ProcessingResources": {"ClusterConfig": cluster}, "StoppingCondition": {"MaxRuntimeInSeconds": 7200}
        ... }
        >>> str(run_cost({"ml.m5.xlarge": 0.23}, CreatedJob("Team/Prep", request)))
        '0.92 (2 x ml.m5.xlarge at 0.23 x 2 h)'
    """
    count, seconds = job.value_of("max_instance_count"), job.max_runtime
    if is_open(count) or is_open(seconds) or not job.types or any(each not in prices for each in job.types):
        return None
    dearest = max(job.types, key=lambda each: prices[each])
    return RunCost(dearest, prices[dearest], int(count), int(seconds), job.attempts)

"""What a job breaks of the standards, and which exemptions it uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cdk_processing.errors import Problem
from cdk_processing.standards.created_job import CreatedJob
from cdk_processing.standards.exemption import Exemption
from cdk_processing.standards.rules import RULES
from cdk_processing.standards.standards import Standards

__all__ = ["Breach", "Verdict", "judge", "judge_findings"]


@dataclass(frozen=True, slots=True)
class Breach:
    """One value that breaks a rule.

    Attributes:
        job: The job's path.
        rule: The rule's name.
        problem: The value, what is allowed, and the fix.
    """

    job: str
    rule: str
    problem: Problem

    def __str__(self) -> str:
        return f"{self.job}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a job breaks.

    Attributes:
        breaches: What is broken, without what the job is exempt from.
        exemptions: The exemptions that the job uses.
    """

    breaches: tuple[Breach, ...]
    exemptions: tuple[Exemption, ...]


def judge(standards: Standards, job: CreatedJob, today: date) -> Verdict:
    """What a job breaks of the standards.

    Args:
        standards: The standards.
        job: The job.
        today: The day on which exemptions must not have ended.

    Example:
        >>> from datetime import date
        >>> job = CreatedJob("Team/Prep", {"NetworkConfig": {"EnableNetworkIsolation": False}})
        >>> verdict = judge(Standards(network_isolation=True), job, date(2026, 1, 1))
        >>> [breach.rule for breach in verdict.breaches]
        ['network_isolation']
    """
    breaches = [Breach(job.path, rule, problem) for rule, check in RULES.items() for problem in check(standards, job)]
    return judge_findings(standards, breaches, today)


def judge_findings(standards: Standards, breaches: Iterable[Breach], today: date) -> Verdict:
    """The same breaches, without those that an exemption allows."""
    left: list[Breach] = []
    used: dict[Exemption, None] = {}
    for breach in breaches:
        exemption = standards.exemption(breach.job, breach.rule)
        if exemption is None or exemption.has_ended(today):
            left.append(breach)
        else:
            used[exemption] = None
    return Verdict(tuple(left), tuple(used))

"""A job that need not meet one rule, for a reason and for a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from cdk_processing.errors import Problem
from cdk_processing.request.likely import nearest

__all__ = ["Exemption"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A job that need not meet one rule.

    Synth lists the exemptions that are used. It warns of one that is not needed, and rejects one that has ended.

    Args:
        job: The job's construct path, such as ``Team/Prep``. For jobs outside this library, the path that synth names.
        rule: The rule, named as the argument of :class:`~cdk_processing.standards.standards.Standards`.
        reason: Why the job is exempt.
        until: The last day on which the job is exempt.

    Example:
        >>> from datetime import date
        >>> exemption = Exemption(
        ...     job="Team/Prep", rule="network_isolation", reason="calls an API", until=date(2026, 3, 31)
        ... )
        >>> exemption.has_ended(date(2026, 4, 1))
        True
    """

    job: str
    rule: str
    reason: str
    until: date

    def has_ended(self, today: date) -> bool:
        """Whether the last day is over."""
        return today > self.until

    def __str__(self) -> str:
        return f"{self.job} is exempt from the standard {self.rule} until {self.until.isoformat()}: {self.reason}"

    def problems(self, rules: Collection[str]) -> list[Problem]:
        """What is wrong with the exemption.

        Args:
            rules: The names of all rules.
        """
        found = []
        if not isinstance(self.job, str) or not self.job.strip("/ "):
            found.append(Problem("job", self.job, "a job's path such as 'Team/Prep'", "name one job"))
        elif "*" in self.job:
            found.append(Problem("job", self.job, "the path of one job", "write an exemption for each job"))
        if self.rule not in rules:
            near = nearest(self.rule, sorted(rules)) if isinstance(self.rule, str) else None
            fix = f"write {near!r}" if near else "name the rule that the error names"
            found.append(Problem("rule", self.rule, f"one of {', '.join(rules)}", fix))
        if not isinstance(self.reason, str) or not self.reason.strip():
            found.append(Problem("reason", self.reason, "text", "say why the job is exempt"))
        if not isinstance(self.until, date) or isinstance(self.until, datetime):
            found.append(Problem("until", self.until, "a date", "write date(2026, 12, 31)"))
        return found

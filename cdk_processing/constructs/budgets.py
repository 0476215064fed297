"""Budgets of teams: AWS alerts a platform's topic, and people by e-mail, when a team spends more than it may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from constructs import Construct

from cdk_processing.constructs.alerts import email_problems
from cdk_processing.constructs.resources import resource
from cdk_processing.contract.texts import TAG_KEY, TAG_VALUE, digest
from cdk_processing.errors import Problem
from cdk_processing.request.tokens import is_token
from cdk_processing.request.types import ListOf

__all__ = ["TeamBudget", "budget_problems", "make_budgets"]

#: The costs of these partitions are in the bill of an account of the partition aws.
_WITHOUT_BUDGETS = ("us-gov-", "us-iso", "eu-isoe-")
#: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Notification.html
_MOST_NOTIFICATIONS, _MOST_EMAILS = 10, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamBudget:
    """What a team may spend in a month before AWS sends an alert.

    The budget counts the costs that have the team's tag, in the whole account: those of its jobs, and of all else that
    the tag is on. Activate the tag's key in Billing as a cost allocation tag; until then the budget counts nothing. AWS
    updates costs a few times a day, so an alert may come hours late, and nothing is stopped.

    Args:
        team: The tag's value, as in ``CostAllocation(team=...)``.
        monthly_limit: The amount for a calendar month.
        currency: The currency of the account's bills.
        alert_emails: At most 10 addresses that hear of it, beside the platform's topic.
        thresholds: Percentages of the limit at which an alert is sent.
        forecast: Whether an alert is sent too when the month is forecast to exceed the limit.
        team_key: The tag's key, if your company has another one.

    Source: https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html
    """

    team: str
    monthly_limit: float
    currency: str = "USD"
    alert_emails: ListOf[str] = ()
    thresholds: ListOf[float] = (80, 100)
    forecast: bool = True
    team_key: str = "team"

    def problems(self) -> list[Problem]:
        """What is wrong with it."""
        found = [
            Problem(name, getattr(self, name), f"1-{kind.longest} {kind.described}", "correct it")
            for name, kind in (("team", TAG_VALUE), ("team_key", TAG_KEY))
            if not isinstance(getattr(self, name), str) or not getattr(self, name) or not kind.fits(getattr(self, name))
        ]
        if not _is_positive(self.monthly_limit):
            found.append(Problem("monthly_limit", self.monthly_limit, "a number above 0", "correct it"))
        if not isinstance(self.currency, str) or len(self.currency) != 3 or not self.currency.isupper():
            found.append(Problem("currency", self.currency, "three capital letters such as 'USD'", "correct it"))
        if not isinstance(self.forecast, bool):
            found.append(Problem("forecast", self.forecast, "True or False", "write one of those"))
        return [*found, *self._threshold_problems(), *self._email_problems()]

    def _threshold_problems(self) -> Iterator[Problem]:
        given = self.thresholds
        most = _MOST_NOTIFICATIONS - int(self.forecast is True)
        if isinstance(given, str) or not isinstance(given, Sequence) or not all(map(_is_positive, given)):
            yield Problem("thresholds", given, "a list of percentages above 0", "write thresholds=[80, 100]")
        elif not given and not self.forecast:
            yield Problem("thresholds", given, "a list with an entry, or forecast=True", "name a percentage")
        elif len(given) > most or len(set(given)) < len(given):
            yield Problem("thresholds", given, f"at most {most} different numbers", "drop some")

    def _email_problems(self) -> Iterator[Problem]:
        yield from email_problems(self.alert_emails)
        if isinstance(self.alert_emails, Sequence) and len(self.alert_emails) > _MOST_EMAILS:
            fix = "name a mailing list"
            yield Problem("alert_emails", len(self.alert_emails), f"at most {_MOST_EMAILS} addresses", fix)


def budget_problems(budgets: Any, region: str) -> Iterator[Problem]:
    """What is wrong with the argument ``budgets``, in a region."""
    if isinstance(budgets, (TeamBudget, str)) or not isinstance(budgets, Sequence):
        fix = 'write budgets=[TeamBudget(team="census", monthly_limit=500)]'
        yield Problem("budgets", budgets, "a list of TeamBudget", fix)
        return
    seen: set[tuple[str, str]] = set()
    for index, each in enumerate(budgets):
        field = f"budgets[{index}]"
        if not isinstance(each, TeamBudget):
            fix = 'write TeamBudget(team="census", monthly_limit=500)'
            yield Problem(field, each, "a TeamBudget", fix)
            continue
        yield from (problem.inside(field).on("TeamBudget") for problem in each.problems())
        if (each.team_key, each.team) in seen:
            yield Problem(f"{field}.team", each.team, "named once", "drop one")
        seen.add((each.team_key, each.team))
    if budgets and not is_token(region) and region.startswith(_WITHOUT_BUDGETS):
        allowed = f"empty in {region}, whose costs are in the bill of another account"
        yield Problem("budgets", len(budgets), allowed, "make the budgets in that account")


def make_budgets(platform: Construct, budgets: ListOf[TeamBudget], topic_arn: str) -> None:
    """Make the budgets, which send their alerts to a topic."""
    for each in budgets:
        own = [{"SubscriptionType": "EMAIL", "Address": address} for address in each.alert_emails]
        subscribers = [{"SubscriptionType": "SNS", "Address": topic_arn}, *own]
        notifications = [("ACTUAL", threshold) for threshold in each.thresholds]
        notifications += [("FORECASTED", 100)] if each.forecast else []
        resource(
            platform,
            f"Budget{digest(f'{each.team_key}={each.team}').upper()}",
            "AWS::Budgets::Budget",
            {
                "Budget": {
                    "BudgetType": "COST",
                    "TimeUnit": "MONTHLY",
                    "BudgetLimit": {"Amount": each.monthly_limit, "Unit": each.currency},
                    "CostFilters": {"TagKeyValue": [f"user:{each.team_key}${each.team}"]},
                },
                "NotificationsWithSubscribers": [
                    {
                        "Notification": {
                            "NotificationType": kind,
                            "ComparisonOperator": "GREATER_THAN",
                            "Threshold": threshold,
                            "ThresholdType": "PERCENTAGE",
                        },
                        "Subscribers": subscribers,
                    }
                    for kind, threshold in notifications
                ],
            },
        )


def _is_positive(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0

"""The tags that a platform gives everything that uses it, and those by which AWS's bills are split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Tags
from constructs import Construct

from cdk_processing.contract.texts import TAG_KEY, TAG_VALUE
from cdk_processing.errors import Problem
from cdk_processing.request.tokens import is_token

__all__ = ["CostAllocation", "add_tags", "shared_tags", "tags_problems"]

#: Lower than that of ``Tags.of(...)``, which is 100: what an app says closer to a resource holds.
_PRIORITY = 50
_RESERVED = ("aws:", "cdk-processing:")


@dataclass(frozen=True, slots=True)
class CostAllocation:
    """Who pays for jobs: tags on every resource and every processing job, by which AWS's bills are split.

    Activate the keys as cost allocation tags in the Billing console of the organization's management account. A bill
    shows them from then on.

    Args:
        cost_center: 1-256 characters.
        team: 1-256 characters.
        cost_center_key: The tag's key, if your company has another one.
        team_key: The tag's key, if your company has another one.

    Example:
        >>> CostAllocation(cost_center="4711", team="census").tags
        {'cost-center': '4711', 'team': 'census'}

    Source: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/custom-tags.html
    """

    cost_center: str | None = None
    team: str | None = None
    cost_center_key: str = "cost-center"
    team_key: str = "team"

    @property
    def tags(self) -> dict[str, str]:
        """The tags by key."""
        named = ((self.cost_center_key, self.cost_center), (self.team_key, self.team))
        return {key: value for key, value in named if value is not None}

    def problems(self) -> list[Problem]:
        """What is wrong with it."""
        if self.cost_center is None and self.team is None:
            return [Problem("cost_center", None, "given, or team", 'write CostAllocation(team="census")')]
        found = [
            *_key_problems("cost_center_key", self.cost_center_key),
            *_value_problems("cost_center", self.cost_center),
            *_key_problems("team_key", self.team_key),
            *_value_problems("team", self.team),
        ]
        if not found and self.cost_center_key == self.team_key:
            found.append(Problem("team_key", self.team_key, "another key than cost_center_key", "rename one"))
        return found


def tags_problems(tags: object, cost_allocation: object) -> list[Problem]:
    """What is wrong with the arguments ``tags`` and ``cost_allocation``."""
    found: list[Problem] = []
    if isinstance(tags, Mapping):
        for key, value in tags.items():
            found += _key_problems("tags", key) or _value_problems(f"tags[{key!r}]", value)
    elif tags is not None:
        found.append(Problem("tags", tags, "a dict of keys and values", 'write tags={"data-class": "internal"}'))
    if isinstance(cost_allocation, CostAllocation):
        found += [problem.inside("cost_allocation") for problem in cost_allocation.problems()]
    elif cost_allocation is not None:
        fix = 'write cost_allocation=CostAllocation(team="census")'
        found.append(Problem("cost_allocation", cost_allocation, "a CostAllocation", fix))
    if not found and isinstance(tags, Mapping) and isinstance(cost_allocation, CostAllocation):
        allowed = "left to cost_allocation, which has this key"
        both = [key for key in tags if key in cost_allocation.tags]
        found += [Problem(f"tags[{key!r}]", tags[key], allowed, "drop it from tags") for key in both]
    return found


def shared_tags(tags: Mapping[str, str] | None, cost_allocation: CostAllocation | None) -> dict[str, str]:
    """All tags of a platform by key."""
    return {**(tags or {}), **(cost_allocation.tags if cost_allocation is not None else {})}


def add_tags(scope: Construct, tags: Mapping[str, str]) -> None:
    """Tag everything below a construct, but for what the app tags itself."""
    if tags:
        own = Tags.of(scope)
        for key, value in tags.items():
            own.add(key, value, priority=_PRIORITY)


def _key_problems(field: str, key: object) -> list[Problem]:
    if isinstance(key, str) and key and TAG_KEY.fits(key) and not key.lower().startswith(_RESERVED):
        return []
    allowed = f"1-{TAG_KEY.longest} {TAG_KEY.described}, not beginning with {' or '.join(_RESERVED)}"
    return [Problem(field, key, allowed, "rename the key")]


def _value_problems(field: str, value: object) -> list[Problem]:
    if value is None and field in ("cost_center", "team"):
        return []
    if isinstance(value, str) and value and (is_token(value) or TAG_VALUE.fits(value)):
        return []
    allowed = f"1-{TAG_VALUE.longest} {TAG_VALUE.described}"
    return [Problem(field, value, allowed, "shorten it, or leave out what a tag does not take")]

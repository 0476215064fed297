"""The value that says what jobs must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from types import MappingProxyType
from typing import Any, cast

from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.limits import INSTANCE_COUNT, MAX_RUNTIME_IN_SECONDS
from cdk_processing.request.types import Duration, ListOf, SecurityGroup, Subnet
from cdk_processing.standards.exemption import Exemption

__all__ = ["Standards", "rule_names"]

_DAY = 86_400
_NO_RULES = ("prices", "exemptions")
_LISTS = ("instance_types", "subnets", "security_groups", "required_tags", "image_repositories", "regions")
_ATTRIBUTES = {"subnets": "subnet_id", "security_groups": "security_group_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standards:
    """What jobs must be. Each argument but the last two is a rule; a rule that is left out allows everything.

    ``Standards.baseline()`` and ``Standards.strict()`` are presets. Adapt one with ``dataclasses.replace``.

    Args:
        instance_types: Patterns of the allowed types, such as ``ml.m5.*``.
        max_instance_count: The largest number of instances, 1-100.
        max_runtime_in_seconds: The longest time limit, as seconds or a CDK ``Duration``. SageMaker stops a job without
            a limit after 24 hours.
        volume_encryption: Whether a KMS key must encrypt the instances' volumes. An instance type with local NVMe
            storage takes no key: its own hardware encrypts it.
        output_encryption: Whether a KMS key must encrypt the outputs.
        traffic_encryption: Whether the hosts of a job must encrypt what they send each other.
        network_isolation: Whether containers must be cut off from every network.
        vpc: Whether the hosts must be in a VPC.
        subnets: The allowed subnets (``ec2.ISubnet`` or id) of jobs in a VPC.
        security_groups: The allowed security groups (``ec2.ISecurityGroup`` or id) of jobs in a VPC.
        required_tags: Keys of the tags that each processing job must have. A dict gives patterns of the allowed values
            for each key: ``{"team": ["data", "ml-*"]}``.
        image_repositories: Patterns of the allowed image URIs, without tag and digest.
        pinned_images: Whether ``image_uri`` must name a digest: also of AWS's images, and of those that the CDK builds.
        regions: The allowed regions.
        max_run_cost: The most that one run may cost, in the currency of ``prices``: the dearest of the job's instance
            types, times the number of instances, the time limit and the attempts.
        known_jobs: Whether synth must be able to read every job of an app: no definition that lies elsewhere, and no
            role but a state machine's or scheduler's that may create jobs.
        pass_role: Whether ``iam:PassRole`` to SageMaker must name each role.
        private_buckets: Whether the app's buckets must block public access.
        prices: What one instance costs for an hour, by instance type. Not a rule.
        exemptions: Jobs that need not meet a rule. Not a rule.

    Raises:
        DeclarationError: An argument is not what it must be. The error lists all problems.

    Example:
        >>> from dataclasses import replace
        >>> standards = replace(Standards.strict(), instance_types=["ml.m5.*"], vpc=False)
        >>> standards.instance_types
        ('ml.m5.*',)
    """

    instance_types: ListOf[str] | None = None
    max_instance_count: int | None = None
    max_runtime_in_seconds: int | Duration | None = None
    volume_encryption: bool = False
    output_encryption: bool = False
    traffic_encryption: bool = False
    network_isolation: bool = False
    vpc: bool = False
    subnets: ListOf[Subnet | str] | None = None
    security_groups: ListOf[SecurityGroup | str] | None = None
    required_tags: ListOf[str] | Mapping[str, ListOf[str]] = ()
    image_repositories: ListOf[str] | None = None
    pinned_images: bool = False
    regions: ListOf[str] | None = None
    max_run_cost: float | None = None
    known_jobs: bool = False
    pass_role: bool = False
    private_buckets: bool = False
    prices: Mapping[str, float] = field(default_factory=dict)
    exemptions: ListOf[Exemption] = ()

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise DeclarationError("Standards", problems)
        for name in (*_LISTS, "exemptions"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        for name, attribute in _ATTRIBUTES.items():
            value = getattr(self, name)
            if value is not None:
                ids = tuple(each if isinstance(each, str) else getattr(each, attribute) for each in value)
                object.__setattr__(self, name, ids)
        if isinstance(self.required_tags, Mapping):
            object.__setattr__(self, "required_tags", MappingProxyType(dict(self.required_tags)))
        object.__setattr__(self, "prices", MappingProxyType(dict(self.prices)))

    @classmethod
    def baseline(cls) -> Standards:
        """What every job can meet: at most 24 hours and 20 instances, encrypted traffic, PassRole that names roles.

        A job of this library meets it with its defaults.
        """
        return cls(
            max_instance_count=20,
            max_runtime_in_seconds=_DAY,
            traffic_encryption=True,
            pass_role=True,
            private_buckets=True,
        )

    @classmethod
    def strict(cls) -> Standards:
        """The baseline, and: isolated, in a VPC, encrypted with KMS keys, all jobs known.

        It does not ask for ``pinned_images``: AWS's images have tags, behind which AWS mends them, and the CDK names an
        image that it builds by a tag with a hash of its folder. A job with either would be rejected. To ask for
        digests, write ``replace(Standards.strict(), pinned_images=True)``.
        """
        return cls(
            max_instance_count=20,
            max_runtime_in_seconds=_DAY,
            traffic_encryption=True,
            volume_encryption=True,
            output_encryption=True,
            network_isolation=True,
            vpc=True,
            known_jobs=True,
            pass_role=True,
            private_buckets=True,
        )

    @property
    def longest_run(self) -> int | None:
        """The longest time limit in seconds; None if there is none."""
        given = self.max_runtime_in_seconds
        return given if given is None or isinstance(given, int) else int(given.to_seconds())

    @property
    def tag_values(self) -> dict[str, tuple[str, ...]]:
        """The required tags with the patterns of their values; () if any value will do."""
        if isinstance(self.required_tags, Mapping):
            return {key: tuple(cast("Iterable[str]", values)) for key, values in self.required_tags.items()}
        return dict.fromkeys(cast("Iterable[str]", self.required_tags), ())

    def allowed(self, rule: str) -> tuple[str, ...] | None:
        """What a rule that lists values allows, as text; None if it allows everything."""
        return cast("tuple[str, ...] | None", getattr(self, rule))

    def exemption(self, job: str, rule: str) -> Exemption | None:
        """The exemption of a job from a rule."""
        for each in cast("tuple[Exemption, ...]", self.exemptions):
            if (each.job, each.rule) == (job, rule):
                return each
        return None

    def ended(self, today: date) -> list[Problem]:
        """The exemptions that have ended."""
        return [
            Problem(
                "until",
                each.until.isoformat(),
                "today or later",
                "meet the rule, or agree on another date",
                f"exemption of {each.job} from {each.rule}: {each.reason}",
            )
            for each in cast("tuple[Exemption, ...]", self.exemptions)
            if each.has_ended(today)
        ]

    # -- what is wrong with the value itself --------------------------------------------------------------------------

    def _problems(self) -> Iterator[Problem]:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.type == "bool" and not isinstance(value, bool):
                yield Problem(each.name, value, "True or False", "write it without quotes")
        for name in _LISTS:
            yield from self._list_problems(name)
        yield from self._number_problems()
        yield from self._price_problems()
        yield from self._exemption_problems()

    def _list_problems(self, name: str) -> Iterator[Problem]:
        value: Any = getattr(self, name)
        if value is None or (name == "required_tags" and isinstance(value, Mapping)):
            yield from _tag_problems(value or {})
        elif isinstance(value, str):
            yield Problem(name, value, "a list", f"write {name}=[{value!r}]")
        elif not isinstance(value, (list, tuple)):
            yield Problem(name, value, "a list", f"write {name}=[...]")
        elif not value and name != "required_tags":
            yield Problem(name, value, "a list with an entry", "leave it out to allow everything")
        else:
            attribute = _ATTRIBUTES.get(name, "")
            for index, each in enumerate(value):
                if not (isinstance(each, str) and each) and not (attribute and hasattr(each, attribute)):
                    yield Problem(f"{name}[{index}]", each, "text", "write it in quotes")
        if name == "instance_types":
            for index, each in enumerate(value if isinstance(value, (list, tuple)) else ()):
                if isinstance(each, str) and not each.startswith(("ml.", "*")):
                    yield Problem(f"{name}[{index}]", each, "a pattern such as 'ml.m5.*'", f"write 'ml.{each}'")

    def _number_problems(self) -> Iterator[Problem]:
        yield from _range_problems("max_instance_count", self.max_instance_count, INSTANCE_COUNT)
        longest = self.max_runtime_in_seconds
        seconds = longest.to_seconds() if longest is not None and hasattr(longest, "to_seconds") else longest
        yield from _range_problems("max_runtime_in_seconds", seconds, MAX_RUNTIME_IN_SECONDS)

    def _price_problems(self) -> Iterator[Problem]:
        if not isinstance(self.prices, Mapping):
            yield Problem("prices", self.prices, "a dict of price by type", "write {'ml.m5.xlarge': 0.23}")
            return
        for name, price in self.prices.items():
            if not _is_positive(price):
                yield Problem(f"prices[{name!r}]", price, "a price for an hour, above 0", "correct it")
        if self.max_run_cost is None:
            return
        if not _is_positive(self.max_run_cost):
            yield Problem("max_run_cost", self.max_run_cost, "a number above 0", "correct it, or leave it out")
        if not self.prices:
            yield Problem("prices", {}, "given with max_run_cost", "write prices={'ml.m5.xlarge': 0.23}")

    def _exemption_problems(self) -> Iterator[Problem]:
        if not isinstance(self.exemptions, (list, tuple)):
            yield Problem("exemptions", self.exemptions, "a list", "write exemptions=[Exemption(...)]")
            return
        rules = rule_names()
        for index, each in enumerate(self.exemptions):
            if isinstance(each, Exemption):
                yield from (problem.inside(f"exemptions[{index}]") for problem in each.problems(rules))
            else:
                yield Problem(f"exemptions[{index}]", each, "an Exemption", "write Exemption(job=..., rule=...)")


def rule_names() -> tuple[str, ...]:
    """The names of all rules."""
    return tuple(each.name for each in fields(Standards) if each.name not in _NO_RULES)


def _tag_problems(tags: Mapping[Any, Any]) -> Iterator[Problem]:
    for key, values in tags.items():
        if not isinstance(values, (list, tuple)) or not all(isinstance(each, str) for each in values):
            fix = f"write [{values!r}]" if isinstance(values, str) else "write ['data', 'ml-*']"
            yield Problem(f"required_tags[{key!r}]", values, "a list of patterns", fix)


def _range_problems(name: str, value: object, limits: tuple[int, int]) -> Iterator[Problem]:
    low, high = limits
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        yield Problem(name, value, f"a whole number, {low:,}-{high:,}", "write it without quotes")
    elif not low <= value <= high:
        yield Problem(name, value, f"{low:,}-{high:,}", "correct it")


def _is_positive(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0

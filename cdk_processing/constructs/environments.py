"""The environments of an environments.yaml, and the platform in each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aws_cdk import Environment, RemovalPolicy
from constructs import Construct

from cdk_processing.constructs.budgets import TeamBudget
from cdk_processing.constructs.chat_channels import SlackChannel, TeamsChannel
from cdk_processing.constructs.imported_platform import ImportedPlatform
from cdk_processing.constructs.platform import ProcessingPlatform
from cdk_processing.constructs.shared_tags import CostAllocation
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.standards.standards import Standards

if TYPE_CHECKING:
    from cdk_processing.declarations.environments import Budget, ChannelModel, PlatformModel
    from cdk_processing.declarations.reading import EnvironmentDeclaration

__all__ = ["ProcessingEnvironment", "ProcessingEnvironments"]

_Made = TypeVar("_Made")
_AWS_OWNED = "aws-owned"
#: Arguments of a platform that environments.yaml has beside it, or under other names.
_BESIDE = {"cost_allocation": "cost_center"}


class ProcessingEnvironments:
    """The accounts and regions of an environments.yaml; made by :meth:`from_file`.

    It is read once, so one error lists all mistakes in it.
    """

    def __init__(self, environments: Mapping[str, ProcessingEnvironment]) -> None:
        self._environments = dict(environments)

    @classmethod
    def from_file(cls, file: str | Path) -> ProcessingEnvironments:
        """Read a file. It needs ``pip install 'cdk-processing[yaml]'``.

        ``cdk-processing schema environments`` prints a JSON schema for editors.

        Args:
            file: The file, such as ``environments.yaml``.

        Raises:
            DeclarationError: The file is not what it must be. The error lists all problems, each with its file, line
                and column.

        Example:
            >>> import pathlib, tempfile
            >>> file = pathlib.Path(tempfile.mkdtemp(), "environments.yaml")
            >>> _ = file.write_text('''
            ... environments:
            ...   test: {account: "111122223333", region: eu-central-1, platform: {name: data}}
            ... ''')
            >>> [environment.name for environment in ProcessingEnvironments.from_file(file)]
            ['test']
        """
        from cdk_processing.declarations.reading import read_environments

        return cls({each.name: ProcessingEnvironment(each) for each in read_environments(file)})

    def __iter__(self) -> Iterator[ProcessingEnvironment]:
        """The environments, in the order of the file."""
        return iter(self._environments.values())

    def __len__(self) -> int:
        return len(self._environments)

    def __getitem__(self, name: str) -> ProcessingEnvironment:
        """The environment of a name."""
        return self._environments[name]


class ProcessingEnvironment:
    """An account and region, with what its platform and its jobs are given.

    Attributes:
        name: Its name in the file.
        account: The account's 12 digits.
        region: The region.
        env: Both, for ``Stack(env=...)`` and ``Stage(env=...)``.
        tags: Tags of its platform and jobs.
        standards: What its jobs must be; None for no standards.
        variables: Values for ``ProcessingJobs.from_file(variables=...)``.
    """

    def __init__(self, declared: EnvironmentDeclaration) -> None:
        self._declared = declared
        self.name: str = declared.name
        self.account: str = declared.account
        self.region: str = declared.region
        self.env: Environment = Environment(account=declared.account, region=declared.region)
        self.tags: Mapping[str, str] = declared.tags
        self.standards: Standards | None = declared.standards
        self.variables: Mapping[str, str | int | float | bool] = declared.variables

    def make_platform(self, scope: Construct, construct_id: str) -> ProcessingPlatform:
        """Make the environment's platform, with its budgets. Deploy its stack before those that use it.

        Args:
            scope: The parent construct, in a stack of the environment.
            construct_id: The construct's id.

        Raises:
            DeclarationError: The file is not what it must be; each problem has its place.
        """
        return self._placed(lambda: ProcessingPlatform(scope, construct_id, **self._arguments(scope)))

    def use_platform(self, scope: Construct, construct_id: str, *, team: str | None = None) -> ImportedPlatform:
        """The platform, for the jobs of another stack: ``ProcessingPlatform.from_name`` with what the file says.

        Args:
            scope: The parent construct, in the stack of the jobs.
            construct_id: The construct's id.
            team: Whose jobs they are: the tag ``team`` of all of them, which budgets count by.

        Raises:
            DeclarationError: The file is not what it must be; each problem has its place.
        """
        declared = self._declared
        return self._placed(
            lambda: ProcessingPlatform.from_name(
                scope,
                construct_id,
                declared.platform.name,
                in_vpc=declared.platform.subnets is not None,
                tags=self.tags,
                cost_allocation=self._cost_allocation(team),
                standards=self.standards,
                has_max_instances=declared.platform.max_instances is not None,
            )
        )

    def _arguments(self, scope: Construct) -> dict[str, Any]:
        declared, platform = self._declared, self._declared.platform
        given = platform.model_dump(exclude_none=True)
        given |= {
            "tags": self.tags,
            "standards": self.standards,
            "cost_allocation": self._cost_allocation(None),
            "budgets": [_budget(team, each) for team, each in declared.budgets.items()],
            **_constructs(scope, platform),
        }
        return given

    def _cost_allocation(self, team: str | None) -> CostAllocation | None:
        cost_center = self._declared.cost_center
        return None if cost_center is None and team is None else CostAllocation(cost_center=cost_center, team=team)

    def _placed(self, make: Callable[[], _Made]) -> _Made:
        """Make something of the file, and give what the library finds its place in the file."""
        from cdk_processing.declarations.placing import placed, unique
        from cdk_processing.declarations.problems import shown_path

        document, path = self._declared.document, self._declared.path
        try:
            return make()
        except DeclarationError as error:
            bases = [(*path, "platform"), path]
            problems = [placed(self._named(each), document, bases) for each in error.problems]
            raise DeclarationError(shown_path(document.path), unique(problems)) from None

    def _named(self, problem: Problem) -> Problem:
        """A problem, with the field named as the file does."""
        field = problem.field
        for python, here in _BESIDE.items():
            field = field.replace(python, here, 1) if field.startswith(python) else field
        if field.startswith("budgets["):
            index, _, rest = field.removeprefix("budgets[").partition("]")
            field = f"budgets[{list(self._declared.budgets)[int(index)]!r}]{rest}"
        if field.startswith("alert_channels["):
            index, _, rest = field.removeprefix("alert_channels[").partition("]")
            channel = (self._declared.platform.alert_channels or [])[int(index)]
            field = f"alert_channels[{index}].{'slack' if channel.slack else 'teams'}{rest}"
        return replace(problem, field=field)


def _constructs(scope: Construct, platform: PlatformModel) -> dict[str, Any]:
    """The arguments of a platform that are constructs or values of the CDK."""
    from aws_cdk import aws_iam, aws_kms, aws_sns

    found: dict[str, Any] = {}
    if platform.encryption_key not in (None, _AWS_OWNED):
        found["encryption_key"] = aws_kms.Key.from_key_arn(scope, "GivenKey", str(platform.encryption_key))
    if platform.alert_topic is not None:
        found["alert_topic"] = aws_sns.Topic.from_topic_arn(scope, "GivenTopic", platform.alert_topic)
    boundary = platform.permissions_boundary
    if boundary is not None and not boundary.startswith("arn:"):
        found["permissions_boundary"] = aws_iam.ManagedPolicy.from_managed_policy_name(scope, "Boundary", boundary)
    if platform.removal_policy is not None:
        found["removal_policy"] = RemovalPolicy[platform.removal_policy.upper()]
    if platform.alert_channels is not None:
        found["alert_channels"] = [_channel(each) for each in platform.alert_channels]
    return found


def _channel(model: ChannelModel) -> SlackChannel | TeamsChannel:
    if model.slack is not None:
        return SlackChannel(**model.slack.model_dump())
    assert model.teams is not None  # checked by the model
    return TeamsChannel(**model.teams.model_dump())


def _budget(team: str, model: Budget) -> TeamBudget:
    return TeamBudget(team=team, **model.model_dump(exclude_none=True))

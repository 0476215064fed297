"""environments.yaml: the accounts and regions to deploy to, and what each of them is given."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, create_model, model_validator

from cdk_processing.declarations.model_base import Declared, choice, either, spelled, wrong
from cdk_processing.declarations.python_words import fields_of
from cdk_processing.standards.standards import Standards

__all__ = [
    "Account",
    "Budget",
    "Defaults",
    "EnvironmentModel",
    "EnvironmentName",
    "EnvironmentsModel",
    "PlatformDefaults",
    "PlatformModel",
    "SlackModel",
    "StandardsModel",
    "TeamsModel",
]

Account = spelled("[0-9]{12}", "12 digits, in quotes", "correct the number; leading zeros count")
Region = spelled("[a-z]{2,4}(-[a-z]+)+-[0-9]", "a region such as eu-central-1", "correct it")
EnvironmentName = spelled("[A-Za-z][A-Za-z0-9-]{0,62}", "a letter, then letters, digits and hyphens", "rename it")
_Tags = dict[str, str]
_Value = either({"text": str, "number": float, "boolean": bool})


def _positive(value: float) -> float:
    if value <= 0:
        raise wrong("above 0", "correct it")
    return value


#: An amount of money, above 0.
Amount = Annotated[float, AfterValidator(_positive), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]


class SlackModel(Declared):
    """A Slack channel that gets the alerts."""

    workspace_id: str = Field(description="Capital letters and digits, such as T0123ABCD.")
    channel_id: str = Field(description="Letters and digits, such as C0123ABCD.")


class TeamsModel(Declared):
    """A Microsoft Teams channel that gets the alerts."""

    tenant_id: str = Field(description="The UUID of the Microsoft 365 tenant.")
    team_id: str = Field(description="The UUID of the team.")
    channel_id: str = Field(description="As in the channel's link, percent-encoded.")


class ChannelModel(Declared):
    """A chat channel that gets the alerts."""

    slack: SlackModel | None = Field(default=None, description="A Slack channel.")
    teams: TeamsModel | None = Field(default=None, description="A Microsoft Teams channel.")

    @model_validator(mode="after")
    def _one_channel(self) -> Any:
        if (self.slack is None) == (self.teams is None):
            raise wrong("a mapping with one key, slack or teams", "write one channel for each entry of the list")
        return self


class PlatformDefaults(Declared):
    """What jobs share in an account and region: the arguments of ProcessingPlatform."""

    name: str | None = Field(
        default=None, description="1-63 letters, digits, _, - and ., by which other stacks use the platform."
    )
    encryption_key: str | None = Field(
        default=None, description="ARN of a KMS key, or aws-owned for no KMS key. Left out, a key is made."
    )
    alert_topic: str | None = Field(
        default=None, description="ARN of a topic that gets the alarms. Left out, one is made."
    )
    alert_emails: list[str] | None = Field(default=None, description="Addresses that get the alarms.")
    alert_channels: list[ChannelModel] | None = Field(default=None, description="Chat channels that get the alarms.")
    log_retention_days: int | None = Field(default=None, description="How long logs are kept. Left out, 90 days.")
    subnets: list[str] | None = Field(default=None, description="1-16 subnets of the hosts of all jobs.")
    security_group_ids: list[str] | None = Field(default=None, description="1-5 security groups, beside subnets.")
    permissions_boundary: str | None = Field(
        default=None, description="ARN or name of a managed policy, for all roles."
    )
    role_path: str | None = Field(default=None, description="The path of all roles, such as /data/.")
    role_name_prefix: str | None = Field(
        default=None, description="1-32 characters that the names of all roles begin with."
    )
    removal_policy: Literal["retain", "destroy"] | None = Field(
        default=None, description="What happens to stored data when the stack is deleted. Left out, it stays."
    )
    max_instances: int | None = Field(
        default=None,
        description="How many instances the jobs of all stacks use at once, 1-100,000. Runs beyond that wait.",
    )


class PlatformModel(PlatformDefaults):
    """What jobs share in an account and region: the arguments of ProcessingPlatform."""

    name: str = Field(description="1-63 letters, digits, _, - and ., by which other stacks use the platform.")


def _standards_model() -> Any:
    given = {name: field for name, field in fields_of(Standards).items() if name != "prices"}
    presets = choice(("baseline", "strict"))
    preset: Any = (presets, Field(default=None, description="What to begin with; the other keys adapt it."))
    doc = "What jobs must be: the arguments of Standards."
    return create_model("Standards", __base__=Declared, __doc__=doc, preset=preset, **given)


#: The arguments of Standards without prices, which are in a table of their own, and a preset to begin with.
StandardsModel: Any = _standards_model()


class Budget(Declared):
    """What a team may spend in a month before AWS sends an alert."""

    monthly_limit: Amount = Field(description="The amount for a calendar month.")
    currency: str | None = Field(default=None, description="The currency of the account's bills. Left out, USD.")
    alert_emails: list[str] | None = Field(
        default=None, description="At most 10 addresses that hear of it, beside the platform's topic."
    )
    thresholds: list[Amount] | None = Field(
        default=None, description="Percentages of the limit at which an alert is sent. Left out, 80 and 100."
    )
    forecast: bool | None = Field(
        default=None,
        description="Whether an alert is sent too when the month is forecast to exceed the limit. Left out, true.",
    )


class Defaults(Declared):
    """What environments have in common. An environment's own keys take the place of these, mapping by mapping."""

    region: Region | None = Field(default=None, description="The region.")  # type: ignore[valid-type]
    platform: PlatformDefaults | None = Field(default=None, description="What jobs share in the account and region.")
    standards: StandardsModel | None = Field(default=None, description="What jobs must be.")
    tags: _Tags | None = Field(default=None, description="Tags of all stacks and all processing jobs.")
    cost_center: str | None = Field(default=None, description="Who pays: the tag cost-center of all jobs.")
    prices: str | None = Field(
        default=None, description="A price table, from the folder of this file: what an instance costs for an hour."
    )
    budgets: dict[str, Budget] | None = Field(default=None, description="What each team may spend in a month, by team.")
    variables: dict[str, _Value] | None = Field(  # type: ignore[valid-type]
        default=None, description="Values for {variables.NAME} in jobs.yaml."
    )


class EnvironmentModel(Defaults):
    """An account and region to deploy to."""

    account: Account = Field(description="The account's 12 digits, in quotes.")  # type: ignore[valid-type]
    region: Region = Field(description="The region, such as eu-central-1.")  # type: ignore[valid-type]
    platform: PlatformModel = Field(description="What jobs share in the account and region.")


class EnvironmentsModel(Declared):
    """environments.yaml: the accounts and regions to deploy to."""

    defaults: Defaults | None = Field(default=None, description="What environments have in common.")
    environments: dict[EnvironmentName, EnvironmentModel] = Field(  # type: ignore[valid-type]
        description="The environments by name, in the order of their deployment."
    )

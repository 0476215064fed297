"""environments.yaml as platforms."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from cdk_processing import DeclarationError, ProcessingEnvironments

FILE = """\
defaults:
  platform: {name: data, role_path: /data/, alert_emails: [a@example.com]}
  tags: {data-class: internal}
  cost_center: "4711"
  standards: {preset: baseline}
  budgets:
    census: {monthly_limit: 500}
environments:
  test:
    account: "111122223333"
    region: eu-central-1
    platform:
      log_retention_days: 30
      alert_channels: [{slack: {workspace_id: T0123ABCD, channel_id: C0123ABCD}}]
  prod:
    account: "444455556666"
    region: eu-west-1
    platform:
      encryption_key: arn:aws:kms:eu-west-1:444455556666:key/11111111-2222-3333-4444-555555555555
      subnets: [subnet-1, subnet-2]
      security_group_ids: [sg-1]
      permissions_boundary: data-boundary
      removal_policy: retain
"""


@pytest.fixture
def environments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text=FILE):
        (tmp_path / "environments.yaml").write_text(text, encoding="utf-8")
        return ProcessingEnvironments.from_file("environments.yaml")

    return read


def platform_of(environment):
    stack = Stack(App(), "Platform", env=environment.env)
    made = environment.make_platform(stack, "Platform")
    return made, Template.from_stack(stack).to_json()


def test_the_environments_are_in_the_order_of_the_file(environments):
    read = environments()

    assert [each.name for each in read] == ["test", "prod"]
    assert len(read) == 2
    assert (read["prod"].env.account, read["prod"].env.region) == ("444455556666", "eu-west-1")


def test_a_platform_has_what_the_file_says(environments):
    made, template = platform_of(environments()["test"])

    kinds = [each["Type"] for each in template["Resources"].values()]
    assert {"AWS::Budgets::Budget", "AWS::Chatbot::SlackChannelConfiguration", "AWS::SNS::Subscription"} <= set(kinds)
    [logs] = [each for each in template["Resources"].values() if each["Type"] == "AWS::Logs::LogGroup"]
    assert logs["Properties"]["RetentionInDays"] == 30
    assert made.job_tags == {"data-class": "internal", "cost-center": "4711"}
    assert made.role_standards.role_path == "/data/"
    assert made.standards.traffic_encryption


def test_keys_networks_and_boundaries_are_taken_by_their_names(environments):
    made, template = platform_of(environments()["prod"])

    assert made.key_arn.endswith("key/11111111-2222-3333-4444-555555555555")
    assert made.network_config.subnets == ["subnet-1", "subnet-2"]
    assert "AWS::KMS::Key" not in [each["Type"] for each in template["Resources"].values()]
    assert "policy/data-boundary" in str(template["Resources"])


def test_the_jobs_of_a_team_use_the_platform_by_its_name(environments):
    environment = environments()["prod"]
    stack = Stack(App(), "Census", env=environment.env)

    used = environment.use_platform(stack, "Platform", team="census")

    assert used.job_tags == {"data-class": "internal", "cost-center": "4711", "team": "census"}
    assert used.network_config is not None
    assert used.standards == environment.standards
    parameters = Template.from_stack(stack).to_json()["Parameters"].values()
    assert any(str(each.get("Default")).startswith("/cdk-processing/platforms/data/") for each in parameters)


MISTAKES = {
    "a name": ("name: data,", "name: da ta,", "2:20: environments.test.platform.name"),
    "an address": ("[a@example.com]", "[a]", "2:60: environments.test.platform.alert_emails[0]"),
    "a retention": (
        "log_retention_days: 30",
        "log_retention_days: 31",
        "13:27: environments.test.platform.log_retention_days",
    ),
    "a channel": ("T0123ABCD", "t0", "14:47: environments.test.platform.alert_channels[0].slack.workspace_id"),
    "a tag": ("data-class:", '"aws:x":', "3:9: environments.test.tags"),
    "a currency": (
        "monthly_limit: 500",
        "monthly_limit: 500, currency: usd",
        "7:44: environments.test.budgets.census.currency",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_the_library_finds_is_told_with_its_place(environments, name):
    old, new, expected = MISTAKES[name]
    environment = environments(FILE.replace(old, new, 1))["test"]

    with pytest.raises(DeclarationError) as told:
        platform_of(environment)

    assert [str(each).split(" must")[0] for each in told.value.problems] == [f"environments.yaml:{expected}"]


def test_two_channels_in_one_are_told(environments):
    with pytest.raises(DeclarationError, match="must be a mapping with one key, slack or teams"):
        environments(FILE.replace("[{slack: {workspace_id: T0123ABCD, channel_id: C0123ABCD}}]", "[{}]"))

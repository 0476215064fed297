"""Resources that are recorded and do nothing."""

import json

import pytest

from cdk_processing.local.aws.cloudformation.recorded import RECORDED
from cdk_processing.local.wire.served import RESOURCE_TYPES
from tests.patience import until


@pytest.fixture
def aws(world):
    return world.aws


def test_the_types_are_served():
    assert RECORDED.keys() <= RESOURCE_TYPES


def test_a_chat_channel_is_created_and_changed(aws):
    cloudformation = aws.client("cloudformation")

    def template(level):
        properties = {
            "ConfigurationName": "alerts",
            "IamRoleArn": f"arn:aws:iam::{aws.account_id}:role/Chat",
            "LoggingLevel": level,
            "SlackChannelId": "C0123",
            "SlackWorkspaceId": "T0123",
        }
        channel = {"Type": "AWS::Chatbot::SlackChannelConfiguration", "Properties": properties}
        return json.dumps({"Resources": {"Channel": channel}, "Outputs": {"Arn": {"Value": {"Ref": "Channel"}}}})

    def ended():
        [stack] = cloudformation.describe_stacks(StackName="Chat")["Stacks"]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    cloudformation.create_stack(StackName="Chat", TemplateBody=template("ERROR"))
    made = until(ended, every=0.05)
    cloudformation.update_stack(StackName="Chat", TemplateBody=template("INFO"))
    changed = until(ended, every=0.05)

    arn = f"arn:aws:chatbot::{aws.account_id}:chat-configuration/slack-channel/alerts"
    assert [stack["StackStatus"] for stack in (made, changed)] == ["CREATE_COMPLETE", "UPDATE_COMPLETE"]
    assert [stack["Outputs"][0]["OutputValue"] for stack in (made, changed)] == [arn, arn]


def test_a_budget_is_created_and_counts_nothing(aws):
    cloudformation = aws.client("cloudformation")
    limit = {"Amount": 500, "Unit": "USD"}
    budget = {"BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit}
    made = {"Type": "AWS::Budgets::Budget", "Properties": {"Budget": budget}}

    def ended():
        [stack] = cloudformation.describe_stacks(StackName="Spent")["Stacks"]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    cloudformation.create_stack(StackName="Spent", TemplateBody=json.dumps({"Resources": {"Budget": made}}))

    assert until(ended, every=0.05)["StackStatus"] == "CREATE_COMPLETE"

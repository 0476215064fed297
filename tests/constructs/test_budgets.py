import pytest
from aws_cdk import App, Environment, Stack

from cdk_processing import DeclarationError, ProcessingPlatform, TeamBudget

CENSUS = TeamBudget(team="census", monthly_limit=500, alert_emails=["census@example.com"])


def statement_of(resources, template, kind, document, sid):
    [made] = resources(template, kind).values()
    return [each for each in made["Properties"][document]["Statement"] if each["Sid"] == sid]


def test_a_budget_counts_the_costs_with_the_teams_tag_and_tells_the_topic_and_the_team(stack, synth, resources):
    ProcessingPlatform(stack, "Platform", budgets=[CENSUS])

    [budget] = resources(synth(stack), "AWS::Budgets::Budget").values()

    assert budget["Properties"]["Budget"] == {
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": 500, "Unit": "USD"},
        "CostFilters": {"TagKeyValue": ["user:team$census"]},
    }
    told = budget["Properties"]["NotificationsWithSubscribers"]
    assert [(each["Notification"]["NotificationType"], each["Notification"]["Threshold"]) for each in told] == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    assert [each["SubscriptionType"] for each in told[0]["Subscribers"]] == ["SNS", "EMAIL"]
    assert told[0]["Subscribers"][1]["Address"] == "census@example.com"


def test_the_topic_and_its_key_admit_budgets_of_this_account(stack, synth, resources):
    ProcessingPlatform(stack, "Platform", budgets=[CENSUS])
    template = synth(stack)

    [topic] = statement_of(resources, template, "AWS::SNS::TopicPolicy", "PolicyDocument", "Budgets")
    [key] = statement_of(resources, template, "AWS::KMS::Key", "KeyPolicy", "Budgets")

    assert topic["Principal"] == key["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert (
        topic["Condition"]["StringEquals"]
        == key["Condition"]["StringEquals"]
        == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    )
    assert topic["Action"] == "sns:Publish"
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_without_budgets_nobody_else_is_admitted(stack, synth, resources):
    ProcessingPlatform(stack, "Platform")
    template = synth(stack)

    assert statement_of(resources, template, "AWS::SNS::TopicPolicy", "PolicyDocument", "Budgets") == []
    assert statement_of(resources, template, "AWS::KMS::Key", "KeyPolicy", "Budgets") == []


MISTAKES = {
    "no list": (CENSUS, "budgets must be a list of TeamBudget"),
    "another value": (["census"], "budgets[0] must be a TeamBudget"),
    "the same team twice": ([CENSUS, CENSUS], "budgets[1].team must be named once"),
    "no limit": ([TeamBudget(team="a", monthly_limit=0)], "budgets[0].monthly_limit must be a number above 0"),
    "no team": ([TeamBudget(team="", monthly_limit=1)], "budgets[0].team must be 1-256"),
    "no currency": ([TeamBudget(team="a", monthly_limit=1, currency="usd")], "budgets[0].currency must be three"),
    "no threshold": ([TeamBudget(team="a", monthly_limit=1, thresholds=[], forecast=False)], "a list with an entry"),
    "many thresholds": (
        [TeamBudget(team="a", monthly_limit=1, thresholds=list(range(1, 12)))],
        "budgets[0].thresholds must be at most 9 different numbers",
    ),
    "many addresses": (
        [TeamBudget(team="a", monthly_limit=1, alert_emails=[f"a{n}@b.cc" for n in range(11)])],
        "budgets[0].alert_emails must be at most 10 addresses, got 11",
    ),
    "no address": ([TeamBudget(team="a", monthly_limit=1, alert_emails=["x"])], "budgets[0].alert_emails[0] must be"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told(stack, name):
    given, expected = MISTAKES[name]

    with pytest.raises(DeclarationError) as told:
        ProcessingPlatform(stack, "Platform", budgets=given)

    assert expected in str(told.value)


def test_a_budget_is_refused_where_the_bill_is_that_of_another_account():
    stack = Stack(App(), "Gov", env=Environment(account="111122223333", region="us-gov-west-1"))

    with pytest.raises(DeclarationError, match="whose costs are in the bill of another account"):
        ProcessingPlatform(stack, "Platform", budgets=[CENSUS])

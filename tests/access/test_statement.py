import pytest

from cdk_processing.access.statement import (
    Place,
    Statement,
    literal,
    policy_document,
    service_trust,
)


def test_a_statement_renders_as_iam_takes_it():
    statement = Statement("Read", ["s3:GetObject"], ["arn:aws:s3:::raw/in/x"])

    assert statement.render() == {
        "Sid": "Read",
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::raw/in/x",
    }


def test_several_actions_and_resources_and_conditions_are_kept():
    statement = Statement("Pass", ["a:One", "a:Two"], ["arn:1", "arn:2"], {"Bool": {"a:b": "true"}})

    assert statement.render() == {
        "Sid": "Pass",
        "Effect": "Allow",
        "Action": ["a:One", "a:Two"],
        "Resource": ["arn:1", "arn:2"],
        "Condition": {"Bool": {"a:b": "true"}},
    }


@pytest.mark.parametrize("resources", [["*"], ["arn:aws:s3:::raw/*"], ["arn:1", "arn:2*"]])
def test_a_wildcard_without_a_reason_is_refused(resources):
    with pytest.raises(AssertionError, match="Read: a wildcard and its reason come together"):
        Statement("Read", ["s3:GetObject"], resources)


def test_a_reason_without_a_wildcard_is_refused():
    with pytest.raises(AssertionError, match="Read: a wildcard and its reason come together"):
        Statement("Read", ["s3:GetObject"], ["arn:1"], wildcard_reason="because")


def test_a_document_holds_its_statements_in_order():
    document = policy_document([Statement("A", ["a:A"], ["arn:1"]), Statement("B", ["b:B"], ["arn:2"])])

    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "A", "Effect": "Allow", "Action": "a:A", "Resource": "arn:1"},
            {"Sid": "B", "Effect": "Allow", "Action": "b:B", "Resource": "arn:2"},
        ],
    }


def test_services_are_trusted_only_for_this_account():
    assert service_trust(["states.amazonaws.com"], "111122223333") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "states.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
            }
        ],
    }


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("in/2024/", "in/2024/"),
        ("in/*/x", "in/${*}/x"),
        ("a?b", "a${?}b"),
        ("$price", "${$}price"),
        ("${aws:username}", "${$}{aws:username}"),
        ("*?$", "${*}${?}${$}"),
    ],
)
def test_characters_that_would_be_patterns_are_escaped(text, escaped):
    assert literal(text) == escaped


def test_a_token_is_left_alone():
    assert literal("${Token[TOKEN.1]}/in/") == "${Token[TOKEN.1]}/in/"


def test_a_place_writes_arns():
    assert Place("aws-cn", "cn-north-1", "111122223333").arn("logs", "log-group:x") == (
        "arn:aws-cn:logs:cn-north-1:111122223333:log-group:x"
    )

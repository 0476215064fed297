"""Wrong expressions of schedules. Recorded in localstack/localstack, tests/aws/services/scheduler and events."""

import pytest
from botocore.exceptions import ClientError

WRONG = [
    "cron(0 1 * * * *)",
    "cron(0 dummy ? * MON-FRI *)",
    "cron(71 8 1 * ? *)",
    "cron()",
    "rate(10 seconds)",
    "rate(10)",
    "rate(-10 minutes)",
    "rate( 10 minutes )",
    " rate(10 minutes)",
    "at(2021-12-31T23:59:59Z)",
    "at(2021-12-31)",
]
RIGHT = [
    "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)",
    "cron(0-59/10 0-23/2 ? * * *)",
    "rate(10 minutes)",
    "at(2022-12-31T23:59:59)",
]


@pytest.fixture(scope="module")
def schedule(world):
    """Create a schedule with an expression, or update one."""
    _, queue = world.queue()
    target = {"Arn": queue, "RoleArn": world.role("scheduler.amazonaws.com", [])}
    scheduler = world.client("scheduler")
    window = {"Mode": "OFF"}
    scheduler.create_schedule(
        Name="known", ScheduleExpression="rate(1 day)", Target=target, FlexibleTimeWindow=window, State="DISABLED"
    )

    def change(operation, name, expression):
        return getattr(scheduler, operation)(
            Name=name, ScheduleExpression=expression, Target=target, FlexibleTimeWindow=window, State="DISABLED"
        )

    return change


@pytest.mark.parametrize("expression", WRONG)
def test_a_wrong_expression_is_refused(schedule, expression):
    # test_scheduler.py::tests_create_schedule_with_invalid_schedule_expression
    for operation, name in (("create_schedule", "new"), ("update_schedule", "known")):
        with pytest.raises(ClientError) as error:
            schedule(operation, name, expression)
        assert error.value.response["Error"] == {
            "Code": "ValidationException",
            "Message": f"Invalid Schedule Expression {expression}.",
        }


@pytest.mark.parametrize("expression", RIGHT)
def test_a_right_expression_is_accepted(schedule, expression):
    # test_scheduler.py::test_create_schedule_with_valid_cron_expressions
    assert schedule("update_schedule", "known", expression)["ScheduleArn"].endswith("/known")


def test_a_rule_refuses_a_wrong_expression(world):
    # test_events_schedule.py::TestScheduleCron::tests_put_rule_with_invalid_schedule_cron
    for expression in ("cron(71 8 1 * ? *)", "at(2030-01-01T00:00:00)"):
        with pytest.raises(ClientError, match="Parameter ScheduleExpression is not valid"):
            world.client("events").put_rule(Name="wrong", ScheduleExpression=expression)


def test_only_rules_of_the_default_bus_have_a_schedule(world):
    # test_events_schedule.py::TestScheduleRate::tests_put_rule_with_schedule_custom_event_bus
    events = world.client("events")
    events.create_event_bus(Name="mine")
    with pytest.raises(ClientError, match="ScheduleExpression is supported only on the default event bus"):
        events.put_rule(Name="wrong", EventBusName="mine", ScheduleExpression="rate(1 day)")
    events.delete_event_bus(Name="mine")

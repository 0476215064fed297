import json
from datetime import datetime, timedelta, timezone

import pytest

from cdk_processing.errors import ScheduleError
from cdk_processing.schedules.recorded import schedule_of, substitute

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def schedule(expression, zone="UTC", **fields):
    return schedule_of(
        {
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "CreationDate": START.timestamp(),
            **fields,
        }
    )


def occurrences(expression, count, **fields):
    made, moment, found = schedule(expression, **fields), START, []
    while len(found) < count and (moment := made.next_after(moment)):
        found.append(moment.strftime("%Y-%m-%dT%H:%M"))
    return found


def test_a_schedule_is_read_with_its_timezone():
    assert occurrences("cron(0 6 * * ? *)", 1, ScheduleExpressionTimezone="Europe/Berlin") == ["2026-01-01T05:00"]


def test_without_a_start_a_rate_counts_from_when_it_was_made():
    assert occurrences("rate(2 hours)", 2) == ["2026-01-01T02:00", "2026-01-01T04:00"]


def test_nothing_fires_before_the_start_or_after_the_end():
    fields = {
        "StartDate": datetime(2026, 2, 1, tzinfo=timezone.utc).timestamp(),
        "EndDate": "2026-02-02T23:00:00Z",
    }
    assert occurrences("cron(0 6 * * ? *)", 5, **fields) == ["2026-02-01T06:00", "2026-02-02T06:00"]


def test_a_flexible_window_picks_one_moment_within():
    made = schedule("rate(1 day)", FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15})
    moments = {made.fires_at(START, "a") - START for _ in range(5)}
    assert len(moments) == 1
    assert timedelta(0) <= moments.pop() <= timedelta(minutes=15)
    assert schedule("rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"}).fires_at(START, "a") == START


def test_an_expression_that_aws_would_not_take_is_refused_when_it_is_read():
    with pytest.raises(ScheduleError, match="cron"):
        schedule("cron(0 6 * * *)")


def test_an_unknown_timezone_is_refused():
    with pytest.raises(ScheduleError, match=r"timezone must be .* got 'Europe/Atlantis'"):
        schedule("rate(1 day)", "Europe/Atlantis")


def test_context_attributes_are_put_into_the_input():
    text = "<aws.scheduler.scheduled-time>|<aws.scheduler.schedule-arn>|<aws.scheduler.execution-id>|"
    scheduled = datetime(2026, 11, 22, 7, tzinfo=timezone(timedelta(hours=1)))
    found = substitute(text + "<aws.scheduler.attempt-number>", scheduled, "arn", "id", 1)
    assert found == "2026-11-22T06:00:00Z|arn|id|1"


# -- in the embedded AWS


def target(world, role, **changes):
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    machine = world.machine(definition, world.role("states.amazonaws.com", []))
    return {"Arn": machine, "RoleArn": role, "Input": '{"at":"<aws.scheduler.scheduled-time>"}', **changes}


def started(world, machine):
    client = world.client("stepfunctions")
    found = client.list_executions(stateMachineArn=machine)["executions"]
    return [json.loads(client.describe_execution(executionArn=one["executionArn"])["input"]) for one in found]


def scheduler_role(world, **options):
    statement = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": "*"}
    return world.role("scheduler.amazonaws.com", [statement], **options)


def created(world, aim, expression="cron(0 6 * * ? *)", **fields):
    name = world.name("schedule")
    world.client("scheduler").create_schedule(
        Name=name, ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"}, Target=aim, **fields
    )
    return name


def created_before_due(world, aim, **fields):
    """A schedule that is due in a moment, made before that moment however slow the machine is; its name and when."""
    for seconds in (2, 10, 60):
        due = (datetime.now(timezone.utc) + timedelta(seconds=seconds)).replace(microsecond=0)
        name = created(world, aim, f"at({due:%Y-%m-%dT%H:%M:%S})", **fields)
        if datetime.now(timezone.utc) < due:
            return name, due
        world.client("scheduler").delete_schedule(Name=name)
    raise AssertionError("a schedule takes more than a minute to be made")


def test_a_test_can_fire_a_schedule_at_any_instant(world):
    aim = target(world, scheduler_role(world))
    name = created(world, aim)
    assert world.aws.fire_schedule(name, at=datetime(2027, 3, 1, 6, tzinfo=timezone.utc))
    assert world.until(lambda: started(world, aim["Arn"]), bool) == [{"at": "2027-03-01T06:00:00Z"}]


def test_firing_a_schedule_that_does_not_exist_names_those_that_do(world):
    name = created(world, target(world, scheduler_role(world)))
    with pytest.raises(ValueError, match=f"there is no schedule 'nope'; there are: .*{name}"):
        world.aws.fire_schedule("nope")
    with pytest.raises(ValueError, match="at must have a timezone"):
        world.aws.fire_schedule(name, at=datetime(2027, 1, 1))


def test_a_schedule_fires_when_it_is_due_and_is_deleted_after_its_last_time(world):
    aim = target(world, scheduler_role(world))
    name, due = created_before_due(world, aim, ActionAfterCompletion="DELETE")
    assert world.until(lambda: started(world, aim["Arn"]), bool) == [{"at": f"{due:%Y-%m-%dT%H:%M:%SZ}"}]
    assert datetime.now(timezone.utc) >= due
    listed = world.client("scheduler").list_schedules
    world.until(lambda: [one["Name"] for one in listed()["Schedules"]], lambda names: name not in names)


def test_a_disabled_schedule_does_not_fire(world):
    aim, other = target(world, scheduler_role(world)), target(world, scheduler_role(world))
    created_before_due(world, aim, State="DISABLED")
    created_before_due(world, other)
    world.until(lambda: started(world, other["Arn"]), bool)
    assert started(world, aim["Arn"]) == []


@pytest.mark.parametrize("condition", ["account", "source"])
def test_a_role_that_scheduler_may_not_assume_starts_nothing(world, condition):
    conditions = {
        "account": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
        "source": {"ArnEquals": {"aws:SourceArn": "arn:aws:scheduler:us-east-1:000000000000:schedule-group/other"}},
    }
    aim = target(world, scheduler_role(world, condition=conditions[condition]))
    world.aws.fire_schedule(created(world, aim))
    assert started(world, aim["Arn"]) == []


def test_a_role_without_start_execution_sends_to_the_dead_letter_queue(world):
    url, queue = world.queue()
    role = world.role("scheduler.amazonaws.com", [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}])
    aim = target(world, role, DeadLetterConfig={"Arn": queue})
    world.aws.fire_schedule(created(world, aim), at=datetime(2027, 1, 1, tzinfo=timezone.utc))
    message = world.messages(url)[0]
    assert json.loads(message["Body"]) == {"at": "2027-01-01T00:00:00Z"}
    assert "states:StartExecution" in message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert started(world, aim["Arn"]) == []


def test_a_universal_target_is_called_with_the_role(world):
    url, _ = world.queue()
    role = world.role("scheduler.amazonaws.com", [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}])
    aim = {
        "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
        "RoleArn": role,
        "Input": json.dumps({"QueueUrl": url, "MessageBody": "hello"}),
    }
    world.aws.fire_schedule(created(world, aim))
    assert world.messages(url)[0]["Body"] == "hello"


def deployed(world, properties):
    stack = world.name("stack")
    template = {"Resources": {"Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": properties}}}
    cloudformation = world.client("cloudformation")
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template))

    def status():
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]

    assert world.until(status, lambda found: not found.endswith("IN_PROGRESS")) == "CREATE_COMPLETE"
    return cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="Schedule")["StackResourceDetail"][
        "PhysicalResourceId"
    ]


def test_a_schedule_of_a_stack_keeps_its_timezone_and_dates(world):
    name = deployed(
        world,
        {
            "ScheduleExpression": "cron(0 6 * * ? *)",
            "ScheduleExpressionTimezone": "Europe/Berlin",
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": "5"},
            "EndDate": "2027-01-01T00:00:00Z",
            "Target": target(world, scheduler_role(world)),
        },
    )
    found = world.client("scheduler").get_schedule(Name=name)
    assert found["ScheduleExpressionTimezone"] == "Europe/Berlin"
    record = {**found, "CreationDate": found["CreationDate"].timestamp(), "EndDate": "2027-01-01T00:00:00Z"}
    made = schedule_of(record)
    assert (made.window, made.end) == (5, datetime(2027, 1, 1, tzinfo=timezone.utc))

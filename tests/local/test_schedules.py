import json
import time
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.local.aws.schedules import Schedule, ScheduleError, substitute

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def schedule(expression, zone="UTC", **fields):
    return Schedule.from_record(
        {
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "CreationDate": START.timestamp(),
            **fields,
        }
    )


def occurrences(expression, count, zone="UTC", after=START, **fields):
    found, moment = [], after
    made = schedule(expression, zone, **fields)
    for _ in range(count):
        moment = made.next_after(moment)
        if moment is None:
            break
        found.append(moment.strftime("%Y-%m-%dT%H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 6 * * ? *)", ["2026-01-01T06:00", "2026-01-02T06:00"]),
        ("cron(15 12 ? * MON-FRI *)", ["2026-01-01T12:15", "2026-01-02T12:15", "2026-01-05T12:15"]),
        ("cron(0 0 ? * 1 *)", ["2026-01-04T00:00"]),
        ("cron(0 0 ? * FRI-SUN *)", ["2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00", "2026-01-09T00:00"]),
        ("cron(0 0 ? * 6#3 *)", ["2026-01-16T00:00", "2026-02-20T00:00"]),
        ("cron(0 0 ? * 6L *)", ["2026-01-30T00:00", "2026-02-27T00:00"]),
        ("cron(0 0 ? * L *)", ["2026-01-03T00:00"]),
        ("cron(0 0 L * ? *)", ["2026-01-31T00:00", "2026-02-28T00:00"]),
        ("cron(0 0 3W * ? *)", ["2026-01-02T00:00", "2026-02-03T00:00"]),
        ("cron(0 0 1W * ? *)", ["2026-02-02T00:00", "2026-03-02T00:00"]),
        ("cron(0/20 8 1 1 ? *)", ["2026-01-01T08:00", "2026-01-01T08:20", "2026-01-01T08:40", "2027-01-01T08:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(0 6 1 6 ? 2027-2028)", ["2027-06-01T06:00", "2028-06-01T06:00"]),
        ("cron(0 6 1 6 ? 2020)", []),
        ("cron(0 6 1 6 ? 2098)", ["2098-06-01T06:00"]),
        ("at(2026-03-01T10:00:00)", ["2026-03-01T10:00"]),
        ("at(2025-03-01T10:00:00)", []),
    ],
)
def test_an_expression_fires_at(expression, expected):
    assert occurrences(expression, len(expected) or 1) == expected


def test_a_rate_counts_from_the_start():
    assert occurrences("rate(2 hours)", 2) == ["2026-01-01T02:00", "2026-01-01T04:00"]
    start = datetime(2026, 5, 1, 0, 30, tzinfo=timezone.utc).timestamp()
    assert occurrences("rate(1 day)", 2, StartDate=start) == ["2026-05-01T00:30", "2026-05-02T00:30"]


def test_local_times_are_those_of_the_timezone():
    assert occurrences("cron(0 6 * * ? *)", 1, "Europe/Berlin") == ["2026-01-01T05:00"]
    summer = datetime(2026, 7, 1, tzinfo=timezone.utc)
    assert occurrences("cron(0 6 * * ? *)", 1, "Europe/Berlin", summer) == ["2026-07-01T04:00"]
    assert occurrences("at(2026-07-01T06:00:00)", 1, "Europe/Berlin") == ["2026-07-01T04:00"]


def test_a_skipped_local_time_does_not_fire():
    before = datetime(2026, 3, 28, 12, tzinfo=timezone.utc)
    # On 29 March 02:30 does not exist in Berlin.
    assert occurrences("cron(30 2 * * ? *)", 2, "Europe/Berlin", before) == ["2026-03-30T00:30", "2026-03-31T00:30"]
    assert occurrences("at(2026-03-29T02:30:00)", 1, "Europe/Berlin") == []


def test_a_repeated_local_time_fires_once():
    before = datetime(2026, 10, 24, 12, tzinfo=timezone.utc)
    # On 25 October 02:30 comes twice in Berlin.
    assert occurrences("cron(30 2 * * ? *)", 2, "Europe/Berlin", before) == ["2026-10-25T00:30", "2026-10-26T01:30"]


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


@pytest.mark.parametrize(
    "expression",
    [
        "every day",
        "cron(0 6 * * *)",
        "cron(0 6 * * * *)",
        "cron(0 6 ? * ? *)",
        "cron(61 6 * * ? *)",
        "cron(0 6 ? * 8 *)",
        "cron(0 6 * * ? soon)",
        "rate(0 minutes)",
        "rate(5 seconds)",
        "at(tomorrow)",
    ],
)
def test_an_expression_that_aws_would_not_take_is_refused(expression):
    with pytest.raises(ScheduleError):
        schedule(expression)


def test_an_unknown_timezone_is_refused():
    with pytest.raises(ScheduleError, match="'Europe/Atlantis' is not an IANA timezone"):
        schedule("rate(1 day)", "Europe/Atlantis")


@given(
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
    day=st.integers(0, 720),
)
def test_a_daily_time_fires_once_a_local_day_and_moves_on(hour, minute, zone, day):
    after = START + timedelta(days=day)
    made = schedule(f"cron({minute} {hour} * * ? *)", zone)
    found = []
    for _ in range(4):
        after = made.next_after(after)
        found.append(after)
    local = [moment.astimezone(made.zone) for moment in found]
    assert all((moment.hour, moment.minute) == (hour, minute) for moment in local)
    for one, two in pairwise(local):
        assert 1 <= (two.date() - one.date()).days <= 2


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
    due = (datetime.now(timezone.utc) + timedelta(seconds=2)).replace(microsecond=0)
    name = created(world, aim, f"at({due:%Y-%m-%dT%H:%M:%S})", ActionAfterCompletion="DELETE")
    assert world.until(lambda: started(world, aim["Arn"]), bool) == [{"at": f"{due:%Y-%m-%dT%H:%M:%SZ}"}]
    assert time.time() - due.timestamp() < 1
    listed = world.client("scheduler").list_schedules
    world.until(lambda: [one["Name"] for one in listed()["Schedules"]], lambda names: name not in names)


def test_a_disabled_schedule_does_not_fire(world):
    aim = target(world, scheduler_role(world))
    created(world, aim, "rate(1 minute)", State="DISABLED")
    time.sleep(1.2)
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
    made = Schedule.from_record(record)
    assert (made.window, made.end) == (5, datetime(2027, 1, 1, tzinfo=timezone.utc))

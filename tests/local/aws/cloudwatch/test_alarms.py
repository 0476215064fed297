import json
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from cdk_processing.local.engine import LocalAws
from tests.local.control_plane import ACCOUNT, World

NOTHING = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
FAILING = {"StartAt": "Broken", "States": {"Broken": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}}
WAITING = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
TIMING_OUT = {"TimeoutSeconds": 1, **WAITING}


@pytest.fixture(scope="module")
def world(stub_on_path):
    """An embedded AWS of this file's own: alerts are those of the whole server."""
    with LocalAws(runner="tests.local.stub_runner:run") as aws:
        yield World(aws)


@pytest.fixture(scope="module")
def role(world):
    return world.role("states.amazonaws.com", [])


def later(**delta):
    return datetime.now(timezone.utc) + timedelta(**delta)


def topic_with_queue(world, *, topic_policy=None, **attributes):
    """A topic that CloudWatch may publish to, and a queue that gets what it publishes."""
    sns = world.client("sns")
    topic = sns.create_topic(Name=world.name("alerts"), Attributes=attributes)["TopicArn"]
    if topic_policy is not None:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(topic_policy))
    url, queue = world.queue()
    world.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(admit("sns", queue))})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    return topic, url


def admit(service, resource, action="*"):
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": action,
                "Resource": resource,
                "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            }
        ],
    }


def key(world, *services):
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [root]}
    for service in services:
        document["Statement"] += admit(service, "*", ["kms:GenerateDataKey", "kms:Decrypt"])["Statement"]
    return world.client("kms").create_key(Policy=json.dumps(document))["KeyMetadata"]["Arn"]


def alarm_on(world, metric, machine, **changes):
    name = world.name(metric)
    settings = {
        "AlarmDescription": "look into the dead-letter queue",
        "Namespace": "AWS/States",
        "Dimensions": [{"Name": "StateMachineArn", "Value": machine}],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    world.client("cloudwatch").put_metric_alarm(AlarmName=name, MetricName=metric, **{**settings, **changes})
    return name


def state_of(world, name, at=None):
    (found,) = [alarm for alarm in world.aws.alarms(at) if alarm["name"] == name]
    return found["state"]


def described(world, name):
    """The state as the API tells it, without an evaluation."""
    (found,) = world.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found["StateValue"]


def alerts_of(world, name):
    return [alert["state"] for alert in world.aws.alerts() if alert["alarm"] == name]


def total(world, namespace, metric, **dimensions):
    world.aws.alerts()  # what was gathered is stored
    found = world.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=later(hours=-1),
        EndTime=later(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in found)


# -- metrics ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "metric"),
    [(NOTHING, "ExecutionsSucceeded"), (FAILING, "ExecutionsFailed"), (TIMING_OUT, "ExecutionsTimedOut")],
)
def test_an_execution_is_counted_when_it_starts_and_by_how_it_ends(world, role, definition, metric):
    machine = world.machine(definition, role)
    world.execute(machine)
    world.until(lambda: total(world, "AWS/States", metric, StateMachineArn=machine), lambda found: found == 1)
    ends = ("ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
    assert total(world, "AWS/States", "ExecutionsStarted", StateMachineArn=machine) == 1
    assert {end: total(world, "AWS/States", end, StateMachineArn=machine) for end in ends} == {
        end: 1 if end == metric else 0 for end in ends
    }


def test_an_aborted_execution_is_counted_as_that_and_not_as_failed(world, role):
    machine = world.machine(WAITING, role)
    states = world.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    states.stop_execution(executionArn=arn)
    assert total(world, "AWS/States", "ExecutionsAborted", StateMachineArn=machine) == 1
    assert total(world, "AWS/States", "ExecutionsFailed", StateMachineArn=machine) == 0


def rule_to(world, machine, role, source):
    events = world.client("events")
    name = world.name("rule")
    arn = events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": machine, "RoleArn": role}])
    return name, arn


def test_a_rule_counts_its_matches_invocations_and_failures(world, role):
    machine = world.machine(NOTHING, role)
    allowed = world.role(
        "events.amazonaws.com", [{"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine}]
    )
    good, _ = rule_to(world, machine, allowed, "counted.source")
    bad, _ = rule_to(world, machine, world.role("events.amazonaws.com", []), "counted.source")
    for source in ("counted.source", "other.source"):
        world.client("events").put_events(Entries=[{"Source": source, "DetailType": "x", "Detail": "{}"}])
    metrics = ("MatchedEvents", "TriggeredRules", "Invocations", "FailedInvocations")
    assert [total(world, "AWS/Events", metric, RuleName=good) for metric in metrics] == [1, 1, 1, 0]
    assert [total(world, "AWS/Events", metric, RuleName=bad) for metric in metrics] == [1, 1, 1, 1]


# -- evaluation -------------------------------------------------------------------------------------------------------


def test_a_new_alarm_knows_nothing_and_tells_nobody(world, role):
    topic, _ = topic_with_queue(world)
    every = {"AlarmActions": [topic], "OKActions": [topic], "InsufficientDataActions": [topic]}
    name = alarm_on(world, "ExecutionsFailed", world.machine(NOTHING, role), TreatMissingData="breaching", **every)
    assert described(world, name) == "INSUFFICIENT_DATA"
    assert alerts_of(world, name) == []


def test_an_alarm_rings_by_itself_as_soon_as_its_metric_breaches(world, role):
    machine = world.machine(FAILING, role)
    topic, _ = topic_with_queue(world)
    name = alarm_on(world, "ExecutionsFailed", machine, AlarmActions=[topic])
    world.execute(machine)
    world.until(lambda: described(world, name), lambda state: state == "ALARM")
    assert alerts_of(world, name) == ["ALARM"]


def test_an_alarm_rings_once_however_often_its_metric_breaches(world, role):
    machine = world.machine(FAILING, role)
    topic, _ = topic_with_queue(world)
    name = alarm_on(world, "ExecutionsFailed", machine, AlarmActions=[topic])
    for _ in range(3):
        world.execute(machine)
    assert state_of(world, name) == "ALARM"
    assert state_of(world, name) == "ALARM"
    assert alerts_of(world, name) == ["ALARM"]


def test_an_alarm_looks_at_its_own_dimensions_only(world, role):
    failing, quiet = world.machine(FAILING, role), world.machine(NOTHING, role)
    name = alarm_on(world, "ExecutionsFailed", quiet)
    world.execute(failing)
    assert state_of(world, name) == "OK"


def test_an_alarm_is_over_when_its_periods_are(world, role):
    machine = world.machine(FAILING, role)
    topic, _ = topic_with_queue(world)
    name = alarm_on(world, "ExecutionsFailed", machine, AlarmActions=[topic], OKActions=[topic])
    world.execute(machine)
    assert state_of(world, name) == "ALARM"
    assert state_of(world, name, later(minutes=20)) == "OK"
    assert alerts_of(world, name) == ["ALARM", "OK"]


def test_an_alarm_rings_again_for_the_next_failure(world, role):
    machine = world.machine(FAILING, role)
    topic, _ = topic_with_queue(world)
    name = alarm_on(world, "ExecutionsFailed", machine, AlarmActions=[topic])
    world.execute(machine)
    assert state_of(world, name) == "ALARM"
    assert state_of(world, name, later(hours=1)) == "OK"
    world.execute(machine)
    assert alerts_of(world, name) == ["ALARM", "ALARM"]


def test_silence_is_noticed_when_a_day_is_seen_hour_by_hour(world, role):
    machine = world.machine(NOTHING, role)
    topic, _ = topic_with_queue(world)
    name = alarm_on(
        world,
        "ExecutionsSucceeded",
        machine,
        Period=3600,
        EvaluationPeriods=24,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
        AlarmActions=[topic],
    )
    world.execute(machine)
    assert state_of(world, name) == "OK"
    assert state_of(world, name, later(hours=23)) == "OK"
    assert alerts_of(world, name) == []
    assert state_of(world, name, later(hours=27)) == "ALARM"
    assert alerts_of(world, name) == ["ALARM"]


def test_datapoints_to_alarm_are_counted_over_the_evaluation_periods(world):
    name = world.name("latency")
    put = world.client("cloudwatch").put_metric_data
    world.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Own",
        MetricName=name,
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=3,
        DatapointsToAlarm=2,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    put(Namespace="Own", MetricData=[{"MetricName": name, "Value": 11, "Timestamp": later(seconds=-90)}])
    assert state_of(world, name) == "OK"
    put(Namespace="Own", MetricData=[{"MetricName": name, "Value": 11}])
    world.until(lambda: described(world, name), lambda state: state == "ALARM")


@pytest.mark.parametrize(
    ("statistic", "value"), [("Sum", 12), ("Maximum", 8), ("Minimum", 1), ("Average", 4), ("SampleCount", 3)]
)
def test_a_statistic_is_taken_over_the_period(world, statistic, value):
    name = world.name("statistic")
    cloudwatch = world.client("cloudwatch")
    for suffix, threshold in (("at", value), ("above", value + 0.5)):
        cloudwatch.put_metric_alarm(
            AlarmName=f"{name}-{suffix}",
            Namespace="Own",
            MetricName=name,
            Statistic=statistic,
            Period=300,
            EvaluationPeriods=1,
            Threshold=threshold,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )
    cloudwatch.put_metric_data(Namespace="Own", MetricData=[{"MetricName": name, "Value": each} for each in (1, 3, 8)])
    assert [state_of(world, f"{name}-{suffix}") for suffix in ("at", "above")] == ["ALARM", "OK"]


def test_a_message_in_a_queue_rings_until_it_is_gone(world):
    url, arn = world.queue()
    sqs = world.client("sqs")
    topic, _ = topic_with_queue(world)
    name = alarm_on(
        world,
        "ApproximateNumberOfMessagesVisible",
        "",
        Namespace="AWS/SQS",
        Statistic="Maximum",
        Dimensions=[{"Name": "QueueName", "Value": arn.rpartition(":")[2]}],
        AlarmActions=[topic],
        OKActions=[topic],
    )
    sqs.send_message(QueueUrl=url, MessageBody="a dead letter")
    world.until(lambda: described(world, name), lambda state: state == "ALARM")
    assert state_of(world, name, later(hours=26)) == "ALARM"  # it lies there still
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert state_of(world, name, later(hours=1)) == "OK"
    assert alerts_of(world, name) == ["ALARM", "OK"]


def test_a_message_that_was_there_before_the_alarm_counts(world):
    url, arn = world.queue()
    world.client("sqs").send_message(QueueUrl=url, MessageBody="old")
    dimensions = [{"Name": "QueueName", "Value": arn.rpartition(":")[2]}]
    name = alarm_on(world, "ApproximateNumberOfMessagesVisible", "", Namespace="AWS/SQS", Dimensions=dimensions)
    assert state_of(world, name) == "ALARM"


def test_disabled_actions_tell_nobody_while_the_state_changes(world, role):
    machine = world.machine(FAILING, role)
    topic, _ = topic_with_queue(world)
    name = alarm_on(world, "ExecutionsFailed", machine, AlarmActions=[topic], ActionsEnabled=False)
    world.execute(machine)
    assert state_of(world, name) == "ALARM"
    assert alerts_of(world, name) == []


def test_an_instant_without_a_timezone_is_refused(world):
    with pytest.raises(ValueError, match="at must have a timezone, got"):
        world.aws.alarms(datetime(2026, 1, 1))


# -- notifications ----------------------------------------------------------------------------------------------------


def test_a_notification_is_what_cloudwatch_publishes_and_reaches_the_subscribed_queue(world, role):
    machine = world.machine(FAILING, role)
    topic, url = topic_with_queue(world, topic_policy=None)
    name = alarm_on(world, "ExecutionsFailed", machine, AlarmActions=[topic])
    world.execute(machine)
    (received,) = world.messages(url)
    envelope = json.loads(received["Body"])
    assert envelope["Subject"] == f'ALARM: "{name}" in US East (N. Virginia)'
    message = json.loads(envelope["Message"])
    (alert,) = [alert for alert in world.aws.alerts() if alert["alarm"] == name]
    assert alert == {
        "topic_arn": topic,
        "alarm": name,
        "state": "ALARM",
        "description": "look into the dead-letter queue",
        "message": message,
    }
    assert message["AlarmArn"] == f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{name}"
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert message["NewStateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [1.0] was greater")
    assert message["Trigger"] == {
        "MetricName": "ExecutionsFailed",
        "Namespace": "AWS/States",
        "StatisticType": "Statistic",
        "Statistic": "SUM",
        "Unit": None,
        "Dimensions": [{"value": machine, "name": "StateMachineArn"}],
        "Period": 300,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    }


def rings_through(world, role, topic):
    machine = world.machine(FAILING, role)
    name = alarm_on(world, "ExecutionsFailed", machine, AlarmActions=[topic])
    world.execute(machine)
    assert state_of(world, name) == "ALARM"
    return alerts_of(world, name) == ["ALARM"]


def test_a_topic_must_admit_cloudwatch(world, role):
    closed, _ = topic_with_queue(world, topic_policy=admit("events", "*", "sns:Publish"))
    assert not rings_through(world, role, closed)
    opened, _ = topic_with_queue(world, topic_policy=admit("cloudwatch", "*", "sns:Publish"))
    assert rings_through(world, role, opened)


def test_the_key_of_a_topic_must_admit_cloudwatch(world, role):
    for services, admitted in ((("cloudwatch",), True), (("events",), False), ((), False)):
        topic, _ = topic_with_queue(world, KmsMasterKeyId=key(world, *services))
        assert rings_through(world, role, topic) is admitted, services


def test_the_key_that_aws_keeps_for_sns_admits_no_alarm(world, role):
    topic, _ = topic_with_queue(world, KmsMasterKeyId="alias/aws/sns")
    assert not rings_through(world, role, topic)


def test_an_encrypted_queue_gets_a_notification_where_its_key_admits_sns(world):
    topic, url = topic_with_queue(world)
    world.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key(world, "cloudwatch")})
    sns = world.client("sns")
    sns.publish(TopicArn=topic, Message="lost")
    world.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key(world, "sns")})
    sns.publish(TopicArn=topic, Message="found")
    (received,) = world.messages(url)
    assert json.loads(received["Body"])["Message"] == "found"


# -- from a template --------------------------------------------------------------------------------------------------


def deploy(world, name, resources):
    cloudformation = world.client("cloudformation")
    body = json.dumps({"Resources": resources})
    try:
        cloudformation.create_stack(StackName=name, TemplateBody=body)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AlreadyExistsException":
            raise
        cloudformation.update_stack(StackName=name, TemplateBody=body)
    return world.until(
        lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"],
        lambda status: not status.endswith("_IN_PROGRESS"),
    )


def alarm_resource(topic, **changes):
    properties = {
        "Namespace": "Own",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "breaching",
        "AlarmActions": [topic],
        **changes,
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def test_a_topic_of_a_template_keeps_its_key_also_through_an_update(world):
    def topic(**properties):
        return {"Alerts": {"Type": "AWS::SNS::Topic", "Properties": properties}}

    def key_of_it():
        (found,) = world.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
        attributes = world.client("sns").get_topic_attributes(TopicArn=found["PhysicalResourceId"])["Attributes"]
        return found["PhysicalResourceId"], attributes.get("KmsMasterKeyId")

    stack = world.name("stack")
    arn = key(world)
    assert deploy(world, stack, topic(KmsMasterKeyId=arn)) == "CREATE_COMPLETE"
    before = key_of_it()
    assert before[1] == arn
    assert deploy(world, stack, topic(KmsMasterKeyId=arn, DisplayName="x")) == "UPDATE_COMPLETE"
    assert key_of_it() == before
    assert deploy(world, stack, topic(DisplayName="x")) == "UPDATE_COMPLETE"
    assert key_of_it() == (before[0], None)


def test_an_alarm_of_a_template_rings_when_it_is_asked(world):
    topic, _ = topic_with_queue(world)
    name = world.name("alarm")
    resource = alarm_resource(topic, AlarmName=name, MetricName=name)
    assert deploy(world, world.name("stack"), {"Alarm": resource}) == "CREATE_COMPLETE"
    assert described(world, name) == "INSUFFICIENT_DATA"
    assert state_of(world, name) == "ALARM"
    assert alerts_of(world, name) == ["ALARM"]


def test_an_alarm_over_more_than_a_week_is_refused(world):
    name = world.name("stack")
    resource = alarm_resource("x", Period=86400, EvaluationPeriods=8)
    assert deploy(world, name, {"Alarm": resource}) == "ROLLBACK_COMPLETE"
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in world.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert any("Metrics cannot be checked across more than 7 days" in reason for reason in reasons)

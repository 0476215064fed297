import json


def arrival(world, machine, role, dead_letters=None):
    rule = world.name("rule")
    events = world.client("events")
    arn = events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))["RuleArn"]
    target = {"Id": "machine", "Arn": machine, "RoleArn": role}
    if dead_letters:
        target["DeadLetterConfig"] = {"Arn": dead_letters}
    events.put_targets(Rule=rule, Targets=[target])
    return rule, arn


def machine(world):
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    return world.machine(definition, world.role("states.amazonaws.com", []))


def put(world, source):
    entry = {"Source": source, "DetailType": "t", "Detail": "{}"}
    world.client("events").put_events(Entries=[entry])


def count(world, arn):
    return len(world.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"])


def until_one_after_it_has_come(world):
    """Wait until an event that was put last has started its state machine: those before it have had their chance."""
    arn = machine(world)
    source, _ = arrival(world, arn, world.role("events.amazonaws.com", [start(arn)]))
    put(world, source)
    world.until(lambda: count(world, arn), lambda found: found == 1)


def start(arn):
    return {"Effect": "Allow", "Action": "states:StartExecution", "Resource": arn}


def test_a_rule_starts_a_state_machine_with_its_targets_role(world):
    arn = machine(world)
    source, _ = arrival(world, arn, world.role("events.amazonaws.com", [start(arn)]))
    put(world, source)
    world.until(lambda: count(world, arn), lambda found: found == 1)


def test_a_role_without_start_execution_starts_nothing(world):
    arn = machine(world)
    source, _ = arrival(world, arn, world.role("events.amazonaws.com", [start(arn + "x")]))
    put(world, source)
    until_one_after_it_has_come(world)
    assert count(world, arn) == 0


def test_a_role_for_another_account_or_rule_starts_nothing(world):
    arn = machine(world)
    for key, value in (("aws:SourceAccount", "111122223333"), ("aws:SourceArn", "arn:aws:events:::rule/other")):
        role = world.role("events.amazonaws.com", [start(arn)], condition={"StringEquals": {key: value}})
        put(world, arrival(world, arn, role)[0])
    until_one_after_it_has_come(world)
    assert count(world, arn) == 0


def queue_policy(world, url, queue):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def test_what_a_rule_cannot_deliver_goes_to_the_dead_letter_queue(world):
    arn = machine(world)
    url, queue = world.queue()
    queue_policy(world, url, queue)
    source, rule = arrival(world, arn, world.role("events.amazonaws.com", []), queue)
    put(world, source)
    message = world.messages(url)[0]
    assert json.loads(message["Body"])["source"] == source
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (rule, arn)
    assert "states:StartExecution" in attributes["ERROR_MESSAGE"]


def test_a_dead_letter_queue_that_does_not_admit_eventbridge_stays_empty(world):
    arn = machine(world)
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    for attributes in ({}, {"KmsMasterKeyId": key}):
        url, queue = world.queue(**attributes)
        if attributes:
            queue_policy(world, url, queue)  # the queue admits it, the key does not
        put(world, arrival(world, arn, world.role("events.amazonaws.com", []), queue)[0])
        until_one_after_it_has_come(world)
        assert "Messages" not in world.client("sqs").receive_message(QueueUrl=url)

"""The alarms of a template, for the tests of those that make them."""

from aws_cdk.assertions import Template

from cdk_processing.constructs.triggers.base import LaunchTarget

__all__ = ["alarms", "name_of", "named", "names", "only", "target", "topic"]


def named(rest):
    """An alarm's name in a template: the stack's name and the rest."""
    return {"Fn::Join": ["", [{"Ref": "AWS::StackName"}, rest]]}


def name_of(alarm):
    """The same, with the stack's name written as CloudFormation's own text."""
    [stack_name, rest] = alarm["Properties"]["AlarmName"]["Fn::Join"][1]
    assert stack_name == {"Ref": "AWS::StackName"}
    return f"${{AWS::StackName}}{rest}"


def alarms(stack):
    """The stack's alarms by the end of their name: what happened."""
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    return {name_of(alarm).rpartition(": ")[2]: alarm["Properties"] for alarm in found}


def names(stack):
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    return [name_of(alarm) for alarm in found]


def target(job, construct_id="OnSchedule"):
    return LaunchTarget(
        job=job,
        job_path=job.node.path,
        trigger_id=construct_id,
        state_machine_arn=job.state_machine_arn,
        start_role_arn="arn:aws:iam::111122223333:role/Start",
        dead_letter_queue_arn=job.platform.dead_letter_queue_arn,
        alert_topic_arn=job.platform.alert_topic_arn,
    )


def only(stack, kind):
    """Logical id of the stack's one resource of a type."""
    [found] = Template.from_stack(stack).find_resources(kind)
    return found


def topic(stack):
    """The platform's alert topic, as an alarm names it."""
    return [{"Ref": only(stack, "AWS::SNS::Topic")}]

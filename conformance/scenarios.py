"""The scenarios. Each says what it tries, which answers this library can live with, and what it costs in AWS."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from cdk_processing.request.aws_images import registry_accounts, url_suffix
from conformance.target import Target

__all__ = ["SCENARIOS", "Answer", "Scenario"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was seen.

    Attributes:
        seen: In words.
        agrees: Whether this library works with it.
    """

    seen: str
    agrees: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fact, and how it is tried.

    Attributes:
        name: What the fact is about.
        fact: What this library rests on. "Either way" where it works with each answer and only records it.
        cents: What it costs in AWS, in US cents, at most.
        try_it: Tries it.
    """

    name: str
    fact: str
    cents: float
    try_it: Callable[[Target], Answer]


SCENARIOS: list[Scenario] = []


def _scenario(fact: str, cents: float = 0.1) -> Callable[[Callable[[Target], Answer]], Callable[[Target], Answer]]:
    def add(function: Callable[[Target], Answer]) -> Callable[[Target], Answer]:
        SCENARIOS.append(Scenario(function.__name__, fact, cents, function))
        return function

    return add


# -- Step Functions and JSONata ----------------------------------------------------------------------------------------


@_scenario("An expression of depth 80 runs; one of depth 110 fails with States.QueryEvaluationError.")
def depth_of_expressions(target: Target) -> Answer:
    """Sums of n terms are of depth n."""

    def runs(terms: int) -> bool:
        output = "{% " + " + ".join(["1"] * terms) + " %}"
        ended = target.run_state({"Type": "Pass", "Output": output})
        if ended["status"] == "FAILED" and ended["error"] != "States.QueryEvaluationError":
            raise AssertionError(ended["error"])
        return bool(ended["status"] == "SUCCEEDED")

    found = {terms: runs(terms) for terms in (80, 98, 102, 110)}
    return Answer(
        ", ".join(f"{n}: {'runs' if ok else 'fails'}" for n, ok in found.items()), found[80] and not found[110]
    )


@_scenario("An expression that yields nothing fails its state with States.QueryEvaluationError.")
def expressions_that_yield_nothing(target: Target) -> Answer:
    """A field that is not there."""
    ended = target.run_state({"Type": "Pass", "Output": {"r": "{% $states.input.none %}"}})
    return Answer(
        f"{ended['status']}: {ended.get('error')}: {ended.get('cause')}", _failed_by(ended, "QueryEvaluation")
    )


@_scenario("A condition of a Choice that is no truth value fails the state.")
def conditions_that_are_no_truth_value(target: Target) -> Answer:
    """A text as a condition."""
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% 'yes' %}", "Next": "Yes"}], "Default": "No"}
    states = {"One": choice, "Yes": {"Type": "Succeed"}, "No": {"Type": "Succeed"}}
    ended = target.run(target.machine({"StartAt": "One", "States": states}))
    return Answer(f"{ended['status']}: {ended.get('error')}", ended["status"] == "FAILED")


@_scenario("States.ALL does not catch States.DataLimitExceeded.")
def what_states_all_does_not_catch(target: Target) -> Answer:
    """A task whose output is over 256 KiB, with a Catch."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sts:getCallerIdentity",
        "Output": "{% $pad('x', 300000) %}",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "End": True,
    }
    ended = target.run(target.machine({"StartAt": "One", "States": {"One": task, "Caught": {"Type": "Succeed"}}}))
    return Answer(f"{ended['status']}: {ended.get('error')}", _failed_by(ended, "DataLimitExceeded"))


@_scenario("and, or and ?: do not evaluate what they need not; $type, $formatBase, $hash and $pad are there.")
def functions_of_jsonata(target: Target) -> Answer:
    """What the definitions use."""
    tried = {
        "lazy": "{% false and $error('evaluated') %}",
        "either": "{% true or $error('evaluated') %}",
        "type": "{% $type({}) & $type(1) & $type('a') %}",
        "base": "{% $formatBase(9007199254740991, 10) %}",
        "hash": "{% $hash('abc', 'MD5') %}",
        "pad": "{% $pad('7', -3, '0') %}",
        "part": "{% $split('in/day=1/day=a=b/c', '/')[$substring($, 0, 4) = 'day='][-1] %}",
        "no part": "{% [$split('in/c', '/')[$substring($, 0, 4) = 'day='][-1]] %}",
        "no member": "{% $merge([{'a': $states.input.none}, {'b': 1}]) %}",
    }
    ended = target.run_state({"Type": "Pass", "Output": tried})
    expected = {
        "lazy": False,
        "either": True,
        "type": "objectnumberstring",
        "base": "9007199254740991",
        "hash": "900150983cd24fb0d6963f7d28e17f72",
        "pad": "007",
        "part": "day=a=b",
        "no part": [],
        "no member": {"b": 1},
    }
    seen = ended.get("output") or f"{ended.get('error')}: {ended.get('cause')}"
    return Answer(seen, ended["status"] == "SUCCEEDED" and json.loads(ended["output"]) == expected)


@_scenario("An update of an item returns the whole item, with what was there before, as Attributes.")
def what_an_update_returns(target: Target) -> Answer:
    """Two executions set one attribute each; the first one sets its own again."""
    table = target.table()
    update = {
        "TableName": table,
        "Key": {"id": {"S": "one"}},
        "UpdateExpression": "SET #mine = if_not_exists(#mine, :value)",
        "ExpressionAttributeNames": {"#mine": "{% $states.input.name %}"},
        "ExpressionAttributeValues": {":value": {"S": "{% $states.input.value %}"}},
        "ReturnValues": "ALL_NEW",
    }
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:updateItem",
        "Arguments": update,
        "Output": "{% $states.result.Attributes %}",
        "End": True,
    }
    where = f"arn:aws:dynamodb:{target.region}:{target.account}:table/{table}"
    allow = {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": where}
    machine = target.machine({"StartAt": "One", "States": {"One": task}}, [allow])
    given = [("a", "1"), ("b", "2"), ("a", "3")]
    ended = [target.run(machine, {"name": name, "value": value}) for name, value in given]
    seen = ended[-1].get("output") or f"{ended[-1].get('error')}: {ended[-1].get('cause')}"
    expected = {"id": {"S": "one"}, "a": {"S": "1"}, "b": {"S": "2"}}
    return Answer(seen, ended[-1]["status"] == "SUCCEEDED" and json.loads(ended[-1]["output"]) == expected)


@_scenario("Either way: arguments are evaluated again on a Retry, or not.")
def arguments_on_a_retry(target: Target) -> Answer:
    """A call that fails three times; its arguments name the attempt."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getBucketLocation",
        "Arguments": {"Bucket": f"{{% '{target.prefix}-none-' & $string($states.context.State.RetryCount) %}}"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}],
    }
    allow = {"Effect": "Allow", "Action": "s3:GetBucketLocation", "Resource": "*"}
    ended = target.run_state(task, statements=[allow])
    details = [event["taskScheduledEventDetails"] for event in ended["events"] if event["type"] == "TaskScheduled"]
    buckets = [json.loads(each["parameters"])["Bucket"].rpartition("-")[2] for each in details]
    return Answer(f"attempts of the arguments: {', '.join(buckets)}", len(buckets) == 3)


@_scenario("A refused entry of events:putEvents fails the task with EventBridge.FailedEntry.")
def refused_events(target: Target) -> Answer:
    """One whose detail is no JSON."""
    entry = {"Source": target.prefix, "DetailType": "x", "Detail": "no JSON", "EventBusName": "default"}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::events:putEvents",
        "Arguments": {"Entries": [entry]},
    }
    allow = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}
    ended = target.run_state(task, statements=[allow])
    return Answer(f"{ended.get('error')}: {ended.get('cause')}", _failed_by(ended, "EventBridge.FailedEntry"))


@_scenario("events:putEvents adds the ARNs of the state machine and the execution to an event's resources.")
def resources_of_events(target: Target) -> Answer:
    """An event that a rule sends to a queue."""
    url, arn = target.queue(sender="events.amazonaws.com")
    _rule(target, {"source": [target.prefix]}, {"Id": "queue", "Arn": arn})
    entry = {"Source": target.prefix, "DetailType": "x", "Detail": {}, "EventBusName": "default"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Arguments": {"Entries": [entry]}}
    ended = target.run_state(task, statements=[{"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}])
    if ended["status"] != "SUCCEEDED":
        return Answer(f"{ended.get('error')}: {ended.get('cause')}", False)
    resources = json.loads(target.message(url)["Body"])["resources"]
    kinds = sorted(each.split(":")[5] for each in resources)
    return Answer(", ".join(kinds) or "none", kinds == ["execution", "stateMachine"])


@_scenario("aws-sdk:s3:putObject stores an object as JSON, and a text with its quotes.")
def bodies_of_put_object(target: Target) -> Answer:
    """A manifest is written so."""
    bucket = target.bucket()
    manifest = [{"prefix": "s3://b/"}, "k"]
    seen = []
    for key, body in (("json", manifest), ("text", "plain")):
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
            "Arguments": {"Bucket": bucket, "Key": key, "Body": body},
        }
        allow = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        target.run_state(task, statements=[allow])
        seen.append(target.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    return Answer(" and ".join(seen), json.loads(seen[0]) == manifest and seen[1] == '"plain"')


@_scenario("A task's history is scheduled, started, then succeeded or submitted; what is assigned is in its exit.")
def history_of_a_task(target: Target) -> Answer:
    """The order of events, which bounds how often a run can look at a job."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sts:getCallerIdentity",
        "Assign": {"seen": "{% $states.result.Account %}"},
    }
    ended = target.run_state(task)
    types = [event["type"] for event in ended["events"]]
    exited = [event["stateExitedEventDetails"] for event in ended["events"] if event["type"] == "TaskStateExited"]
    expected = [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    assigned = exited[0].get("assignedVariables") if exited else None
    return Answer(f"{', '.join(types)}; assigned {assigned}", types == expected and bool(assigned))


@_scenario(
    "A start with the name and input of a running execution is that execution; with another input it is refused."
)
def starts_with_a_used_name(target: Target) -> Answer:
    """EventBridge delivers at least once."""
    states = target.client("stepfunctions")
    machine = target.machine({"StartAt": "One", "States": {"One": {"Type": "Wait", "Seconds": 20, "End": True}}})
    first = states.start_execution(stateMachineArn=machine, name="same", input='{"a": 1}')["executionArn"]
    again = states.start_execution(stateMachineArn=machine, name="same", input='{"a": 1}')["executionArn"]
    try:
        states.start_execution(stateMachineArn=machine, name="same", input='{"a": 2}')
        refused = "accepted"
    except ClientError as error:
        refused = error.response["Error"]["Code"]
    states.stop_execution(executionArn=first)
    return Answer(f"same: {first == again}; other input: {refused}", first == again and "AlreadyExists" in refused)


@_scenario(
    "Definitions with a Next to nowhere, no terminal state, or a Catch on a Pass are refused when they are made."
)
def refused_definitions(target: Target) -> Answer:
    """What the CDK does not see."""
    end = {"Type": "Succeed"}
    caught = {"Type": "Pass", "End": True, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "End"}]}
    tried = {
        "Next to nowhere": {"One": {"Type": "Pass", "Next": "Nowhere"}},
        "no terminal state": {"One": {"Type": "Pass", "Next": "One"}},
        "Catch on a Pass": {"One": caught, "End": end},
    }
    found = {}
    for name, states in tried.items():
        try:
            target.machine({"StartAt": "One", "States": states})
            found[name] = "accepted"
        except ClientError as error:
            found[name] = error.response["Error"]["Code"]
    return Answer(json.dumps(found), set(found.values()) == {"InvalidDefinition"})


# -- EventBridge and its scheduler -------------------------------------------------------------------------------------


@_scenario("A rule whose role may not start its target sends the event to the dead-letter queue, with the reason.")
def dead_letters_of_rules(target: Target) -> Answer:
    """A queue without a key."""
    attributes = _dead_letter_of_a_rule(target, None)
    needed = {"RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE"}
    return Answer(", ".join(sorted(attributes)), needed <= attributes.keys())


@_scenario("A dead letter reaches an encrypted queue whose key admits events.amazonaws.com without a condition.", 110)
def dead_letters_under_a_key(target: Target) -> Answer:
    """As the platform's queue is; a key costs a dollar a month, and is deleted after a week."""
    attributes = _dead_letter_of_a_rule(target, {})
    return Answer("the letter came" if attributes else "no letter came", bool(attributes))


@_scenario("Either way: the key may or may not ask for aws:SourceAccount.", 110)
def dead_letters_under_a_key_with_a_condition(target: Target) -> Answer:
    """AWS documents that topics do not support it."""
    attributes = _dead_letter_of_a_rule(target, {"StringEquals": {"aws:SourceAccount": target.account}})
    return Answer("the letter came" if attributes else "no letter came", True)


@_scenario("A schedule whose role may not start its target leaves a dead letter with its scheduled time.")
def dead_letters_of_schedules(target: Target) -> Answer:
    """The attributes that are documented."""
    scheduler = target.client("scheduler")
    url, arn = target.queue(sender="scheduler.amazonaws.com")
    machine = target.machine({"StartAt": "One", "States": {"One": {"Type": "Succeed"}}})
    allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    role = target.role("scheduler.amazonaws.com", [allow])
    at = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=2)
    name = target.name("schedule")
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": machine,
            "RoleArn": role,
            "Input": "{}",
            "DeadLetterConfig": {"Arn": arn},
            "RetryPolicy": {"MaximumRetryAttempts": 0},
        },
    )
    target.later(f"schedule {name}", lambda: scheduler.delete_schedule(Name=name))
    if target.fire_schedule is not None:
        target.fire_schedule(name)
    attributes = target.message(url, 400)["MessageAttributes"]
    needed = {"ERROR_CODE", "ERROR_MESSAGE", "EXECUTION_ID", "SCHEDULED_TIME", "SCHEDULE_ARN", "TARGET_ARN"}
    return Answer(", ".join(sorted(attributes)), needed <= attributes.keys())


# -- SageMaker ---------------------------------------------------------------------------------------------------------


@_scenario(
    "A used job name fails the task by the error's name or text; a name in capitals is in lower case in its ARN.", 3
)
def used_job_names(target: Target) -> Answer:
    """Two runs of createProcessingJob.sync with one name; a container that ends at once."""
    name = f"Conformance-{target.name('job')[-6:]}"
    machine = _job_machine(target, name, "print(1)")
    first, second = target.run(machine), target.run(machine)
    arn = target.client("sagemaker").describe_processing_job(ProcessingJobName=name)["ProcessingJobArn"]
    seen = f"{first['status']}, then {second.get('error')}: {second.get('cause')}; {arn.rpartition('/')[2]}"
    told = f"{second.get('error')} {second.get('cause')}".lower()
    return Answer(
        seen, first["status"] == "SUCCEEDED" and second["status"] == "FAILED" and "inuse" in told.replace(" ", "")
    )


@_scenario("A container has its role's credentials, AWS_REGION, PROCESSING_JOB_ARN and both files of configuration.", 3)
def what_a_container_finds(target: Target) -> Answer:
    """A container that prints the names of its variables."""
    name = target.name("job")
    code = (
        "import os; print('VARIABLES', *sorted(k for k in os.environ if 'AWS' in k or 'PROCESSING' in k)); "
        "print('CONFIG', *sorted(os.listdir('/opt/ml/config')))"
    )
    ended = target.run(_job_machine(target, name, code))
    if ended["status"] != "SUCCEEDED":
        return Answer(f"{ended.get('error')}: {ended.get('cause')}", False)
    logs = target.client("logs")
    group = "/aws/sagemaker/ProcessingJobs"

    def look() -> list[str] | None:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        events = [
            event["message"]
            for stream in streams
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]
        return events if len(events) > 1 else None

    seen = " ".join(target.until(look))
    needed = ("AWS_REGION", "PROCESSING_JOB_ARN", "processingjobconfig.json", "resourceconfig.json")
    credentials = "AWS_CONTAINER_CREDENTIALS" in seen or "AWS_SESSION_TOKEN" in seen
    return Answer(seen, credentials and all(each in seen for each in needed))


# -- short ways --------------------------------------------------------------------------------------------------------


def _failed_by(ended: dict[str, Any], error: str) -> bool:
    return ended["status"] == "FAILED" and error in ended.get("error", "")


def _rule(target: Target, pattern: dict[str, Any], receiver: dict[str, Any]) -> str:
    events, name = target.client("events"), target.name("rule")
    arn: str = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    target.later(f"rule {name}", lambda: events.delete_rule(Name=name))
    events.put_targets(Rule=name, Targets=[receiver])
    target.later(f"targets of {name}", lambda: events.remove_targets(Rule=name, Ids=[receiver["Id"]]))
    return arn


def _dead_letter_of_a_rule(target: Target, condition: dict[str, Any] | None) -> dict[str, Any]:
    """The attributes of the letter, nothing if none came; with a condition, of a key, the queue is encrypted."""
    grant: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
    }
    key = None
    if condition is not None:
        key = target.key({**grant, **({"Condition": condition} if condition else {})})
    url, arn = target.queue(sender="events.amazonaws.com", key=key)
    machine = target.machine({"StartAt": "One", "States": {"One": {"Type": "Succeed"}}})
    role = target.role("events.amazonaws.com", [])
    source = target.name("source")
    _rule(
        target,
        {"source": [source]},
        {"Id": "machine", "Arn": machine, "RoleArn": role, "DeadLetterConfig": {"Arn": arn}},
    )
    entry = {"Source": source, "DetailType": "x", "Detail": "{}"}
    target.client("events").put_events(Entries=[entry])
    try:
        return dict(target.message(url, 180 if target.is_aws else 5)["MessageAttributes"])
    except TimeoutError:
        return {}


def _job_machine(target: Target, job: str, code: str) -> str:
    """A machine that runs one processing job of a Python program, on the smallest instance."""
    registry = registry_accounts("sklearn")[target.region]
    repository = f"arn:aws:ecr:{target.region}:{registry}:repository/sagemaker-scikit-learn"
    host = f"{registry}.dkr.ecr.{target.region}.{url_suffix(target.region)}"
    image = f"{host}/sagemaker-scikit-learn:1.4-2-cpu-py3"
    execution = target.role(
        "sagemaker.amazonaws.com",
        [
            {"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"], "Resource": "*"},
            {"Effect": "Allow", "Action": ["ecr:Batch*", "ecr:GetDownloadUrlForLayer"], "Resource": repository},
            {"Effect": "Allow", "Action": ["logs:Create*", "logs:Describe*", "logs:PutLogEvents"], "Resource": "*"},
        ],
    )
    request = {
        "ProcessingJobName": job,
        "RoleArn": execution,
        "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["python3", "-c", code]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    task = {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync", "Arguments": request}
    jobs = f"arn:aws:sagemaker:{target.region}:{target.account}:processing-job/*"
    rule = "rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"
    verbs = ["CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob", "AddTags"]
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": [f"sagemaker:{verb}" for verb in verbs], "Resource": jobs},
        {"Effect": "Allow", "Action": "sagemaker:ListTags", "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": execution},
        {
            "Effect": "Allow",
            "Action": ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            "Resource": f"arn:aws:events:{target.region}:{target.account}:{rule}",
        },
    ]
    return target.machine({"StartAt": "Job", "States": {"Job": {**task, "End": True}}}, statements)

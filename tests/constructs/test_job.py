import json
import subprocess
import sys
from dataclasses import replace

import pytest
from aws_cdk import App, Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from cfnlint.api import lint

from cdk_processing import (
    DataBucket,
    DeclarationError,
    ExecutionVariables,
    NetworkConfig,
    OnObjectCreated,
    OnSchedule,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    RoleStandards,
    S3Location,
    SKLearnProcessor,
)

V = ExecutionVariables
NIGHTLY = OnSchedule("cron(0 6 * * ? *)")
SHARED = ("Platform", "ProcessingPlatform", "Raw", "Curated")


def of_the_job(template):
    return sorted(name for name in template["Resources"] if not name.startswith(SHARED))


# -- what it is made of -----------------------------------------------------------------------------------------------


def test_a_job_with_one_trigger_is_six_resources(stack, raw, curated, request_for, synth):
    request = request_for(raw.at("in/"), curated.at("out/"))
    ProcessingJob(stack, "Preprocess", request, triggers=[OnObjectCreated(raw.at("in/"))])

    template = synth(stack)

    assert sorted(template["Resources"][name]["Type"] for name in of_the_job(template)) == [
        "AWS::CloudWatch::Alarm",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::IAM::Role",
        "AWS::IAM::Role",
        "AWS::StepFunctions::StateMachine",
    ]


def test_a_schedule_is_one_resource_and_the_alarm_on_what_it_misses(stack, raw, request_for, synth):
    ProcessingJob(stack, "Preprocess", request_for(raw.at("in/")), triggers=[OnObjectCreated(raw.at("in/")), NIGHTLY])

    added = [name[:-8] for name in of_the_job(synth(stack)) if "OnSchedule" in name]

    assert added == ["PreprocessOnSchedule", "PreprocessOnScheduleMissed"]
    assert len(of_the_job(synth(stack))) == 6 + len(added)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_each_further_trigger_is_one_resource_more(stack, raw, request_for, synth, count):
    arrivals = [OnObjectCreated(raw.at(f"{folder}/")) for folder in "abcde"]
    ProcessingJob(stack, "Preprocess", request_for(raw.at("in/")), triggers=arrivals[:count])

    assert len(of_the_job(synth(stack))) == 5 + count


def test_a_job_without_triggers_has_no_role_to_start_it(job, stack, synth):
    assert [name[:-8] for name in of_the_job(synth(stack))] == [
        "PreprocessAlarm",
        "PreprocessExecutionRole",
        "PreprocessStateMachine",
        "PreprocessWorkflowRole",
    ]


def test_a_second_job_adds_nothing_to_what_they_share(stack, raw, request_for, synth):
    ProcessingJob(stack, "One", request_for(raw.at("in/")))
    ProcessingJob(stack, "Two", request_for(raw.at("in/")))

    template = synth(stack)

    assert len(of_the_job(template)) == 8
    assert len([name for name in template["Resources"] if name.startswith("ProcessingPlatform")]) == 9


def test_no_lambda_and_no_custom_resource_is_ever_made(stack, raw, curated, request_for, synth):
    request = request_for(V.OBJECT_URI, curated.at("out/"))
    ProcessingJob(stack, "Preprocess", request, triggers=[OnObjectCreated(raw.at("in/"))])
    ProcessingJob(stack, "Evaluate", request_for(curated.at("out/")), triggers=[NIGHTLY])

    kinds = {resource["Type"] for resource in synth(stack)["Resources"].values()}

    assert not {kind for kind in kinds if kind.startswith(("AWS::Lambda", "Custom::", "AWS::CloudFormation"))}


def test_the_alarm_watches_the_state_machine_and_tells_the_platforms_topic(job, stack, synth, resources):
    template = synth(stack)
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    [alarm] = [found for name, found in alarms.items() if name.startswith("PreprocessAlarm")]
    [machine] = resources(template, "AWS::StepFunctions::StateMachine")
    [topic] = resources(template, "AWS::SNS::Topic")

    assert alarm["Properties"] == {
        "AlarmActions": [{"Ref": topic}],
        "AlarmDescription": (
            "A run failed for good, or timed out. Why: cdk-processing why Census/Preprocess. When the cause is mended, "
            "run it again: cdk-processing redrive Census/Preprocess."
        ),
        "AlarmName": {"Fn::Join": ["", [{"Ref": "AWS::StackName"}, " Preprocess: a run failed or timed out"]]},
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Dimensions": [{"Name": "StateMachineArn", "Value": {"Ref": machine}}],
        "EvaluationPeriods": 1,
        "MetricName": "ExecutionsFailed",
        "Namespace": "AWS/States",
        "Period": 300,
        "Statistic": "Sum",
        "Threshold": 1,
        "TreatMissingData": "notBreaching",
    }


def test_the_state_machine_says_in_the_template_what_it_is(stack, raw, curated, request_for, synth, resources, flat):
    request = request_for(raw.at("in/"), curated.at(f"out/{V.RUN_ID}/"))
    ProcessingJob(stack, "Preprocess", request, triggers=[OnObjectCreated(raw.at("in/"), suffix=".csv"), NIGHTLY])

    [machine] = resources(synth(stack), "AWS::StepFunctions::StateMachine").values()
    described = machine["Metadata"]["cdk-processing"]

    assert (described["job"], described["base_name"]) == ("Census/Preprocess", "census-preprocess")
    assert [flat(trigger) for trigger in described["triggers"]] == [
        "object created in s3://<Raw72517081>/in/ ending .csv",
        "schedule cron(0 6 * * ? *)",
    ]
    assert flat(described["outputs"]["train"]) == "s3://<CuratedF137945A>/out/"
    assert machine["Properties"]["Tags"] == [
        {"Key": "cdk-processing:base-name", "Value": "census-preprocess"},
        {"Key": "cdk-processing:contract", "Value": "3"},
        {"Key": "cdk-processing:dead-letters", "Value": {"Ref": "ProcessingPlatformDeadLetters8BABFE60"}},
        {"Key": "cdk-processing:job", "Value": "Census/Preprocess"},
    ]


def test_the_state_machine_logs_everything_to_the_platforms_group(job, stack, synth, resources):
    [machine] = resources(synth(stack), "AWS::StepFunctions::StateMachine").values()
    logging = machine["Properties"]["LoggingConfiguration"]

    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", True)
    assert len(logging["Destinations"]) == 1


def test_the_definition_survives_the_template(job, stack, synth, definition):
    defined = definition(synth(stack), "Preprocess")

    assert defined["QueryLanguage"] == "JSONata"
    assert defined["States"]["RunJob"]["Resource"] == "arn:<AWS::Partition>:states:::sagemaker:createProcessingJob.sync"
    channels = defined["States"]["RunJob"]["Arguments"]["ProcessingInputs"]
    assert [channel["S3Input"]["S3Uri"] for channel in channels] == ["s3://<Raw72517081>/in/", "s3://code/prep.py"]


def test_text_with_quotes_backslashes_and_unicode_survives_the_template(stack, raw, request_for, synth, definition):
    text = "a'b\"c\\d\t${AWS::Region}{{x}}ü"
    ProcessingJob(stack, "Preprocess", request_for(raw.at("in/"), arguments=[text]))

    run = definition(synth(stack), "Preprocess")["States"]["RunJob"]["Arguments"]

    assert run["AppSpecification"]["ContainerArguments"] == [text]


# -- triggers ---------------------------------------------------------------------------------------------------------


def test_one_role_starts_the_job_for_all_triggers_trusting_just_their_services(stack, raw, request_for, synth):
    triggers = [OnObjectCreated(raw.at("a/")), OnObjectCreated(raw.at("b/"))]
    job = ProcessingJob(stack, "Preprocess", request_for(raw.at("in/")), triggers=triggers)
    job.add_trigger(NIGHTLY)

    template = synth(stack)
    [start] = [r for name, r in template["Resources"].items() if name.startswith("PreprocessStartRole")]

    [trust] = start["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "scheduler.amazonaws.com"]},
    }


def test_only_a_scheduler_needs_the_dead_letter_queue_of_the_role(stack, raw, request_for, synth, statements):
    ProcessingJob(stack, "One", request_for(raw.at("in/")), triggers=[OnObjectCreated(raw.at("a/"))])
    ProcessingJob(stack, "Two", request_for(raw.at("in/")), triggers=[NIGHTLY])

    template = synth(stack)

    assert list(statements(template, "OneStartRole")) == ["StartRuns"]
    assert list(statements(template, "TwoStartRole")) == ["StartRuns", "SendDeadLetters", "EncryptDeadLetters"]


def test_a_role_may_start_its_own_job_alone(stack, raw, request_for, synth, statements):
    ProcessingJob(stack, "One", request_for(raw.at("in/")), triggers=[NIGHTLY])
    ProcessingJob(stack, "Two", request_for(raw.at("in/")), triggers=[NIGHTLY])

    start = statements(synth(stack), "OneStartRole")["StartRuns"]

    assert start["Resource"]["Ref"].startswith("OneStateMachine")


@pytest.mark.parametrize("source", [V.OBJECT_URI, "s3://raw-data/in/"], ids=["manifest", "prefix"])
def test_triggers_added_afterwards_are_like_those_given_at_once(request_for, synth, source):
    def build(first):
        stack = Stack(App(), "Census")
        raw = DataBucket(stack, "Raw")
        triggers = [OnObjectCreated(raw.at("a/")), OnObjectCreated(raw.at("b/")), OnObjectCreated(raw.at("c/"))]
        job = ProcessingJob(stack, "Preprocess", request_for(source), triggers=triggers[:first])
        for trigger in triggers[first:]:
            job.add_trigger(trigger)
        return synth(stack)

    assert build(1) == build(3)


def test_a_trigger_added_to_a_job_with_none_makes_the_role(job, stack, synth):
    job.add_trigger(NIGHTLY)

    assert [name[:-8] for name in of_the_job(synth(stack))] == [
        "PreprocessAlarm",
        "PreprocessExecutionRole",
        "PreprocessOnSchedule",
        "PreprocessOnScheduleMissed",
        "PreprocessStartRole",
        "PreprocessStateMachine",
        "PreprocessWorkflowRole",
    ]


def test_triggers_of_a_kind_are_numbered_from_the_second(stack, request_for):
    job = ProcessingJob(stack, "Preprocess", request_for(), triggers=[OnSchedule(f"rate({n} days)") for n in (2, 3, 4)])

    ids = [child.node.id for child in job.node.children]

    schedules = [name for name in ids if name.startswith("On") and not name.endswith("Missed")]
    assert schedules == ["OnSchedule", "OnSchedule2", "OnSchedule3"]


# -- what users hold --------------------------------------------------------------------------------------------------


def test_the_base_name_is_the_path_unless_given(stack, request_for, synth, statements):
    named = SKLearnProcessor("1.4-2", None, 1, "ml.m5.xlarge", base_job_name="nightly")
    plain = ProcessingJob(stack, "Preprocess", request_for())
    given = ProcessingJob(stack, "Other", request_for(processor=named))

    assert (plain.base_name, given.base_name) == ("census-preprocess", "nightly")
    resource = statements(synth(stack), "OtherWorkflowRole")["RunJobs"]["Resource"]
    assert json.dumps(resource).count("processing-job/nightly-????????????????????????????????-*") == 1


def test_the_state_machine_is_l2(job):
    assert job.state_machine.state_machine_arn == job.state_machine_arn
    assert job.state_machine.metric_failed().metric_name == "ExecutionsFailed"
    assert job.state_machine is job.state_machine  # made once


def test_whoever_is_granted_a_start_may_start_this_job(job, stack, synth, resources):
    user = iam.User(stack, "OnCall")

    job.grant_start(user)

    [policy] = resources(synth(stack), "AWS::IAM::Policy").values()
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "states:StartExecution"
    assert statement["Effect"] == "Allow"
    assert statement["Resource"]["Ref"].startswith("PreprocessStateMachine")


def test_the_execution_role_can_be_granted_more(job, stack, synth, resources):
    extra = DataBucket(stack, "Reference")

    extra.grant_read(job.execution_role)

    [policy] = resources(synth(stack), "AWS::IAM::Policy").values()
    assert "s3:GetObject*" in policy["Properties"]["PolicyDocument"]["Statement"][0]["Action"]
    assert "PreprocessExecutionRole" in json.dumps(policy["Properties"]["Roles"])


def test_the_execution_role_can_be_granted_more_in_a_stack_that_knows_its_account(request_for, synth, resources):
    stack = Stack(App(), "Census", env={"region": "eu-central-1", "account": "111122223333"})
    job = ProcessingJob(stack, "Preprocess", request_for())

    DataBucket(stack, "Reference").grant_read(job.execution_role)

    [policy] = resources(synth(stack), "AWS::IAM::Policy").values()
    assert "PreprocessExecutionRole" in json.dumps(policy["Properties"]["Roles"])


@pytest.mark.parametrize(
    ("metric", "name"), [("metric_succeeded", "ExecutionsSucceeded"), ("metric_failed", "ExecutionsFailed")]
)
def test_the_metrics_are_those_of_the_state_machine(job, metric, name):
    found = getattr(job, metric)()

    assert (found.namespace, found.metric_name, found.statistic) == ("AWS/States", name, "Sum")
    assert found.dimensions == {"StateMachineArn": job.state_machine_arn}
    assert found.period.to_seconds() == 300


@pytest.mark.parametrize(
    ("key", "fixed"),
    [
        ("out/", "out/"),
        ("out/train", "out/train/"),  # not what lies in out/train-old/
        (f"out/{V.RUN_ID}", "out/"),
        (f"out/{V.RUN_ID}/", "out/"),
        (f"out/run-{V.RUN_ID}/", "out/"),
        (f"run-{V.RUN_ID}/", "run-"),
        (f"{V.RUN_ID}/", ""),
        ("", ""),
    ],
)
def test_an_output_is_the_part_of_its_place_that_is_the_same_for_every_run(stack, curated, request_for, key, fixed):
    job = ProcessingJob(stack, "Preprocess", request_for(destination=curated.at(key)))

    assert list(job.outputs) == ["train"]
    assert job.outputs["train"].folder == S3Location(curated, fixed)


def test_the_output_of_one_job_is_the_input_of_another(stack, job, request_for, synth, statements, flat):
    ProcessingJob(stack, "Evaluate", request_for(job.outputs["train"]))

    read = statements(synth(stack), "EvaluateExecutionRole")["ReadInputs"]

    assert flat(read["Resource"][0]) == "<CuratedF137945A.Arn>/out/*"


# -- wherever it is deployed ------------------------------------------------------------------------------------------


def test_a_bucket_of_another_stack_is_imported(app, request_for, synth, resources):
    data, jobs = Stack(app, "Data"), Stack(app, "Jobs")
    raw = DataBucket(data, "Raw")
    ProcessingJob(jobs, "Preprocess", request_for(raw.at("in/")), triggers=[OnObjectCreated(raw.at("in/"))])

    [bucket] = resources(synth(data), "AWS::S3::Bucket").values()
    [rule] = resources(synth(jobs), "AWS::Events::Rule").values()

    assert bucket["Properties"]["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    [name] = rule["Properties"]["EventPattern"]["detail"]["bucket"]["name"]
    assert name["Fn::ImportValue"].startswith("Data:ExportsOutputRefRaw")
    assert len(synth(data)["Outputs"]) == 2


def test_a_stack_that_knows_its_place_writes_it_out(request_for, synth, statements):
    stack = Stack(App(), "Census", env={"region": "eu-central-1", "account": "111122223333"})
    ProcessingJob(stack, "Preprocess", request_for())

    jobs = statements(synth(stack), "PreprocessWorkflowRole")["RunJobs"]

    assert jobs["Resource"] == {
        "Fn::Sub": "arn:${AWS::Partition}:sagemaker:eu-central-1:111122223333:"
        "processing-job/census-preprocess-????????????????????????????????-*"
    }


def test_a_job_with_everything_has_a_template_that_cfn_lint_finds_nothing_in(stack, synth, tmp_path):
    key = kms.Key(stack, "DataKey")
    raw, curated = DataBucket(stack, "Raw", encryption_key=key), DataBucket(stack, "Curated", encryption_key=key)
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n", encoding="utf-8")
    script = tmp_path / "prep.py"
    script.write_text("print()\n", encoding="utf-8")
    processor = SKLearnProcessor(
        framework_version="1.4-2",
        instance_count=2,
        instance_type="ml.m5.xlarge",
        volume_size_in_gb=50,
        volume_kms_key=key,
        output_kms_key=key,
        max_runtime_in_seconds=3600,
        base_job_name="everything",
        env={"MODE": "fast", "RUN": V.RUN_ID},
        tags=[{"Key": "team", "Value": "data"}],
        network_config=NetworkConfig(security_group_ids=["sg-12345678"], subnets=["subnet-12345678"]),
    )
    request = processor.run(
        code=script,
        inputs=[
            ProcessingInput(V.OBJECT_URI, "/opt/ml/processing/object"),
            ProcessingInput(raw.at("reference/"), "/opt/ml/processing/reference", "reference"),
            ProcessingInput(rows, "/opt/ml/processing/rows"),
            ProcessingInput(
                "s3://elsewhere/in.json",
                "/opt/ml/processing/elsewhere",
                s3_data_type="ManifestFile",
                objects=[raw.at("images/"), "s3://elsewhere/images/"],
            ),
        ],
        outputs=[
            ProcessingOutput("/opt/ml/processing/a", curated.at(f"{V.TRIGGER_TIME:%Y/%m/%d}/{V.OBJECT_KEY}/"), "a"),
            ProcessingOutput("/opt/ml/processing/b", "s3://elsewhere/out/", s3_upload_mode="Continuous"),
        ],
        arguments=["--ratio", Parameter("ratio", default="0.2"), 'it\'s {% not %} an "expression"'],
        experiment_config={"ExperimentName": "census"},
    )
    job = ProcessingJob(stack, "Everything", request, triggers=[OnObjectCreated(raw.at("in/"), suffix=".csv")])
    job.add_trigger(OnObjectCreated(S3Location("elsewhere", "in/")))
    plain = ProcessingJob(
        stack,
        "Scheduled",
        replace(processor, base_job_name="scheduled").run(code=script),
        triggers=[OnSchedule("rate(1 day)", timezone="Europe/Berlin", flexible_window_minutes=5)],
        platform=job.platform,
    )
    plain.grant_start(iam.User(stack, "OnCall"))

    found = lint(json.dumps(synth(stack)), regions=["eu-central-1"])

    assert [f"{match.rule.id} {match.path} {match.message}" for match in found] == []


def test_the_account_and_partition_are_not_written_into_a_stack_that_knows_neither(job, stack, synth):
    text = json.dumps(synth(stack)["Resources"])

    assert "arn:aws:" not in text
    assert Aws.ACCOUNT_ID not in text


def test_the_slow_modules_of_cdk_are_not_imported_by_declaring_a_job():
    program = (
        "import sys\n"
        "from aws_cdk import App, Stack\n"
        "from cdk_processing import *\n"
        "stack = Stack(App(), 'Census')\n"
        "raw = DataBucket(stack, 'Raw')\n"
        "processor = SKLearnProcessor('1.4-2', None, 1, 'ml.m5.xlarge')\n"
        "request = processor.run('s3://code/p.py', [ProcessingInput(raw.at('in/'), '/opt/ml/processing/in')])\n"
        "ProcessingJob(stack, 'Job', request, triggers=[OnObjectCreated(raw.at('in/')), OnSchedule('rate(1 day)')])\n"
        "slow = {'aws_cdk.aws_ec2', 'aws_cdk.aws_sagemaker', 'aws_cdk.aws_stepfunctions_tasks'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_a_lambda_of_the_users_own_may_start_the_job(job, stack, synth, statements):
    function = lambda_.Function(
        stack,
        "Starter",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): pass"),
    )

    job.grant_start(function)

    policies = [r for r in synth(stack)["Resources"].values() if r["Type"] == "AWS::IAM::Policy"]
    assert [p["Properties"]["PolicyDocument"]["Statement"][0]["Action"] for p in policies] == ["states:StartExecution"]


def test_a_platform_is_given_or_found(stack, request_for):
    platform = ProcessingPlatform(stack, "Platform")

    given = ProcessingJob(stack, "One", request_for(), platform=platform)
    found = ProcessingJob(stack, "Two", request_for())

    assert given.platform is platform
    assert found.platform is not platform
    assert ProcessingJob(stack, "Three", request_for()).platform is found.platform


class Imported:
    """A platform that is no construct of this app."""

    key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
    dead_letter_queue_arn = "arn:aws:sqs:eu-central-1:111122223333:letters"
    dead_letter_queue_url = "https://sqs.eu-central-1.amazonaws.com/111122223333/letters"
    alert_topic_arn = "arn:aws:sns:eu-central-1:111122223333:alerts"
    log_group_arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/vendedlogs/states/jobs:*"
    table_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/turns"
    table_name = "turns"
    work_bucket = data_bucket = None
    role_standards = RoleStandards()
    network_config = None
    job_tags = {"team": "data"}  # noqa: RUF012


def test_a_platform_may_be_anything_that_has_what_a_job_needs(stack, request_for, synth, resources):
    ProcessingJob(stack, "One", request_for(), platform=Imported())

    template = synth(stack)
    assert resources(template, "AWS::KMS::Key") == {}
    [alarm] = resources(template, "AWS::CloudWatch::Alarm").values()
    assert alarm["Properties"]["AlarmActions"] == [Imported.alert_topic_arn]


def test_what_lacks_something_of_a_platform_is_told_what(stack, request_for):
    class Old:
        key_arn = Imported.key_arn

    with pytest.raises(DeclarationError) as raised:
        ProcessingJob(stack, "One", request_for(), platform=Old())

    assert "platform must be a ProcessingPlatform, or have all members of IProcessingPlatform" in str(raised.value)
    assert "add alert_topic_arn, data_bucket, dead_letter_queue_arn, dead_letter_queue_url" in str(raised.value)


def test_something_else_in_place_of_a_platform_is_refused(stack, request_for):
    with pytest.raises(DeclarationError) as raised:
        ProcessingJob(stack, "One", request_for(), platform=stack)

    assert "platform must be a ProcessingPlatform" in str(raised.value)
    assert "leave it out for the stack's own, or pass ProcessingPlatform(stack, 'Platform') (One)" in str(raised.value)


def test_asking_whether_something_is_a_platform_makes_no_resource(stack, request_for, synth, resources):
    ProcessingJob(stack, "One", request_for(), platform=ProcessingPlatform(stack, "Platform"))

    assert resources(synth(stack), "AWS::S3::Bucket") == {}


def test_an_output_without_a_destination_goes_to_the_platforms_data_bucket(
    stack, request_for, synth, statements, definition, flat
):
    place = ProcessingOutput(output_name="train_data", source="/opt/ml/processing/train")
    job = ProcessingJob(stack, "Preprocess", request_for(outputs=[place]))

    template = synth(stack)
    [output] = definition(template, "Preprocess")["States"]["RunJob"]["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    uri = output["S3Output"]["S3Uri"]
    assert uri.startswith("{% 's3://")
    assert uri.endswith("/census-preprocess/train_data/' & $run.id & '/' %}")
    written = flat(statements(template, "PreprocessExecutionRole")["WriteOutputs"]["Resource"])
    assert written.endswith("/census-preprocess/train_data/*")
    assert job.outputs["train_data"].folder.key == "census-preprocess/train_data/"


def test_a_stack_whose_outputs_all_have_destinations_has_no_data_bucket(stack, request_for, synth):
    ProcessingJob(stack, "Preprocess", request_for())

    assert not [name for name in synth(stack)["Resources"] if name.startswith("ProcessingPlatformData")]

"""Programs as strangers write them, in one process: each synthesizes to what it means, or is told what to do."""

import copy
import dataclasses
import json
import pydoc

import jsii
import pytest
from aws_cdk import (
    App,
    AspectPriority,
    Aspects,
    Aws,
    CfnCondition,
    CfnOutput,
    CfnParameter,
    Duration,
    Environment,
    Fn,
    IAspect,
    LegacyStackSynthesizer,
    NestedStack,
    RemovalPolicies,
    Stack,
    Stage,
    Tags,
    aws_cloudwatch,
    aws_ec2,
    aws_events,
    aws_events_targets,
    aws_iam,
    aws_kms,
    aws_lambda,
    aws_s3,
    aws_s3_assets,
    aws_s3_deployment,
    aws_scheduler,
    aws_scheduler_targets,
    aws_sns,
    aws_ssm,
)
from aws_cdk.assertions import Template
from aws_cdk.cloudformation_include import CfnInclude

import cdk_processing
from cdk_processing import (
    DataBucket,
    DeclarationError,
    ExecutionVariables,
    NetworkConfig,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    ProcessingJob,
    S3Location,
    ScriptProcessor,
)

from .conftest import PROCESSOR

PROGRAMS, REFUSED, TOLD_AT_SYNTH = {}, {}, {}
HERE = Environment(account="111122223333", region="eu-west-1")
DAILY = OnSchedule("rate(1 day)")
CODE = "s3://code/prep.py"


def program(write):
    """A program that synthesizes."""
    PROGRAMS[write.__name__] = write
    return write


def refused(text):
    """A program whose declaration is refused, with a text."""

    def mark(write):
        REFUSED[write.__name__] = (write, text)
        return write

    return mark


def told(text):
    """A program that synth refuses, with a text."""

    def mark(write):
        TOLD_AT_SYNTH[write.__name__] = (write, text)
        return write

    return mark


def job(scope, name="Job", *, triggers=(), **options):
    run = {key: options.pop(key) for key in ("arguments", "inputs", "outputs") if key in options}
    return ProcessingJob(
        scope, name, dataclasses.replace(PROCESSOR, **options).run(code=CODE, **run), triggers=triggers
    )


def read(place):
    return [cdk_processing.ProcessingInput(source=place, destination="/opt/ml/processing/input")]


def write(place):
    return [cdk_processing.ProcessingOutput("/opt/ml/processing/out", place, output_name="data")]


def template(stack):
    return Template.from_stack(stack).to_json()


def of_type(found, kind):
    return {name: each for name, each in found["Resources"].items() if each["Type"] == kind}


# -- programs that synthesize -----------------------------------------------------------------------------------------


@program
def everything_of_a_job_waits_for_what_it_depends_on(stack):
    topic = aws_sns.Topic(stack, "Topic")
    job(stack, triggers=[DAILY]).node.add_dependency(topic)

    found = template(stack)["Resources"]
    assert all("DependsOn" in each for name, each in found.items() if name.startswith("Job"))


@program
def what_depends_on_a_job_waits_for_its_machine(stack):
    aws_sns.Topic(stack, "Topic").node.add_dependency(job(stack))

    [topic] = [each for name, each in template(stack)["Resources"].items() if name.startswith("Topic")]
    assert any(name.startswith("JobStateMachine") for name in topic["DependsOn"])


@program
def outputs_of_a_job_are_outputs_of_the_stack(stack):
    lake = DataBucket(stack, "Lake")
    made = job(stack, outputs=write(lake.at("x/")))
    CfnOutput(stack, "Where", value=made.outputs["data"].uri)
    CfnOutput(stack, "AsText", value=f"{made.outputs['data']}")

    found = template(stack)["Outputs"]
    assert found["Where"] == found["AsText"]
    assert "/x/" in json.dumps(found["Where"])


@program
def the_last_aspect_adds_a_job_with_its_trigger(stack):
    @jsii.implements(IAspect)
    class Watch:
        def visit(self, node):
            if isinstance(node, aws_s3.Bucket) and stack.node.try_find_child("Late") is None:
                job(stack, "Late", triggers=[OnObjectCreated(S3Location(node, "in/"))])

    aws_s3.Bucket(stack, "Raw")
    Aspects.of(stack).add(Watch(), priority=AspectPriority.READONLY)

    found = template(stack)
    [machine] = of_type(found, "AWS::StepFunctions::StateMachine").values()
    assert "Census/Late" in json.dumps(machine["Properties"]["DefinitionString"])
    [bucket] = of_type(found, "AWS::S3::Bucket").values()
    assert bucket["Properties"]["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"]


@program
def an_aspect_adds_a_trigger_that_takes_turns(stack):
    made, done = job(stack), []

    @jsii.implements(IAspect)
    class Add:
        def visit(self, node):
            if not done:
                done.append(made.add_trigger(OnSchedule("rate(1 day)", overlap="skip")))

    Aspects.of(stack).add(Add(), priority=AspectPriority.MUTATING)

    assert "TakeTurn" in json.dumps(template(stack))


@program
def removal_policies_reach_every_resource(stack):
    job(stack, triggers=[DAILY])
    RemovalPolicies.of(stack).destroy()

    assert {each.get("DeletionPolicy") for each in template(stack)["Resources"].values()} == {"Delete"}


@program
def events_are_turned_on_by_hand_before_and_after(stack):
    bucket = aws_s3.Bucket(stack, "Raw")
    bucket.enable_event_bridge_notification()
    job(stack, triggers=[OnObjectCreated(S3Location(bucket, "in/"))])
    bucket.enable_event_bridge_notification()
    bucket.add_lifecycle_rule(expiration=Duration.days(1))

    [custom] = of_type(template(stack), "Custom::S3BucketNotifications").values()
    assert custom["Properties"]["NotificationConfiguration"] == {"EventBridgeConfiguration": {}}


@program
def a_boundary_of_a_stage_is_on_every_role(stack):
    stage = Stage(stack.node.root, "Prod")
    inner = Stack(stage, "Inner", termination_protection=True, analytics_reporting=True)
    job(inner, triggers=[DAILY])
    aws_iam.PermissionsBoundary.of(stage).apply(aws_iam.ManagedPolicy.from_managed_policy_name(inner, "B", "boundary"))

    roles = of_type(template(inner), "AWS::IAM::Role").values()
    assert all("PermissionsBoundary" in each["Properties"] for each in roles)


@program
def a_parameter_of_another_region_is_an_argument(stack):
    there = Stack(
        stack.node.root,
        "There",
        cross_region_references=True,
        env=Environment(account="111122223333", region="us-east-1"),
    )
    here = Stack(stack.node.root, "Here", cross_region_references=True, env=HERE)
    given = aws_ssm.StringParameter(there, "Given", string_value="x")
    job(here, arguments=[given.string_value])

    assert of_type(template(here), "Custom::CrossRegionExportReader")


@program
def a_job_of_a_nested_stack_is_named_by_its_parent(stack):
    bucket = aws_s3.Bucket(stack, "Raw")
    made = job(NestedStack(stack, "Nested"), triggers=[OnObjectCreated(S3Location(bucket, "x/"))])
    CfnOutput(stack, "Machine", value=made.state_machine_arn)

    assert "Fn::GetAtt" in template(stack)["Outputs"]["Machine"]["Value"]


@program
def a_renamed_logical_id_reaches_the_schedule(stack):
    made = job(stack, triggers=[DAILY])
    stack.rename_logical_id(stack.get_logical_id(made.node.default_child), "Machine")

    [schedule] = of_type(template(stack), "AWS::Scheduler::Schedule").values()
    assert schedule["Properties"]["Target"]["Arn"] == {"Ref": "Machine"}


@program
def values_of_a_parameter_store_are_all_that_a_job_takes_as_text(stack):
    given = aws_ssm.StringParameter.value_for_string_parameter(stack, "/given")
    job(stack, instance_type=given, env={"A": given}, arguments=[given], inputs=read(f"s3://{given}/in/"))
    image = ScriptProcessor(image_uri=given, command=["python3"], instance_type="ml.m5.large", instance_count=1)
    ProcessingJob(stack, "Image", image.run(code=CODE))


@program
def values_that_the_cli_has_still_to_look_up_let_synth_get_to_its_end(stack):
    inner = Stack(stack.node.root, "Inner", env=HERE)
    given = aws_ssm.StringParameter.value_from_lookup(inner, "/given")
    triggers = [OnSchedule(given, timezone=given), OnObjectCreated(f"s3://{given}/in/")]
    role = {"role": given, "volume_kms_key": given}
    job(
        inner,
        triggers=triggers,
        instance_type=given,
        inputs=read(f"s3://{given}/x/"),
        outputs=write(f"s3://{given}/y/"),
        **role,
    )


@program
def what_the_cli_looks_up_of_a_network_and_a_key(stack):
    inner = Stack(stack.node.root, "Inner", env=HERE)
    vpc = aws_ec2.Vpc.from_lookup(inner, "Vpc", is_default=True)
    group = aws_ec2.SecurityGroup.from_lookup_by_id(inner, "Group", "sg-0123456789abcdef0")
    key = aws_kms.Key.from_lookup(inner, "Key", alias_name="alias/data")
    network = NetworkConfig(vpc=vpc, security_group_ids=[group.security_group_id])
    job(inner, network_config=network, volume_kms_key=key)


@program
def parameters_of_numbers_and_lists(stack):
    number = CfnParameter(stack, "Number", type="Number", default=2)
    words = CfnParameter(stack, "Words", type="CommaDelimitedList", default="a,b")
    count = number.value_as_number
    job(stack, instance_count=count, volume_size_in_gb=count, arguments=words.value_as_list)


@program
def names_that_another_stack_exports(stack):
    bucket = aws_s3.Bucket.from_bucket_name(stack, "Lake", Fn.import_value("lake"))
    job(stack, inputs=read(S3Location(bucket, "x/")), triggers=[OnObjectCreated(S3Location(bucket, "x/"))])


@program
def an_instance_type_by_condition(stack):
    CfnCondition(stack, "Prod", expression=Fn.condition_equals(Aws.REGION, "eu-west-1"))
    job(stack, instance_type=Fn.condition_if("Prod", "ml.m5.xlarge", "ml.t3.medium").to_string())


@program
def a_subclass_with_children_of_its_own(stack):
    class Watched(ProcessingJob):
        def __init__(self, scope, construct_id):
            super().__init__(scope, construct_id, PROCESSOR.run(code=CODE))
            metric = self.metric_failed()
            self.alarm = aws_cloudwatch.Alarm(self, "Mine", metric=metric, threshold=1, evaluation_periods=1)
            self.topic = aws_sns.Topic(self, "Topic")

    Watched(stack, "Job")


@program
def help_knows_every_public_name(stack):
    text = pydoc.plain(pydoc.render_doc(cdk_processing))
    assert "class ProcessingJob" in text
    assert "job_id: Identifies the job" in pydoc.plain(pydoc.render_doc(ProcessingJob))


@program
def two_apps_in_one_process_have_the_same_template(stack):
    other = Stack(App(), "Census")
    job(stack, triggers=[DAILY])
    job(other, triggers=[DAILY])

    assert template(stack) == template(other)


@program
def synth_again_gives_the_same_and_takes_a_trigger(stack):
    app = stack.node.root
    made = job(stack)
    first = app.synth().get_stack_by_name("Census").template
    assert app.synth(force=True).get_stack_by_name("Census").template == first

    made.add_trigger(OnSchedule("rate(1 day)", overlap="skip"))
    assert "TakeTurn" in json.dumps(app.synth(force=True).get_stack_by_name("Census").template)


@program
def an_included_template_beside_a_job(stack):
    stack_file = Stack(App(), "Old", synthesizer=LegacyStackSynthesizer())
    aws_sns.Topic(stack_file, "Topic")
    folder = stack_file.node.root.synth()
    CfnInclude(stack, "Old", template_file=f"{folder.directory}/Old.template.json")
    job(stack)


@program
def rules_and_schedules_of_others_start_a_job(stack):
    machine = job(stack).state_machine
    daily = aws_events.Schedule.rate(Duration.days(1))
    aws_events.Rule(stack, "Rule", schedule=daily, targets=[aws_events_targets.SfnStateMachine(machine)])
    target = aws_scheduler_targets.StepFunctionsStartExecution(machine)
    aws_scheduler.Schedule(stack, "At", schedule=aws_scheduler.ScheduleExpression.rate(Duration.days(1)), target=target)


@program
def a_function_starts_a_job(stack):
    made = job(stack)
    code, runtime = aws_lambda.Code.from_inline("x"), aws_lambda.Runtime.PYTHON_3_12
    function = aws_lambda.Function(
        stack, "F", code=code, handler="i.h", runtime=runtime, environment={"JOB": made.state_machine_arn}
    )
    made.grant_start(function)
    aws_s3.Bucket(stack, "B", encryption=aws_s3.BucketEncryption.KMS).grant_read(made.execution_role)


@program
def roles_of_all_kinds_are_given(stack):
    sagemaker = aws_iam.ServicePrincipal("sagemaker.amazonaws.com")
    both = aws_iam.CompositePrincipal(aws_iam.ServicePrincipal("lambda.amazonaws.com"), sagemaker)
    roles = [
        aws_iam.Role(stack, "Own", assumed_by=both),
        aws_iam.Role(Stack(stack.node.root, "Other"), "Theirs", assumed_by=sagemaker),
        aws_iam.Role.from_role_name(stack, "Named", "sagemaker-execution"),
        aws_iam.Role.from_role_arn(stack, "Fixed", "arn:aws:iam::111122223333:role/x", mutable=False),
        aws_iam.LazyRole(stack, "Lazy", assumed_by=sagemaker),
    ]
    for number, role in enumerate(roles):
        job(stack, f"Job{number}", role=role)


@program
def a_bucket_that_others_fill_and_empty(stack):
    lake = DataBucket(stack, "Lake")
    aws_s3_deployment.BucketDeployment(
        stack, "Deploy", sources=[aws_s3_deployment.Source.data("in/a.csv", "1")], destination_bucket=lake
    )
    job(stack, triggers=[OnObjectCreated(lake.at("in/"))])


@program
def a_bucket_with_its_key_is_imported(stack):
    key = aws_kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:eu-west-1:111122223333:key/{'1' * 36}")
    bucket = aws_s3.Bucket.from_bucket_attributes(stack, "Lake", bucket_name="lake", encryption_key=key)
    job(stack, inputs=read(S3Location(bucket, "x/")))

    assert "DecryptInputs" in json.dumps(template(stack))


@program
def the_url_of_a_bucket_is_known_as_that_bucket(stack):
    bucket = aws_s3.Bucket(stack, "Lake")
    job(stack, inputs=read(bucket.s3_url_for_object("x/")))


@program
def patterns_of_the_cdk_on_two_buses(stack):
    pattern = aws_events.EventPattern(source=aws_events.Match.prefix("my"))
    job(stack, triggers=[OnEvent(pattern, event_bus=aws_events.EventBus(stack, "Bus")), OnEvent(pattern)])


@program
def a_list_that_changes_after_the_run_call_changes_no_job(stack):
    arguments = ["--a"]
    request = PROCESSOR.run(code=CODE, arguments=arguments)
    arguments.append("--later")
    ProcessingJob(stack, "Job", request)

    assert "--later" not in json.dumps(template(stack))


@program
def a_copied_trigger_names_the_same_job(stack):
    first = job(stack, "First")
    job(stack, "Second", triggers=[copy.deepcopy(OnSuccessOf(first))])

    [rule] = of_type(template(stack), "AWS::Events::Rule").values()
    machine = stack.resolve(first.state_machine_arn)
    assert rule["Properties"]["EventPattern"]["detail"]["state_machine"] == [machine]


@program
def what_a_run_knows_stands_in_no_template_of_a_job(stack):
    lake = DataBucket(stack, "Lake")
    job(stack, outputs=write(lake.at(f"{ExecutionVariables.RUN_ID}/{ExecutionVariables.TRIGGER_TIME:%Y}/")))

    assert "{{run:" not in json.dumps(template(stack))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_synthesizes(stack, name):
    PROGRAMS[name](stack)

    stack.node.root.synth()


# -- programs that are refused where they declare ---------------------------------------------------------------------


@refused(r"inputs\[0\].source must be made of a bucket's name, got 's3://<Arn of a bucket>/x/'; write S3Location\(b")
def the_arn_of_a_bucket_in_a_uri(stack):
    job(stack, inputs=read(f"s3://{aws_s3.Bucket(stack, 'B').bucket_arn}/x/"))


@refused(r"outputs\[0\].destination must be made of a bucket's name, got 's3://<DomainName of a bucket>/x/'; write S3L")
def the_domain_name_of_a_bucket_in_a_uri(stack):
    job(stack, outputs=write(f"s3://{aws_s3.Bucket(stack, 'B').bucket_domain_name}/x/"))


@refused(r"triggers\[0\].location must be made of a bucket's name, got 's3://<Arn of a bucket>/x/'; write S3Location")
def the_arn_of_a_bucket_in_a_trigger(stack):
    job(stack, triggers=[OnObjectCreated(f"s3://{aws_s3.Bucket(stack, 'B').bucket_arn}/x/")])


@refused(r"triggers\[0\].location must be made of a bucket's name, got 's3://<Arn of a bucket>/x/'; write S3Location")
def the_arn_of_a_bucket_in_a_trigger_added_later(stack):
    job(stack).add_trigger(OnObjectCreated(f"s3://{aws_s3.Bucket(stack, 'B').bucket_arn}/x/"))


@refused(r"inputs\[0\].source must be .*; name the bucket apart from the rest: write f's3://\{bucket_name\}/prefix/'")
def a_whole_uri_that_only_the_deployment_knows(stack):
    job(stack, inputs=read(aws_ssm.StringParameter.value_for_string_parameter(stack, "/uri")))


@refused(r"inputs\[0\].source must be .*; pass the file or folder itself: the job publishes it")
def an_asset_as_an_input(stack):
    job(stack, inputs=read(aws_s3_assets.Asset(stack, "A", path=__file__)))


@refused(r"construct_id must be known at synth, got 'Job-\{\{run:RUN_ID\}\}'; leave the run-time value out")
def a_run_id_in_the_id_of_a_job(stack):
    job(stack, f"Job-{ExecutionVariables.RUN_ID}")


@refused(r"triggers must be a list of triggers, got <generator object .*<genexpr>>; write triggers=list\(...\) with it")
def a_generator_of_triggers(stack):
    job(stack, triggers=(OnSchedule(f"rate({days} days)") for days in (2, 3)))


@refused(r"triggers\[0\] must be a trigger such as .*, got None; pass a trigger")
def a_trigger_that_is_none_in_some_stages(stack):
    job(stack, triggers=[None])


@refused(r"base_job_name must be one that no other job .* Census/Job a b has it, got 'census-job-a-b'")
def two_ids_that_differ_by_a_space(stack):
    for name in ("Job a b", "Job a-b"):
        job(stack, name)


@refused(r"instance_count must be a whole number, 1-100, got '2'; write 2")
def a_number_of_the_context_as_text(stack):
    job(stack, instance_count="2")


@refused(r"instance_type must be .*, got <aws_cdk.aws_ec2.InstanceType object>; write 'ml.m5.xlarge'")
def an_instance_type_of_ec2(stack):
    kind = aws_ec2.InstanceType.of(aws_ec2.InstanceClass.M5, aws_ec2.InstanceSize.XLARGE)
    job(stack, instance_type=kind)


@refused(r"arguments\[0\] must be a str or a run-time value, got <aws_cdk.CfnParameter object>; write its value_as_st")
def a_parameter_itself_as_an_argument(stack):
    job(stack, arguments=[CfnParameter(stack, "P")])


@refused(r"inputs\[0\].source must be .*; name one of its outputs: write job.outputs\['name'\]")
def a_job_as_an_input(stack):
    job(stack, inputs=read(job(stack, "First")))


@refused(r"expression must be such as .*; give whole minutes: the shortest is Duration.minutes\(1\)")
def a_rate_of_seconds(stack):
    job(stack, triggers=[OnSchedule(Duration.seconds(30))])


@refused(r"suffix must be a str, got \['.csv', '.tsv'\]; make a trigger of each")
def two_suffixes(stack):
    job(stack, triggers=[OnObjectCreated("s3://lake/in/", suffix=[".csv", ".tsv"])])


@refused(r"grantee must be a role, user, group or function, .*; pass what makes the call; for another account, a role")
def another_account_as_who_may_start(stack):
    job(stack).grant_start(aws_iam.AccountPrincipal("444455556666"))


@refused(r"grantee must be a role, user, group or function, .* got <aws_cdk.aws_iam.ServicePrincipal object>; pass wh")
def a_service_as_who_may_start(stack):
    job(stack).grant_start(aws_iam.ServicePrincipal("lambda.amazonaws.com"))


@pytest.mark.parametrize("name", REFUSED)
def test_a_program_is_refused(stack, name):
    write_program, text = REFUSED[name]

    with pytest.raises(DeclarationError, match=text):
        write_program(stack)


# -- programs that are refused at synth -------------------------------------------------------------------------------

ONLY_A_RUN = "which only a run of a job knows; use run-time values in the request of a job alone. Where all runs write"


@told(f"Census/Where must not have outputs['data'] of Census/Job, {ONLY_A_RUN}")
def where_one_run_writes_as_an_output_of_the_stack(stack):
    lake = DataBucket(stack, "Lake")
    made = job(stack, outputs=write(lake.at(f"x/{ExecutionVariables.RUN_ID}/")))
    CfnOutput(stack, "Where", value=made.outputs["data"].uri)


@told(f"Other/F must not have ExecutionVariables.TRIGGER_TIME, ExecutionVariables.RUN_ID, {ONLY_A_RUN}")
def run_time_values_in_the_environment_of_a_function(stack):
    job(stack)
    code, runtime = aws_lambda.Code.from_inline("x"), aws_lambda.Runtime.PYTHON_3_12
    values = {"A": f"{ExecutionVariables.TRIGGER_TIME:%Y}", "B": f"{ExecutionVariables.RUN_ID}"}
    other = Stack(stack.node.root, "Other")
    aws_lambda.Function(other, "F", code=code, handler="i.h", runtime=runtime, environment=values)


@told("AssumeRolePolicyDocument of Census/Role must let sagemaker.amazonaws.com assume the role; write assumed_by=iam.")
def a_role_for_another_service(stack):
    role = aws_iam.Role(stack, "Role", assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com"))
    job(stack, role=role)


@told("AssumeRolePolicyDocument of Census/Role must let sagemaker.amazonaws.com assume the role; write assumed_by=iam.")
def a_role_for_people(stack):
    role = aws_iam.Role(stack, "Role", assumed_by=aws_iam.AccountPrincipal("111122223333"))
    job(stack, role=role)


@told("the value of tag 'run' of Census/Job must be at most 256 letters, digits, spaces and")
def a_tag_of_the_run(stack):
    Tags.of(job(stack)).add("run", f"{ExecutionVariables.RUN_ID}")


@pytest.mark.parametrize("name", TOLD_AT_SYNTH)
def test_a_program_is_told_at_synth(stack, name):
    write_program, text = TOLD_AT_SYNTH[name]
    write_program(stack)

    with pytest.raises(RuntimeError) as raised:
        stack.node.root.synth()
    assert text in " ".join(str(raised.value).split())

"""So many jobs, written by hand with aws-cdk-lib's L2 constructs, as its own guide writes them."""

import sys
from pathlib import Path
from typing import Any

from aws_cdk import App, Duration, RemovalPolicy, Stack, TimeZone
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

SCRIPT = Path(__file__).with_name("prep.py")
ERROR = {"error": "{% $states.errorOutput %}"}
RUN = """{% ($key := $states.input.source = 'aws.s3'
  ? $states.input.detail.object.key & '@' & $states.input.detail.object.`version-id`
  : $states.input.source = 'aws.scheduler' ? $states.input.schedule & '@' & $states.input.time
  : $states.context.Execution.Id;
{'key': $key, 'id': $hash($states.context.StateMachine.Id & $key, 'MD5')}) %}"""


class Shared(Construct):
    """What all jobs use."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.raw = self._bucket("Raw")
        self.curated = self._bucket("Curated")
        self.script = s3_assets.Asset(self, "Script", path=str(SCRIPT))
        self.repository = ecr.Repository.from_repository_attributes(
            self,
            "Repository",
            repository_name="prep",
            repository_arn="arn:aws:ecr:eu-central-1:123456789012:repository/prep",
        )
        key = kms.Key(self, "Key", enable_key_rotation=True)
        self.queue = sqs.Queue(self, "DeadLetters", encryption_master_key=key, retention_period=Duration.days(14))
        self.topic = sns.Topic(self, "Alerts", master_key=key)
        self.log_group = logs.LogGroup(self, "Logs", retention=logs.RetentionDays.THREE_MONTHS)

    def _bucket(self, construct_id: str) -> s3.Bucket:
        return s3.Bucket(
            self,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            event_bridge_enabled=True,
            removal_policy=RemovalPolicy.RETAIN,
            versioned=True,
        )


class Job(Construct):
    """One job: execution role, state machine, arrival, schedule, alarm."""

    def __init__(self, scope: Construct, construct_id: str, number: int, shared: Shared) -> None:
        super().__init__(scope, construct_id)
        self.name = f"jobs-job{number}"
        self.job_name = f"{{% '{self.name}-' & $run.id & '-1' %}}"
        self.source, self.target = f"in/{number}/", f"out/{number}/"
        role = self._execution_role(shared)
        machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(self._definition(shared, role)),
            query_language=sfn.QueryLanguage.JSONATA,
            logs=sfn.LogOptions(destination=shared.log_group, include_execution_data=True, level=sfn.LogLevel.ALL),
        )
        self._allow_running(machine, role)
        self._launch(machine, shared)
        alarm = machine.metric_failed().create_alarm(
            self,
            "Alarm",
            threshold=1,
            evaluation_periods=1,
            alarm_description=f"A run of {self.name} failed for good.",
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(shared.topic))

    def _execution_role(self, shared: Shared) -> iam.Role:
        account = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        principal = iam.ServicePrincipal("sagemaker.amazonaws.com", conditions=account)
        role = iam.Role(self, "ExecutionRole", assumed_by=principal)
        shared.raw.grant_read(role, f"{self.source}*")
        shared.curated.grant_put(role, f"{self.target}*")
        shared.script.grant_read(role)
        shared.repository.grant_pull(role)
        group = Stack.of(self).format_arn(service="logs", resource="log-group:/aws/sagemaker/ProcessingJobs*")
        allow(role, ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], group)
        namespace = {"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/ProcessingJobs"}}
        allow(role, ["cloudwatch:PutMetricData"], "*", namespace)
        return role

    def _definition(self, shared: Shared, role: iam.Role) -> sfn.IChainable:
        outcome = {"run_id": "{% $run.id %}", "job_name": self.job_name}
        failed = sfn.Fail.jsonata(self, "Failed", error="{% $error.Error %}", cause="{% $error.Cause %}")
        send = tasks.SqsSendMessage.jsonata(
            self,
            "SendDeadLetter",
            queue=shared.queue,
            message_body=sfn.TaskInput.from_object(
                {"job": self.name, **outcome, "error": "{% $error %}", "event": "{% $event %}"}
            ),
        )
        send.add_retry(max_attempts=3, jitter_strategy=sfn.JitterType.FULL).add_catch(failed)
        send.next(failed)
        describe = tasks.CallAwsService.jsonata(
            self,
            "DescribeJob",
            service="sagemaker",
            action="describeProcessingJob",
            parameters={"ProcessingJobName": self.job_name},
            iam_resources=[self._jobs()],
            assign={"existing": "{% $states.result %}"},
        )
        describe.add_retry(max_attempts=3, jitter_strategy=sfn.JitterType.FULL).add_catch(send, assign=ERROR)
        describe.next(self._judge(describe, send, outcome))
        triage = sfn.Choice.jsonata(self, "Triage")
        triage.when(sfn.Condition.jsonata("{% $contains($error.Cause, 'ResourceInUse') %}"), describe).otherwise(send)
        run = sfn.CustomState(self, "RunJob", state_json=self._run_job(shared, role, outcome))
        run.add_retry(
            errors=["SageMaker.ResourceLimitExceededException", "SageMaker.ThrottlingException"],
            interval=Duration.seconds(30),
            max_attempts=20,
            max_delay=Duration.minutes(15),
            jitter_strategy=sfn.JitterType.FULL,
        ).add_catch(triage, assign=ERROR)
        prepare = sfn.Pass.jsonata(self, "Prepare", assign={"event": "{% $states.input %}", "run": RUN})
        return prepare.next(run)

    def _judge(self, describe: sfn.State, send: sfn.IChainable, outcome: dict[str, Any]) -> sfn.Choice:
        ours = "$existing.Environment.EXECUTION = $states.context.Execution.Id"
        status = "$existing.ProcessingJobStatus"
        wait = sfn.Wait.jsonata(self, "WaitForJob", time=sfn.WaitTime.duration(Duration.seconds(30)))
        wait.next(describe)
        fail = sfn.Pass.jsonata(self, "AdoptFailure", assign={"error": {"Error": "States.TaskFailed"}})
        fail.next(send)
        duplicate = sfn.Succeed.jsonata(self, "Duplicate", outputs={"status": "Duplicate", **outcome})
        adopted = sfn.Succeed.jsonata(self, "Adopted", outputs={"status": "Completed", **outcome})
        judge = sfn.Choice.jsonata(self, "Judge")
        judge.when(sfn.Condition.jsonata(f"{{% $not({ours}) %}}"), duplicate)
        judge.when(sfn.Condition.jsonata(f"{{% {status} = 'Completed' %}}"), adopted)
        judge.when(sfn.Condition.jsonata(f"{{% {status} in ['InProgress', 'Stopping'] %}}"), wait)
        return judge.otherwise(fail)

    def _run_job(self, shared: Shared, role: iam.Role, outcome: dict[str, Any]) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": f"arn:{Stack.of(self).partition}:states:::sagemaker:createProcessingJob.sync",
            "Arguments": {
                "ProcessingJobName": self.job_name,
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
                },
                "AppSpecification": {
                    "ImageUri": shared.repository.repository_uri_for_tag("1"),
                    "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/prep.py"],
                },
                "RoleArn": role.role_arn,
                "NetworkConfig": {"EnableNetworkIsolation": True, "EnableInterContainerTrafficEncryption": True},
                "ProcessingInputs": [
                    channel_in("input-1", shared.raw.s3_url_for_object(self.source), "/opt/ml/processing/input"),
                    channel_in("code", shared.script.s3_object_url, "/opt/ml/processing/input/code"),
                ],
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "data",
                            "S3Output": {
                                "S3Uri": shared.curated.s3_url_for_object(self.target),
                                "LocalPath": "/opt/ml/processing/output",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
                "Environment": {"EXECUTION": "{% $states.context.Execution.Id %}"},
            },
            "TimeoutSeconds": 90_000,
            "Output": {"status": "Completed", **outcome},
        }

    def _allow_running(self, machine: sfn.StateMachine, role: iam.Role) -> None:
        verbs = ["AddTags", "CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"]
        allow(machine, [f"sagemaker:{verb}" for verb in verbs], self._jobs())
        allow(machine, ["sagemaker:ListTags"], "*")
        role.grant_pass_role(machine.role)
        rule = "rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"
        verbs = ["events:DescribeRule", "events:PutRule", "events:PutTargets"]
        allow(machine, verbs, Stack.of(self).format_arn(service="events", resource=rule))

    def _launch(self, machine: sfn.StateMachine, shared: Shared) -> None:
        arrived = {
            "bucket": {"name": [shared.raw.bucket_name]},
            "object": {"key": [{"wildcard": f"{self.source}*.csv"}], "size": [{"numeric": [">", 0]}]},
        }
        events.Rule(
            self,
            "Arrival",
            event_pattern=events.EventPattern(source=["aws.s3"], detail_type=["Object Created"], detail=arrived),
            targets=[targets.SfnStateMachine(machine, dead_letter_queue=shared.queue)],
        )
        started = {
            "source": "aws.scheduler",
            "schedule": "<aws.scheduler.schedule-arn>",
            "time": "<aws.scheduler.scheduled-time>",
        }
        scheduler.Schedule(
            self,
            "Schedule",
            schedule=scheduler.ScheduleExpression.cron(minute="0", hour="6", time_zone=TimeZone.EUROPE_BERLIN),
            target=scheduler_targets.StepFunctionsStartExecution(
                machine,
                dead_letter_queue=shared.queue,
                input=scheduler.ScheduleTargetInput.from_object(started),
            ),
        )

    def _jobs(self) -> str:
        return Stack.of(self).format_arn(service="sagemaker", resource=f"processing-job/{self.name}-*")


def channel_in(name: str, uri: str, path: str) -> dict[str, Any]:
    s3_input = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": s3_input}


def allow(who: Any, verbs: list[str], resource: str, conditions: dict[str, Any] | None = None) -> None:
    statement = iam.PolicyStatement(actions=verbs, resources=[resource], conditions=conditions)
    who.grant_principal.add_to_principal_policy(statement)


app = App(context={"@aws-cdk/core:stackResourceLimit": 0})
stack = Stack(app, "Jobs")
shared = Shared(stack, "Shared")
for number in range(int(sys.argv[1])):
    Job(stack, f"Job{number}", number, shared)
app.synth()

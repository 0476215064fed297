"""A processing job: the role it runs as, the state machine that runs it, what launches it, and its alarm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnResource
from constructs import Construct

from cdk_processing.access.launching import LaunchAccess, send_dead_letters, start_statements, workflow_statements
from cdk_processing.access.statement import service_trust
from cdk_processing.constructs.execution import Execution
from cdk_processing.constructs.naming import base_name_for
from cdk_processing.constructs.platform import ProcessingPlatform
from cdk_processing.constructs.resources import (
    account_token,
    acknowledge,
    arn_of,
    partition_token,
    path_of,
    place_of,
    resource,
    role,
    stack_of,
)
from cdk_processing.constructs.triggers.base import Launch, Trigger
from cdk_processing.constructs.validation import (
    declaration_problems,
    trigger_problems,
    warn_of_unknown_instance_types,
)
from cdk_processing.errors import DeclarationError
from cdk_processing.request.location import S3Location
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.workflow.definition import JOB_TAG, Workflow, definition

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_stepfunctions as sfn

__all__ = ["ProcessingJob"]

_METADATA = "cdk-processing"
_SCHEDULER = "scheduler.amazonaws.com"
_NO_TRACING = (
    "A run is one call to one service, and its history tells when each state began and ended; X-Ray would add no more "
    "than permissions on *."
)


class ProcessingJob(Construct):
    """A job that runs once for each thing that launches it.

    Each run is an execution of the job's own state machine, which makes one SageMaker processing job and waits for it.
    A run that fails for good leaves its event and the reason in the platform's dead-letter queue, fails its
    execution, and raises the job's alarm.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.
        request: What ``processor.run(...)`` returned.
        triggers: What launches the job. Left out, it is started by hand.
        platform: What jobs share. Left out, the stack's own, made when its first job needs it.

    Raises:
        DeclarationError: Something declared cannot work; all problems of the job are listed at once.

    Example:
        >>> import aws_cdk
        >>> from cdk_processing import DataBucket, ProcessingInput, ProcessingJob, SKLearnProcessor
        >>> stack = aws_cdk.Stack(aws_cdk.App(), "Census")
        >>> raw = DataBucket(stack, "Raw")
        >>> processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        >>> request = processor.run(
        ...     code="s3://code/prep.py",
        ...     inputs=[ProcessingInput(source=raw.at("census/"), destination="/opt/ml/processing/input")],
        ... )
        >>> ProcessingJob(stack, "Preprocess", request).base_name
        'census-preprocess'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        request: ProcessingRequest,
        *,
        triggers: Sequence[Trigger] = (),
        platform: ProcessingPlatform | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._place = place_of(stack_of(self))
        self._path = path_of(self)
        problems = declaration_problems(request, triggers, self._place.region)
        if problems:
            raise DeclarationError(self._path, [problem.on(construct_id) for problem in problems])
        warn_of_unknown_instance_types(self, request)
        self._triggers: list[Trigger] = []
        self._counts: dict[str, int] = {}
        self._start_role: CfnResource | None = None
        #: What names of this job's runs begin with.
        self.base_name: str = request.processor.base_job_name or base_name_for(self._path)
        #: What the job shares with others.
        self.platform: ProcessingPlatform = platform or ProcessingPlatform.of(self)
        self._request = self._placed(request)

        self._execution = Execution(self, self._request, self.base_name, self.platform, triggers)
        self._launch_access = self._make_launch_access()
        self._machine = self._make_state_machine()
        #: ARN of the job's state machine.
        self.state_machine_arn: str = self._machine.ref
        self._make_alarm()
        self._bind(triggers)
        self._describe()

    # -- what users hold ----------------------------------------------------------------------------------------------

    @cached_property
    def state_machine(self) -> sfn.IStateMachine:
        """The state machine; each of its executions is a run."""
        from aws_cdk import aws_stepfunctions

        return aws_stepfunctions.StateMachine.from_state_machine_arn(
            self, "ImportedStateMachine", self.state_machine_arn
        )

    @cached_property
    def execution_role(self) -> iam.IRole:
        """The role that the container's calls are made with; grant it what the script needs beside its channels."""
        from aws_cdk import aws_iam

        given = self._request.processor.role
        if given is not None and not isinstance(given, str):
            found: iam.IRole = given
            return found
        return aws_iam.Role.from_role_arn(self, "ImportedExecutionRole", self._execution.role_arn)

    @property
    def outputs(self) -> dict[str, S3Location]:
        """Where the outputs go, by name: the part of each destination that is the same for every run."""
        return {
            channel.output_name or "": S3Location(channel.location.bucket, _fixed_folder(channel.location))
            for channel in self._request.named_outputs
            if channel.location is not None
        }

    def add_trigger(self, trigger: Trigger) -> None:
        """Let one more thing launch the job.

        Raises:
            DeclarationError: The trigger cannot work, or does not supply a run-time value that the job uses.
        """
        problems = trigger_problems(self._request, [trigger])
        if problems:
            raise DeclarationError(self._path, [problem.on(self.node.id) for problem in problems])
        if trigger.watched is not None and self._request.needs_manifest:
            self._execution.allow_reading(trigger.watched)
        self._bind([trigger])
        self._describe()

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow somebody to start the job by hand."""
        return self.state_machine.grant_start_execution(grantee)

    def metric_succeeded(self) -> cloudwatch.Metric:
        """Runs that succeeded, summed over 5 minutes."""
        return self._metric("ExecutionsSucceeded")

    def metric_failed(self) -> cloudwatch.Metric:
        """Runs that failed, summed over 5 minutes."""
        return self._metric("ExecutionsFailed")

    # -- how it is made -----------------------------------------------------------------------------------------------

    def _placed(self, request: ProcessingRequest) -> ProcessingRequest:
        if not any(channel.needs_place for channel in request.outputs):
            return request
        return request.placed(self.platform.data_bucket.at(f"{self.base_name}/"))

    def _make_launch_access(self) -> LaunchAccess:
        return LaunchAccess(
            place=self._place,
            base_name=self.base_name,
            execution_role_arn=self._execution.role_arn,
            queue_arn=self.platform.dead_letter_queue_arn,
            key_arn=self.platform.key_arn,
            manifests=self._execution.manifest_objects,
        )

    def _make_state_machine(self) -> CfnResource:
        workflow_role = role(
            self,
            "WorkflowRole",
            services=["states.amazonaws.com"],
            statements=workflow_statements(self._launch_access),
            description=f"Launches {self._path}",
        )
        workflow = Workflow(
            job=self._path,
            base_name=self.base_name,
            request=self._execution.render(),
            partition=partition_token(),
            queue_url=self.platform.dead_letter_queue_url,
            manifest_bucket=self._execution.manifest_bucket,
            manifest_prefix=self._execution.manifest_prefix,
            instance_types=self._request.instance_types,
        )
        logs = {"CloudWatchLogsLogGroup": {"LogGroupArn": f"{self.platform.log_group_arn}"}}
        return resource(
            self,
            "StateMachine",
            "AWS::StepFunctions::StateMachine",
            {
                # Tokens in the text are resolved by CDK; none of them holds a character that JSON would escape.
                "DefinitionString": json.dumps(definition(workflow), ensure_ascii=False),
                "RoleArn": arn_of(workflow_role),
                "LoggingConfiguration": {"Destinations": [logs], "IncludeExecutionData": True, "Level": "ALL"},
                "Tags": [
                    {"Key": JOB_TAG, "Value": self._path},
                    {"Key": f"{_METADATA}:base-name", "Value": self.base_name},
                ],
            },
            acknowledge("AwsSolutions-SF2", _NO_TRACING),
        )

    def _make_alarm(self) -> None:
        resource(
            self,
            "Alarm",
            "AWS::CloudWatch::Alarm",
            {
                "AlarmDescription": (
                    f"A run of {self._path} failed for good. The event and the reason are in the dead-letter queue; "
                    f"see why with `cdk-processing why {self._path}`, and run it again with `cdk-processing redrive`."
                ),
                "Namespace": "AWS/States",
                "MetricName": "ExecutionsFailed",
                "Dimensions": [{"Name": "StateMachineArn", "Value": self.state_machine_arn}],
                "Statistic": "Sum",
                "Period": 300,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [self.platform.alert_topic_arn],
            },
        )

    def _bind(self, triggers: Sequence[Trigger]) -> None:
        self._triggers += triggers
        role_arn = arn_of(self._make_start_role()) if triggers else None
        for trigger in triggers:
            self._bind_one(trigger, role_arn)

    def _bind_one(self, trigger: Trigger, role_arn: Any) -> None:
        kind = type(trigger).__name__
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        trigger.bind(
            Launch(
                scope=self,
                construct_id=kind if number == 1 else f"{kind}{number}",
                state_machine_arn=self.state_machine_arn,
                role_arn=role_arn,
                queue_arn=self.platform.dead_letter_queue_arn,
            )
        )

    def _make_start_role(self) -> CfnResource:
        """One role for all triggers of the job, trusting just the services that they are."""
        services = sorted({trigger.service for trigger in self._triggers})
        statements = start_statements(self.state_machine_arn)
        if _SCHEDULER in services:  # the scheduler sends to a dead-letter queue as this role; EventBridge as itself
            statements += send_dead_letters(self._launch_access)
        if self._start_role is None:
            description = f"Starts {self._path}"
            self._start_role = role(
                self, "StartRole", services=services, statements=statements, description=description
            )
        else:
            document = [statement.render() for statement in statements]
            self._start_role.add_property_override("AssumeRolePolicyDocument", service_trust(services, account_token()))
            self._start_role.add_property_override("Policies.0.PolicyDocument.Statement", document)
        return self._start_role

    def _describe(self) -> None:
        """Say in the template what the state machine is, for people and tools that read it there."""
        described = {
            "job": self._path,
            "base_name": self.base_name,
            "triggers": [trigger.describe() for trigger in self._triggers],
            "outputs": {name: location.uri for name, location in self.outputs.items()},
        }
        self._machine.add_metadata(_METADATA, described)

    def _metric(self, name: str) -> cloudwatch.Metric:
        from aws_cdk import Duration, aws_cloudwatch

        return aws_cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=name,
            dimensions_map={"StateMachineArn": self.state_machine_arn},
            statistic="Sum",
            period=Duration.minutes(5),
        )


def _fixed_folder(location: S3Location) -> str:
    """A location's fixed key, cut back to the last whole folder where a run-time value follows."""
    key = location.fixed_key
    return key if key == location.key or "/" not in key else key.rsplit("/", 1)[0] + "/"

"""A processing job: the role it runs as, the state machine that runs it, what launches it, and its alarm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnResource
from constructs import Construct

from cdk_processing.access.launching import (
    LaunchAccess,
    send_dead_letters,
    start_statements,
    turn_statements,
    workflow_statements,
)
from cdk_processing.access.statement import acknowledgements, policy_document, service_trust
from cdk_processing.constructs.alarms import alarm_on_failure
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
from cdk_processing.constructs.triggers.success_of import OnSuccessOf
from cdk_processing.constructs.validation import (
    declaration_problems,
    policy_problems,
    trigger_problems,
    warn_of_unknown_instance_types,
)
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.location import S3Location
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.workflow.definition import DEAD_LETTERS_TAG, JOB_TAG, Workflow, definition
from cdk_processing.workflow.failures import PATIENT, LaunchPolicy

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_stepfunctions as sfn
    from typing_extensions import Unpack

    from cdk_processing.constructs.state import JobState, StateOptions

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
        triggers: What launches the job. Left out, it is started by hand. An event that several of them match launches
            one run, read as the first of them says that reads it in a way of its own.
        platform: What jobs share. Left out, the stack's own, made when its first job needs it.
        launch_policy: How patiently the job is launched: waits, retries, attempts, time for its hosts to come and go.

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
        launch_policy: LaunchPolicy = PATIENT,
    ) -> None:
        super().__init__(scope, construct_id)
        self._place = place_of(stack_of(self))
        #: The construct's path, by which the job is known.
        self.path: str = path_of(self)
        problems = declaration_problems(request, triggers, self._place.region) + policy_problems(launch_policy)
        if problems:
            raise DeclarationError(self.path, [problem.on(construct_id) for problem in problems])
        warn_of_unknown_instance_types(self, request)
        self._triggers: list[Trigger] = []
        self._counts: dict[str, int] = {}
        self._start_role: CfnResource | None = None
        self._launch_policy = launch_policy
        self._announces = self._takes_turns = False
        #: What names of this job's runs begin with.
        self.base_name: str = request.processor.base_job_name or base_name_for(self.path)
        #: What the job shares with others.
        self.platform: ProcessingPlatform = platform or ProcessingPlatform.of(self)
        self._request = self._placed(request)

        self._execution = Execution(self, self._request, self.base_name, self.platform, triggers)
        self._workflow_role = self._make_workflow_role(triggers)
        self._machine = self._make_state_machine(triggers)
        #: ARN of the job's state machine.
        self.state_machine_arn: str = self._machine.ref
        alarm_on_failure(
            self, "Alarm", state_machine_arn=self.state_machine_arn, topic_arn=self.platform.alert_topic_arn
        )
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
        problems = trigger_problems(self._request, [trigger]) or self._cycle_problems(trigger)
        if problems:
            raise DeclarationError(self.path, [problem.on(self.node.id) for problem in problems])
        if trigger.watched is not None and self._request.needs_manifest:
            self._execution.allow_reading(trigger.watched)
        self._bind([trigger])
        if trigger.takes_turns or trigger.reading(self._version) is not None:
            self._launch_anew()
        self._describe()

    def announce_success(self) -> None:
        """Have each run that succeeds send an event; ``OnSuccessOf`` calls this.

        The event's source is ``cdk-processing``, its detail type ``Processing Job Run Succeeded``, and its detail has
        ``job``, ``state_machine``, ``execution``, ``run_id``, ``run_key``, ``trigger_time``, ``attempt``, ``job_name``,
        ``outputs`` and ``parameters``. A run whose event cannot be sent fails, and a redrive sends it.
        """
        if not self._announces:
            self._announces = True
            self._launch_anew()

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow somebody to start the job by hand."""
        return self.state_machine.grant_start_execution(grantee)

    def as_state(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        run_key: str | None = None,
        wait: bool = True,
        **options: Unpack[StateOptions],
    ) -> JobState:
        """The job as a state of anybody's own state machine, with the permissions that it needs.

        The state starts an execution of the job's own state machine, so that a run here is a run like any other: it is
        launched once, tried again, and leaves a dead letter when it fails, and then the state fails with
        ``States.TaskFailed``. The state's output is the run's own: ``status``, ``run_id``, ``job_name`` and
        ``outputs``; see :class:`~cdk_processing.constructs.state.StateOptions` for another.

        Args:
            scope: The parent construct.
            construct_id: The construct's id, and the state's name.
            parameters: Values of the job's ``Parameter`` by name: text, numbers and truth values,
                ``sfn.JsonPath.string_at(...)``, or JSONata ``{% ... %}``, which makes the state one in JSONata.
            run_key: What makes a run the same run; such as text, too. Left out, each start is a new run, because the
                states of a Map and the retries of a state would otherwise meet under one key, and all but one end as
                ``Duplicate``. With it, a start whose key has been run already ends as ``Duplicate`` and succeeds, and
                its output tells of the job that ran, its status included.
            wait: Whether the state ends with the run. Otherwise it ends when the run has started, and its output is
                Step Functions' answer.
            **options: The rest of the state.

        Raises:
            DeclarationError: A parameter is not the job's, is missing, or has a value that it cannot have; or the job
                uses a run-time value that nobody supplies.

        Example:
            >>> from aws_cdk import App, Stack, aws_stepfunctions as sfn
            >>> from cdk_processing import Parameter, ProcessingJob, SKLearnProcessor
            >>> stack = Stack(App(), "Census")
            >>> processor = SKLearnProcessor(
            ...     framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1
            ... )
            >>> job = ProcessingJob(stack, "Job", processor.run("s3://code/prep.py", arguments=[Parameter("day")]))
            >>> state = job.as_state(stack, "Prepare", parameters={"day": sfn.JsonPath.string_at("$.day")})
            >>> chain = state.next(sfn.Succeed(stack, "Done"))
        """
        from cdk_processing.constructs.state import JobState, StateTask

        task = StateTask(
            job=self.path,
            machine_arn=self.state_machine_arn,
            machine_name=self._machine.get_att("Name").to_string(),
            place=self._place,
            values=self._request.run_time_values(),
            parameters=parameters or {},
            run_key=run_key,
            wait=wait,
            options=options,
        )
        return JobState(scope, construct_id, task)

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

    def _launch_access(self, triggers: Sequence[Trigger]) -> LaunchAccess:
        return LaunchAccess(
            place=self._place,
            base_name=self.base_name,
            execution_role_arn=self._execution.role_arn,
            queue_arn=self.platform.dead_letter_queue_arn,
            key_arn=self.platform.key_arn,
            manifests=self._execution.manifest_objects,
            table_arn=self.platform.table_arn if self._keeps_items(triggers) else None,
            item_prefix=f"{self.path}#",
            announces=self._announces,
        )

    def _keeps_items(self, triggers: Sequence[Trigger]) -> bool:
        """Whether a trigger asks for what the platform's table remembers."""
        readings = (trigger.reading(self._version) for trigger in triggers)
        return any(trigger.takes_turns for trigger in triggers) or any(each and each.newest_only for each in readings)

    def _make_workflow_role(self, triggers: Sequence[Trigger]) -> CfnResource:
        return role(
            self,
            "WorkflowRole",
            services=["states.amazonaws.com"],
            statements=workflow_statements(self._launch_access(triggers)),
            description=f"Launches {self.path}",
        )

    def _make_state_machine(self, triggers: Sequence[Trigger]) -> CfnResource:
        logs = {"CloudWatchLogsLogGroup": {"LogGroupArn": f"{self.platform.log_group_arn}"}}
        return resource(
            self,
            "StateMachine",
            "AWS::StepFunctions::StateMachine",
            {
                "DefinitionString": self._definition(triggers),
                "RoleArn": arn_of(self._workflow_role),
                "LoggingConfiguration": {"Destinations": [logs], "IncludeExecutionData": True, "Level": "ALL"},
                "Tags": [
                    {"Key": JOB_TAG, "Value": self.path},
                    {"Key": f"{_METADATA}:base-name", "Value": self.base_name},
                    {"Key": DEAD_LETTERS_TAG, "Value": self.platform.dead_letter_queue_url},
                ],
            },
            acknowledge("AwsSolutions-SF2", _NO_TRACING),
        )

    def _definition(self, triggers: Sequence[Trigger]) -> str:
        readings = [trigger.reading(self._version) for trigger in triggers]
        workflow = Workflow(
            job=self.path,
            base_name=self.base_name,
            request=self._execution.render(),
            partition=partition_token(),
            queue_url=self.platform.dead_letter_queue_url,
            manifest_bucket=self._execution.manifest_bucket,
            manifest_prefix=self._execution.manifest_prefix,
            policy=self._launch_policy,
            instance_types=self._request.instance_types,
            readings=tuple(reading for reading in readings if reading is not None),
            table=self.platform.table_name if self._keeps_items(triggers) else None,
            turns=any(trigger.takes_turns for trigger in triggers),
            announces=self._announces,
        )
        # Tokens in the text are resolved by CDK; none of them holds a character that JSON would escape.
        return json.dumps(definition(workflow), ensure_ascii=False)

    def _version(self) -> str:
        """What the job is at present, as a short text; the same at each synth, so without CDK's numbered tokens."""
        resolved = stack_of(self).resolve(self._execution.render())
        text = json.dumps(resolved, sort_keys=True, ensure_ascii=False)
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def _launch_anew(self) -> None:
        """Write the state machine and its role again, after something was added to the job."""
        statements = [statement.render() for statement in workflow_statements(self._launch_access(self._triggers))]
        self._workflow_role.add_property_override("Policies.0.PolicyDocument.Statement", statements)
        self._machine.add_property_override("DefinitionString", self._definition(self._triggers))

    def _cycle_problems(self, trigger: Trigger) -> list[Problem]:
        """Jobs that launch each other never end."""
        if isinstance(trigger, OnSuccessOf) and self in trigger.job.upstream_jobs:
            fix = "one of them must be launched by something else"
            return [Problem("job", trigger.job.path, f"one that {self.path} does not launch, however indirectly", fix)]
        return []

    @property
    def upstream_jobs(self) -> list[ProcessingJob]:
        """The job itself, and all jobs whose success leads to it."""
        direct = [trigger.job for trigger in self._triggers if isinstance(trigger, OnSuccessOf)]
        return [self, *(job for upstream in direct for job in upstream.upstream_jobs)]

    def _bind(self, triggers: Sequence[Trigger]) -> None:
        self._triggers += triggers
        if any(trigger.takes_turns for trigger in triggers) and not self._takes_turns:
            self._takes_turns = True
            self._make_turn_policy()
        role_arn = arn_of(self._make_start_role()) if triggers else None
        for trigger in triggers:
            self._bind_one(trigger, role_arn)

    def _make_turn_policy(self) -> None:
        statements = turn_statements(self._place, self._machine.get_att("Name").to_string())
        resource(
            self,
            "TurnPolicy",
            "AWS::IAM::Policy",
            {
                "PolicyName": "TakeTurns",
                "PolicyDocument": policy_document(statements),
                "Roles": [self._workflow_role.ref],
            },
            acknowledgements(statements),
        )

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
                alert_topic_arn=self.platform.alert_topic_arn,
                path=self.path,
            )
        )

    def _make_start_role(self) -> CfnResource:
        """One role for all triggers of the job, trusting just the services that they are."""
        services = sorted({trigger.service for trigger in self._triggers})
        statements = start_statements(self.state_machine_arn)
        if _SCHEDULER in services:  # the scheduler sends to a dead-letter queue as this role; EventBridge as itself
            statements += send_dead_letters(self._launch_access(self._triggers))
        if self._start_role is None:
            description = f"Starts {self.path}"
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
            "job": self.path,
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

"""A processing job: its role, its state machine, its triggers and its alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from constructs import Construct

from cdk_processing.constructs.alarms import alarm_on_failure
from cdk_processing.constructs.bound_request import BoundRequest
from cdk_processing.constructs.bucket_attributes import bucket_attribute_problems
from cdk_processing.constructs.capacity import capacity_of, capacity_problems
from cdk_processing.constructs.checks import checks_of
from cdk_processing.constructs.circles import circle_problems
from cdk_processing.constructs.job_outputs import JobOutputs, output_places
from cdk_processing.constructs.launching import Launching
from cdk_processing.constructs.naming import base_name_for, claim_base_name, claim_job_id, job_id_problems
from cdk_processing.constructs.past_schedules import warn_of_past_schedules
from cdk_processing.constructs.placement import place_problems, warn_of_places
from cdk_processing.constructs.places import grantee_placement, job_placements, trigger_placements
from cdk_processing.constructs.platform import ProcessingPlatform
from cdk_processing.constructs.platform_interface import IProcessingPlatform, platform_problems
from cdk_processing.constructs.repeated_triggers import repeated_trigger_problems
from cdk_processing.constructs.resources import known_as, path_of, place_below, place_of, stack_of
from cdk_processing.constructs.shared_outputs import warn_of_shared_outputs
from cdk_processing.constructs.shared_tags import add_tags
from cdk_processing.constructs.standards import HeldJob, hold_to_standards
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.constructs.triggers.overlaps import overlap_problems
from cdk_processing.constructs.utc_dates import warn_of_utc_dates
from cdk_processing.constructs.validation import (
    construct_id_problems,
    declaration_problems,
    policy_problems,
    trigger_problems,
    unlaunched_problems,
    warn_of_patterns,
    warn_of_unknown_instance_types,
    warn_of_unnamed_objects,
    warn_of_watched_patterns,
)
from cdk_processing.contract.description import JobDescription
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.location import JobOutput, S3Location
from cdk_processing.request.packing import packed
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.workflow.launch_policy import PATIENT, LaunchPolicy

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_stepfunctions as sfn
    from typing_extensions import Unpack

    from cdk_processing.constructs.state import JobState, StateOptions

__all__ = ["ProcessingJob"]


class ProcessingJob(Construct):
    """A processing job, with what launches it.

    Each run is an execution of the job's own state machine. It creates one SageMaker processing job and waits for it.
    When a run fails for good, its event and the reason go to the platform's dead-letter queue, the execution fails,
    and the job's alarm goes off.

    Args:
        scope: The parent construct.
        construct_id: The construct's id.
        request: What ``processor.run(...)`` returned.
        triggers: What launches the job. Left out, you start it by hand. An event that several triggers match launches
            one run.
        platform: The key, queue, topic and logs that jobs share. Left out, the stack gets one with its first job.
        launch_policy: Retries, waits, attempts, and the time to allow for starting and stopping instances.
        job_id: Identifies the job in its account and region: 1-63 letters, digits and hyphens. With it, a job that is
            renamed or moved to another stack keeps its run keys, its ``RUN_ID`` and the names of its processing jobs,
            so it runs nothing again. For a job that is deployed without an id, give the ARN of its state machine, and
            its base name as the processor's ``base_job_name``. Left out, the state machine identifies the job, so
            earlier runs are unknown to a renamed job.
        max_concurrency: How many runs of the job work at once, 1-300. A run beyond that waits for its turn, two weeks
            at most; the first that came is the first that runs. A run that is aborted ends its turn at once, although
            its processing job may take two minutes to stop. Left out, no limit but that of the platform.

    Raises:
        DeclarationError: The declaration cannot work. The error lists all problems of the job.

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
        platform: IProcessingPlatform | None = None,
        launch_policy: LaunchPolicy = PATIENT,
        job_id: str | None = None,
        max_concurrency: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        place_below(self, scope, construct_id)
        self._place = place_of(stack_of(self))
        #: The construct's path, which names the job.
        self.path: str = known_as(self)
        problems = declaration_problems(request, triggers, self._place.region)
        if not problems:
            problems = bucket_attribute_problems(self, request, triggers)
        problems += construct_id_problems(construct_id)
        problems += platform_problems(platform, self) + policy_problems(launch_policy)
        placements = job_placements(self, request, triggers, platform)
        problems += place_problems(placements)
        if not problems:
            problems = capacity_problems(max_concurrency, platform, request)
            problems += job_id_problems(job_id, request.processor.base_job_name)
        if not problems:
            #: The job's id; None if it has none.
            self.job_id: str | None = job_id
            #: The beginning of the names of this job's runs.
            self.base_name: str = request.processor.base_job_name or base_name_for(job_id or path_of(self))
            problems = [] if job_id is None else claim_job_id(self, job_id)
            problems = problems or claim_base_name(self, self.base_name)
        if problems:
            raise DeclarationError(path_of(self), [problem.on(construct_id) for problem in problems])
        warn_of_unknown_instance_types(self, request)
        warn_of_patterns(self, request)
        warn_of_watched_patterns(self, triggers)
        warn_of_past_schedules(self, triggers)
        warn_of_places(self, placements)
        warn_of_unnamed_objects(self, request, triggers)
        #: What the job shares with others.
        self.platform: IProcessingPlatform = platform or ProcessingPlatform.of(self)
        self._request = packed(self._placed(request))
        if problems := circle_problems(self, self.path, self._request, triggers):
            raise DeclarationError(self.path, [problem.on(construct_id) for problem in problems])
        warn_of_utc_dates(self, self._request, triggers)

        self._bound = BoundRequest(self, self._request, self.base_name, self.platform, triggers)
        self._launching = Launching(
            self,
            self.base_name,
            job_id,
            self._request,
            self._bound,
            self.platform,
            launch_policy,
            triggers,
            capacity_of(max_concurrency, self.platform, self._request),
        )
        #: ARN of the job's state machine.
        self.state_machine_arn: str = self._launching.machine_arn
        alarm_on_failure(
            self, "Alarm", state_machine_arn=self.state_machine_arn, topic_arn=self.platform.alert_topic_arn
        )
        self._launching.bind(triggers)
        warn_of_shared_outputs(self, self.path, self._request, self._launching.triggers)
        add_tags(self, self.platform.job_tags)
        hold_to_standards(self._held(launch_policy), self.platform)
        # Triggers may be added until the end of synth.
        checks_of(stack_of(self)).late.append(lambda: unlaunched_problems(self.path, request, self._launching.triggers))
        self._describe()

    def __deepcopy__(self, memo: dict[int, Any]) -> ProcessingJob:
        """The job itself: a copy of a value that names it, such as a trigger, names the same."""
        del memo
        return self

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
        """The role of the container's calls. Grant it what the script needs beyond its channels."""
        given = self._request.processor.role
        if given is not None and not isinstance(given, str):
            return cast("iam.IRole", given)
        return self._bound.role_view("ImportedExecutionRole")

    @property
    def outputs(self) -> dict[str, JobOutput]:
        """The outputs by name, as inputs for another job.

        If a destination holds a run-time value, each run writes to another folder. The output then means what one run
        wrote: the run that launched the other job. So all triggers of that job must be ``OnSuccessOf`` this one. For a
        job that reads the output of all runs, use ``outputs["name"].folder``, the part that all runs share.

        Raises:
            DeclarationError: There is no output of the name that is asked for.
        """
        return JobOutputs(self.path, self._request)

    def add_trigger(self, trigger: Trigger) -> None:
        """Add a trigger.

        Raises:
            DeclarationError: The trigger cannot work, or does not supply a run-time value that the job uses.
        """
        placements = trigger_placements(self, [trigger])
        problems = trigger_problems(self._request, [trigger]) or self._repetition_problems(trigger)
        problems = problems or bucket_attribute_problems(self, None, [trigger])
        problems += place_problems(placements)
        problems = problems or circle_problems(self, self.path, self._request, [trigger])
        if problems:
            raise DeclarationError(self.path, [problem.on(self.node.id) for problem in problems])
        warn_of_places(self, placements)
        warn_of_watched_patterns(self, [trigger])
        warn_of_past_schedules(self, [trigger])
        warn_of_unnamed_objects(self, self._request, [trigger])
        if self._request.reads_arrivals:
            for location in trigger.brings:
                self._bound.allow_reading(location)
        warn_of_utc_dates(self, self._request, [trigger])
        self._launching.add(trigger)
        self._describe()

    def announce_success(self) -> None:
        """Have each run that succeeds send an event; ``OnSuccessOf`` calls this.

        The event's source is ``cdk-processing``, its detail type ``Processing Job Run Succeeded``, and its detail has
        ``job``, ``state_machine``, ``execution``, ``run_id``, ``run_key``, ``trigger_time``, ``attempt``, ``job_name``,
        ``outputs`` and ``parameters``. A run whose event cannot be sent fails, and a redrive sends it.
        """
        self._launching.announce()

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a principal to start the job.

        Raises:
            DeclarationError: The grantee is in another account, where Step Functions admits nobody, or has no policy to
                add to, like a service.
        """
        problems = place_problems([grantee_placement(self, grantee)])
        if problems:
            raise DeclarationError(self.path, [problem.on(self.node.id) for problem in problems])
        grant = self.state_machine.grant_start_execution(grantee)
        if not grant.success:
            fix = "pass what makes the call; for another account, a role of this one that it may assume"
            allowed = "a role, user, group or function, whose policy is added to: a state machine has none of its own"
            problem = Problem("grantee", grantee, allowed, fix)
            raise DeclarationError(self.path, [problem.on(self.node.id)])
        return grant

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
        """A state for your own state machine that runs the job, with the permissions that it needs.

        The state starts an execution of the job's own state machine, so the run is like any other: it has retries, and
        a dead letter if it fails. Then the state fails with ``States.TaskFailed``. The state's output is the run's:
        ``status``, ``run_id``, ``job_name`` and ``outputs``.
        :class:`~cdk_processing.constructs.state.StateOptions` can change it.

        Args:
            scope: The parent construct.
            construct_id: The construct's id, and the state's name.
            parameters: Values of the job's ``Parameter`` by name: text, numbers and truth values,
                ``sfn.JsonPath.string_at(...)``, or JSONata ``{% ... %}``, which makes the state one in JSONata.
            run_key: The run key; takes the same values as a parameter. Left out, each start is a new run, because the
                states of a Map and the retries of a state would otherwise have one key. With it, a second start with
                the same key ends as ``Duplicate`` and succeeds. Its output describes the job of the first one.
            wait: Whether the state waits for the end of the run. Otherwise it ends when the run has started, and its
                output is the answer of Step Functions.
            **options: The other fields of the state.

        Raises:
            DeclarationError: A parameter is unknown, missing or wrong, or the job uses a run-time value that a state
                machine cannot supply.

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
            machine_name=self._launching.machine.attribute("Name"),
            place=self._place,
            values=self._values_with_room(),
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
        return request.placed(S3Location(self.platform.data_bucket, f"{self.base_name}/"))

    def _held(self, policy: LaunchPolicy) -> HeldJob:
        return HeldJob(
            self,
            self.path,
            self._launching.role,
            request=self._launching.request,
            instance_types=self._request.instance_types,
            attempts=policy.attempts,
            edited=self._launching.edited_definition,
        )

    def _repetition_problems(self, trigger: Trigger) -> list[Problem]:
        known = self._launching.triggers
        all_of_them = [*known, trigger]
        return repeated_trigger_problems(all_of_them, known=len(known)) or overlap_problems(all_of_them)

    def _values_with_room(self) -> list[RunTimeValue]:
        others = [value for value in self._request.run_time_values() if value.name != "PARAMETER"]
        return [*self._request.parameters(), *others]

    def _describe(self) -> None:
        """Describe the state machine in the template's metadata, for people and tools."""
        described = JobDescription(
            self.path,
            self.base_name,
            triggers=tuple(trigger.describe() for trigger in self._launching.triggers),
            outputs={place.name: place.shared.uri for place in output_places(self._request)},
            job_id=self.job_id,
        )
        self._launching.describe(described.render())

    def _metric(self, name: str) -> cloudwatch.Metric:
        from aws_cdk import Duration, aws_cloudwatch

        return aws_cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=name,
            dimensions_map={"StateMachineArn": self.state_machine_arn},
            statistic="Sum",
            period=Duration.minutes(5),
        )

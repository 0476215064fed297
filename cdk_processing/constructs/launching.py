"""What launches a job: its state machine and the role of that, its triggers, and the role by which they start it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from constructs import Construct

from cdk_processing.access.launching import (
    LaunchAccess,
    common_workflow_statements,
    send_dead_letters,
    start_statements,
    workflow_statements,
)
from cdk_processing.access.statement import Statement, policy_document
from cdk_processing.constructs.acknowledgements import of_packs
from cdk_processing.constructs.bound_request import BoundRequest
from cdk_processing.constructs.checks import LateRead, checks_of
from cdk_processing.constructs.customized_roles import ReportedRole
from cdk_processing.constructs.platform_interface import IProcessingPlatform
from cdk_processing.constructs.pseudo_parameters import no_value_problems, partition_token
from cdk_processing.constructs.resources import (
    OWN_POLICY,
    AttachedPolicy,
    acknowledge,
    allow,
    arn_of,
    known_as,
    path_of,
    place_of,
    reports_roles,
    resource,
    role,
    stack_of,
    trust,
)
from cdk_processing.constructs.run_tags import run_tags, tag_problems
from cdk_processing.constructs.shared_policies import shared_policies
from cdk_processing.constructs.substitution import filled_in, substituted
from cdk_processing.constructs.triggers.base import LaunchTarget, Trigger
from cdk_processing.constructs.typed import Change, TypedResource
from cdk_processing.constructs.written_over import KeptMachine, KeptTrigger
from cdk_processing.contract.description import METADATA
from cdk_processing.contract.identity import identity_of
from cdk_processing.contract.tags import JOB_TAG, MachineTags
from cdk_processing.errors import DeclarationError
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.workflow.admission import Admission, MachinePolicy, each_once
from cdk_processing.workflow.capacity import Capacity, capacity_statements
from cdk_processing.workflow.definition import Workflow, definition
from cdk_processing.workflow.items import item_statements
from cdk_processing.workflow.launch_policy import LaunchPolicy
from cdk_processing.workflow.launches import EventMapping, name_expression
from cdk_processing.workflow.limits import definition_problems

__all__ = ["Launching"]

_SCHEDULER = "scheduler.amazonaws.com"
#: Construct ids.
_MACHINE, _WORKFLOW_ROLE, _START_ROLE = "StateMachine", "WorkflowRole", "StartRole"
_NO_TRACING = (
    "A run is one call to one service, and its history tells when each state began and ended; X-Ray would add no more "
    "than permissions on *."
)
#: Stands in the definition where the tags go that are known at the end of synth; the library's own tag follows it.
_LATE = {"Key": "cdk-processing:late", "Value": ""}
#: Stands in for the definition until the end of synth.
_WRITTEN_LATE = "written at the end of synth"


class Launching:
    """The launching of one job.

    What a trigger asks of the state machine (a run key of its own, an admission, events for other jobs) and what tags
    the app gives it may be said until the end of synth. So its definition is written then, once.

    Attributes:
        triggers: What launches the job, in the order of the declaration.
        metadata: What the template says of the job.
        machine: The state machine.
        text: The definition as JSON, with CDK tokens; complete when the tags are known.
        written: What the template has of it: text, or an ``Fn::Sub``.
    """

    def __init__(
        self,
        scope: Construct,
        base_name: str,
        job_id: str | None,
        request: ProcessingRequest,
        bound: BoundRequest,
        platform: IProcessingPlatform,
        policy: LaunchPolicy,
        triggers: Sequence[Trigger],
        capacity: Capacity | None = None,
    ) -> None:
        self._scope = scope
        self._path = known_as(scope)
        self._place = place_of(stack_of(scope))
        self._base_name = base_name
        self._job_id = job_id
        self._request = request
        self._bound = bound
        self._platform = platform
        self._policy = policy
        self._capacity = capacity
        self._announces = False
        self._counts: dict[str, int] = {}
        self._start_role: TypedResource | None = None
        self._machine_policies: set[str] = set()
        self._known_version: str | None = None
        self._is_own = True
        self._run_tags: Sequence[Mapping[str, str]] = ()
        self.metadata: dict[str, Any] = {}
        self.triggers: list[Trigger] = list(triggers)
        self._own_tags = MachineTags(self._path, base_name, platform.dead_letter_queue_url, job_id).render()
        self._checks = checks_of(stack_of(scope))
        self._event_mappings = self._mappings_of(triggers)
        self._role = self._make_role()
        self._template = self._render()
        self.text: str = self._with_tags([])
        self.written: Any = None
        self._last_read = _WRITTEN_LATE
        self.machine: TypedResource = self._make_machine()
        self.machine_arn: str = self.machine.attribute("ref")
        self._checks.reads += [
            LateRead(self.machine, "DefinitionString", self._take_definition),
            LateRead(self.machine, "Tags", self._take_tags),
        ]
        self._checks.definitions[self._path] = self

    def bind(self, triggers: Sequence[Trigger]) -> None:
        """Make the resources of triggers that are known already."""
        if not triggers:
            return
        for admission in self._admissions:
            if admission.machine_policy is not None:
                self._make_machine_policy(admission.machine_policy)
        role_arn, above = arn_of(self._make_start_role()), path_of(self._scope)
        for trigger in triggers:
            kind = type(trigger).__name__
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            trigger_id = kind if number == 1 else f"{kind}{number}"
            trigger.bind(
                LaunchTarget(
                    job=self._scope,
                    job_path=self._path,
                    trigger_id=trigger_id,
                    state_machine_arn=self.machine_arn,
                    start_role_arn=role_arn,
                    dead_letter_queue_arn=self._platform.dead_letter_queue_arn,
                    alert_topic_arn=self._platform.alert_topic_arn,
                    job_id=self._job_id,
                )
            )
            self._checks.kept[f"{above}/{trigger_id}"] = KeptTrigger(f"{above}/{_MACHINE}", f"{above}/{_START_ROLE}")

    def add(self, trigger: Trigger) -> None:
        """Let one more thing launch the job."""
        added = self._mappings_of([trigger])
        self._event_mappings += added
        self.triggers.append(trigger)
        self.bind([trigger])
        if trigger.admission is not None or added:
            self._write_again()

    def announce(self) -> None:
        """Have each run that succeeds send an event."""
        if not self._announces:
            self._announces = True
            self._write_again()

    def describe(self, metadata: dict[str, Any]) -> None:
        """Say in the template what the state machine is."""
        self.metadata = metadata

    # -- what standards ask of it -------------------------------------------------------------------------------------

    @property
    def role(self) -> TypedResource:
        """The role that creates the processing jobs."""
        return self._role

    def request(self) -> dict[str, Any]:
        """The CreateProcessingJob request, with the tags that the app has given until now."""
        request = self._bound.render()
        own = {"Key": JOB_TAG, "Value": self._path}
        return {**request, "Tags": [*self._run_tags, *request.get("Tags", []), own]}

    def edited_definition(self) -> Any:
        """The definition that somebody has put in place of this library's; None if nobody has."""
        if self._is_own:
            return None
        return self.machine.read("DefinitionString") or self.machine.read("Definition")

    # -- the definition, at the end of synth --------------------------------------------------------------------------

    def _take_definition(self, now: Any) -> list[str]:
        self._is_own = now == self._last_read  # else somebody has put a definition of his own in its place
        return []

    def _take_tags(self, now: Sequence[Mapping[str, str]] | None) -> list[str]:
        """Give the processing jobs the tags that the app has given until now; returns what is wrong with those."""
        given = {**self._checks.stack_tags(), **{tag["key"]: tag["value"] for tag in now or ()}}
        declared = [JOB_TAG, *(tag["Key"] for tag in self._request.processor.tag_list or ())]
        self._run_tags = run_tags(given, declared)
        self.text = self._with_tags(self._run_tags)
        return tag_problems(self._path, given, declared, self._own_tags)

    def _with_tags(self, tags: Sequence[Mapping[str, str]]) -> str:
        late = "".join(f"{_dump(tag)}," for tag in tags)
        return self._template.replace(f"{_dump(_LATE)},", late)

    @property
    def own_texts(self) -> list[str]:
        """Where the job's name and path stand in the definition."""
        return [name_expression(self._base_name), f" of {self._path}, ", _dump(self._path)]

    def change(self, parts: Mapping[str, Any]) -> Change:
        """What to write: the definition, with functions in place of parts that the stack's mapping holds."""
        self.written = substituted(self.text, parts)
        return Change({"DefinitionString": self.written} if self._is_own else {}, {METADATA: self.metadata})

    def keep(self, definition: Any) -> None:
        """Keep the definition as it is read again after the change."""
        self._last_read = definition

    # -- the state machine --------------------------------------------------------------------------------------------

    def _make_role(self) -> TypedResource:
        return role(
            self._scope,
            _WORKFLOW_ROLE,
            services=["states.amazonaws.com"],
            statements=workflow_statements(self._access()),
            description=f"Launches {self._path}",
            standards=self._platform.role_standards,
            attached=self._workflow_policies(),
        )

    def _workflow_policies(self) -> list[AttachedPolicy]:
        return shared_policies(
            self._scope, self._platform, "WorkflowPolicy", lambda: common_workflow_statements(self._access())
        )

    def _dead_letter_policies(self) -> list[AttachedPolicy]:
        return shared_policies(
            self._scope, self._platform, "DeadLetterPolicy", lambda: list(send_dead_letters(self._access()))
        )

    def _make_machine(self) -> TypedResource:
        logs = {"CloudWatchLogsLogGroup": {"LogGroupArn": f"{self._platform.log_group_arn}"}}
        made = resource(
            self._scope,
            _MACHINE,
            "AWS::StepFunctions::StateMachine",
            {
                "DefinitionString": _WRITTEN_LATE,
                "RoleArn": arn_of(self._role),
                "LoggingConfiguration": {"Destinations": [logs], "IncludeExecutionData": True, "Level": "ALL"},
                "Tags": [{"Key": key, "Value": value} for key, value in self._own_tags.items()],
            },
            is_default_child=True,
        )
        above = path_of(self._scope)
        self._checks.kept[f"{above}/{_MACHINE}"] = KeptMachine(f"{above}/{_WORKFLOW_ROLE}", list(self._own_tags))
        acknowledge(made, self._scope, _NO_TRACING, "AwsSolutions-SF2", "Serverless-StepFunctionStateMachineXray")
        return made

    def _render(self) -> str:
        request = self._bound.render()
        workflow = Workflow(
            job=self._path,
            base_name=self._base_name,
            request={**request, "Tags": [_LATE, *request.get("Tags", [])]},
            partition=partition_token(),
            queue_url=self._platform.dead_letter_queue_url,
            manifest_bucket=self._bound.manifest_bucket,
            manifest_prefix=self._bound.manifest_prefix,
            policy=self._policy,
            instance_types=self._request.instance_types,
            event_mappings=tuple(self._event_mappings),
            admissions=self._admissions,
            capacity=self._capacity,
            table=self._platform.table_name if self._keeps_items else "",
            announces=self._announces,
            job_id=self._job_id,
        )
        tree = definition(workflow)
        # Tokens in the text are resolved by CDK; none of them holds a character that JSON would escape.
        text = _dump(tree)
        problems = definition_problems(tree, text) + no_value_problems(text)
        if problems:
            raise DeclarationError(self._path, [problem.on(self._scope.node.id) for problem in problems])
        return text

    def _version(self) -> str:
        """What the job is, as a short text; the same at each synth, so without CDK's numbered tokens."""
        if self._known_version is None:
            resolved = stack_of(self._scope).resolve(self._bound.render())
            text = json.dumps(resolved, sort_keys=True, ensure_ascii=False)
            self._known_version = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        return self._known_version

    def _write_again(self) -> None:
        """Write the definition and the role again, after something was added to the job."""
        allow(self._role, self._scope, workflow_statements(self._access()), self._workflow_policies())
        self._template = self._render()

    def _access(self) -> LaunchAccess:
        return LaunchAccess(
            place=self._place,
            base_name=self._base_name,
            execution_role_arn=self._bound.role_arn,
            queue_arn=self._platform.dead_letter_queue_arn,
            key_arn=self._platform.key_arn,
            manifests=self._bound.manifest_objects,
            manifest_key=self._bound.manifest_key,
            admitting=[
                *(self._item_statements() if self._keeps_items else ()),
                *capacity_statements(self._capacity),
            ],
            announces=self._announces,
        )

    def _mappings_of(self, triggers: Sequence[Trigger]) -> list[EventMapping]:
        """What the events of triggers mean, where that is not the usual."""
        return [mapping for trigger in triggers for mapping in trigger.event_mappings(self._version)]

    @property
    def _admissions(self) -> tuple[Admission, ...]:
        """What decides whether a run may have its job, as the triggers ask for it."""
        return each_once(trigger.admission for trigger in self.triggers)

    @property
    def _keeps_items(self) -> bool:
        """Whether an admission needs the platform's table."""
        return any(admission.keeps_items for admission in self._admissions)

    def _item_statements(self) -> list[Statement]:
        return item_statements(self._platform.table_arn, self._platform.key_arn, identity_of(self._job_id, self._path))

    def _make_machine_policy(self, policy: MachinePolicy) -> None:
        """Give the role the permissions that name the state machine, once."""
        if policy.construct_id in self._machine_policies:
            return
        self._machine_policies.add(policy.construct_id)
        statements = policy.statements(self._place, self.machine.attribute("Name"))
        if isinstance(self._role, ReportedRole):
            self._role.allow(statements)
            if not self._role.is_made:
                return
        document = filled_in(policy_document(statements))
        properties = {"PolicyName": policy.name, "PolicyDocument": document, "Roles": [self._role.attribute("ref")]}
        made = resource(self._scope, policy.construct_id, "AWS::IAM::Policy", properties)
        self._checks.statements[made] = statements
        self._checks.roles_of_policies[made] = self._role
        acknowledge(made, self._scope, OWN_POLICY, *of_packs("IAMNoInlinePolicy"))

    # -- the role of the triggers -------------------------------------------------------------------------------------

    def _make_start_role(self) -> TypedResource:
        """One role for all triggers of the job, trusting just the services that they are."""
        services = sorted({trigger.service for trigger in self.triggers})
        if reports_roles(self._scope):  # the CDK's report has the trust policy that a role begins with
            services = ["events.amazonaws.com", _SCHEDULER]
        statements, attached = start_statements(self.machine_arn), []
        if _SCHEDULER in services:  # the scheduler sends to a dead-letter queue as this role; EventBridge as itself
            statements += send_dead_letters(self._access())
            attached = self._dead_letter_policies()
        if self._start_role is None:
            self._start_role = role(
                self._scope,
                _START_ROLE,
                services=services,
                statements=statements,
                description=f"Starts {self._path}",
                standards=self._platform.role_standards,
                attached=attached,
            )
        else:
            trust(self._start_role, services)
            allow(self._start_role, self._scope, statements, attached)
        return self._start_role


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

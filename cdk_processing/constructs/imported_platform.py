"""A platform that another stack has deployed, known by its name: values that CloudFormation reads from SSM parameters.

A value that may be missing, such as a permissions boundary, is a condition in the template. What changes which
resources a template has must be known at synth, so it is said in code, and a rule of the template refuses the
deployment if the platform is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnCondition, CfnParameter, CfnRule, CfnRuleAssertion, Fn, Stack, Token
from constructs import Construct

from cdk_processing.constructs.platform_export import construct_id_of
from cdk_processing.constructs.resources import path_of, stack_of
from cdk_processing.constructs.roles import RoleStandards
from cdk_processing.constructs.shared_tags import CostAllocation, shared_tags, tags_problems
from cdk_processing.constructs.standards import standards_problems
from cdk_processing.contract.platform_parameters import (
    LISTS,
    NONE,
    PlatformValue,
    parameter_name,
    platform_name_problems,
)
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.network import NetworkConfig
from cdk_processing.standards.standards import Standards

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

__all__ = ["ImportedPlatform", "foreign_stack_problems"]

_TEXT = "AWS::SSM::Parameter::Value<String>"
_LIST = "AWS::SSM::Parameter::Value<List<String>>"


class ImportedPlatform(Construct):
    """What :meth:`ProcessingPlatform.from_name` returns: a platform for the jobs of one stack.

    Args:
        scope: The parent construct, in the stack of the jobs.
        construct_id: The construct's id.
        name: The platform's name.
        in_vpc: Whether the platform has a VPC.
        tags: Tags of the jobs.
        cost_allocation: Who pays for the jobs.
        standards: What the jobs must be.
        has_max_instances: Whether the platform limits the instances that work at once.

    Raises:
        DeclarationError: An argument is not what it must be.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        name: str,
        *,
        in_vpc: bool = False,
        tags: Mapping[str, str] | None = None,
        cost_allocation: CostAllocation | None = None,
        standards: Standards | None = None,
        has_max_instances: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        problems = [*platform_name_problems(name), *tags_problems(tags, cost_allocation)]
        problems += standards_problems(standards)
        if not isinstance(in_vpc, bool):
            problems.append(Problem("in_vpc", in_vpc, "True or False", "say True if the platform has a VPC"))
        if not isinstance(has_max_instances, bool):
            fix = "say True if the platform has max_instances; the number is that of the platform"
            problems.append(Problem("has_max_instances", has_max_instances, "True or False", fix))
        if problems:
            raise DeclarationError(path_of(self), [problem.on(construct_id) for problem in problems])
        #: The stack whose jobs may use it.
        self.stack: Stack = stack_of(self)
        self._name = name
        self._in_vpc = in_vpc
        #: Whether runs wait until there are instances for them. The platform has the number.
        self.has_max_instances: bool = has_max_instances
        self._parameters: dict[PlatformValue, CfnParameter] = {}
        self._buckets: dict[PlatformValue, s3.IBucket] = {}
        #: What the roles of the jobs have in common, as the platform says at the deployment.
        self.role_standards: RoleStandards = self._import_role_standards()
        #: Subnets and security groups of the jobs that name none; None for no VPC.
        self.network_config: NetworkConfig | None = self._import_network() if in_vpc else None
        #: Tags of all jobs.
        self.job_tags: Mapping[str, str] = shared_tags(tags, cost_allocation)
        #: What the jobs must be; None for no standards.
        self.standards: Standards | None = standards
        self._refuse_another_network()
        if cost_allocation is None:
            self._refuse_what_is_left_out("Costs", PlatformValue.COST_ALLOCATION, "cost_allocation=CostAllocation(...)")
        if standards is None:
            self._refuse_what_is_left_out("Standards", PlatformValue.STANDARDS, "standards=Standards...")

    # -- what a job needs ---------------------------------------------------------------------------------------------

    @property
    def key_arn(self) -> str:
        """ARN of the key that encrypts the queue, the topic, the logs and the table; of no key if AWS's own do."""
        return self._text(PlatformValue.KEY_ARN)

    @property
    def dead_letter_queue_arn(self) -> str:
        """ARN of the dead-letter queue."""
        return self._text(PlatformValue.DEAD_LETTER_QUEUE_ARN)

    @property
    def dead_letter_queue_url(self) -> str:
        """URL of the dead-letter queue."""
        return self._text(PlatformValue.DEAD_LETTER_QUEUE_URL)

    @property
    def alert_topic_arn(self) -> str:
        """ARN of the topic that gets the alarms."""
        return self._text(PlatformValue.ALERT_TOPIC_ARN)

    @property
    def log_group_arn(self) -> str:
        """ARN of the log group of the state machines."""
        return self._text(PlatformValue.LOG_GROUP_ARN)

    @property
    def table_arn(self) -> str:
        """ARN of the table in which runs of a job know of each other."""
        return self._text(PlatformValue.TABLE_ARN)

    @property
    def table_name(self) -> str:
        """Name of the table in which runs of a job know of each other."""
        return self._text(PlatformValue.TABLE_NAME)

    @property
    def line_machine_arn(self) -> str:
        """ARN of the state machine that keeps the lines of runs that wait."""
        return self._text(PlatformValue.LINE_MACHINE_ARN)

    @property
    def work_bucket(self) -> s3.IBucket:
        """The bucket for manifests."""
        return self._bucket("WorkBucket", PlatformValue.WORK_BUCKET_NAME)

    @property
    def data_bucket(self) -> s3.IBucket:
        """The bucket for outputs without a destination."""
        return self._bucket("DataBucket", PlatformValue.DATA_BUCKET_NAME)

    # -- what users hold ----------------------------------------------------------------------------------------------

    @cached_property
    def key(self) -> kms.IKey:
        """The key that encrypts the queue, the topic, the logs, the table and the platform's buckets."""
        from aws_cdk import aws_kms

        return aws_kms.Key.from_key_arn(self, "ImportedKey", self.key_arn)

    @cached_property
    def dead_letter_queue(self) -> sqs.IQueue:
        """The dead-letter queue."""
        from aws_cdk import aws_sqs

        return aws_sqs.Queue.from_queue_arn(self, "ImportedDeadLetters", self.dead_letter_queue_arn)

    @cached_property
    def alert_topic(self) -> sns.ITopic:
        """The topic that gets the alarms."""
        from aws_cdk import aws_sns

        return aws_sns.Topic.from_topic_arn(self, "ImportedAlerts", self.alert_topic_arn)

    # -- parameters, conditions and rules -----------------------------------------------------------------------------

    def _import_role_standards(self) -> RoleStandards:
        boundary = self._or_nothing(PlatformValue.PERMISSIONS_BOUNDARY)
        return _ImportedRoleStandards(
            permissions_boundary=Token.as_string({"Fn::If": [*boundary]}),
            role_path=self._text(PlatformValue.ROLE_PATH),
            role_name_prefix=self._text(PlatformValue.ROLE_NAME_PREFIX),
            has_prefix=self._or_nothing(PlatformValue.ROLE_NAME_PREFIX)[0],
            path_mark=self._text(PlatformValue.ROLE_PATH_MARK),
        )

    def _import_network(self) -> NetworkConfig:
        return NetworkConfig(
            subnets=self._list(PlatformValue.SUBNET_IDS),
            security_group_ids=self._list(PlatformValue.SECURITY_GROUP_IDS),
        )

    def _text(self, value: PlatformValue) -> str:
        return Fn.join(",", self._list(value)) if value in LISTS else self._parameter(value).value_as_string

    def _list(self, value: PlatformValue) -> list[str]:
        return self._parameter(value).value_as_list

    def _parameter(self, value: PlatformValue) -> CfnParameter:
        """A parameter of the template, which CloudFormation fills in from Parameter Store at each deployment.

        A dynamic reference (``{{resolve:ssm:...}}``) would do the same, but a template may have 60 of them, and none in
        a condition or a rule.
        """
        if value not in self._parameters:
            name, kind = parameter_name(self._name, value), _LIST if value in LISTS else _TEXT
            self._parameters[value] = CfnParameter(self, construct_id_of(value), type=kind, default=name)
        return self._parameters[value]

    def _bucket(self, construct_id: str, name: PlatformValue) -> s3.IBucket:
        from aws_cdk import aws_s3

        if name not in self._buckets:
            self._buckets[name] = aws_s3.Bucket.from_bucket_attributes(
                self, construct_id, bucket_name=self._text(name), encryption_key=self.key
            )
        return self._buckets[name]

    def _or_nothing(self, value: PlatformValue) -> tuple[str, str, Any]:
        """The arguments of ``Fn::If`` that become the value, or nothing if the platform has none."""
        text, construct_id = self._text(value), f"Has{construct_id_of(value)}"
        condition = self.node.try_find_child(construct_id) or CfnCondition(
            self, construct_id, expression=Fn.condition_not(Fn.condition_equals(text, NONE))
        )
        assert isinstance(condition, CfnCondition)
        return condition.logical_id, text, {"Ref": "AWS::NoValue"}

    def _refuse_another_network(self) -> None:
        if self._in_vpc:
            told = f"The platform {self._name} has no VPC. Drop in_vpc=True from ProcessingPlatform.from_name."
        else:
            told = f"The platform {self._name} has a VPC. Write in_vpc=True in ProcessingPlatform.from_name."
        self._require("Network", PlatformValue.NETWORK, "vpc" if self._in_vpc else NONE, told)

    def _refuse_what_is_left_out(self, construct_id: str, value: PlatformValue, argument: str) -> None:
        what = value.value.replace("-", " ")
        told = f"The platform {self._name} has {what}. Write {argument} in ProcessingPlatform.from_name."
        self._require(construct_id, value, NONE, told)

    def _require(self, construct_id: str, value: PlatformValue, expected: str, told: str) -> None:
        """Have CloudFormation refuse the deployment where a value of the platform is another."""
        holds = Fn.condition_equals(self._text(value), expected)
        assertion = CfnRuleAssertion(assert_=holds, assert_description=told)
        CfnRule(self, f"{construct_id}Rule", assertions=[assertion])


@dataclass(frozen=True, slots=True)
class _ImportedRoleStandards(RoleStandards):
    """Role standards that CloudFormation reads at the deployment.

    Attributes:
        has_prefix: The condition that there is a prefix.
        path_mark: A digest of the path, which is not known at synth: a role of another path needs another name.
    """

    has_prefix: str = ""
    path_mark: str = ""

    def name(self, construct_path: str, path: str | None) -> dict[str, Any]:
        """The name of a role, at most 64 characters; nothing if there is no prefix."""
        known = "" if path == self.role_path else path
        named = self.name_with(f"{self.role_name_prefix}", f"-{self.path_mark}", construct_path, known)
        return {"Fn::If": [self.has_prefix, named, {"Ref": "AWS::NoValue"}]}


def foreign_stack_problems(platform: object, job: Construct) -> list[Problem]:
    """What is wrong with a job that uses a platform imported in another stack: a lock between the two stacks."""
    if not isinstance(platform, ImportedPlatform):
        return []
    here, there = path_of(stack_of(job)), path_of(platform.stack)
    stack: Stack | None = stack_of(job)
    while stack is not None:
        if path_of(stack) == there:
            return []
        stack = stack.nested_stack_parent
    fix = f"call ProcessingPlatform.from_name in each stack, here with scope {here}"
    return [Problem("platform", path_of(platform), "imported in the stack of the job", fix)]

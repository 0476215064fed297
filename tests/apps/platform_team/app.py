"""An app as a platform team writes one: tags, boundary, path, names, aspects, Mixins and cdk-nag, over two stages."""

from typing import Any

import jsii
from aws_cdk import App, Aspects, IAspect, Mixin, Mixins, NestedStack, Stack, Stage, Tags, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from cdk_nag import AwsSolutionsChecks
from constructs import Construct, IConstruct

from cdk_processing import (
    DataBucket,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    SKLearnProcessor,
)

PROCESSOR = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)


@jsii.implements(IAspect)
class CompanyRoles:
    """All roles lie under one path and begin with one prefix; the company's policies ask for both."""

    def visit(self, node: IConstruct) -> None:
        """Set both on every role, whoever made it."""
        if isinstance(node, iam.CfnRole):
            node.path = "/company/"
            node.role_name = f"company-{node.node.addr}"


@jsii.implements(IAspect)
class QuietLogs:
    """State machines log no data of executions."""

    def visit(self, node: IConstruct) -> None:
        """Change what a state machine logs."""
        if isinstance(node, sfn.CfnStateMachine):
            now: Any = node.logging_configuration
            node.logging_configuration = sfn.CfnStateMachine.LoggingConfigurationProperty(
                destinations=now.destinations, include_execution_data=False, level=now.level
            )


class ShortRetention(Mixin):
    """Messages are kept for four days."""

    def supports(self, construct: IConstruct) -> bool:
        """Queues."""
        return sqs.CfnQueue.is_cfn_queue(construct)

    def apply_to(self, construct: IConstruct) -> None:
        """Set it."""
        construct.message_retention_period = 345_600  # type: ignore[attr-defined]


def declare_jobs(scope: Construct, platform: ProcessingPlatform, *, count: int) -> None:
    """Some jobs; each launched by arrivals, a schedule and the job before it."""
    raw, results = DataBucket(scope, "Raw"), DataBucket(scope, "Results")
    before: ProcessingJob | None = None
    for number in range(count):
        name = f"Job{number}"
        request = PROCESSOR.run(
            code="pass_on.py",
            inputs=[ProcessingInput(source=raw.at(f"in/{name}/"), destination="/opt/ml/processing/input")],
            outputs=[
                ProcessingOutput(
                    output_name="copied", source="/opt/ml/processing/output", destination=results.at(f"{name}/")
                )
            ],
        )
        triggers: list[Any] = [
            OnObjectCreated(raw.at(f"in/{name}/")),
            OnSchedule("cron(0 6 * * ? *)", overlap="queue"),
        ]
        if before is not None:
            triggers.append(OnSuccessOf(before))
        before = ProcessingJob(scope, name, request, triggers=triggers, platform=platform)


def company_app(context: dict[str, Any] | None = None, *, jobs: int = 2, stacks: int = 1, **options: Any) -> App:
    """The app.

    Args:
        context: Beside what ``cdk.json`` has.
        jobs: In each stack; half as many in the nested one.
        stacks: With jobs, in each stage.
        **options: Of the ``App``.
    """
    app = App(context=context, **options)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    for name in ("Test", "Prod"):
        stage = Stage(app, name)
        shared = Stack(stage, "Shared")
        platform = ProcessingPlatform(shared, "Platform")
        for number in range(stacks):
            stack = Stack(stage, f"Jobs{number}", tags={"layer": "jobs"})
            declare_jobs(stack, platform, count=jobs)
            declare_jobs(NestedStack(stack, "Nested"), platform, count=max(1, jobs // 2))
        # What is set on an app does not reach into its stages.
        for scope in (app, stage):
            Tags.of(scope).add("cost-center", "4711")
        Tags.of(stage).add("stage", name)
        Aspects.of(stage).add(CompanyRoles())
        Aspects.of(stage).add(QuietLogs())
        Mixins.of(stage).apply(ShortRetention())
    return app


if __name__ == "__main__":
    company_app().synth()

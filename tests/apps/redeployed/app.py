"""A job whose app changes between deployments, as ``plan.json`` says."""

import json
from pathlib import Path

from aws_cdk import App, RemovalPolicy, Stack, aws_lambda

from cdk_processing import (
    DataBucket,
    ExecutionVariables,
    OnDeploy,
    OnObjectCreated,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    SKLearnProcessor,
)

plan = json.loads(Path("plan.json").read_text())
name = plan["name"]
app = App()
data = Stack(app, f"{name}Data")
raw = DataBucket(data, plan.get("bucket", "Raw"), bucket_name=plan.get("bucket_name"))
results = DataBucket(
    data, "Results", removal_policy=RemovalPolicy.DESTROY if plan.get("destroy") else RemovalPolicy.RETAIN
)
stack = Stack(app, f"{name}{plan.get('stack', 'Jobs')}")
processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.large", instance_count=1)
triggers = [OnObjectCreated(raw.at("in/"), suffix=".csv")] if plan.get("trigger", True) else []
ProcessingJob(
    stack,
    plan.get("job", "Look"),
    processor.run(
        code="look.py",
        inputs=[ProcessingInput(source=ExecutionVariables.OBJECT_URI, destination="/opt/ml/processing/input")]
        if triggers
        else [ProcessingInput(source=raw.at("in/"), destination="/opt/ml/processing/input")],
        outputs=[
            ProcessingOutput(
                output_name="seen",
                source="/opt/ml/processing/seen",
                destination=results.at(f"{ExecutionVariables.RUN_ID}/"),
            )
        ],
    ),
    triggers=triggers,
    platform=ProcessingPlatform(stack, "Shared") if plan.get("platform") else None,
)
if plan.get("on_deploy"):
    ProcessingJob(stack, "Greet", processor.run(code="look.py"), triggers=[OnDeploy()])
if plan.get("fails"):
    # The embedded AWS makes no functions, so a deployment with this one fails and is rolled back.
    aws_lambda.Function(
        stack,
        "Refused",
        runtime=aws_lambda.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=aws_lambda.Code.from_inline("def handler(event, context): ..."),
    )
app.synth()

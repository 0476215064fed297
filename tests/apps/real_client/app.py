"""One job with an arrival, for the tests that deploy it with the CDK's own command line."""

from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack

from cdk_processing import (
    DataBucket,
    OnObjectCreated,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    SKLearnProcessor,
)

app = App()
region = app.node.try_get_context("region")
name = app.node.try_get_context("name") or "RealClient"
stack = Stack(app, name, env=Environment(region=region) if region else None)
raw = DataBucket(stack, "Raw", removal_policy=RemovalPolicy.RETAIN)
results = DataBucket(stack, "Results")
processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.large", instance_count=1)
ProcessingJob(
    stack,
    "Shout",
    processor.run(
        code="shout.py",
        inputs=[
            ProcessingInput(source=raw.at("in/"), destination="/opt/ml/processing/input"),
            ProcessingInput(source="reference", destination="/opt/ml/processing/reference"),
        ],
        outputs=[
            ProcessingOutput(output_name="loud", source="/opt/ml/processing/loud", destination=results.at("loud/"))
        ],
    ),
    triggers=[OnObjectCreated(raw.at("in/"), suffix=".txt")],
)
CfnOutput(stack, "RawName", value=raw.bucket_name)
CfnOutput(stack, "ResultsName", value=results.bucket_name)
app.synth()

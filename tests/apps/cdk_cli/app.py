"""Small stacks, each with a job: one for each way to deploy, and one for each synthesizer.

Context: ``variant`` is ``broken`` (a resource that cannot be made), ``moved`` (a bucket under another name) or
``imported`` (a bucket that is there already).
"""

from pathlib import Path

from aws_cdk import (
    App,
    BootstraplessSynthesizer,
    CfnOutput,
    CfnResource,
    CliCredentialsStackSynthesizer,
    DefaultStackSynthesizer,
    LegacyStackSynthesizer,
    RemovalPolicy,
    Stack,
)
from aws_cdk import aws_s3 as s3

from cdk_processing import DataBucket, ProcessingJob, ProcessingOutput, SKLearnProcessor

SCRIPT = str(Path(__file__).with_name("done.py"))
WAYS = ["Direct", "ChangeSet", "Importing", "Exclusively", "Outputs", "Forced", "First", "Second"]
SYNTHESIZERS = {
    "Credentials": CliCredentialsStackSynthesizer,
    "Qualified": lambda: DefaultStackSynthesizer(qualifier="team"),
    "Legacy": LegacyStackSynthesizer,
    "Bootstrapless": BootstraplessSynthesizer,
}
app = App()
variant = app.node.try_get_context("variant")
processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.large", instance_count=1)


def stack(name, synthesizer=None, code=SCRIPT):
    made = Stack(app, name, synthesizer=synthesizer)
    results = DataBucket(made, "Moved" if variant == "moved" and name == "Direct" else "Results")
    output = ProcessingOutput(output_name="o", source="/opt/ml/processing/o", destination=results.at("o/"))
    ProcessingJob(made, "Job", processor.run(code=code, outputs=[output]))
    CfnOutput(made, "ResultsName", value=results.bucket_name)
    return made


stacks = {name: stack(name) for name in WAYS}
stacks["Second"].add_stack_dependency(stacks["First"])
for name, make in SYNTHESIZERS.items():
    # The last two publish no file under its own name, so the script must be in S3 already.
    stack(name, make(), "s3://scripts/done.py" if name in ("Legacy", "Bootstrapless") else SCRIPT)
if variant == "broken":
    CfnResource(stacks["Forced"], "Bad", type="AWS::Lambda::Function")
if variant == "imported":
    bucket = s3.CfnBucket(stacks["Importing"], "There", bucket_name="there-already")
    bucket.apply_removal_policy(RemovalPolicy.RETAIN)
app.synth()

"""Three jobs that need no scikit-learn: one that works, one that fails until told not to, one that takes its time."""

from aws_cdk import App, CfnOutput, Stack

from cdk_processing import (
    DataBucket,
    OnObjectCreated,
    OnSchedule,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    SKLearnProcessor,
)

app = App()
stack = Stack(app, "Three")
raw = DataBucket(stack, "Raw")
results = DataBucket(stack, "Results")
processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.large", instance_count=1)


def job(name, code, *, inputs=(), arguments=None, triggers=()):
    output = ProcessingOutput(
        output_name="result", source="/opt/ml/processing/result", destination=results.at(f"{name.lower()}/")
    )
    run = processor.run(code=code, inputs=list(inputs), outputs=[output], arguments=arguments)
    return ProcessingJob(stack, name, run, triggers=list(triggers))


arrival = ProcessingInput(source=raw.at("in/"), destination="/opt/ml/processing/input")
job(
    "Copy",
    "jobs/copy_input.py",
    inputs=[arrival],
    arguments=["--suffix", Parameter("suffix", default="-copied")],
    triggers=[OnObjectCreated(raw.at("in/"), suffix=".txt"), OnSchedule("cron(0 6 * * ? *)", timezone="Europe/Berlin")],
)
job("Break", "jobs/break_down.py", inputs=[arrival])
job("Sleep", "jobs/sleep.py")
CfnOutput(stack, "RawName", value=raw.bucket_name)
app.synth()

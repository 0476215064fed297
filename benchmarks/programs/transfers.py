"""Three jobs that note when they began: one reads a single small object, one a few large ones, one many small ones."""

from pathlib import Path

from aws_cdk import App, Stack

from cdk_processing import (
    DataBucket,
    ExecutionVariables,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ScriptProcessor,
)

app = App()
stack = Stack(app, "Transfers")
data, noted = DataBucket(stack, "Data"), DataBucket(stack, "Noted")
processor = ScriptProcessor(
    image_uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/note:1",
    command=["python3"],
    instance_type="ml.m5.xlarge",
    instance_count=1,
)
for name in ("one", "large", "many"):
    request = processor.run(
        code=str(Path(__file__).with_name("note.py")),
        inputs=[ProcessingInput(source=data.at(f"{name}/"), destination="/opt/ml/processing/input")],
        outputs=[
            ProcessingOutput(
                output_name="noted",
                source="/opt/ml/processing/noted",
                destination=noted.at(f"{name}/{ExecutionVariables.RUN_ID}/"),
            )
        ],
    )
    ProcessingJob(stack, name.capitalize(), request)
app.synth()

"""So many jobs, declared with this library."""

import sys
from pathlib import Path

from aws_cdk import App, Stack
from constructs import Construct

from cdk_processing import (
    DataBucket,
    OnObjectCreated,
    OnSchedule,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ScriptProcessor,
)
from cdk_processing.constructs import checks

# More jobs than one template holds: only so does the slope tell what one more job costs, and nothing of stacks.
checks.TEMPLATE_BYTES = sys.maxsize
SCRIPT = Path(__file__).with_name("prep.py")


class Jobs(Stack):
    """Jobs from one bucket to another, each with an arrival and a schedule."""

    def __init__(self, scope: Construct, construct_id: str, count: int) -> None:
        super().__init__(scope, construct_id)
        raw = DataBucket(self, "Raw")
        curated = DataBucket(self, "Curated")
        processor = ScriptProcessor(
            image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/prep:1",
            command=["python3"],
            instance_type="ml.m5.xlarge",
            instance_count=1,
        )
        for number in range(count):
            ProcessingJob(
                self,
                f"Job{number}",
                processor.run(
                    code=str(SCRIPT),
                    inputs=[ProcessingInput(source=raw.at(f"in/{number}/"), destination="/opt/ml/processing/input")],
                    outputs=[
                        ProcessingOutput(
                            output_name="data",
                            source="/opt/ml/processing/output",
                            destination=curated.at(f"out/{number}/"),
                        )
                    ],
                ),
                triggers=[
                    OnObjectCreated(raw.at(f"in/{number}/"), suffix=".csv"),
                    OnSchedule("cron(0 6 * * ? *)", timezone="Europe/Berlin"),
                ],
            )


app = App(context={"@aws-cdk/core:stackResourceLimit": 0})
Jobs(app, "Jobs", int(sys.argv[1]))
app.synth()

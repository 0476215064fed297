"""The example: scikit-learn's breast cancer data, split and scaled when a file arrives and every night, then evaluated.

`make demo` runs it on the embedded AWS; `cdk deploy` puts it into an account.
"""

from typing import Any

from aws_cdk import App, Stack
from constructs import Construct

from cdk_processing import (
    DataBucket,
    ExecutionVariables,
    OnObjectCreated,
    OnSchedule,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    SKLearnProcessor,
)


class CancerStack(Stack):
    """Two jobs, and the buckets between them."""

    def __init__(self, scope: Construct, construct_id: str, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)
        raw = DataBucket(self, "Raw")
        curated = DataBucket(self, "Curated")
        reports = DataBucket(self, "Reports")

        sklearn_processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)

        preprocess = ProcessingJob(
            self,
            "Preprocess",
            sklearn_processor.run(
                code="jobs/preprocessing.py",
                inputs=[ProcessingInput(source=raw.at("cancer/"), destination="/opt/ml/processing/input")],
                outputs=[
                    ProcessingOutput(
                        output_name="train_data",
                        source="/opt/ml/processing/train",
                        destination=curated.at("train/"),
                    ),
                    ProcessingOutput(
                        output_name="test_data",
                        source="/opt/ml/processing/test",
                        destination=curated.at("test/"),
                    ),
                ],
                arguments=["--train-test-split-ratio", Parameter("split_ratio", default="0.2")],
            ),
            triggers=[
                OnObjectCreated(raw.at("cancer/"), suffix=".csv"),
                OnSchedule("cron(0 6 * * ? *)", timezone="Europe/Berlin"),
            ],
        )

        ProcessingJob(
            self,
            "Evaluate",
            sklearn_processor.run(
                code="jobs/evaluation.py",
                inputs=[
                    ProcessingInput(source=preprocess.outputs["train_data"], destination="/opt/ml/processing/train"),
                    ProcessingInput(source=preprocess.outputs["test_data"], destination="/opt/ml/processing/test"),
                ],
                outputs=[
                    ProcessingOutput(
                        output_name="evaluation",
                        source="/opt/ml/processing/evaluation",
                        destination=reports.at(f"{ExecutionVariables.TRIGGER_TIME:%Y/%m/%d}/"),
                    ),
                ],
            ),
            triggers=[OnSchedule("cron(0 7 * * ? *)", timezone="Europe/Berlin")],
        )


app = App()
CancerStack(app, "Cancer")
app.synth()

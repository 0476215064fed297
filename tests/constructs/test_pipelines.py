"""Jobs in CDK Pipelines: each asset is a build project of its own, so a folder must be one asset."""

import pytest
from aws_cdk import App, Stack, Stage
from aws_cdk.pipelines import CodePipeline, CodePipelineSource, ShellStep

from cdk_processing import (
    DataBucket,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    SKLearnProcessor,
)


@pytest.fixture
def projects(tmp_path):
    """``projects(files)``: the names of the build projects of a pipeline whose job reads a folder of so many files."""
    (tmp_path / "prep.py").write_text("pass")

    def synthesize(files):
        folder = tmp_path / f"folder-{files}"
        folder.mkdir()
        for number in range(files):
            (folder / f"{number}.csv").write_text(str(number))
        app = App(outdir=str(tmp_path / f"out-{files}"))
        stack = Stack(app, "Delivery")
        source = CodePipelineSource.connection(
            "me/mine", "main", connection_arn="arn:aws:codestar-connections:eu-west-1:111122223333:connection/x"
        )
        synth = ShellStep("Synth", input=source, commands=["cdk synth"])
        pipeline = CodePipeline(stack, "Pipeline", synth=synth, use_pipeline_role_for_actions=True)
        stage = Stage(app, "Prod")
        jobs = Stack(stage, "Jobs")
        out = DataBucket(jobs, "Out")
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.large", instance_count=1)
        ProcessingJob(
            jobs,
            "Job",
            processor.run(
                code=str(tmp_path / "prep.py"),
                inputs=[ProcessingInput(source=str(folder), destination="/opt/ml/processing/input")],
                outputs=[ProcessingOutput(output_name="o", source="/opt/ml/processing/o", destination=out.at("o/"))],
            ),
        )
        pipeline.add_stage(stage)
        resources = app.synth().get_stack_by_name("Delivery").template["Resources"]
        return sorted(name for name, each in resources.items() if each["Type"] == "AWS::CodeBuild::Project")

    return synthesize


def test_a_folder_of_120_files_adds_no_more_build_projects_than_one_of_one_file(projects):
    few, many = projects(1), projects(120)
    assert len(many) == len(few), many
    assert len([name for name in many if "FileAsset" in name]) <= 3

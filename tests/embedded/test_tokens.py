"""Numbers and lists that are parameters of the stack: deployed, filled in by CloudFormation, and run."""

import json

import pytest

REPORT = """
import json, os, pathlib, sys
resources = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())
told = {"arguments": sys.argv[1:], "number": os.environ["NUMBER"], "hosts": resources["hosts"]}
if resources["current_host"] == "algo-1":
    pathlib.Path("/opt/ml/processing/report/report.json").write_text(json.dumps(told))
"""


@pytest.fixture(scope="module")
def reporting(deploy, tmp_path_factory):
    """A job whose numbers and lists are parameters of the stack, which have defaults."""

    def declare(stack):
        from aws_cdk import CfnParameter, Duration

        from cdk_processing import DataBucket, NetworkConfig, ProcessingJob, ProcessingOutput, SKLearnProcessor

        script = tmp_path_factory.mktemp("scripts") / "report.py"
        script.write_text(REPORT)

        def number(name, default):
            return CfnParameter(stack, name, type="Number", default=default).value_as_number

        def listed(name, default):
            return CfnParameter(stack, name, type="CommaDelimitedList", default=default).value_as_list

        some = number("Some", 7)
        processor = SKLearnProcessor(
            framework_version="1.4-2",
            instance_type="ml.m5.xlarge",
            instance_count=number("Hosts", 2),
            volume_size_in_gb=number("Storage", 50),
            max_runtime_in_seconds=Duration.seconds(number("Limit", 1800)),
            env={"NUMBER": some},
            network_config=NetworkConfig(
                subnets=listed("Subnets", "subnet-1,subnet-2"), security_group_ids=listed("Groups", "sg-1")
            ),
        )
        results = DataBucket(stack, "Results")
        ProcessingJob(
            stack,
            "Report",
            processor.run(
                script,
                outputs=[ProcessingOutput("/opt/ml/processing/report", results.at("report/"), "report")],
                arguments=["--names", *listed("Names", "a,b"), f"--some={some}"],
            ),
        )

    return deploy(declare)


def test_a_job_runs_with_the_numbers_and_lists_that_cloudformation_filled_in(embedded, reporting):
    embedded.start(f"{reporting}/Report")
    run = embedded.wait_for_run(f"{reporting}/Report")

    report = json.loads(embedded.get(f"{reporting}/Results", "report/report.json"))
    assert report == {"arguments": ["--names", "a", "b", "--some=7"], "number": "7", "hosts": ["algo-1", "algo-2"]}
    described = embedded.client("sagemaker").describe_processing_job(ProcessingJobName=run.outcome.job_name)
    cluster = described["ProcessingResources"]["ClusterConfig"]
    assert (cluster["InstanceCount"], cluster["VolumeSizeInGB"]) == (2, 50)
    assert described["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800}
    assert described["NetworkConfig"]["VpcConfig"] == {
        "SecurityGroupIds": ["sg-1"],
        "Subnets": ["subnet-1", "subnet-2"],
    }

"""Wrong declarations, one a line: type checkers refuse each line of `wrong`. Read by test_declarations, never run."""

from aws_cdk import CfnParameter, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_processing import (
    AthenaDatasetDefinition,
    DataBucket,
    DatasetDefinition,
    ExecutionVariables,
    FrameworkProcessor,
    NetworkConfig,
    Parameter,
    ProcessingImage,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    ProcessingRepository,
    Processor,
    PySparkProcessor,
    RedshiftDatasetDefinition,
    S3Input,
    S3Location,
    ScriptProcessor,
    SKLearnProcessor,
    SparkJarProcessor,
)

IN, OUT = "/opt/ml/processing/in", "/opt/ml/processing/out"


def wrong(
    stack: Stack,
    data: DataBucket,
    bucket: s3.IBucket,
    role: iam.IRole,
    user: iam.IUser,
    key: kms.IKey,
    repository: ecr.IRepository,
    vpc: ec2.IVpc,
    subnet: ec2.ISubnet,
    group: ec2.ISecurityGroup,
    script: ScriptProcessor,
    spark: PySparkProcessor,
    jar: SparkJarProcessor,
    framework: FrameworkProcessor,
    parameter: CfnParameter,
) -> None:
    ProcessingInput(role, IN)
    ProcessingInput(5, IN)
    ProcessingInput(data.at("in/"), 5)
    ProcessingInput(data.at("in/"), destination=data)
    ProcessingInput(data.at("in/"), IN, s3_data_type="S3prefix")
    ProcessingInput(data.at("in/"), IN, s3_input_mode="file")
    ProcessingInput(data.at("in/"), IN, s3_input_mode="FastFile")
    ProcessingInput(data.at("in/"), IN, s3_data_distribution_type="Sharded")
    ProcessingInput(data.at("in/"), IN, s3_compression_type="gzip")
    ProcessingInput(data.at("in/"), IN, app_managed="yes")
    ProcessingInput(s3_input="s3://raw-data/in/")
    ProcessingInput(source_dir="in/", destination=IN)
    S3Input(data.at("in/"), IN, s3_input_mode="pipe")
    ProcessingOutput(OUT, key)
    ProcessingOutput(data.at("out/"), OUT)
    ProcessingOutput(OUT, data.at("out/"), s3_upload_mode="Endofjob")
    ProcessingOutput(OUT, feature_store_output="customers")
    AthenaDatasetDefinition(output_format="CSV")
    AthenaDatasetDefinition(output_compression="ZSTD")
    RedshiftDatasetDefinition(output_format="JSON")
    RedshiftDatasetDefinition(kms_key_id=role)
    DatasetDefinition(athena_dataset_definition=RedshiftDatasetDefinition())
    DatasetDefinition(data_distribution_type="FullyShared")
    S3Location(role, "in/")
    S3Location(data, 5)
    Processor(role=user)
    Processor(role=key)
    Processor(role=5)
    Processor(image_uri=repository)
    Processor(image_uri=5)
    Processor(instance_count="1")
    Processor(instance_count="2")
    Processor(instance_type=5)
    Processor(instance_type=[5])
    Processor(volume_size_in_gb="30")
    Processor(volume_kms_key=role)
    Processor(output_kms_key=bucket)
    Processor(max_runtime_in_seconds="3600")
    Processor(entrypoint="python3 -u")
    Processor(entrypoint=["python3", 5])
    Processor(base_job_name=5)
    Processor(sagemaker_session="session")
    Processor(env=["A=a"])
    Processor(env={"A": 5})
    Processor(env={"A": None})
    Processor(tags="team")
    Processor(tags=[("team", "data")])
    Processor(tags=[{"Key": "team", "Value": 5}])
    Processor(network_config=vpc)
    Processor(memory=5)
    NetworkConfig(enable_network_isolation="no")
    NetworkConfig(security_group_ids="sg-1", subnets=["subnet-1"])
    NetworkConfig(security_group_ids=[subnet], subnets=["subnet-1"])
    NetworkConfig(security_group_ids=[group], subnets=[group])
    NetworkConfig(security_group_ids=[group], subnets=subnet)
    NetworkConfig(vpc="vpc-1")
    NetworkConfig(vpc=subnet)
    ProcessingImage.from_ecr_repository("prep")
    ProcessingImage.from_registry(repository)
    ScriptProcessor(command="python3")
    SKLearnProcessor(1.4)
    FrameworkProcessor("sklearn", "1.4-2")
    script.run(5)
    script.run("prep.py", ProcessingInput(data.at("in/"), IN))
    script.run("prep.py", [data.at("in/")])
    script.run("prep.py", [ProcessingOutput(OUT)])
    script.run("prep.py", outputs=[ProcessingInput(data.at("in/"), IN)])
    script.run("prep.py", arguments="--ratio 0.2")
    script.run("prep.py", arguments=["--ratio", 0.2])
    script.run("prep.py", arguments=["--ratio", None])
    script.run("prep.py", wait=True)
    script.run("prep.py", logs=False)
    script.run("prep.py", job_name="prep-1")
    script.run("prep.py", kms_key=key)
    script.run("prep.py", experiment_config=["trial"])
    script.run("prep.py", source_dir=5)
    script.run("prep.py", dependencies="lib")
    framework.run("main.py", "src", git_config={"repo": "x"})
    spark.run("app.py", "util.py")
    spark.run("app.py", submit_jars=[5])
    spark.run("app.py", configuration="spark-defaults")
    spark.run("app.py", configuration=["spark-defaults"])
    spark.run("app.py", spark_event_logs_s3_uri=5)
    jar.run("app.jar")
    jar.run("app.jar", "com.x.Main", submit_py_files=["util.py"])
    ExecutionVariables.TRIGGER_TIME - 1
    ExecutionVariables.TRIGGER_TIME + 1
    ExecutionVariables.TRIGGER_TIME.in_timezone(2)
    Parameter(5)
    Parameter("ratio", type=list)
    Parameter("mode", enum_values="File")
    ProcessingJob(stack, "Job", script)
    ProcessingPlatform(stack, "P", encryption_key="alias/data")
    ProcessingPlatform(stack, "P", alert_topic="arn:aws:sns:eu-central-1:111122223333:alerts")
    ProcessingPlatform(stack, "P", alert_emails="a@example.com")
    ProcessingPlatform(stack, "P", alert_channels=["C0123"])
    ProcessingPlatform(stack, "P", log_retention_days="90")
    ProcessingPlatform(stack, "P", vpc="vpc-1")
    ProcessingPlatform(stack, "P", tags=["team"])
    ProcessingPlatform(stack, "P", cost_allocation={"team": "census"})
    ProcessingPlatform(stack, "P", removal_policy="destroy")
    ProcessingPlatform.from_name(stack, "P")
    ProcessingPlatform.from_name(stack, "P", "data", in_vpc="yes")
    ProcessingRepository(stack, "R", pull_accounts="111122223333")
    ProcessingJob(stack, "Job", script.run("prep.py"), platform="data")

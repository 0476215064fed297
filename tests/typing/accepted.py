"""Right declarations: type checkers find nothing wrong with any of them. Read by test_declarations, never run."""

from datetime import timedelta
from pathlib import Path

from aws_cdk import CfnParameter, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from cdk_processing import (
    AthenaDatasetDefinition,
    CostAllocation,
    DataBucket,
    DatasetDefinition,
    ExecutionVariables,
    FrameworkProcessor,
    HuggingFaceProcessor,
    NetworkConfig,
    OnSchedule,
    Parameter,
    ProcessingImage,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    ProcessingRepository,
    Processor,
    PySparkProcessor,
    PyTorch,
    PyTorchProcessor,
    RedshiftDatasetDefinition,
    S3Input,
    S3Location,
    ScriptProcessor,
    SKLearnProcessor,
    SlackChannel,
    SparkJarProcessor,
    TeamsChannel,
)

IN, OUT = "/opt/ml/processing/in", "/opt/ml/processing/out"


def constructs(
    stack: Stack,
    data: DataBucket,
    bucket: s3.Bucket,
    any_bucket: s3.IBucket,
    role: iam.Role,
    any_role: iam.IRole,
    key: kms.Key,
    any_key: kms.IKey,
    alias: kms.Alias,
    repository: ecr.Repository,
    any_repository: ecr.IRepository,
    vpc: ec2.Vpc,
    any_vpc: ec2.IVpc,
    group: ec2.SecurityGroup,
    any_group: ec2.ISecurityGroup,
    topic: sns.ITopic,
    parameter: CfnParameter,
) -> None:
    ProcessingInput(data.at("in/"), IN)
    ProcessingInput(data, IN)
    ProcessingInput(bucket, IN)
    ProcessingInput(any_bucket, IN)
    ProcessingInput(S3Location(any_bucket, "in/"), IN)
    ProcessingInput(S3Location("raw-data", "in/"), IN)
    ProcessingInput("s3://raw-data/in/", IN)
    ProcessingInput("data/cities.csv", IN)
    ProcessingInput(Path("data"), IN)
    ProcessingInput(ExecutionVariables.OBJECT_URI, IN)
    ProcessingInput(source=f"s3://raw-data/{ExecutionVariables.TRIGGER_TIME:%Y}/", destination=IN)
    yesterday = ExecutionVariables.TRIGGER_TIME.in_timezone("Europe/Berlin") - timedelta(days=1)
    later = timedelta(hours=6) + ExecutionVariables.TRIGGER_TIME.in_timezone(OnSchedule("rate(1 hour)").timezone)
    ProcessingInput(source=f"s3://raw-data/{yesterday:%Y}/", destination=IN)
    arguments = [yesterday, later, ExecutionVariables.TRIGGER_TIME - Duration.days(1)]
    SKLearnProcessor("1.4-2", instance_type="ml.m5.large", instance_count=1).run("prep.py", arguments=arguments)
    number = parameter.value_as_number
    Processor(instance_count=number, volume_size_in_gb=number, max_runtime_in_seconds=number)
    Processor(max_runtime_in_seconds=Duration.seconds(number))
    NetworkConfig(subnets=parameter.value_as_list, security_group_ids=Fn.split(",", "sg-1,sg-2"))
    ProcessingInput(data.at("in/"), IN, s3_data_type="ManifestFile", s3_input_mode="Pipe", objects=[bucket, "s3://b/"])
    ProcessingInput(data.at("m.json"), IN, s3_data_type="ManifestFile", objects=(data.at("in/"),))
    ProcessingInput(data.at("in/"), IN, s3_data_distribution_type=Parameter("how", enum_values=["ShardedByS3Key"]))
    ProcessingInput(data.at("in/"), IN, s3_data_distribution_type=parameter.value)
    ProcessingInput(data.at("in/"), IN, s3_data_type=Fn.condition_if("Manifest", "ManifestFile", "S3Prefix"))
    ProcessingInput(s3_input=S3Input(any_bucket, IN, "S3Prefix", "File", "ShardedByS3Key"))
    ProcessingOutput(OUT, data.at("out/"))
    ProcessingOutput(OUT, any_bucket, s3_upload_mode="Continuous")
    ProcessingOutput(OUT, data.at(f"out/{ExecutionVariables.RUN_ID}/"))
    ProcessingOutput(OUT)
    athena = AthenaDatasetDefinition("AwsDataCatalog", "d", "select 1", data.at("q/"), output_format="PARQUET")
    redshift = RedshiftDatasetDefinition("c", "d", "u", "select 1", "arn", any_bucket, any_key, "CSV", "ZSTD")
    DatasetDefinition("FullyReplicated", "File", IN, redshift_dataset_definition=redshift)
    ProcessingInput(dataset_definition=DatasetDefinition(local_path=IN, athena_dataset_definition=athena))
    Processor(role=role, image_uri="img:1", instance_count=1, instance_type="ml.m5.xlarge")
    Processor(role=any_role, image_uri=ProcessingImage.from_ecr_repository(any_repository, tag="1"))
    Processor(role="arn:aws:iam::111122223333:role/R", image_uri=ProcessingImage.from_ecr_repository(repository))
    Processor(volume_kms_key=key, output_kms_key=any_key)
    Processor(volume_kms_key=alias, output_kms_key="alias/data")
    Processor(max_runtime_in_seconds=3600, instance_type=["ml.m5.xlarge", "ml.m5.2xlarge"])
    Processor(max_runtime_in_seconds=Duration.hours(1), instance_type=("ml.m5.xlarge",))
    Processor(env={"A": "a", "B": Parameter("b"), "C": f"{ExecutionVariables.RUN_ID}"})
    Processor(tags=[{"Key": "team", "Value": "data"}])
    Processor(tags={"team": "data"}, network_config=NetworkConfig())
    Processor(network_config=NetworkConfig(True, [group, "sg-1"], ["subnet-1"]))
    Processor(network_config=NetworkConfig(vpc=vpc, security_group_ids=[any_group]))
    Processor(network_config=NetworkConfig(vpc=any_vpc, subnets=ec2.SubnetSelection(one_per_az=True)))
    Processor(network_config=NetworkConfig(security_group_ids=[group], subnets=any_vpc.private_subnets))
    Processor(entrypoint=["python3", "-u"]).run(arguments=["--ratio", Parameter("ratio", default=0.2, type=float)])
    script = ScriptProcessor(command=["python3"], image_uri="img:1", base_job_name="prep", sagemaker_session=None)
    script.run("prep.py", [ProcessingInput(data.at("in/"), IN)], [ProcessingOutput(OUT)], ["--a", "b"])
    script.run(Path("prep.py"), inputs=(), arguments=(ExecutionVariables.OBJECT_KEY, "x"))
    script.run(data.at("jobs/prep.py"), experiment_config={"TrialName": Parameter("trial")})
    words: list[str] = ["--a", "b"]
    script.run("main.py", source_dir="src", dependencies=["lib", Path("extra.py")], arguments=words)
    tags: list[dict[str, str]] = [{"Key": "team", "Value": "data"}]
    variables: dict[str, str] = {"A": "a"}
    SKLearnProcessor("1.4-2", any_role, 1, "ml.m5.xlarge", tags=tags, env=variables).run("prep.py")
    FrameworkProcessor(PyTorch, "2.1.0", any_role, 1, "ml.g5.xlarge", "py310").run("main.py", "src", None, None)
    PyTorchProcessor("2.1.0", instance_count=1, py_version="py310").run("main.py", source_dir=Path("src"))
    HuggingFaceProcessor(any_role, 1, "ml.g5.xlarge", "4.28.1", pytorch_version="2.0.0", py_version="py310")
    spark = PySparkProcessor(framework_version="3.5", instance_count=2, instance_type="ml.m5.xlarge")
    memory = {"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g"}}
    spark.run("app.py", ["lib", Path("util.py")], submit_jars=("s3://deps/a.jar",), configuration=[memory])
    spark.run("app.py", configuration=memory, spark_event_logs_s3_uri=data.at("events/"))
    SparkJarProcessor(framework_version="3.5").run("app.jar", "com.x.Main", submit_files=["log4j.properties"])
    ProcessingJob(stack, "Job", script.run("prep.py"))
    platform = ProcessingPlatform(stack, "Platform", encryption_key=any_key, alert_topic=topic, vpc=any_vpc)
    ProcessingPlatform(stack, "Plain", encryption_key="aws-owned", tags={"class": "internal"}, name="data")
    ProcessingPlatform(stack, "In", vpc=vpc, subnets=["subnet-1"], security_group_ids=[any_group, "sg-1"])
    ProcessingPlatform(stack, "A", alert_channels=[SlackChannel("T1", "C1"), TeamsChannel("tenant", "team", "channel")])
    ProcessingPlatform(stack, "Told", alert_emails=("a@example.com",), alert_channels=[SlackChannel("T1", "C1")])
    ProcessingPlatform(stack, "Gone", removal_policy=RemovalPolicy.DESTROY, log_retention_days=30)
    ProcessingJob(stack, "Other", script.run("prep.py"), platform=platform)
    team = CostAllocation(team="census")
    shared = ProcessingPlatform.from_name(stack, "Shared", "data", in_vpc=True, cost_allocation=team)
    ProcessingJob(stack, "Third", script.run("prep.py"), platform=shared)
    images = ProcessingRepository(stack, "Images", encryption_key=platform.key, pull_accounts=("111122223333",))
    Processor(image_uri=images.image(tag="1.0"))

"""The hand-written limits, and the model's: where both speak, they say the same."""

import re

import pytest

from cdk_processing import (
    ExecutionVariables,
    NetworkConfig,
    Parameter,
    ProcessingInput,
    ProcessingOutput,
    Processor,
    PySparkProcessor,
    ScriptProcessor,
    SparkJarProcessor,
)
from cdk_processing.request import limits
from cdk_processing.request.field_names import field_of
from cdk_processing.request.instances import check_instance_types
from cdk_processing.request.model import known_instance_types, violations
from tests.request.service_model import limits_of

HOSTS = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}
MODEL = {str(limit): limit.value for limit in limits_of()}


def processor(**change):
    return Processor(**{"image_uri": "img:tag", **HOSTS, **change})


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (limits.CHANNEL_LIMIT, ["ProcessingInputs-max", "ProcessingOutputConfig.Outputs-max"]),
        (
            limits.ARGUMENT_LIMIT,
            ["AppSpecification.ContainerArguments-max", "AppSpecification.ContainerEntrypoint-max"],
        ),
        (
            limits.ARGUMENT_LENGTH,
            [
                "AppSpecification.ContainerArguments[]-max",
                "AppSpecification.ContainerEntrypoint[]-max",
                "Environment key-max",
                "Environment{}-max",
            ],
        ),
        (limits.ENVIRONMENT_LIMIT, ["Environment-max"]),
        (limits.TAG_LIMIT, ["Tags-max"]),
        (
            limits.URI_LENGTH,
            ["ProcessingInputs[].S3Input.S3Uri-max", "ProcessingOutputConfig.Outputs[].S3Output.S3Uri-max"],
        ),
        (limits.IMAGE_URI_LENGTH, ["AppSpecification.ImageUri-max"]),
        (limits.LOCAL_PATH_LENGTH, ["ProcessingInputs[].S3Input.LocalPath-max"]),
        (limits.INSTANCE_COUNT[0], ["ProcessingResources.ClusterConfig.InstanceCount-min"]),
        (limits.INSTANCE_COUNT[1], ["ProcessingResources.ClusterConfig.InstanceCount-max"]),
        (limits.VOLUME_SIZE_IN_GB[0], ["ProcessingResources.ClusterConfig.VolumeSizeInGB-min"]),
        (limits.VOLUME_SIZE_IN_GB[1], ["ProcessingResources.ClusterConfig.VolumeSizeInGB-max"]),
        (limits.MAX_RUNTIME_IN_SECONDS[0], ["StoppingCondition.MaxRuntimeInSeconds-min"]),
        (limits.MAX_RUNTIME_IN_SECONDS[1], ["StoppingCondition.MaxRuntimeInSeconds-max"]),
        (limits.EXPERIMENT_NAME_LENGTH, ["ExperimentConfig.ExperimentName-max", "ExperimentConfig.RunName-max"]),
        (limits.BASE_NAME_LENGTH + 32 + 5 + 2, ["ProcessingJobName-max"]),
    ],
)
def test_a_hand_written_limit_is_that_of_the_model(ours, theirs):
    assert [MODEL[name] for name in theirs] == [ours] * len(theirs)


def test_every_instance_type_of_the_model_is_well_formed():
    assert [name for name in known_instance_types() if check_instance_types(name, "Processor")] == []


def test_what_no_hand_written_check_looks_at_is_told_from_the_model_all_at_once_each_field_once():
    job = processor(
        image_uri="img:tag",
        role="Reader",
        output_kms_key="alias/one two",
        tags=[{"Key": "cost*centre", "Value": "x" * 256}],
        network_config=NetworkConfig(encrypt_inter_container_traffic="yes"),
        entrypoint=["run\n"],
        instance_count=0,
    )
    request = job.run(
        inputs=[ProcessingInput(source="s3://raw-data/a\r", destination="/opt/ml/processing/in")],
        outputs=[ProcessingOutput(source="/opt/ml/processing/a\nb", destination="s3://curated/")],
        arguments=["a", "b\nc"],
        experiment_config={"TrialName": "t", "RunName": "my run"},
    )

    fields = [problem.field for problem in request.problems()]

    assert sorted(fields) == sorted(set(fields))
    assert set(fields) == {
        "instance_count",
        "role",
        "output_kms_key",
        "tags[0].Key",
        "network_config.encrypt_inter_container_traffic",
        "entrypoint[0]",
        "inputs[0].source",
        "outputs[0].source",
        "arguments[1]",
        "experiment_config['RunName']",
    }


def test_a_problem_from_the_model_names_field_value_what_is_allowed_the_fix_and_who_holds_it(told):
    arn = f"arn:aws:iam::111122223333:role/{'a' * 2048}"
    assert told(processor(role=arn).run().problems()) == (
        f"role must be 20-2,048 characters, got '{arn[:99]}... (2081 characters); shorten it (Processor)"
    )


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            processor().run(arguments=["{}\n"]),
            "arguments[0] must be on one line, got '{}\\n'; take the line breaks out",
        ),
        (
            ScriptProcessor(image_uri="img:tag", command=["python3", "-c\n"], **HOSTS).run("s3://code/p.py"),
            "command[1] must be on one line, got '-c\\n'; take the line breaks out (ScriptProcessor)",
        ),
        (
            processor(tags=[{"Key": "a", "Value": "50%"}]).run(),
            r"tags[0].Value must be letters, digits, spaces and _ . : / = + - @ (([\p{L}\p{Z}\p{N}_.:/=+\-@]*)), "
            "got '50%'; leave other characters out (Processor)",
        ),
        (
            processor(network_config=NetworkConfig(enable_network_isolation="no")).run(),
            "network_config.enable_network_isolation must be True or False, got 'no'; write it without quotes "
            "(Processor)",
        ),
        (
            processor().run(experiment_config={"RunName": "-a"}),
            "experiment_config['RunName'] must be letters, digits and hyphens, beginning and ending with a letter or "
            "digit ([a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}), got '-a'; rename it",
        ),
    ],
    ids=lambda value: value.partition(" ")[0] if isinstance(value, str) else "",
)
def test_problems_from_the_model_read_well(told, request_, message):
    assert told(request_.problems()) == message


def test_a_command_that_fills_the_entrypoint_leaves_no_room_for_the_script(told):
    full = ScriptProcessor(image_uri="img:tag", command=["a"] * 100, **HOSTS)

    assert told(full.run("s3://code/p.py").problems()).startswith("command must be 1-100 items, got 101; ")


def test_a_script_whose_name_makes_the_entrypoint_too_long_is_told_as_the_code(told):
    job = ScriptProcessor(image_uri="img:tag", command=["python3"], **HOSTS)

    assert told(job.run(f"s3://code/{'x' * 240}.py").problems()).startswith("code must be at most 256 characters, got ")


def test_what_spark_submit_is_given_is_told_by_the_argument_that_brings_it(told):
    jars = [f"s3://jars/{number}/{'x' * 100}.jar" for number in range(3)]
    spark = PySparkProcessor(framework_version="3.5", **HOSTS)
    assert told(spark.run("s3://code/p.py", submit_jars=jars).problems()).startswith("submit_jars must be ")

    spark = SparkJarProcessor(framework_version="3.5", **HOSTS)
    assert told(spark.run("s3://code/p.jar", f"com.{'x' * 256}").problems()).startswith("submit_class must be ")


def test_tokens_and_run_time_values_are_left_alone():
    token = "${Token[TOKEN.7]}\n%*"
    job = processor(
        image_uri=f"{token}/img",
        role=token,
        volume_kms_key=token,
        env={"A": f"{ExecutionVariables.RUN_ID}{'x' * 300}"},
        tags=[{"Key": "a", "Value": token}, {"Key": "b", "Value": f"{ExecutionVariables.OBJECT_KEY}%"}],
        network_config=NetworkConfig(security_group_ids=[token], subnets=[token]),
    )

    assert job.run(arguments=[Parameter("p"), token], experiment_config={"RunName": token}).problems() == []


def test_tokens_count_where_a_list_has_a_most():
    assert [each.path for each in violations("Tags", [{"Key": "${Token[T.1]}", "Value": ""}] * 51)] == ["Tags"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("ProcessingResources.ClusterConfig.InstanceCount", "instance_count"),
        ("ProcessingResources.ClusterConfig.VolumeSizeInGB", "volume_size_in_gb"),
        ("ProcessingResources.ClusterConfig.VolumeKmsKeyId", "volume_kms_key"),
        ("ProcessingOutputConfig.KmsKeyId", "output_kms_key"),
        ("ProcessingInputs", "inputs"),
        ("ProcessingInputs[2].InputName", "inputs[2].input_name"),
        ("ProcessingInputs[2].S3Input.LocalPath", "inputs[2].destination"),
        ("ProcessingInputs[2].S3Input.S3Uri", "inputs[2].source"),
        ("ProcessingInputs[2].S3Input.S3DataType", "inputs[2].s3_data_type"),
        (
            "ProcessingInputs[0].DatasetDefinition.AthenaDatasetDefinition.OutputS3Uri",
            "inputs[0].dataset_definition.athena_dataset_definition.output_s3_uri",
        ),
        ("ProcessingOutputConfig.Outputs", "outputs"),
        ("ProcessingOutputConfig.Outputs[10].AppManaged", "outputs[10].app_managed"),
        ("ProcessingOutputConfig.Outputs[1].S3Output.S3Uri", "outputs[1].destination"),
        ("ProcessingOutputConfig.Outputs[1].S3Output.LocalPath", "outputs[1].source"),
        ("ProcessingOutputConfig.Outputs[1].S3Output.S3UploadMode", "outputs[1].s3_upload_mode"),
        (
            "ProcessingOutputConfig.Outputs[1].FeatureStoreOutput.FeatureGroupName",
            "outputs[1].feature_store_output.feature_group_name",
        ),
        ("AppSpecification.ImageUri", "image_uri"),
        ("AppSpecification.ContainerArguments[3]", "arguments[3]"),
        ("AppSpecification.ContainerEntrypoint[0]", "entrypoint[0]"),
        ("Environment", "env"),
        ("Environment key", "env key"),
        ("Environment['A.b']", "env['A.b']"),
        ("NetworkConfig.VpcConfig.Subnets[4]", "network_config.subnets[4]"),
        ("NetworkConfig.VpcConfig.SecurityGroupIds", "network_config.security_group_ids"),
        ("NetworkConfig.EnableNetworkIsolation", "network_config.enable_network_isolation"),
        ("NetworkConfig.EnableInterContainerTrafficEncryption", "network_config.encrypt_inter_container_traffic"),
        ("StoppingCondition.MaxRuntimeInSeconds", "max_runtime_in_seconds"),
        ("RoleArn", "role"),
        ("Tags[7].Key", "tags[7].Key"),
        ("Tags[7] key", "tags[7] key"),
        ("ExperimentConfig.RunName", "experiment_config['RunName']"),
        ("ProcessingJobName", "base_job_name"),
    ],
)
def test_a_place_in_the_request_has_the_name_that_the_declaration_gives_it(path, field):
    assert field_of(path) == field


def test_every_place_of_the_model_has_a_name_in_snake_case():
    for limit in limits_of():
        if not limit.path.startswith(("ExperimentConfig", "Environment", "Tags")):
            name = field_of(limit.path.replace("[]", "[0]"))
            assert re.fullmatch(r"[a-z][a-z0-9_]*(\[0\])?(\.[a-z0-9_]+(\[0\])?)*", name), name


NUMBER_TOKEN = -1.8881545897087626e289


class TokenDuration:
    """As CDK's ``Duration.seconds(parameter.value_as_number)``."""

    def to_seconds(self):
        return NUMBER_TOKEN


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instance_count", NUMBER_TOKEN),
        ("volume_size_in_gb", NUMBER_TOKEN),
        ("max_runtime_in_seconds", NUMBER_TOKEN),
        pytest.param("max_runtime_in_seconds", TokenDuration(), id="duration"),
    ],
)
def test_a_number_token_is_left_for_aws_to_check(field, value):
    request = processor(**{field: value}).run()

    assert request.problems() == []
    if field == "max_runtime_in_seconds":
        assert request.processor.max_runtime == NUMBER_TOKEN


@pytest.mark.parametrize("role", [1, ["r"], ExecutionVariables.RUN_ID, f"{Parameter('role')}"], ids=str)
def test_a_role_that_is_none_is_told(told, role):
    assert told(processor(role=role).run().problems()) == (
        f"role must be an iam.IRole, or the ARN of a role, known at synth, got {role!r}; pass the construct, or leave "
        "role out on Processor and the job gets one (Processor)"
    )

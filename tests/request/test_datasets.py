import json
from dataclasses import replace
from pathlib import Path

import pytest

import cdk_processing
from cdk_processing import (
    AthenaDatasetDefinition,
    DatasetDefinition,
    ExecutionVariables,
    FeatureStoreOutput,
    NetworkConfig,
    Parameter,
    ProcessingInput,
    ProcessingOutput,
    RedshiftDatasetDefinition,
    S3Input,
    S3Location,
)
from cdk_processing.request.request import Bindings

V = ExecutionVariables
SDK = json.loads((Path(__file__).parents[1] / "data" / "sdk_channels.json").read_text(encoding="utf-8"))
NAMES = {name: getattr(cdk_processing, name) for name in cdk_processing.__all__}

ATHENA = AthenaDatasetDefinition(
    catalog="AwsDataCatalog",
    database="sales",
    query_string="SELECT 1",
    output_s3_uri="s3://curated/athena/",
    output_format="PARQUET",
)
REDSHIFT = RedshiftDatasetDefinition(
    cluster_id="warehouse",
    database="sales",
    db_user="reader",
    query_string="SELECT 1",
    cluster_role_arn="arn:aws:iam::111122223333:role/Unload",
    output_s3_uri="s3://curated/redshift/",
    output_format="CSV",
)
DATASET = DatasetDefinition(local_path="/opt/ml/processing/data", athena_dataset_definition=ATHENA)
FEATURES = ProcessingOutput(app_managed=True, feature_store_output=FeatureStoreOutput("customers"))


def of(query):
    name = "athena_dataset_definition" if isinstance(query, AthenaDatasetDefinition) else "redshift_dataset_definition"
    return ProcessingInput(dataset_definition=DatasetDefinition(local_path="/opt/ml/processing/data", **{name: query}))


@pytest.mark.parametrize("code", SDK["channels"])
def test_a_channel_renders_what_the_sdk_makes_of_the_same_words(code):
    channel = eval(code, dict(NAMES))
    expected = SDK["channels"][code]

    assert channel.problems() == []
    if isinstance(channel, ProcessingOutput):
        assert channel.render() == expected
    else:
        assert channel.render(expected.get("S3Input", {}).get("S3Uri", "")) == expected


@pytest.mark.parametrize("query", [ATHENA, REDSHIFT])
def test_a_query_with_all_that_it_must_have_has_no_problems(query):
    assert of(query).problems() == []


@pytest.mark.parametrize(
    ("query", "change", "message"),
    [
        (ATHENA, {"query_string": ""}, "query_string must be 1-4,096 characters, got ''"),
        (REDSHIFT, {"query_string": "x" * 4097}, "query_string must be 1-4,096 characters"),
        (ATHENA, {"query_string": None}, "query_string must be a str, got None; set query_string on Athena"),
        (ATHENA, {"catalog": None}, "catalog must be a str, got None"),
        (ATHENA, {"catalog": "x" * 257}, "catalog must be 1-256 characters"),
        (ATHENA, {"database": "a\nb"}, "database must be one line"),
        (ATHENA, {"database": f"{V.RUN_ID}"}, "database must be known at synth: the role gets permissions on it"),
        (ATHENA, {"work_group": "a b"}, "work_group must be letters, digits, '.', '_' and '-', got 'a b'"),
        (ATHENA, {"output_format": "CSV"}, "output_format must be 'PARQUET' or 'ORC' or 'AVRO' or 'JSON'"),
        (ATHENA, {"output_format": None}, "output_format must be 'PARQUET' or 'ORC' or 'AVRO' or 'JSON'"),
        (ATHENA, {"output_compression": "BZIP2"}, "output_compression must be 'GZIP' or 'SNAPPY' or 'ZLIB'"),
        (ATHENA, {"output_s3_uri": "results/"}, "output_s3_uri must be an S3Location or an s3:// URI, got 'results/'"),
        (ATHENA, {"output_s3_uri": "s3://a b/x"}, "output_s3_uri.bucket must be letters, digits"),
        (ATHENA, {"output_s3_uri": "s3://b/" + "x" * 1020}, "output_s3_uri must be at most 1,024 characters"),
        (ATHENA, {"kms_key_id": 7}, "kms_key_id must be a kms.IKey, or the ARN, id or alias/name of a key, got 7"),
        (REDSHIFT, {"cluster_id": "x" * 64}, "cluster_id must be 1-63 characters"),
        (REDSHIFT, {"db_user": Parameter("user")}, "db_user must be known at synth"),
        (REDSHIFT, {"database": "x" * 65}, "database must be 1-64 characters"),
        (REDSHIFT, {"cluster_role_arn": "Unload"}, "cluster_role_arn must be the ARN of the cluster's role"),
        (REDSHIFT, {"output_format": "ORC"}, "output_format must be 'PARQUET' or 'CSV', got 'ORC'"),
        (REDSHIFT, {"output_compression": "ZLIB"}, "output_compression must be 'None' or 'GZIP' or 'BZIP2'"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_run_is_told(told, query, change, message):
    kind = "athena" if query is ATHENA else "redshift"
    said = told(of(replace(query, **change)).problems())

    assert said.startswith(f"dataset_definition.{kind}_dataset_definition.{message}")


@pytest.mark.parametrize(
    ("channel", "field", "allowed"),
    [
        (of(None), "dataset_definition", "exactly one of"),
        (
            ProcessingInput(dataset_definition=replace(DATASET, redshift_dataset_definition=REDSHIFT)),
            "dataset_definition",
            "exactly one of",
        ),
        (
            ProcessingInput(dataset_definition=replace(DATASET, athena_dataset_definition="SELECT 1")),
            "dataset_definition.athena_dataset_definition",
            "an instance of AthenaDatasetDefinition",
        ),
        (
            ProcessingInput(dataset_definition=replace(DATASET, local_path=None)),
            "dataset_definition.local_path",
            "an absolute path below /opt/ml/processing/",
        ),
        (
            ProcessingInput(dataset_definition=replace(DATASET, input_mode="FastFile")),
            "dataset_definition.input_mode",
            "'File' or 'Pipe'",
        ),
        (
            ProcessingInput(dataset_definition=replace(DATASET, data_distribution_type="Sharded")),
            "dataset_definition.data_distribution_type",
            "'FullyReplicated' or 'ShardedByS3Key'",
        ),
        (ProcessingInput(source="s3://raw/in/", dataset_definition=DATASET), "source", "left out beside dataset"),
        (
            ProcessingInput(destination="/opt/ml/processing/x", s3_input=S3Input("s3://raw/", "/opt/ml/processing/y")),
            "destination",
            "left out, or as in s3_input: '/opt/ml/processing/y'",
        ),
        (ProcessingInput(s3_input=S3Input("s3://raw/in/")), "destination", "an absolute path"),
        (ProcessingInput(source="s3://raw/in/", app_managed=True), "destination", "an absolute path"),
        (
            ProcessingInput(s3_input=S3Input("s3://raw/in/", "/opt/ml/processing/x", s3_compression_type="Gzip")),
            "s3_compression_type",
            "'None' in File mode",
        ),
        (replace(FEATURES, app_managed=False), "app_managed", "True with feature_store_output"),
        (replace(FEATURES, destination="s3://curated/x/"), "destination", "left out beside feature_store_output"),
        (
            replace(FEATURES, feature_store_output=FeatureStoreOutput("a" * 65)),
            "feature_store_output.feature_group_name",
            "1-64 letters",
        ),
        (
            replace(FEATURES, feature_store_output=FeatureStoreOutput("customers-")),
            "feature_store_output.feature_group_name",
            "1-64 letters",
        ),
        (
            replace(FEATURES, feature_store_output=FeatureStoreOutput(V.RUN_ID)),
            "feature_store_output.feature_group_name",
            "known at synth",
        ),
    ],
)  # fmt: skip
def test_a_channel_that_cannot_work_is_told(channel, field, allowed):
    [problem] = channel.problems()

    assert problem.field == field
    assert problem.allowed.startswith(allowed)


def test_every_problem_of_a_query_is_told_at_once():
    problems = of(AthenaDatasetDefinition()).problems()

    assert [problem.field.rpartition(".")[2] for problem in problems] == [
        "catalog",
        "database",
        "query_string",
        "output_s3_uri",
        "output_format",
    ]


def test_a_whole_request_with_everything_is_accepted_and_rendered(processor):
    request = processor.run(
        code="s3://code/prep.py",
        inputs=[of(ATHENA), ProcessingInput(s3_input=S3Input("s3://raw/in/"), app_managed=True)],
        outputs=[FEATURES],
    )

    assert request.problems() == []
    rendered = request.render(Bindings("img:tag", "role", ("", "s3://raw/in/", "s3://code/prep.py")))
    assert [sorted(channel)[-1] for channel in rendered["ProcessingInputs"]] == [
        "InputName",
        "S3Input",
        "S3Input",
    ]
    assert [channel["InputName"] for channel in rendered["ProcessingInputs"]] == ["input-1", "input-2", "code"]
    assert rendered["ProcessingOutputConfig"]["Outputs"][0]["OutputName"] == "output-1"


def test_run_time_values_of_a_query_and_its_result_are_found(processor):
    query = replace(
        ATHENA,
        query_string=f"SELECT * FROM orders WHERE day = '{V.TRIGGER_TIME:%Y-%m-%d}'",
        output_s3_uri=S3Location("curated", f"athena/{V.RUN_ID}/"),
    )
    request = processor.run(code="s3://code/prep.py", inputs=[of(query)])

    assert request.problems() == []
    assert [value.name for value in request.run_time_values()] == ["TRIGGER_TIME", "RUN_ID"]


def test_the_object_that_launched_the_run_is_exact_in_the_longer_spelling_too():
    channel = ProcessingInput(s3_input=S3Input(V.OBJECT_URI, "/opt/ml/processing/in"))

    assert channel.is_exact_object
    assert channel.problems() == []
    assert channel.render("s3://b/k")["S3Input"]["S3DataType"] == "ManifestFile"


def test_two_datasets_need_folders_of_their_own(processor, told):
    request = processor.run(code="s3://code/prep.py", inputs=[of(ATHENA), of(REDSHIFT)])

    assert told(request.problems()).startswith(
        "local path must be different from the others', got '/opt/ml/processing/data"
    )


def test_a_script_that_moves_data_itself_has_the_network_unless_it_says_otherwise(processor, told):
    request = processor.run(code="s3://code/prep.py", outputs=[FEATURES])
    assert request.network.enable_network_isolation is False
    assert processor.run(code="s3://code/prep.py").network.enable_network_isolation is True

    isolated = replace(processor, network_config=NetworkConfig(enable_network_isolation=True))
    said = told(isolated.run(code="s3://code/prep.py", outputs=[FEATURES]).problems())
    assert said.startswith("network_config.enable_network_isolation must be False: an app-managed channel is read")

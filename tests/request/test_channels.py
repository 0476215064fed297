from dataclasses import replace
from pathlib import Path

import pytest

from cdk_processing import ExecutionVariables, Parameter, ProcessingInput, ProcessingOutput, S3Location
from cdk_processing.request.files import LocalFile, LocalFiles

INPUT = ProcessingInput(source="s3://raw-data/in/", destination="/opt/ml/processing/input")
OUTPUT = ProcessingOutput(source="/opt/ml/processing/out", destination="s3://curated/out/")
BELOW = "must be an absolute path below /opt/ml/processing/"


def test_good_channels_have_no_problems():
    assert INPUT.problems() == []
    assert OUTPUT.problems() == []


BAD_INPUTS = [
    ({"destination": "/tmp/in"}, f"destination {BELOW}, got '/tmp/in'; write '/opt/ml/processing/in'"),
    ({"destination": None}, f"destination {BELOW}, got None; write '/opt/ml/processing/data'"),
    ({"destination": "input"}, f"destination {BELOW}, got 'input'; write '/opt/ml/processing/input'"),
    (
        {"destination": "/opt/ml/processing/"},
        f"destination {BELOW}, got '/opt/ml/processing/'; write '/opt/ml/processing/processing'",
    ),
    (
        {"destination": "/opt/ml/processing-2/in"},
        f"destination {BELOW}, got '/opt/ml/processing-2/in'; write '/opt/ml/processing/in'",
    ),
    (
        {"destination": "/opt/ml/processing/../code"},
        f"destination {BELOW}, got '/opt/ml/processing/../code'; write '/opt/ml/processing/code'",
    ),
    ({"input_name": ""}, "input_name must be 1-63 characters, got ''; shorten the name"),
    ({"input_name": "n" * 64}, f"input_name must be 1-63 characters, got '{'n' * 64}'; shorten the name"),
    ({"input_name": 5}, "input_name must be a str, got 5; shorten the name"),
    (
        {"s3_data_type": "S3prefix"},
        "s3_data_type must be 'S3Prefix' or 'ManifestFile', got 'S3prefix'; write 'S3Prefix'",
    ),
    (
        {"s3_input_mode": "FastFile"},
        "s3_input_mode must be 'File' or 'Pipe', got 'FastFile'; write 'File'",
    ),
    (
        {"s3_data_distribution_type": "Sharded"},
        "s3_data_distribution_type must be 'FullyReplicated' or 'ShardedByS3Key', got 'Sharded'; "
        "write 'ShardedByS3Key'",
    ),
    (
        {"s3_compression_type": "Gzip"},
        "s3_compression_type must be 'None' in File mode, got 'Gzip'; set s3_input_mode='Pipe', or unzip in the script",
    ),
    (
        {"source": "https://raw-data.s3.amazonaws.com/in/"},
        "source must be an S3Location, an s3:// URI, a local file or a run-time value, "
        "got 'https://raw-data.s3.amazonaws.com/in/'; write 's3://raw-data/in/'",
    ),
    (
        {"source": None},
        "source must be an S3Location, an s3:// URI, a local file or a run-time value, got None; "
        'pass bucket.at("prefix/")',
    ),
    (
        {"source": "${Token[TOKEN.7]}"},
        "source must be an S3Location, an s3:// URI, a local file or a run-time value, got '${Token[TOKEN.7]}'; "
        "name the bucket apart from the rest: write f's3://{bucket_name}/prefix/', or bucket.at(\"prefix/\")",
    ),
    ({"app_managed": "yes"}, "app_managed must be True or False, got 'yes'; write app_managed=True"),
    (
        {"source": ExecutionVariables.OBJECT_URI, "s3_input_mode": "Pipe"},
        "s3_input_mode must be 'File' for OBJECT_URI, got 'Pipe'; leave s3_input_mode out",
    ),
    (
        {"objects": ["s3://images/"]},
        "objects must be left out with s3_data_type='S3Prefix', got ['s3://images/']; "
        "set s3_data_type='ManifestFile', or make each place an input of its own",
    ),
    (
        {"objects": "s3://images/", "s3_data_type": "ManifestFile"},
        "objects must be where the objects lie that the manifest names: a list of S3Locations or s3:// URIs, "
        "got 's3://images/'; write objects=['s3://images/']",
    ),
    (
        {"objects": ["images/"], "s3_data_type": "ManifestFile"},
        "objects[0] must be an S3Location or an s3:// URI, got 'images/'; write objects=[bucket.at(\"images/\")]",
    ),
    (
        {"objects": [S3Location("images", "/cats/")], "s3_data_type": "ManifestFile"},
        "objects[0].key must be a key prefix without a leading '/', got '/cats/'; write 'cats/'",
    ),
    (
        {"objects": ["s3://images/", S3Location("images")], "s3_data_type": "ManifestFile"},
        "objects must be different from the others', got 's3://images/'; name it once",
    ),
    (
        {
            "source": ExecutionVariables.OBJECT_URI,
            "s3_data_type": Parameter("kind", enum_values=["S3Prefix", "ManifestFile"]),
        },
        "s3_data_type must be known at synth for OBJECT_URI: 'S3Prefix' or 'ManifestFile', "
        "got Parameter(name='kind', default=None, type=<class 'str'>, enum_values=['S3Prefix', 'ManifestFile']); "
        "write the word",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD_INPUTS, ids=str)
def test_a_bad_input_is_told_with_what_is_allowed_and_the_fix(told, change, message):
    assert told(replace(INPUT, **change).problems()) == message


BAD_OUTPUTS = [
    ({"source": "/opt/ml/output"}, f"source {BELOW}, got '/opt/ml/output'; write '/opt/ml/processing/output'"),
    (
        {"destination": "out/"},
        "destination must be an S3Location or an s3:// URI, got 'out/'; pass bucket.at(\"prefix/\")",
    ),
    (
        {"destination": "out/"},
        "destination must be an S3Location or an s3:// URI, got 'out/'; pass bucket.at(\"prefix/\")",
    ),
    ({"output_name": "n" * 64}, f"output_name must be 1-63 characters, got '{'n' * 64}'; shorten the name"),
    (
        {"s3_upload_mode": "Always"},
        "s3_upload_mode must be 'EndOfJob' or 'Continuous', got 'Always'; see the API reference of ProcessingS3Output",
    ),
    ({"app_managed": "yes"}, "app_managed must be True or False, got 'yes'; write app_managed=True"),
    (
        {"feature_store_output": "group"},
        "feature_store_output must be a FeatureStoreOutput, got 'group'; "
        "write feature_store_output=FeatureStoreOutput('name')",
    ),
    (
        {"destination": S3Location("curated", "/out/")},
        "destination.key must be a key prefix without a leading '/', got '/out/'; write 'out/'",
    ),
    (
        {"destination": f"s3://{ExecutionVariables.OBJECT_BUCKET}/out/"},
        "destination.bucket must be known at synth: the role gets permissions on it, got '{{run:OBJECT_BUCKET}}'; "
        "name the bucket, and keep run-time values for the key",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD_OUTPUTS, ids=str)
def test_a_bad_output_is_told_with_what_is_allowed_and_the_fix(told, change, message):
    assert told(replace(OUTPUT, **change).problems()) == message


@pytest.mark.parametrize(("field", "kind"), [("s3_input", "S3Input"), ("dataset_definition", "DatasetDefinition")])
def test_what_is_no_input_of_the_sdk_is_refused_by_name(field, kind):
    problems = replace(INPUT, **{field: object()}).problems()

    assert (problems[0].field, problems[0].allowed[-len(kind) :]) == (field, kind)


@pytest.mark.parametrize(
    ("channel", "field"),
    [
        (replace(INPUT, destination="/opt/ml/processing/" + "d" * 238), "destination"),
        (replace(OUTPUT, source="/opt/ml/processing/" + "d" * 238), "source"),
    ],
)
def test_a_container_path_over_256_characters_is_told(told, channel, field):
    assert told(channel.problems()).startswith(f"{field} must be at most 256 characters, got ")


@pytest.mark.parametrize(
    "channel",
    [
        replace(INPUT, source="s3://raw-data/" + "k" * 1011),
        replace(OUTPUT, destination="s3://raw-data/" + "k" * 1011),
    ],
)
def test_a_uri_over_1024_characters_is_told(told, channel):
    assert "must be at most 1,024 characters, got 's3://raw-data/kkk" in told(channel.problems())


@pytest.mark.parametrize(
    "channel",
    [
        replace(INPUT, destination="/opt/ml/processing/" + "d" * 237),
        replace(INPUT, destination="/opt/ml/processing/a/b"),
        replace(INPUT, source="s3://raw-data/" + "k" * 1010),
        replace(INPUT, source="s3://raw-data"),
        replace(INPUT, source=S3Location("raw-data")),
        replace(INPUT, input_name="n" * 63),
        replace(INPUT, s3_compression_type="Gzip", s3_input_mode="Pipe"),
        replace(INPUT, s3_data_type="ManifestFile", s3_data_distribution_type="ShardedByS3Key"),
        replace(INPUT, source=ExecutionVariables.OBJECT_URI),
        replace(INPUT, source=f"s3://raw-data/in/{ExecutionVariables.OBJECT_KEY}"),
        replace(OUTPUT, destination=f"s3://curated/{ExecutionVariables.RUN_ID}/", s3_upload_mode="Continuous"),
    ],
)
def test_a_channel_at_the_edge_of_what_is_allowed_is_taken(channel):
    assert channel.problems() == []


def test_a_whole_uri_as_a_parameter_is_refused_because_permissions_are_given_on_the_bucket(told):
    message = told(replace(INPUT, source=Parameter("prefix")).problems())

    assert message.startswith("source must be an s3:// URI whose bucket is known at synth")
    assert message.endswith('write bucket.at(f"prefix/{value}")')


def test_the_object_that_launched_the_run_is_exact_only_alone():
    assert replace(INPUT, source=ExecutionVariables.OBJECT_URI).is_exact_object
    assert replace(INPUT, source=f"{ExecutionVariables.OBJECT_URI}").is_exact_object
    assert not replace(INPUT, source=f"s3://raw-data/{ExecutionVariables.OBJECT_KEY}").is_exact_object
    assert not replace(INPUT, source=f"{ExecutionVariables.OBJECT_URI}.bak").is_exact_object


@pytest.mark.parametrize("source", ["data/rows.csv", "./rows.csv", Path("rows.csv")])
def test_a_path_is_a_local_file(source):
    channel = replace(INPUT, source=source)

    assert channel.files == LocalFile(str(source))
    assert channel.location is None
    assert channel.problems() == []


@pytest.mark.parametrize("kind", [str, Path])
def test_the_path_of_a_folder_is_what_lies_in_it(kind, tmp_path):
    channel = replace(INPUT, source=kind(tmp_path))

    assert channel.files == LocalFiles(folder=str(tmp_path))
    assert channel.location is None
    assert channel.problems() == []


@pytest.mark.parametrize(
    "source",
    [
        "s3://raw-data/in/",
        S3Location("raw-data"),
        ExecutionVariables.OBJECT_URI,
        "https://x/y",
        "${Token[TOKEN.7]}",
        "",
        None,
    ],
)
def test_anything_else_is_not_local(source):
    assert replace(INPUT, source=source).files is None


def test_no_path_at_all_is_told_and_does_not_mean_the_current_folder(told):
    assert told(replace(INPUT, source="").problems()).startswith("source must be an S3Location, an s3:// URI, a local")


def test_names_are_given_by_position_only_where_there_are_none():
    assert INPUT.named(3).input_name == "input-3"
    assert OUTPUT.named(2).output_name == "output-2"
    assert replace(INPUT, input_name="rows").named(3).input_name == "rows"
    assert replace(OUTPUT, output_name="rows").named(2).output_name == "rows"


def test_an_input_renders_as_the_api_takes_it():
    assert INPUT.named(1).render("s3://raw-data/in/") == {
        "InputName": "input-1",
        "AppManaged": False,
        "S3Input": {
            "S3Uri": "s3://raw-data/in/",
            "LocalPath": "/opt/ml/processing/input",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def test_the_object_that_launched_the_run_is_read_through_a_manifest():
    rendered = replace(INPUT, source=ExecutionVariables.OBJECT_URI).render("s3://work/1.manifest")

    assert rendered["S3Input"]["S3DataType"] == "ManifestFile"


def test_an_object_that_is_a_manifest_itself_is_read_as_it_is():
    channel = replace(INPUT, source=ExecutionVariables.OBJECT_URI, s3_data_type="ManifestFile")

    assert channel.is_arrived_object
    assert not channel.is_exact_object
    assert channel.render("{{run:OBJECT_URI}}")["S3Input"]["S3Uri"] == "{{run:OBJECT_URI}}"


def test_a_local_manifest_is_a_file(told, tmp_path):
    manifest = replace(INPUT, s3_data_type="ManifestFile", objects=["s3://images/"])
    (tmp_path / "m.json").write_text("[]")

    assert replace(manifest, source=tmp_path / "m.json").problems() == []
    assert told(replace(manifest, source=tmp_path).problems()) == (
        f"source must be a file with s3_data_type='ManifestFile', got {str(tmp_path)!r}; name the file in it"
    )


def test_an_output_renders_as_the_api_takes_it():
    assert OUTPUT.named(1).render() == {
        "OutputName": "output-1",
        "AppManaged": False,
        "S3Output": {
            "S3Uri": "s3://curated/out/",
            "LocalPath": "/opt/ml/processing/out",
            "S3UploadMode": "EndOfJob",
        },
    }


def test_an_output_may_leave_its_destination_to_the_platform():
    output = ProcessingOutput(source="/opt/ml/processing/train", output_name="train")

    assert output.needs_place
    assert output.problems() == []

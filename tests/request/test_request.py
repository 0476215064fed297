from dataclasses import replace

import pytest

from cdk_processing import (
    ExecutionVariables,
    NetworkConfig,
    Parameter,
    ProcessingInput,
    ProcessingOutput,
    Processor,
    PySparkProcessor,
    S3Input,
    S3Location,
    ScriptProcessor,
)
from cdk_processing.request.request import Bindings
from cdk_processing.request.run_time_value import RunTimeValue

CODE = "s3://code/prep.py"
IN = "/opt/ml/processing/in"
OUT = "/opt/ml/processing/out"


def read(number=1, **change):
    return replace(ProcessingInput(source=f"s3://raw-data/{number}/", destination=f"{IN}/{number}"), **change)


def write(number=1, **change):
    return replace(ProcessingOutput(source=f"{OUT}/{number}", destination=f"s3://curated/{number}/"), **change)


def test_a_good_request_has_no_problems(processor):
    assert processor.run(CODE, [read()], [write()], ["--ratio", "0.2"]).problems() == []


def test_many_mistakes_are_all_told_at_once_in_order(processor):
    bad = replace(processor, instance_count=0, volume_size_in_gb=0, base_job_name="Bad Name", env={"1": "x"})
    request = bad.run(
        "nowhere.py",
        [read(destination="/tmp/in"), read(2, s3_compression_type="Gzip")],
        [write(output_name="a"), write(2, output_name="a")],
        ["x" * 257],
    )

    assert [(problem.field, problem.where) for problem in request.problems()] == [
        ("instance_count", "ScriptProcessor"),
        ("volume_size_in_gb", "ScriptProcessor"),
        ("base_job_name", "ScriptProcessor"),
        ("env key", "ScriptProcessor"),
        ("inputs[0].destination", "ProcessingInput"),
        ("inputs[1].s3_compression_type", "ProcessingInput"),
        ("code", ""),
        ("output_name", ""),
        ("arguments[0]", ""),
    ]


def test_a_missing_script_is_told_with_where_it_was_looked_for(processor, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert told(processor.run("jobs/prep.py").problems()) == (
        "code must be the path of an existing script, or an s3:// URI, got 'jobs/prep.py'; there is nothing at "
        f"{(tmp_path / 'jobs' / 'prep.py').resolve()}; correct the path, it is relative to where cdk runs"
    )


def test_a_folder_as_a_script_is_refused_with_a_hint_at_source_dir(processor, told, tmp_path):
    assert told(processor.run(tmp_path).problems()) == (
        f"code must be the path of a script; this is a folder, got {str(tmp_path)!r}; name the script in it, and the "
        f"folder as source_dir: code='main.py', source_dir={str(tmp_path)!r}"
    )


def test_a_file_uri_as_a_script_is_refused_with_the_path_to_write(processor, told):
    assert told(processor.run("file:///jobs/prep.py").problems()) == (
        "code must be the path of a script, without file://, got 'file:///jobs/prep.py'; write '/jobs/prep.py'"
    )


def test_a_script_in_s3_may_be_named_by_its_bucket(processor):
    request = processor.run(S3Location("code", "jobs/prep.py"))

    assert request.problems() == []
    assert request.program.entrypoint[-1] == "/opt/ml/processing/input/code/prep.py"
    assert request.channels[0].location == S3Location("code", "jobs/prep.py")


def test_an_existing_script_is_taken(processor, tmp_path):
    script = tmp_path / "prep.py"
    script.write_text("", encoding="utf-8")

    assert processor.run(script).problems() == []
    assert processor.run(str(script)).problems() == []


@pytest.mark.parametrize("code", [5, ["prep.py", "a"], ExecutionVariables.OBJECT_URI])
def test_a_script_that_is_no_path_is_told(processor, told, code):
    message = told(processor.run(code).problems())

    assert message.startswith("code must be the path of a script, or an s3:// URI, got ")
    assert message.endswith("pass the path of the script as code")


@pytest.mark.parametrize("code", ["s3://", "s3://code", "s3://code/jobs/", "${Token[TOKEN.3]}"])
def test_a_remote_script_that_names_no_file_is_told(processor, told, code):
    assert told(processor.run(code).problems()) == (
        f"code must be the s3:// URI of one script, got {code!r}; write s3://bucket/key of the file"
    )


def test_a_remote_script_in_an_impossible_bucket_is_told(processor, told):
    assert told(processor.run("s3://code bucket/prep.py").problems()).startswith("code.bucket must be letters, digits")


def test_no_script_is_told_where_one_is_needed(processor, told):
    assert told(processor.run(None).problems()) == (
        "code must be the path of a script, or an s3:// URI, got None; pass the path of the script as code"
    )


def test_no_script_is_needed_where_the_image_brings_its_program():
    processor = Processor(image_uri="img:tag", instance_count=1, instance_type="ml.m5.xlarge")

    assert processor.run().problems() == []


def test_ten_inputs_beside_a_script_are_one_too_many(processor, told):
    assert told(processor.run(CODE, [read(n) for n in range(10)]).problems()) == (
        "inputs must be at most 9 beside the program's 1, got 10; put several prefixes under one, or use a manifest"
    )
    assert processor.run(CODE, [read(n) for n in range(9)]).problems() == []


def test_eleven_inputs_without_a_script_are_one_too_many(told):
    processor = Processor(image_uri="img:tag", instance_count=1, instance_type="ml.m5.xlarge")

    assert told(processor.run([read(n) for n in range(11)]).problems()) == (
        "inputs must be at most 10, got 11; put several prefixes under one, or use a manifest"
    )
    assert processor.run([read(n) for n in range(10)]).problems() == []


def test_eleven_outputs_are_one_too_many(processor, told):
    assert told(processor.run(CODE, outputs=[write(n) for n in range(11)]).problems()) == (
        "outputs must be at most 10, got 11; write several results into one folder"
    )


def test_two_outputs_of_one_name_are_told(processor, told):
    outputs = [write(1, output_name="train"), write(2, output_name="train")]

    assert told(processor.run(CODE, outputs=outputs).problems()) == (
        "output_name must be different from the others', got 'train'; give each ProcessingOutput a name of its own"
    )


def test_a_name_used_three_times_is_told_once(processor, told):
    inputs = [read(n, input_name="rows") for n in range(3)]

    assert told(processor.run(CODE, inputs).problems()) == (
        "input_name must be different from the others', got 'rows'; give each ProcessingInput a name of its own"
    )


def test_two_names_used_twice_are_both_told(processor):
    inputs = [read(n, input_name="ab"[n % 2]) for n in range(4)]

    assert [problem.value for problem in processor.run(CODE, inputs).problems()] == ["a", "b"]


def test_a_given_name_that_meets_one_given_by_position_is_told(processor, told):
    assert "got 'output-2'" in told(
        processor.run(CODE, outputs=[write(1, output_name="output-2"), write(2)]).problems()
    )


def test_an_input_may_not_take_the_scripts_name(processor, told):
    assert "input_name must be different from the others', got 'code'" in told(
        processor.run(CODE, [read(input_name="code")]).problems()
    )


def test_two_inputs_in_one_folder_are_told_whether_a_slash_ends_it_or_not(processor, told):
    inputs = [read(1, destination=f"{IN}/x"), read(2, destination=f"{IN}/x/")]

    assert told(processor.run(CODE, inputs).problems()) == (
        f"local path must be different from the others', got '{IN}/x'; give each channel a folder of its own"
    )


def test_an_input_in_the_scripts_folder_is_told(processor, told):
    assert "local path must be different from the others', got '/opt/ml/processing/input/code'" in told(
        processor.run(CODE, [read(destination="/opt/ml/processing/input/code")]).problems()
    )


def test_two_outputs_from_one_folder_are_told(processor, told):
    assert "local path" in told(
        processor.run(CODE, outputs=[write(1, source=f"{OUT}/x"), write(2, source=f"{OUT}/x")]).problems()
    )


def test_an_input_and_an_output_may_share_a_folder(processor):
    shared = "/opt/ml/processing/data"

    assert processor.run(CODE, [read(destination=shared)], [write(source=shared)]).problems() == []


FALSY = [0, 0.0, False, "", b""]


@pytest.mark.parametrize("value", FALSY, ids=repr)
@pytest.mark.parametrize("field", ["env", "tags", "command"])
def test_an_empty_value_of_another_kind_is_not_taken_for_one_left_out(processor, field, value):
    # A parameter among the arguments has further checks look into the environment.
    request = replace(processor, **{field: value}).run(CODE, arguments=[Parameter("ratio", default="0.2")])

    assert field in {problem.field for problem in request.problems()}


@pytest.mark.parametrize("value", FALSY, ids=repr)
@pytest.mark.parametrize("field", ["inputs", "outputs", "arguments", "experiment_config", "dependencies", "source_dir"])
def test_an_empty_argument_of_another_kind_is_not_taken_for_one_left_out(processor, tmp_path, field, value):
    script = tmp_path / "prep.py"
    script.touch()

    assert field in {problem.field for problem in processor.run(script, **{field: value}).problems()}


@pytest.mark.parametrize("value", FALSY, ids=repr)
@pytest.mark.parametrize(
    "field", ["submit_py_files", "submit_jars", "submit_files", "configuration", "spark_event_logs_s3_uri"]
)
def test_an_empty_argument_of_spark_of_another_kind_is_not_taken_for_one_left_out(field, value):
    if (field, value) == ("spark_event_logs_s3_uri", ""):  # as in the SDK: no logs
        return
    spark = PySparkProcessor(framework_version="3.5", instance_type="ml.m5.xlarge", instance_count=1)

    found = {problem.field for problem in spark.run("s3://code/app.py", **{field: value}).problems()}

    assert any(name.startswith(field) for name in found)


ARGUMENTS = [
    ("--ratio 0.2", "arguments must be a list of str, got '--ratio 0.2'; write arguments=['--ratio', '0.2']"),
    ("--name 'a b'", "arguments must be a list of str, got \"--name 'a b'\"; write arguments=['--name', 'a b']"),
    ("it's", 'arguments must be a list of str, got "it\'s"; write arguments=["it\'s"]'),
    (["a", ""], "arguments[1] must be 1-256 characters, got ''; drop it: SageMaker refuses empty arguments"),
    ([0.2], "arguments[0] must be a str or a run-time value, got 0.2; write '0.2'"),
    (
        ["a", None],
        "arguments[1] must be a str or a run-time value, got None; drop it, or pass the text that the script "
        "expects: SageMaker refuses null",
    ),
    (["a"] * 101, "arguments must be at most 100, got 101; pass a file as an input"),
]


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS, ids=lambda value: str(value)[:30])
def test_bad_arguments_are_told(processor, told, arguments, message):
    assert told(processor.run(CODE, arguments=arguments).problems()) == message


def test_an_argument_of_257_characters_is_told_and_one_of_256_taken(processor, told):
    message = told(processor.run(CODE, arguments=["ok", "x" * 257]).problems())

    assert message.startswith("arguments[1] must be 1-256 characters, got 'xxx")
    assert message.endswith("pass long values in a file")
    assert processor.run(CODE, arguments=["x" * 256, *["a"] * 99]).problems() == []


def test_the_length_of_an_argument_known_only_at_run_time_is_not_guessed(processor):
    long_default = Parameter("p", default="x" * 200)

    assert processor.run(CODE, arguments=[long_default, f"{long_default}"]).problems() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("inputs", [("s3://raw-data/", IN)]), ("inputs", "s3://raw-data/"), ("outputs", [read()]), ("outputs", write())],
)
def test_channels_of_the_wrong_kind_are_told(processor, told, field, value):
    kind = {"inputs": "ProcessingInput", "outputs": "ProcessingOutput"}[field]
    request = processor.run(CODE, **{field: value})

    message = told(request.problems())
    assert message.startswith(f"{field} must be a list of {kind}, got ")
    assert message.endswith(f"write {field}=[{kind}(...)]")
    assert not request.is_readable


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"Experiment": "x"},
            "experiment_config key must be one of ExperimentName, TrialName, TrialComponentDisplayName, RunName, "
            "got 'Experiment'; write 'ExperimentName'",
        ),
        (
            {"ExperimentName": "x" * 121},
            f"experiment_config['ExperimentName'] must be 1-120 characters, got '{'x' * 99}... (123 characters); "
            "shorten it",
        ),
        ("x", "experiment_config must be a dict of str to str, got 'x'; write {'ExperimentName': ...}"),
    ],
    ids=str,
)
def test_a_bad_experiment_config_is_told(processor, told, config, message):
    assert told(processor.run(CODE, experiment_config=config).problems()) == message


@pytest.mark.parametrize(
    "change",
    [{"env": ["A=1"]}, {"tags": "team=data"}, {"tags": [("team", "data")]}],
    ids=str,
)
def test_a_processor_of_the_wrong_shapes_makes_a_request_that_cannot_be_read(processor, change):
    assert not replace(processor, **change).run(CODE).is_readable
    assert processor.run(CODE).is_readable


def test_run_time_values_are_found_wherever_they_are_each_once(processor):
    bearing = replace(
        processor,
        command=["python3", f"-X{Parameter('option', default='dev')}"],
        env={"RUN": ExecutionVariables.RUN_ID, "AGAIN": f"{ExecutionVariables.RUN_ID}"},
        tags=[{"Key": "size", "Value": f"{ExecutionVariables.OBJECT_SIZE}"}],
    )
    request = bearing.run(
        f"s3://code/{Parameter('version')}/prep.py",
        [
            read(source=ExecutionVariables.OBJECT_URI),
            read(2, source=S3Location("raw-data", f"{ExecutionVariables.TRIGGER_TIME:%m}/")),
        ],
        [
            write(destination=f"s3://curated/{ExecutionVariables.TRIGGER_TIME:%Y}/"),
            write(2, destination=S3Location("curated", f"{ExecutionVariables.OBJECT_BUCKET}/")),
        ],
        [ExecutionVariables.OBJECT_KEY, f"{ExecutionVariables.ATTEMPT}-{ExecutionVariables.RUN_ID}"],
        experiment_config={"RunName": f"{ExecutionVariables.OBJECT_VERSION_ID}"},
    )

    assert request.problems() == []
    assert request.run_time_values() == [
        RunTimeValue("OBJECT_URI"),
        RunTimeValue("TRIGGER_TIME", format="%m"),
        RunTimeValue("TRIGGER_TIME", format="%Y"),
        RunTimeValue("OBJECT_BUCKET"),
        RunTimeValue("PARAMETER", "version"),
        RunTimeValue("OBJECT_KEY"),
        RunTimeValue("ATTEMPT"),
        RunTimeValue("RUN_ID"),
        RunTimeValue("PARAMETER", "option", "dev"),
        RunTimeValue("OBJECT_VERSION_ID"),
        RunTimeValue("OBJECT_SIZE"),
    ]


def test_a_manifest_is_needed_only_for_the_exact_object(processor):
    assert processor.run(CODE, [read(), read(2, source=ExecutionVariables.OBJECT_URI)]).needs_manifest
    assert not processor.run(CODE, [read()]).needs_manifest


def test_a_request_with_everything_renders_everything(processor):
    full = replace(
        processor,
        volume_size_in_gb=50,
        max_runtime_in_seconds=600,
        env={"A": "1", "RUN": ExecutionVariables.RUN_ID},
        tags=[{"Key": "team", "Value": "data"}],
        network_config=NetworkConfig(security_group_ids=["sg-1"], subnets=["subnet-1"]),
    )
    request = full.run(
        CODE,
        [read(input_name="rows"), read(2, s3_input_mode="Pipe", s3_compression_type="Gzip")],
        [write(output_name="train"), write(2, s3_upload_mode="Continuous")],
        ["--run", ExecutionVariables.RUN_ID],
        experiment_config={"ExperimentName": "e"},
    )
    bindings = Bindings(
        image_uri="img:tag",
        role_arn="role",
        input_uris=("s3://raw-data/1/", "s3://raw-data/2/", CODE),
        volume_key="volume-key",
        output_key="output-key",
    )

    assert request.render(bindings) == {
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.m5.xlarge",
                "InstanceCount": 1,
                "VolumeSizeInGB": 50,
                "VolumeKmsKeyId": "volume-key",
            }
        },
        "AppSpecification": {
            "ImageUri": "img:tag",
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/prep.py"],
            "ContainerArguments": ["--run", "{{run:RUN_ID}}"],
        },
        "RoleArn": "role",
        "NetworkConfig": {
            "EnableInterContainerTrafficEncryption": True,
            "EnableNetworkIsolation": False,
            "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        },
        "ProcessingInputs": [
            {
                "InputName": "rows",
                "AppManaged": False,
                "S3Input": {
                    "S3Uri": "s3://raw-data/1/",
                    "LocalPath": f"{IN}/1",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3CompressionType": "None",
                },
            },
            {
                "InputName": "input-2",
                "AppManaged": False,
                "S3Input": {
                    "S3Uri": "s3://raw-data/2/",
                    "LocalPath": f"{IN}/2",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "Pipe",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3CompressionType": "Gzip",
                },
            },
            {
                "InputName": "code",
                "AppManaged": False,
                "S3Input": {
                    "S3Uri": "s3://code/prep.py",
                    "LocalPath": "/opt/ml/processing/input/code",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3CompressionType": "None",
                },
            },
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "train",
                    "AppManaged": False,
                    "S3Output": {
                        "S3Uri": "s3://curated/1/",
                        "LocalPath": f"{OUT}/1",
                        "S3UploadMode": "EndOfJob",
                    },
                },
                {
                    "OutputName": "output-2",
                    "AppManaged": False,
                    "S3Output": {
                        "S3Uri": "s3://curated/2/",
                        "LocalPath": f"{OUT}/2",
                        "S3UploadMode": "Continuous",
                    },
                },
            ],
            "KmsKeyId": "output-key",
        },
        "Environment": {"A": "1", "RUN": "{{run:RUN_ID}}"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "ExperimentConfig": {"ExperimentName": "e"},
        "Tags": [{"Key": "team", "Value": "data"}],
    }


@pytest.mark.parametrize("arguments", [None, []])
def test_no_arguments_are_left_out_because_an_empty_list_is_invalid(processor, arguments):
    request = processor.run(CODE, arguments=arguments)

    assert request.render(Bindings("img:tag", "role", (CODE,)))["AppSpecification"] == {
        "ImageUri": "img:tag",
        "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/prep.py"],
    }


def test_what_a_request_was_made_from_can_change_without_it(processor):
    inputs, arguments = [read()], ["a"]
    request = processor.run(CODE, inputs, arguments=arguments)
    inputs.append(read(2))
    arguments.append("b")

    assert request.inputs == (read(),)
    assert request.arguments == ("a",)


def test_a_request_holds_its_processor():
    processor = ScriptProcessor(image_uri="img:tag")

    assert processor.run(CODE).processor is processor


@pytest.mark.parametrize(("arguments", "count"), [([], 99), ([Parameter("day")], 98)])
def test_there_is_room_for_what_a_job_carries_in_its_environment(processor, arguments, count):
    def told(number):
        full = replace(processor, env={f"V{n}": "x" for n in range(number)})
        return [str(problem) for problem in full.run(code=CODE, arguments=arguments).problems()]

    assert told(count) == []
    [problem] = told(count + 1)
    assert problem.startswith(f"env must be at most {count} variables")


MANIFEST = ProcessingInput("s3://raw-data/m.json", "/opt/ml/processing/in", s3_data_type="ManifestFile")
MISSING = (
    "inputs[0].objects must be where the objects lie that the manifest names: a list of S3Locations or s3:// URIs, "
    "because the execution role is made to read them, got None; "
    'write objects=[bucket.at("images/")], or objects=[] if you grant the execution role yourself (ProcessingInput)'
)


@pytest.mark.parametrize(
    "data_type",
    ["ManifestFile", Parameter("kind", enum_values=["S3Prefix", "ManifestFile"]), "${Token[TOKEN.7]}"],
)
def test_a_manifest_must_say_where_its_objects_lie(processor, told, data_type):
    manifest = replace(MANIFEST, s3_data_type=data_type)

    assert told(processor.run(CODE, [manifest]).problems()) == MISSING
    assert processor.run(CODE, [replace(manifest, objects=["s3://images/cats/"])]).problems() == []
    assert processor.run(CODE, [replace(manifest, objects=[])]).problems() == []


def test_a_manifest_in_the_longer_spelling_must_say_so_too(processor, told):
    spelled = S3Input("s3://raw-data/m.json", "/opt/ml/processing/in", s3_data_type="ManifestFile")

    assert told(processor.run(CODE, [ProcessingInput(s3_input=spelled)]).problems()) == MISSING
    assert processor.run(CODE, [ProcessingInput(s3_input=spelled, objects=["s3://images/"])]).problems() == []


def test_what_a_role_named_by_its_arn_may_read_is_not_asked_for(processor):
    named = replace(processor, role="arn:aws:iam::111122223333:role/Reader")

    assert named.run(CODE, [MANIFEST]).problems() == []


def test_the_object_that_launches_the_run_cannot_be_a_manifest_and_not_one(processor, told):
    arrived = replace(MANIFEST, source=ExecutionVariables.OBJECT_URI, objects=["s3://images/"])
    itself = ProcessingInput(ExecutionVariables.OBJECT_URI, "/opt/ml/processing/itself")

    assert processor.run(CODE, [arrived]).problems() == []
    assert processor.run(CODE, [arrived]).needs_manifest is False
    assert told(processor.run(CODE, [arrived, itself]).problems()) == (
        "s3_data_type must be the same for each input that is OBJECT_URI, got ['ManifestFile', 'S3Prefix']; "
        "make two jobs: one that reads the object, one that reads what it lists"
    )

from dataclasses import FrozenInstanceError, replace

import pytest

from cdk_processing import NetworkConfig, ProcessingImage, Processor, ScriptProcessor, SKLearnProcessor
from cdk_processing.request.program import Program

HOSTS = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}
PROCESSORS = [
    Processor(image_uri="img:tag", **HOSTS),
    ScriptProcessor(image_uri="img:tag", command=["python3"], **HOSTS),
    SKLearnProcessor("1.4-2", **HOSTS),
]


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: type(processor).__name__)
def test_a_processor_with_what_is_required_has_no_problems(processor):
    assert processor.problems() == []


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: type(processor).__name__)
def test_a_processor_is_frozen(processor):
    with pytest.raises(FrozenInstanceError):
        processor.instance_count = 2


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: type(processor).__name__)
@pytest.mark.parametrize(
    ("argument", "instead"),
    [
        ("wait", "cdk-processing start --wait"),
        ("logs", "cdk-processing logs"),
        ("job_name", "set base_job_name on the processor"),
        ("kms_key", "cdk bootstrap --bootstrap-kms-key-id"),
    ],
)
@pytest.mark.parametrize("value", [None, True, "x"])
def test_what_only_a_start_could_take_is_refused_with_what_to_use_instead(processor, told, argument, instead, value):
    given = {argument: value} if isinstance(processor, Processor) else {"code": "s3://c/p.py", argument: value}

    message = told(processor.run(**given).problems())

    assert message.startswith(f"{argument} must be left out, got {value!r}; ")
    assert message.endswith(f"({type(processor).__name__}.run)")
    assert instead in message


BAD_VALUES = [
    ("instance_count", 0, "instance_count must be 1-100, got 0; raise instance_count on ScriptProcessor"),
    ("instance_count", 101, "instance_count must be 1-100, got 101; lower instance_count on ScriptProcessor"),
    (
        "instance_count",
        None,
        "instance_count must be a whole number, 1-100, got None; set instance_count on ScriptProcessor",
    ),
    (
        "instance_count",
        True,
        "instance_count must be a whole number, 1-100, got True; set instance_count on ScriptProcessor",
    ),
    ("instance_count", "2", "instance_count must be a whole number, 1-100, got '2'; write 2"),
    (
        "instance_type",
        "m5.xlarge",
        "instance_type must be a SageMaker instance type such as 'ml.m5.xlarge', got 'm5.xlarge'; write 'ml.m5.xlarge'",
    ),
    (
        "instance_type",
        None,
        "instance_type must be a SageMaker instance type such as 'ml.m5.xlarge', got None; "
        "set instance_type on ScriptProcessor",
    ),
    (
        "volume_size_in_gb",
        16385,
        "volume_size_in_gb must be 1-16,384, got 16385; lower volume_size_in_gb on ScriptProcessor",
    ),
    (
        "max_runtime_in_seconds",
        777_601,
        "max_runtime_in_seconds must be 1-777,600, got 777601; lower max_runtime_in_seconds on ScriptProcessor",
    ),
    (
        "max_runtime_in_seconds",
        0,
        "max_runtime_in_seconds must be 1-777,600, got 0; raise max_runtime_in_seconds on ScriptProcessor",
    ),
    (
        "base_job_name",
        "My_Job",
        "base_job_name must be 1-24 lower-case letters, digits and inner hyphens, got 'My_Job'; "
        "write base_job_name='my-job' on ScriptProcessor",
    ),
    (
        "base_job_name",
        "a" * 25,
        f"base_job_name must be 1-24 lower-case letters, digits and inner hyphens, got '{'a' * 25}'; "
        f"write base_job_name='{'a' * 24}' on ScriptProcessor",
    ),
    (
        "base_job_name",
        "-",
        "base_job_name must be 1-24 lower-case letters, digits and inner hyphens, got '-'; "
        "write base_job_name='job' on ScriptProcessor",
    ),
    (
        "base_job_name",
        "job-",
        "base_job_name must be 1-24 lower-case letters, digits and inner hyphens, got 'job-'; "
        "write base_job_name='job' on ScriptProcessor",
    ),
    (
        "sagemaker_session",
        "session",
        "sagemaker_session must be left out: synth calls nothing, got 'session'; "
        "leave it out; `cdk deploy` has its own credentials",
    ),
    (
        "network_config",
        {"subnets": []},
        "network_config must be a NetworkConfig, got {'subnets': []}; write NetworkConfig(subnets=[])",
    ),
    ("command", None, "command must be a list such as ['python3'], got None; set command on ScriptProcessor"),
    ("command", [], "command must be a list such as ['python3'], got []; set command on ScriptProcessor"),
    ("command", "python3 -v", "command must be a list of str, got 'python3 -v'; write ['python3', '-v']"),
    ("command", ["python3", 3], "command must be a list of str, got ['python3', 3]; write ['python3', '3']"),
    ("command", 3, "command must be a list of str, got 3; write ['3']"),
    ("command", ["x"] * 101, "command must be at most 100 strings, got 101; put the command into a script"),
    (
        "image_uri",
        None,
        "image_uri must be an image URI or a ProcessingImage, got None; "
        "pass image_uri, or ProcessingImage.from_build(folder)",
    ),
    ("image_uri", "img tag", "image_uri must be at most 255 characters without spaces, got 'img tag'; check the URI"),
]


@pytest.mark.parametrize(("field", "value", "message"), BAD_VALUES, ids=lambda value: str(value)[:30])
def test_a_bad_value_is_told_with_the_field_what_is_allowed_and_the_fix(processor, told, field, value, message):
    assert told(replace(processor, **{field: value}).problems()) == message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instance_count", 1),
        ("instance_count", 100),
        ("volume_size_in_gb", 1),
        ("volume_size_in_gb", 16384),
        ("max_runtime_in_seconds", 1),
        ("max_runtime_in_seconds", 777_600),
        ("instance_type", "ml.p4d.24xlarge"),
        ("instance_type", "ml.m6gd.2xlarge"),
        ("instance_type", "${Token[TOKEN.1]}"),
        ("base_job_name", "a" * 24),
        ("base_job_name", "a--b"),
        ("command", ["x"] * 100),
        ("command", ["x" * 256]),
        ("image_uri", "i" * 255),
        ("network_config", NetworkConfig()),
    ],
)
def test_a_value_at_the_edge_is_taken(processor, field, value):
    assert replace(processor, **{field: value}).problems() == []


def test_a_word_of_a_command_that_is_too_long_is_told_by_its_index(processor, told):
    message = told(replace(processor, command=["python3", "x" * 257]).problems())

    assert message.startswith("command[1] must be 1-256 characters, got 'xxx")
    assert message.endswith("put the command into a script")


@pytest.mark.parametrize("field", ["command", "entrypoint"])
def test_an_empty_word_is_refused_because_sagemaker_refuses_it(told, field):
    kind = {"command": ScriptProcessor, "entrypoint": Processor}[field]

    assert told(kind(image_uri="img:tag", **{field: ["python3", ""]}, **HOSTS).problems()) == (
        f"{field}[1] must be 1-256 characters, got ''; drop it: SageMaker refuses empty words"
    )


def test_an_entrypoint_is_checked_like_a_command(told):
    processor = Processor(image_uri="img:tag", entrypoint="python3 main.py", **HOSTS)

    assert told(processor.problems()) == (
        "entrypoint must be a list of str, got 'python3 main.py'; write ['python3', 'main.py']"
    )


@pytest.mark.parametrize(
    ("given", "nearest"), [("1.4", "1.4-2"), ("1.2.1", "1.2-1"), ("1.0", "1.0-1"), ("0.20", "0.20.0")]
)
def test_an_unknown_framework_version_is_told_with_all_there_are_and_the_nearest(told, given, nearest):
    message = told(SKLearnProcessor(given, **HOSTS).problems())

    assert message.startswith("framework_version must be one of 0.20.0, 0.23-1, 1.0-1, 1.2-1, 1.4-2, ")
    assert f"got {given!r}; nearest: " in message
    assert nearest in message.split("nearest: ")[1]
    assert message.endswith("set it on SKLearnProcessor")


@pytest.mark.parametrize("given", ["python", None, 1.2])
def test_a_framework_version_unlike_any_is_told_with_the_newest(told, given):
    message = told(SKLearnProcessor(given, **HOSTS).problems())

    assert f"got {given!r}; nearest: " in message


ENVIRONMENTS = [
    ({"1ST": "x"}, "env key must be 1-256 letters, digits and underscores, not beginning with a digit, got '1ST'; "
                   "rename the variable"),
    ({"A-B": "x"}, "env key must be 1-256 letters, digits and underscores, not beginning with a digit, got 'A-B'; "
                   "rename the variable"),
    ({5: "x"}, "env key must be 1-256 letters, digits and underscores, not beginning with a digit, got 5; "
               "rename the variable"),
    ({"CDK_PROCESSING_X": "x"}, "env key must be without the prefix CDK_PROCESSING_, got 'CDK_PROCESSING_X'; "
                                "rename the variable"),
    ({"SIZE": 5}, "env['SIZE'] must be a str, got 5; write '5'"),
    ({f"V{n}": "x" for n in range(100)}, "env must be at most 99 variables, got 100; "
                                         "put the rest into a file and read it as an input"),
    (["A=1"], "env must be a dict of str to str, got ['A=1']; pass env={...} to ScriptProcessor"),
]  # fmt: skip


@pytest.mark.parametrize(("env", "message"), ENVIRONMENTS, ids=lambda value: str(value)[:30])
def test_a_bad_environment_is_told(processor, told, env, message):
    assert told(replace(processor, env=env).problems()) == message


def test_a_value_of_the_environment_that_is_too_long_is_told(processor, told):
    message = told(replace(processor, env={"A": "x" * 257}).problems())

    assert message.startswith("env['A'] must be at most 256 characters, got 'xxx")
    assert message.endswith("pass it through a file instead")


def test_an_environment_at_its_limits_is_taken(processor):
    env = {"K" * 256: "x" * 256, "_a1": "", **{f"V{n}": "x" for n in range(97)}}

    assert replace(processor, env=env).problems() == []


TWICE = "tags key must be different from the others', got 'team'; leave one out: AWS refuses a key that comes twice"
TAGS = [
    ("team", "tags must be a list such as"),
    ([("team", "data")], "tags[0] must be in the shape"),
    ([{"Key": "team"}], "tags[0] must be in the shape"),
    ([{"Key": "", "Value": "x"}], "tags[0].Key must be 1-128 characters, not beginning with aws:, got ''"),
    ([{"Key": "k" * 129, "Value": "x"}], "tags[0].Key must be 1-128 characters"),
    ([{"Key": "AWS:x", "Value": "x"}], "tags[0].Key must be 1-128 characters, not beginning with aws:, got 'AWS:x'"),
    ([{"Key": "team", "Value": 5}], "tags[0].Value must be a str, got 5; write '5'"),
    ([{"Key": "team", "Value": None}], "tags[0].Value must be a str, got None; drop the tag, or write a text"),
    ([{"Key": 5, "Value": "x"}], "tags[0].Key must be a str, got 5; write '5'"),
    ([{"Key": "team", "Value": "a"}, {"Key": "team", "Value": "b"}], TWICE),
    ([{"Key": "cdk-processing:job", "Value": "x"}], "tags[0].Key must be without the prefix cdk-processing:"),
    ([{"Key": "team", "Value": "v" * 257}], "tags[0].Value must be at most 256 characters"),
    ([{"Key": f"t{n}", "Value": "x"} for n in range(50)], "tags must be at most 49 tags, got 50; drop some"),
]


@pytest.mark.parametrize(("tags", "message"), TAGS, ids=lambda value: str(value)[:30])
def test_bad_tags_are_told(processor, told, tags, message):
    assert told(replace(processor, tags=tags).problems()).startswith(message)


def test_tags_at_their_limits_are_taken(processor):
    tags = [{"Key": "k" * 128, "Value": "v" * 256}, *({"Key": f"t{n}", "Value": ""} for n in range(48))]

    assert replace(processor, tags=tags).problems() == []


def test_a_duration_is_read_in_seconds(processor, told):
    class Duration:
        def __init__(self, seconds):
            self.seconds = seconds

        def to_seconds(self):
            return self.seconds

    assert replace(processor, max_runtime_in_seconds=Duration(3600.0)).max_runtime == 3600
    assert told(replace(processor, max_runtime_in_seconds=Duration(777_601)).problems()).startswith(
        "max_runtime_in_seconds must be 1-777,600, got 777601"
    )


def test_a_processor_without_network_options_is_isolated(processor):
    assert processor.run("s3://c/p.py").network == NetworkConfig(enable_network_isolation=True)


def test_network_options_are_taken_as_given(processor):
    given = NetworkConfig()

    assert replace(processor, network_config=given).run("s3://c/p.py").network is given
    assert given.enable_network_isolation is False


def test_problems_of_the_network_options_are_told_by_their_path(processor, told):
    given = replace(processor, network_config=NetworkConfig(subnets=["subnet-1"]))

    assert told(given.problems()).startswith("network_config.security_group_ids must be given together with the other")


def test_the_entrypoint_is_the_command_and_the_script(processor):
    assert processor.run("s3://c/a/p.py").program.entrypoint == ("python3", "/opt/ml/processing/input/code/p.py")


def test_the_command_of_scikit_learn_is_python_unless_given():
    script = "/opt/ml/processing/input/code/p.py"

    assert SKLearnProcessor("1.4-2").run("s3://c/p.py").program.entrypoint == ("python3", script)
    assert SKLearnProcessor("1.4-2", command=["python3", "-v"]).run("s3://c/p.py").program.entrypoint == (
        "python3",
        "-v",
        script,
    )


def test_the_image_of_scikit_learn_is_that_of_its_version():
    assert SKLearnProcessor("1.4-2").image == ProcessingImage.sklearn("1.4-2")


def test_a_processor_keeps_the_images_own_entrypoint():
    assert Processor(image_uri="img").run().program == Program()
    assert Processor(image_uri="img", entrypoint=[]).run().program.entrypoint is None


def test_a_processor_replaces_the_images_entrypoint_by_the_one_given():
    assert Processor(image_uri="img", entrypoint=["python3", "-v"]).run().program == Program(
        ("python3", "-v"), word_fields=("entrypoint[0]", "entrypoint[1]")
    )


def test_tags_may_be_a_dict_as_in_the_sdk():
    tagged = Processor(image_uri="img:tag", instance_count=1, instance_type="ml.m5.xlarge", tags={"team": "data"})

    assert tagged.problems() == []
    assert tagged.tag_list == [{"Key": "team", "Value": "data"}]

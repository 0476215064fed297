from dataclasses import FrozenInstanceError, replace

import pytest

from cdk_processing import (
    FrameworkProcessor,
    HuggingFaceProcessor,
    MXNet,
    MXNetProcessor,
    NetworkConfig,
    ProcessingImage,
    PyTorch,
    PyTorchProcessor,
    S3Location,
    SKLearn,
    TensorFlow,
    TensorFlowProcessor,
    XGBoost,
    XGBoostProcessor,
)
from cdk_processing.request.program import bundle_program

HOSTS = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}
FAMILY = [
    FrameworkProcessor(SKLearn, "1.2-1", image_uri="img:tag", **HOSTS),
    PyTorchProcessor("2.1", image_uri="img:tag", **HOSTS),
    TensorFlowProcessor("2.14.1", image_uri="img:tag", **HOSTS),
    MXNetProcessor("1.9.0", image_uri="img:tag", **HOSTS),
    XGBoostProcessor("1.7-1", image_uri="img:tag", **HOSTS),
    HuggingFaceProcessor(
        transformers_version="4.28.1", pytorch_version="2.0.0", py_version="py310", image_uri="img:tag", **HOSTS
    ),
]
EACH = pytest.mark.parametrize("processor", FAMILY, ids=lambda processor: type(processor).__name__)


@pytest.fixture(autouse=True)
def source(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "src"


@EACH
def test_a_processor_with_what_is_required_has_no_problems(processor):
    assert processor.problems() == []
    assert processor.run("main.py", source_dir="src").problems() == []


@EACH
def test_a_processor_is_frozen_and_takes_no_further_fields(processor):
    with pytest.raises(FrozenInstanceError):
        processor.instance_count = 2
    with pytest.raises((AttributeError, TypeError)):
        object.__setattr__(processor, "instance_size", 2)


@EACH
def test_a_bundle_is_run_by_python_unless_a_command_is_given(processor):
    given = replace(processor, command=["python3", "-u"])

    assert processor.run("main.py", "src").program == bundle_program(["python"], "main.py", "src")
    assert given.run("main.py", "src").program == bundle_program(["python3", "-u"], "main.py", "src")
    assert processor.run("main.py", "src").program.entrypoint == (
        "/bin/bash",
        "/opt/ml/processing/input/entrypoint/runproc.sh",
    )
    assert [channel.input_name for channel in processor.run("main.py", "src").channels] == ["code", "entrypoint"]


@EACH
def test_a_script_in_s3_is_a_shell_script_and_nothing_else_is_brought(processor):
    program = processor.run("s3://code/run.sh").program

    assert program.entrypoint == ("/bin/bash", "/opt/ml/processing/input/entrypoint/run.sh")
    assert [(channel.input_name, channel.source) for channel in program.inputs] == [("entrypoint", "s3://code/run.sh")]


@EACH
@pytest.mark.parametrize("code", ["s3://code/jobs/prep.py", S3Location("code", "jobs/prep.py")], ids=str)
def test_a_python_script_in_s3_is_run_by_the_command_and_not_by_bash(processor, code):
    request = processor.run(code)

    assert request.problems() == []
    assert request.program.entrypoint == ("python", "/opt/ml/processing/input/entrypoint/prep.py")
    assert request.channels[0].location == S3Location("code", "jobs/prep.py")
    assert replace(processor, command=["python3", "-u"]).run(code).program.entrypoint[:2] == ("python3", "-u")


@EACH
def test_what_a_run_takes_reaches_the_request(processor):
    request = processor.run("main.py", "src", arguments=["x"], experiment_config={"TrialName": "t"})

    assert request.processor is processor
    assert request.arguments == ("x",)
    assert request.experiment_config == {"TrialName": "t"}


@EACH
def test_a_job_that_installs_nothing_is_isolated_and_one_that_does_is_not(processor, source):
    assert processor.run("main.py", "src").network.enable_network_isolation is True
    (source / "requirements.txt").touch()
    assert processor.run("main.py", "src").network.enable_network_isolation is False
    given = replace(processor, network_config=NetworkConfig(enable_network_isolation=True))
    assert given.run("main.py", "src").network.enable_network_isolation is True


@EACH
@pytest.mark.parametrize(
    ("argument", "instead"),
    [
        ("git_config", "check the repository out"),
        ("wait", "cdk-processing start --wait"),
        ("logs", "cdk-processing logs"),
        ("job_name", "set base_job_name on the processor"),
        ("kms_key", "cdk bootstrap --bootstrap-kms-key-id"),
    ],
)
@pytest.mark.parametrize("value", [None, True, {"repo": "x"}], ids=str)
def test_what_nothing_here_can_take_is_refused_with_what_to_use_instead(processor, told, argument, instead, value):
    if (argument, value) == ("git_config", None):  # None skips the argument, which stands before others
        assert processor.run("main.py", "src", None, None).problems() == []
        return
    message = told(processor.run("main.py", "src", **{argument: value}).problems())

    assert message.startswith(f"{argument} must be left out, got {value!r}; ")
    assert instead in message


@EACH
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("instance_count", 0, "instance_count must be 1-100, got 0; raise instance_count on {owner}"),
        ("command", "python3 -u", "command must be a list of str, got 'python3 -u'; write ['python3', '-u']"),
        (
            "code_location",
            "s3://code/",
            "code_location must be left out, got 's3://code/'; "
            "leave it out; code is a CDK asset in the bootstrap bucket",
        ),
        (
            "sagemaker_session",
            "session",
            "sagemaker_session must be left out: synth calls nothing, got 'session'; "
            "leave it out; `cdk deploy` has its own credentials",
        ),
    ],
)
def test_a_bad_value_is_told(processor, told, field, value, message):
    owner = type(processor).__name__

    assert told(replace(processor, **{field: value}).problems()) == message.replace("{owner}", owner)


def uri(processor):
    assert processor.image.problems() == []
    return processor.image.aws.uri_in("us-west-2")


@pytest.mark.parametrize(
    ("processor", "image"),
    [
        (FrameworkProcessor(SKLearn, "1.2-1", **HOSTS), "sagemaker-scikit-learn:1.2-1-cpu-py3"),
        (FrameworkProcessor(XGBoost, "1.7-1", **HOSTS), "sagemaker-xgboost:1.7-1"),
        (XGBoostProcessor("1.7-1", **HOSTS), "sagemaker-xgboost:1.7-1"),
        (PyTorchProcessor("2.1", py_version="py310", **HOSTS), "pytorch-training:2.1-cpu-py310"),
        (
            FrameworkProcessor(PyTorch, "2.1.0", None, 1, "ml.g5.xlarge", "py310"),
            "pytorch-training:2.1.0-gpu-py310",
        ),
        (TensorFlowProcessor("2.14.1", py_version="py310", **HOSTS), "tensorflow-training:2.14.1-cpu-py310"),
        (FrameworkProcessor(TensorFlow, "2.14.1", py_version="py310", **HOSTS), "tensorflow-training:2.14.1-cpu-py310"),
        (MXNetProcessor("1.9.0", py_version="py38", **HOSTS), "mxnet-training:1.9.0-cpu-py38"),
        (FrameworkProcessor(MXNet, "1.9.0", py_version="py38", **HOSTS), "mxnet-training:1.9.0-cpu-py38"),
    ],
    ids=repr,
)
def test_the_image_is_the_frameworks_for_the_version_the_python_and_the_instances(processor, image):
    assert uri(processor).rpartition("/")[2] == image


def test_the_image_of_hugging_face_is_built_on_the_framework_that_is_given():
    processor = HuggingFaceProcessor(
        transformers_version="4.28.1",
        pytorch_version="2.0.0",
        py_version="py310",
        instance_count=1,
        instance_type="ml.g4dn.xlarge",
    )

    assert "/huggingface-pytorch-training:2.0.0-transformers4.28.1-gpu-py310" in uri(processor)


def test_an_image_that_is_given_is_taken_instead():
    image = ProcessingImage.from_registry("mine:1")

    assert replace(FAMILY[0], image_uri="mine:1").image == image
    assert replace(FAMILY[0], image_uri=image).image is image


class OfTheSdk:
    """As the SDK's estimators are named: ``sagemaker.sklearn.SKLearn``."""

    _framework_name = "sklearn"


@pytest.mark.parametrize("named", [SKLearn, OfTheSdk, "sklearn"])
def test_a_framework_is_named_by_our_class_the_sdks_or_its_name(named):
    processor = FrameworkProcessor(named, "1.2-1", **HOSTS)

    assert processor.problems() == []
    assert processor.image.aws == ProcessingImage.sklearn("1.2-1").aws


@pytest.mark.parametrize("given", [{}, {"pytorch_version": "2.0.0", "tensorflow_version": "2.11.0"}], ids=str)
def test_hugging_face_needs_exactly_one_framework_below_it(told, given):
    processor = HuggingFaceProcessor(transformers_version="4.28.1", py_version="py310", **HOSTS, **given)

    problems = [problem for problem in processor.problems() if problem.field == "pytorch_version"]
    assert told(problems).startswith("pytorch_version must be given, or else tensorflow_version, got {")
    assert told(problems).endswith("set pytorch_version or tensorflow_version on HuggingFaceProcessor")
    assert replace(processor, image_uri="img:tag").problems() == []

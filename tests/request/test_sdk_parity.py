"""What the SageMaker Python SDK 2.257.7 takes and sends, against what this library takes and renders."""

import inspect
import json
from dataclasses import replace
from pathlib import Path

import pytest

from cdk_processing import (
    FrameworkProcessor,
    HuggingFaceProcessor,
    MXNetProcessor,
    NetworkConfig,
    ProcessingInput,
    ProcessingOutput,
    Processor,
    PySparkProcessor,
    PyTorchProcessor,
    ScriptProcessor,
    SKLearn,
    SKLearnProcessor,
    SparkJarProcessor,
    TensorFlowProcessor,
    XGBoostProcessor,
)
from cdk_processing.request.compute import UNSET
from cdk_processing.request.request import Bindings

ROLE = "arn:aws:iam::111122223333:role/R"
CASES = json.loads((Path(__file__).parents[1] / "data" / "sdk_requests.json").read_text(encoding="utf-8"))["cases"]

# Every difference there is, and why.
DIFFERENCES = {
    "ProcessingJobName": "one for each run, written by the state machine; the SDK's is fixed when run() is called",
    "NetworkConfig": "a job is isolated and its traffic encrypted unless it says otherwise; the SDK sends neither",
}
EMPTY = {"Environment": "the SDK's Spark processors send an empty one"}
ISOLATED = {"EnableInterContainerTrafficEncryption": True, "EnableNetworkIsolation": True}
OPEN = {**ISOLATED, "EnableNetworkIsolation": False}
# What installs requirements cannot be isolated, nor can Spark, whose hosts must reach each other.
NETWORKS = {"framework": OPEN, "pyspark_min": OPEN, "sparkjar": OPEN}
# The SDK uploads code to its default bucket; here it is an asset of the stack, whose place CDK knows.
UPLOADS = {
    "script_local": ["s3://default-bucket/my-job/input/code/p.py"],
    "framework": [
        "s3://default-bucket/my-job/source/sourcedir.tar.gz",
        "s3://default-bucket/my-job/source/runproc.sh",
    ],
}

HOSTS = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}


def processor_min():
    return Processor(role=ROLE, image_uri="img:tag", **HOSTS).run()


def script_local():
    processor = ScriptProcessor(role=ROLE, image_uri="img:tag", command=["python3", "-v"], **HOSTS)
    return processor.run(code="p.py", arguments=["x"])


def script_s3():
    return ScriptProcessor(role=ROLE, image_uri="img:tag", command=["python3"], **HOSTS).run(code="s3://c/a/p.py")


def sklearn():
    return SKLearnProcessor(framework_version="1.2-1", role=ROLE, **HOSTS).run(code="s3://c/a/p.py")


def framework():
    processor = FrameworkProcessor(SKLearn, framework_version="1.2-1", role=ROLE, **HOSTS)
    return processor.run(code="main.py", source_dir="src")


def pyspark_min():
    processor = PySparkProcessor(role=ROLE, framework_version="3.5", py_version="py39", container_version="1", **HOSTS)
    return processor.run(submit_app="s3://c/app.py")


def sparkjar():
    return SparkJarProcessor(role=ROLE, framework_version="3.3", **HOSTS).run(
        submit_app="s3://c/app.jar", submit_class="com.x.Main", submit_jars=["s3://d/a.jar"]
    )


CALLS = {
    call.__name__: call for call in (processor_min, script_local, script_s3, sklearn, framework, pyspark_min, sparkjar)
}


@pytest.fixture(autouse=True)
def files_that_the_calls_name(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    for name in ("p.py", "src/main.py", "src/requirements.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


def rendered(name):
    request = CALLS[name]()
    assert request.problems() == []
    image = request.processor.image
    uploads = iter(UPLOADS.get(name, ()))
    uris = tuple(str(channel.source) if channel.files is None else next(uploads) for channel in request.channels)
    uri = image.registry_uri if image.aws is None else image.aws.uri_in("us-west-2")
    return request.render(Bindings(image_uri=uri, role_arn=ROLE, input_uris=uris))


@pytest.mark.parametrize("name", CALLS)
def test_a_call_renders_the_request_that_the_sdk_sends(name):
    ours, theirs = rendered(name), dict(CASES[name]["request"])

    assert ours.pop("NetworkConfig") == NETWORKS.get(name, ISOLATED)
    assert "NetworkConfig" not in theirs
    assert theirs.pop("ProcessingJobName") == "my-job"
    if "Environment" not in ours:
        assert theirs.pop("Environment", {}) == {}
    assert ours == theirs


@pytest.mark.parametrize("name", CALLS)
def test_the_differences_are_those_of_the_table(name):
    ours, theirs = rendered(name), CASES[name]["request"]

    different = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}

    assert different == set(DIFFERENCES) | (set(EMPTY) if "spark" in name else set())


def test_every_reference_call_is_compared():
    assert set(CASES) == set(CALLS)


# Read from sagemaker/processing.py, sagemaker/network.py and sagemaker/{sklearn,spark,pytorch,...}/processing.py of the
# SDK.
REQUIRED = object()
HARDWARE = [
    ("volume_size_in_gb", 30),
    ("volume_kms_key", None),
    ("output_kms_key", None),
    ("max_runtime_in_seconds", None),
    ("base_job_name", None),
    ("sagemaker_session", None),
    ("env", None),
    ("tags", None),
    ("network_config", None),
]
RUN = [
    ("inputs", None),
    ("outputs", None),
    ("arguments", None),
    ("wait", True),
    ("logs", True),
    ("job_name", None),
    ("experiment_config", None),
    ("kms_key", None),
]
FRAMEWORK_HARDWARE = [
    *HARDWARE[:3],
    ("code_location", None),
    *HARDWARE[3:],
]
OF_A_FRAMEWORK = [
    ("framework_version", REQUIRED),
    ("role", None),
    ("instance_count", None),
    ("instance_type", None),
    ("py_version", "py3"),
    ("image_uri", None),
    ("command", None),
    *FRAMEWORK_HARDWARE,
]
SPARK = [
    ("role", None),
    ("instance_type", None),
    ("instance_count", None),
    ("framework_version", None),
    ("py_version", None),
    ("container_version", None),
    ("image_uri", None),
    *HARDWARE[:3],
    ("configuration_location", None),
    ("dependency_location", None),
    *HARDWARE[3:],
]
SPARK_RUN = [
    *RUN[:7],
    ("configuration", None),
    ("spark_event_logs_s3_uri", None),
    ("kms_key", None),
]
SIGNATURES = {
    FrameworkProcessor: [("estimator_cls", REQUIRED), *OF_A_FRAMEWORK],
    FrameworkProcessor.run: [
        ("code", REQUIRED),
        ("source_dir", None),
        ("dependencies", None),
        ("git_config", None),
        *RUN,
        ("codeartifact_repo_arn", None),
    ],
    PyTorchProcessor: OF_A_FRAMEWORK,
    TensorFlowProcessor: OF_A_FRAMEWORK,
    MXNetProcessor: OF_A_FRAMEWORK,
    XGBoostProcessor: OF_A_FRAMEWORK,
    HuggingFaceProcessor: [
        ("role", None),
        ("instance_count", None),
        ("instance_type", None),
        ("transformers_version", None),
        ("tensorflow_version", None),
        ("pytorch_version", None),
        ("py_version", "py36"),
        ("image_uri", None),
        ("command", None),
        *FRAMEWORK_HARDWARE,
    ],
    PySparkProcessor: SPARK,
    PySparkProcessor.run: [
        ("submit_app", REQUIRED),
        ("submit_py_files", None),
        ("submit_jars", None),
        ("submit_files", None),
        *SPARK_RUN,
    ],
    SparkJarProcessor: SPARK,
    SparkJarProcessor.run: [
        ("submit_app", REQUIRED),
        ("submit_class", REQUIRED),
        ("submit_jars", None),
        ("submit_files", None),
        *SPARK_RUN,
    ],
    Processor: [
        ("role", None),
        ("image_uri", None),
        ("instance_count", None),
        ("instance_type", None),
        ("entrypoint", None),
        *HARDWARE,
    ],
    Processor.run: RUN,
    ScriptProcessor: [
        ("role", None),
        ("image_uri", None),
        ("command", None),
        ("instance_count", None),
        ("instance_type", None),
        *HARDWARE,
    ],
    ScriptProcessor.run: [("code", REQUIRED), *RUN],
    SKLearnProcessor: [
        ("framework_version", REQUIRED),
        ("role", None),
        ("instance_count", None),
        ("instance_type", None),
        ("command", None),
        *HARDWARE,
    ],
    SKLearnProcessor.run: [("code", REQUIRED), *RUN],
    ProcessingInput: [
        ("source", None),
        ("destination", None),
        ("input_name", None),
        ("s3_data_type", "S3Prefix"),
        ("s3_input_mode", "File"),
        ("s3_data_distribution_type", "FullyReplicated"),
        ("s3_compression_type", "None"),
        ("s3_input", None),
        ("dataset_definition", None),
        ("app_managed", False),
        ("objects", None),  # ours: the SDK makes no role
    ],
    ProcessingOutput: [
        ("source", None),
        ("destination", None),
        ("output_name", None),
        ("s3_upload_mode", "EndOfJob"),
        ("app_managed", False),
        ("feature_store_output", None),
    ],
    NetworkConfig: [
        ("enable_network_isolation", None),
        ("security_group_ids", None),
        ("subnets", None),
        ("encrypt_inter_container_traffic", None),
    ],
}
# The SDK's default, and what stands here instead.
OTHER_DEFAULTS = {
    ("wait", True): "not taken",
    ("logs", True): "not taken",
    ("job_name", None): "not taken",
    ("git_config", None): "not taken",
    ("kms_key", None): "not taken",
    ("enable_network_isolation", None): False,  # the SDK sends False for None
}


# What is taken beyond the SDK, after its own: what it gives to its FrameworkProcessor alone, and constructs.
FURTHER = {
    ScriptProcessor.run: ["source_dir", "dependencies", "codeartifact_repo_arn"],
    NetworkConfig: ["vpc"],
}


def parameters_of(ours):
    """The parameters that the SDK has too."""
    found = inspect.signature(ours).parameters.items()
    return {name: parameter for name, parameter in found if name not in ("self", *FURTHER.get(ours, ()))}


@pytest.mark.parametrize("ours", SIGNATURES, ids=lambda ours: ours.__qualname__)
def test_arguments_have_the_names_order_and_defaults_of_the_sdk(ours):
    found = [
        (name, REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in parameters_of(ours).items()
    ]

    assert [name for name, _ in found] == [name for name, _ in SIGNATURES[ours]]
    for (name, default), (_, theirs) in zip(found, SIGNATURES[ours], strict=True):
        instead = OTHER_DEFAULTS.get((name, theirs) if theirs is not REQUIRED else (name, None), theirs)
        if instead == "not taken":
            assert default is UNSET, name
        else:
            assert default is instead or default == instead, name


@pytest.mark.parametrize("ours", SIGNATURES, ids=lambda ours: ours.__qualname__)
def test_every_argument_can_be_given_by_position_as_in_the_sdk(ours):
    kinds = {parameter.kind for parameter in parameters_of(ours).values()}

    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize("ours", FURTHER, ids=lambda ours: ours.__qualname__)
def test_what_is_taken_beyond_the_sdk_comes_after_it_and_may_be_left_out(ours):
    parameters = list(inspect.signature(ours).parameters.values())[-len(FURTHER[ours]) :]

    assert [parameter.name for parameter in parameters] == FURTHER[ours]
    assert {parameter.default for parameter in parameters} == {None}


def test_both_processors_of_a_script_are_run_in_the_same_way_and_take_more_by_name_only():
    assert SKLearnProcessor.run is ScriptProcessor.run
    parameters = inspect.signature(ScriptProcessor.run).parameters
    assert {parameters[name].kind for name in FURTHER[ScriptProcessor.run]} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize(
    "ours",
    [PyTorchProcessor, TensorFlowProcessor, MXNetProcessor, XGBoostProcessor, HuggingFaceProcessor],
    ids=lambda ours: ours.__name__,
)
def test_every_framework_is_run_in_the_same_way(ours):
    assert ours.run is FrameworkProcessor.run


def test_positional_calls_of_the_sdk_mean_the_same():
    by_position = SKLearnProcessor("1.2-1", ROLE, 1, "ml.m5.xlarge", ["python3", "-v"], 50)
    by_name = SKLearnProcessor(
        framework_version="1.2-1",
        role=ROLE,
        instance_count=1,
        instance_type="ml.m5.xlarge",
        command=["python3", "-v"],
        volume_size_in_gb=50,
    )
    channel = ProcessingInput("s3://raw/in/", "/opt/ml/processing/input")
    result = ProcessingOutput("/opt/ml/processing/out", "s3://curated/out/", "out")

    assert by_position == by_name
    assert by_position.run("s3://c/a/p.py", [channel], [result], ["x"]) == by_name.run(
        code="s3://c/a/p.py", inputs=[channel], outputs=[result], arguments=["x"]
    )


def test_positional_wait_is_refused_like_the_named_one():
    [problem] = ScriptProcessor(role=ROLE).run("s3://c/p.py", None, None, None, True).program.mistakes

    assert str(problem).startswith("wait must be left out, got True; drop it: run() starts nothing at synth.")


def test_the_sdks_vpc_configuration_is_sent_as_the_sdk_sends_it_but_encrypted():
    given = NetworkConfig(security_group_ids=["sg-1"], subnets=["subnet-1", "subnet-2"])

    assert given.render() == {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": True,
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
    }
    assert (
        replace(given, encrypt_inter_container_traffic=False).render()["EnableInterContainerTrafficEncryption"] is False
    )

"""What the SageMaker Python SDK 2.257.7 takes and sends, against what this library takes and renders."""

import inspect
import json
from dataclasses import replace
from pathlib import Path

import pytest

from cdk_processing import (
    NetworkConfig,
    ProcessingInput,
    ProcessingOutput,
    Processor,
    ScriptProcessor,
    SKLearnProcessor,
)
from cdk_processing.request.images import registry_accounts
from cdk_processing.request.request import Bindings

ROLE = "arn:aws:iam::111122223333:role/R"
CASES = json.loads((Path(__file__).parents[1] / "data" / "sdk_requests.json").read_text(encoding="utf-8"))["cases"]

# Every difference there is, and why.
DIFFERENCES = {
    "ProcessingJobName": "one for each run, written by the state machine; the SDK's is fixed when run() is called",
    "NetworkConfig": "a job is isolated and its traffic encrypted unless it says otherwise; the SDK sends neither",
}
ISOLATED = {"EnableInterContainerTrafficEncryption": True, "EnableNetworkIsolation": True}
# The SDK uploads code to its default bucket; here it is an asset of the stack, whose place CDK knows.
CODE_URI = {"script_local": "s3://default-bucket/my-job/input/code/p.py"}

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


CALLS = {call.__name__: call for call in (processor_min, script_local, script_s3, sklearn)}


def rendered(name):
    request = CALLS[name]()
    image = request.processor.image
    uri = image.registry_uri
    if image.aws is not None:
        uri = image.aws.uri(registry_accounts(image.aws.family)["us-west-2"], "us-west-2", "amazonaws.com")
    code = request.code if request.code is None else CODE_URI.get(name, request.code)
    return request.render(Bindings(image_uri=uri, role_arn=ROLE, code_uri=code))


@pytest.mark.parametrize("name", CALLS)
def test_a_call_renders_the_request_that_the_sdk_sends(name):
    ours, theirs = rendered(name), dict(CASES[name]["request"])

    assert ours.pop("NetworkConfig") == ISOLATED
    assert "NetworkConfig" not in theirs
    assert theirs.pop("ProcessingJobName") == "my-job"
    assert ours == theirs


@pytest.mark.parametrize("name", CALLS)
def test_the_differences_are_those_of_the_table(name):
    ours, theirs = rendered(name), CASES[name]["request"]

    different = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}

    assert different == set(DIFFERENCES)


def test_every_processor_there_is_has_its_reference_calls_compared():
    not_offered_yet = {"PySparkProcessor", "SparkJarProcessor", "FrameworkProcessor"}

    left = {name for name, case in CASES.items() if case["call"].split("(")[0] not in not_offered_yet}

    assert left == set(CALLS)


# Read from sagemaker/processing.py, sagemaker/sklearn/processing.py and sagemaker/network.py of the SDK.
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
SIGNATURES = {
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
    ("kms_key", None): "not taken",
    ("enable_network_isolation", None): False,  # the SDK sends False for None
}


@pytest.mark.parametrize("ours", SIGNATURES, ids=lambda ours: ours.__qualname__)
def test_arguments_have_the_names_order_and_defaults_of_the_sdk(ours):
    found = [
        (name, REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in inspect.signature(ours).parameters.items()
        if name != "self"
    ]

    assert [name for name, _ in found] == [name for name, _ in SIGNATURES[ours]]
    for (name, default), (_, theirs) in zip(found, SIGNATURES[ours], strict=True):
        instead = OTHER_DEFAULTS.get((name, theirs) if theirs is not REQUIRED else (name, None), theirs)
        if instead == "not taken":
            assert type(default) is object, name
        else:
            assert default is instead or default == instead, name


@pytest.mark.parametrize("ours", SIGNATURES, ids=lambda ours: ours.__qualname__)
def test_every_argument_can_be_given_by_position_as_in_the_sdk(ours):
    kinds = {parameter.kind for parameter in inspect.signature(ours).parameters.values()}

    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


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
    with pytest.raises(TypeError, match="takes no wait="):
        ScriptProcessor(role=ROLE).run("s3://c/p.py", None, None, None, True)


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

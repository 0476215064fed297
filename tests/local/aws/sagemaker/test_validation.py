import botocore.loaders
import botocore.model
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing.local.aws.sagemaker.errors import ServiceError, in_use, limit_exceeded, not_found
from cdk_processing.local.aws.sagemaker.rules import check_request
from cdk_processing.local.aws.sagemaker.validation import OPERATIONS, validate
from tests.request.declarations import profile
from tests.request.service_model import refusals, requests, sdk_refusals

ROLE = "arn:aws:iam::000000000000:role/r"
QUERY = {"AthenaDatasetDefinition": {"QueryString": "select 1"}}
FEATURES = {"FeatureStoreOutput": {"FeatureGroupName": "people"}}


def request(**changes):
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
    return {
        "ProcessingJobName": "job",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "image"},
        "ProcessingResources": {"ClusterConfig": cluster},
        **changes,
    }


def cluster(**changes):
    return {"ProcessingResources": {"ClusterConfig": {**request()["ProcessingResources"]["ClusterConfig"], **changes}}}


def s3_input(name="in", **changes):
    path = f"/opt/ml/processing/{name}"
    s3 = {"S3Uri": "s3://b/k", "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File", **changes}
    return {"InputName": name, "S3Input": s3}


def s3_output(name="out", **changes):
    s3 = {"S3Uri": "s3://b/k", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob", **changes}
    return {"OutputName": name, "S3Output": s3}


def message(call, *arguments):
    with pytest.raises(ServiceError) as caught:
        call(*arguments)
    return f"{caught.value.code}: {caught.value.message}"


def test_an_ordinary_request_passes():
    whole = request(
        ProcessingInputs=[s3_input()],
        ProcessingOutputConfig={"Outputs": [s3_output()]},
        Environment={"A": "b\nc"},
        Tags=[{"Key": "Grün 1", "Value": "x=1"}],
    )
    validate("CreateProcessingJob", whole)
    check_request(whole)


def test_channels_that_the_application_manages_need_no_local_path():
    uri = {"S3Uri": "s3://b/k", "S3DataType": "S3Prefix"}
    taken = {"InputName": "in", "AppManaged": True, "S3Input": uri}
    given = {"OutputName": "out", "AppManaged": True, "S3Output": {"S3Uri": "s3://b/k", "S3UploadMode": "EndOfJob"}}
    whole = request(ProcessingInputs=[taken], ProcessingOutputConfig={"Outputs": [given]})
    validate("CreateProcessingJob", whole)
    check_request(whole)


def test_a_bad_name_is_refused_in_the_words_of_aws():
    assert message(validate, "CreateProcessingJob", request(ProcessingJobName="a_b")) == (
        "ValidationException: 1 validation error detected: Value 'a_b' at 'processingJobName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_all_problems_are_told_at_once():
    text = message(validate, "CreateProcessingJob", request(ProcessingJobName="a_b", **cluster(InstanceCount=1000)))
    assert text.startswith("ValidationException: 2 validation errors detected: ")
    assert "Value '1000' at 'processingResources.clusterConfig.instanceCount'" in text
    assert "Member must have value less than or equal to 100" in text


@pytest.mark.parametrize(
    ("changes", "where", "constraint"),
    [
        (cluster(InstanceType="ml.nothing"), "instanceType", "Member must satisfy enum value set"),
        (cluster(VolumeSizeInGB=16385), "volumeSizeInGB", "less than or equal to 16384"),
        (cluster(InstanceCount=0), "instanceCount", "greater than or equal to 1"),
        ({"RoleArn": "role"}, "roleArn", "Member must"),
        ({"ProcessingInputs": [s3_input(S3Uri="file://x")]}, "processingInputs.1.member.s3Input.s3Uri", "pattern"),
        ({"ProcessingInputs": [s3_input(S3InputMode="FastFile")]}, "s3InputMode", "enum value set"),
        ({"ProcessingInputs": [s3_input(str(i)) for i in range(11)]}, "processingInputs", "less than or equal to 10"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 777601}}, "maxRuntimeInSeconds", "less than or equal to 777600"),
        ({"Environment": {"1A": "x"}}, "environment", "Map keys must satisfy constraint"),
        ({"Environment": {"A": "x" * 257}}, "environment", "Map values must satisfy constraint"),
        ({"Environment": {f"A{i}": "x" for i in range(101)}}, "environment", "less than or equal to 100"),
        ({"AppSpecification": {"ImageUri": "i" * 256}}, "imageUri", "less than or equal to 255"),
        ({"AppSpecification": {"ImageUri": "i", "ContainerArguments": []}}, "containerArguments", "greater than or"),
        ({"AppSpecification": {}}, "appSpecification.imageUri", "Member must not be null"),
        ({"NetworkConfig": {"VpcConfig": {"Subnets": ["s-1"]}}}, "securityGroupIds", "Member must not be null"),
    ],
)
def test_a_request_is_held_to_the_service_model(changes, where, constraint):
    text = message(validate, "CreateProcessingJob", request(**changes))
    assert where in text
    assert constraint in text


def test_a_value_of_the_wrong_type_is_a_serialization_error():
    text = message(validate, "CreateProcessingJob", request(**cluster(InstanceCount="1")))
    assert text.startswith("SerializationException: processingResources.clusterConfig.instanceCount must be integer")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ProcessingInputs": [s3_input(S3CompressionType="Gzip")]}, "Gzip needs S3InputMode Pipe"),
        (
            {"ProcessingInputs": [s3_input(S3InputMode="Pipe")]},
            "ProcessingInputs[in].S3Input.S3InputMode must be 'File' in the embedded AWS, got 'Pipe'",
        ),
        ({"ProcessingInputs": [s3_input(LocalPath="/tmp/x")]}, "LocalPath must start with /opt/ml/processing/"),
        ({"ProcessingInputs": [s3_input(), s3_input()]}, "Processing input names must be unique: 'in'"),
        ({"ProcessingInputs": [{"InputName": "a"}]}, "must have an S3Input or a DatasetDefinition"),
        ({"ProcessingInputs": [s3_input(S3Uri="https://b/k")]}, "S3Uri must be an s3:// URI in the embedded AWS"),
        (
            {"ProcessingInputs": [{"InputName": "a", "DatasetDefinition": {"LocalPath": "/x"}}]},
            "LocalPath must start with /opt/ml/processing/ (DatasetDefinition 'a' has /x)",
        ),
        (
            {"ProcessingInputs": [{"InputName": "a", "AppManaged": True, "DatasetDefinition": QUERY}]},
            "ProcessingInputs[a].DatasetDefinition must be left out in the embedded AWS, which runs no queries, got "
            "'Athena'",
        ),
        ({"ProcessingOutputConfig": {"Outputs": [s3_output(), s3_output()]}}, "output names must be unique"),
        ({"ProcessingOutputConfig": {"Outputs": [s3_output(LocalPath="/x")]}}, "LocalPath must start with"),
        (
            {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "FeatureStoreOutput": {}}]}},
            "FeatureStoreOutput is supported only with AppManaged true (output 'o')",
        ),
        (
            {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "AppManaged": True, **FEATURES}]}},
            "ProcessingOutputConfig.Outputs[o].FeatureStoreOutput must be left out in the embedded AWS, which has no "
            "feature store, got 'people'",
        ),
        (
            {
                "ProcessingResources": {
                    "ClusterConfig": {
                        "InstanceCount": 1,
                        "VolumeSizeInGB": 1,
                        "InstancePreferences": [{"InstanceType": "ml.m5.large"}],
                    }
                }
            },
            "ClusterConfig.InstancePreferences must be left out in the embedded AWS",
        ),
        (cluster(InstanceType="ml.g4dn.xlarge", VolumeKmsKeyId="k"), "VolumeKmsKeyId is not supported"),
    ],
)
def test_what_the_model_cannot_say_is_refused_too(changes, text):
    found = message(check_request, request(**changes))
    assert found.startswith("ValidationException: ")
    assert text in found


def test_the_codes_of_errors_are_the_models_own():
    model = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("sagemaker", "service-2"))
    known = {shape.name for shape in model.operation_model("CreateProcessingJob").error_shapes}
    assert {in_use("a").code, limit_exceeded("x").code, not_found("x").code} == known
    assert set(OPERATIONS) <= set(model.operation_names)


def test_an_instance_type_that_aws_may_have_added_since_is_taken():
    validate("CreateProcessingJob", request(**cluster(InstanceType="ml.m99.large")))


def test_tabs_and_line_breaks_in_tags_are_refused():
    for text in ("a\tb", "a\nb"):
        said = message(validate, "CreateProcessingJob", request(Tags=[{"Key": "team", "Value": text}]))
        assert "Member must satisfy regular expression pattern" in said


@pytest.mark.parametrize("operation", OPERATIONS)
@profile(40)
@given(st.data())
def test_of_what_botocore_sends_exactly_that_is_refused_which_the_model_refuses(operation, data):
    sent = data.draw(requests(operation).filter(lambda request: not sdk_refusals(request, operation)))

    if refusals(sent, operation):
        assert message(validate, operation, sent).startswith("ValidationException: ")
    else:
        validate(operation, sent)


def test_unknown_members_and_null_ones_are_ignored_as_aws_does():
    validate("CreateProcessingJob", request(Environment=None, Nonsense=1, NetworkConfig={"VpcConfig": None}))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"RoleArn": None}, "ValidationException: 1 validation error detected: Value null at 'roleArn' failed"),
        ({"Tags": [None]}, "SerializationException: tags.1.member must be structure, got NoneType"),
        ({"Environment": {"A": 5}}, "SerializationException: environment.A must be string, got int"),
    ],
)
def test_null_is_refused_where_a_value_must_be(changes, text):
    assert message(validate, "CreateProcessingJob", request(**changes)).startswith(text)


def test_the_keys_of_a_map_are_told_in_one_problem():
    assert message(validate, "CreateProcessingJob", request(Environment={"1A": "x", "2B": "y"})) == (
        "ValidationException: 1 validation error detected: Value '{'1A': 'x', '2B': 'y'}' at 'environment' failed to "
        "satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
        "[a-zA-Z_][a-zA-Z0-9_]*]"
    )


@pytest.mark.parametrize("field", ["ContainerArguments", "ContainerEntrypoint"])
def test_an_empty_word_is_refused_in_the_words_of_aws(field):
    app = {"ImageUri": "image", field: ["a", ""]}

    assert message(check_request, request(AppSpecification=app)) == (
        f"ValidationException: Found null or empty string in {field} at index 1. "
        "ContainerArguments and ContainerEntrypoint may not contain null or empty strings."
    )

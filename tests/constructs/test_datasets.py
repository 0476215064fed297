import json
from dataclasses import replace

import pytest
from aws_cdk import aws_kms as kms

from cdk_processing import (
    AthenaDatasetDefinition,
    DatasetDefinition,
    DeclarationError,
    FeatureStoreOutput,
    FrameworkProcessor,
    OnObjectCreated,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    RedshiftDatasetDefinition,
    SKLearn,
)


@pytest.fixture
def athena(curated):
    return AthenaDatasetDefinition(
        "AwsDataCatalog", "sales", "SELECT 1", curated.at("athena/"), work_group="team", output_format="PARQUET"
    )


@pytest.fixture
def redshift(curated):
    return RedshiftDatasetDefinition(
        "warehouse",
        "sales",
        "reader",
        "SELECT 1",
        "arn:aws:iam::111122223333:role/Unload",
        curated.at("redshift/"),
        output_format="CSV",
    )


def dataset(**query):
    definition = DatasetDefinition(local_path=f"/opt/ml/processing/{next(iter(query))}", **query)
    return ProcessingInput(dataset_definition=definition)


def given(statement, flat):
    resource = statement["Resource"]
    return [flat(each) for each in (resource if isinstance(resource, list) else [resource])]


def test_the_result_of_athena_is_written_and_read_and_that_of_redshift_only_read(
    stack, athena, redshift, request_for, synth, statements, flat
):
    key = kms.Key(stack, "Key")
    inputs = [
        dataset(athena_dataset_definition=replace(athena, kms_key_id=key)),
        dataset(redshift_dataset_definition=replace(redshift, kms_key_id="alias/results")),
    ]
    ProcessingJob(stack, "Preprocess", request_for(inputs=inputs))

    found = statements(synth(stack), "PreprocessExecutionRole")

    bucket = given(found["FindAthenaResults"], flat)[0]
    assert given(found["ReadInputs"], flat)[1:] == [f"{bucket}/athena/*", f"{bucket}/redshift/*"]
    assert given(found["WriteOutputs"], flat) == [f"{bucket}/athena/*"]
    assert [name.startswith("<Key") for name in given(found["EncryptOutputs"], flat)] == [True]
    assert [name.startswith("<Key") for name in given(found["DecryptInputs"], flat)] == [True]
    assert given(found["RunAthenaQueries"], flat)[0].endswith(":workgroup/team")
    assert "SignInToRedshift" in found


def test_a_dataset_and_a_feature_group_are_sent_as_they_were_declared(
    stack, athena, request_for, synth, definition, statements
):
    features = ProcessingOutput(
        output_name="features", app_managed=True, feature_store_output=FeatureStoreOutput("customers")
    )
    request = request_for(inputs=[dataset(athena_dataset_definition=athena)], outputs=[features])
    job = ProcessingJob(stack, "Preprocess", request)

    template = synth(stack)
    states = definition(template, "Preprocess")["States"]
    sent = states["RunJob"]["Arguments"]

    query = sent["ProcessingInputs"][0]["DatasetDefinition"]["AthenaDatasetDefinition"]
    assert (query["QueryString"], query["OutputS3Uri"].endswith("/athena/")) == ("SELECT 1", True)
    assert sent["ProcessingOutputConfig"]["Outputs"] == [
        {"OutputName": "features", "AppManaged": True, "FeatureStoreOutput": {"FeatureGroupName": "customers"}}
    ]
    assert sent["NetworkConfig"]["EnableNetworkIsolation"] is False
    assert states["RunJob"]["Output"]["outputs"] == {}
    assert job.outputs == {}
    assert "PutFeatures" in statements(template, "PreprocessExecutionRole")


def test_a_result_written_where_objects_launch_the_job_is_refused(stack, athena, curated, request_for):
    request = request_for(inputs=[dataset(athena_dataset_definition=athena)])

    with pytest.raises(DeclarationError, match=r"athena_dataset_definition\.output_s3_uri must be outside"):
        ProcessingJob(stack, "Preprocess", request, triggers=[OnObjectCreated(curated.at("athena/"))])


def test_requirements_from_codeartifact_may_be_fetched(stack, tmp_path, synth, statements):
    (tmp_path / "main.py").write_text("print()")
    (tmp_path / "requirements.txt").write_text("numpy\n")
    arn = "arn:aws:codeartifact:eu-west-1:444455556666:repository/company/python"
    processor = FrameworkProcessor(SKLearn, "1.2-1", instance_count=1, instance_type="ml.m5.xlarge")
    run = processor.run(code="main.py", source_dir=str(tmp_path), codeartifact_repo_arn=arn)
    ProcessingJob(stack, "Preprocess", run)

    found = statements(synth(stack), "PreprocessExecutionRole")

    assert found["ReadPackages"]["Resource"] == arn
    assert {"LogInToCodeArtifact", "GetPackageToken"} <= set(found)


@pytest.mark.parametrize("alias", ["made here", "imported"])
def test_an_alias_is_sent_by_its_name_and_permitted_by_the_key_behind_it_if_that_is_known(
    stack, curated, request_for, synth, definition, statements, alias
):
    from tests.constructs.conftest import PROCESSOR

    if alias == "imported":
        key = kms.Alias.from_alias_name(stack, "Alias", "alias/results")
    else:
        key = kms.Alias(stack, "Alias", alias_name="alias/results", target_key=kms.Key(stack, "Key"))
    processor = replace(PROCESSOR, output_kms_key=key)
    ProcessingJob(stack, "Preprocess", request_for(destination=curated.at("out/"), processor=processor))

    template = synth(stack)
    found = statements(template, "PreprocessExecutionRole")

    sent = definition(template, "Preprocess")["States"]["RunJob"]["Arguments"]["ProcessingOutputConfig"]["KmsKeyId"]
    assert ":kms:" in sent
    assert ":alias/" not in json.dumps(found)
    assert ("EncryptOutputs" in found) == (alias == "made here")


def test_several_instance_types_are_in_the_machine_in_order(stack, request_for, synth, definition):
    from tests.constructs.conftest import PROCESSOR

    processor = replace(PROCESSOR, instance_type=["ml.m5.xlarge", "ml.m6i.xlarge"])
    ProcessingJob(stack, "Preprocess", request_for(processor=processor))

    states = definition(synth(stack), "Preprocess")["States"]

    assert states["Prepare"]["Assign"]["instance_types"] == ["ml.m5.xlarge", "ml.m6i.xlarge"]
    cluster = states["RunJob"]["Arguments"]["ProcessingResources"]["ClusterConfig"]
    assert cluster["InstanceType"] == "{% $instance_types[0] %}"

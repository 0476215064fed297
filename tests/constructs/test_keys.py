"""Every way to name a KMS key, in every place that takes one: what the role of a job may do with it."""

import json

import pytest
from aws_cdk import App, CfnParameter, Environment, Fn, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_processing import (
    AthenaDatasetDefinition,
    DataBucket,
    DatasetDefinition,
    DeclarationError,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    S3Location,
    SKLearnProcessor,
)

ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_REGION = "mrk-1234abcd12ab34cd56ef1234567890ab"
HERE = "arn:<AWS::Partition>:kms:eu-west-1:111122223333"
ARN = f"arn:aws:kms:eu-west-1:111122223333:key/{ID}"
ALIAS = "alias/data"
BY_ALIAS = (f"{HERE}:key/*", ALIAS)


def key_of(stack):
    return kms.Key.from_key_arn(stack, "Key", ARN)


#: Constructs of a key: how it is made, the resource of the statements, and the alias in their conditions.
CONSTRUCTS = {
    "a key": (lambda stack: kms.Key(stack, "Key"), "<Key961B73FD.Arn>", None),
    "an imported key": (key_of, ARN, None),
    "a key that is looked up": (
        lambda stack: kms.Key.from_lookup(stack, "Key", alias_name=ALIAS),
        f"{HERE}:key/{ID}",
        None,
    ),
    "an alias": (lambda stack: kms.Key(stack, "Key").add_alias(ALIAS), "<Key961B73FD.Arn>", None),
    "an alias of an imported key": (
        lambda stack: kms.Alias(stack, "Alias", alias_name=ALIAS, target_key=key_of(stack)),
        ARN,
        None,
    ),
    "an imported alias of a key": (
        lambda stack: kms.Alias.from_alias_attributes(stack, "Alias", alias_name=ALIAS, alias_target_key=key_of(stack)),
        ARN,
        None,
    ),
    "an imported alias": (lambda stack: kms.Alias.from_alias_name(stack, "Alias", ALIAS), *BY_ALIAS),
}
#: The same of texts, with and without CDK tokens.
TEXTS = {
    "an ARN": (lambda stack: ARN, ARN, None),
    "an id": (lambda stack: ID, f"{HERE}:key/{ID}", None),
    "an id in several regions": (lambda stack: MULTI_REGION, f"{HERE}:key/{MULTI_REGION}", None),
    "the name of an alias": (lambda stack: ALIAS, *BY_ALIAS),
    "the ARN of an alias": (
        lambda stack: "arn:aws:kms:eu-west-1:111122223333:alias/data",
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        ALIAS,
    ),
    "an imported value": (lambda stack: Fn.import_value("key"), "<key>", None),
    "a parameter": (lambda stack: CfnParameter(stack, "Param").value_as_string, "<Param>", None),
    "the name of an alias with a parameter": (
        lambda stack: f"alias/{CfnParameter(stack, 'Param').value_as_string}",
        f"{HERE}:key/*",
        "alias/<Param>",
    ),
    "key.key_arn": (lambda stack: kms.Key(stack, "Key").key_arn, "<Key961B73FD.Arn>", None),
    "key.key_id": (lambda stack: kms.Key(stack, "Key").key_id, f"{HERE}:key/<Key961B73FD>", None),
    "alias.alias_name": (lambda stack: kms.Key(stack, "Key").add_alias(ALIAS).alias_name, *BY_ALIAS),
    "alias.key_arn": (lambda stack: kms.Key(stack, "Key").add_alias(ALIAS).key_arn, *BY_ALIAS),
    "the reference of an alias": (
        lambda stack: kms.CfnAlias(stack, "Alias", alias_name=ALIAS, target_key_id=ID).ref,
        *BY_ALIAS,
    ),
}


@pytest.fixture
def stack():
    """A stack that knows its account and region, for keys are looked up there."""
    return Stack(App(), "Census", env=Environment(account="111122223333", region="eu-west-1"))


def sklearn(**options):
    return SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1, **options)


def volumes(stack, key):
    return sklearn(volume_kms_key=key).run("s3://code/prep.py")


def outputs(stack, key):
    output = ProcessingOutput("/opt/ml/processing/out", "s3://results/out/")
    return sklearn(output_kms_key=key).run("s3://code/prep.py", outputs=[output])


def query(stack, key):
    athena = AthenaDatasetDefinition(
        "AwsDataCatalog", "db", "select 1", "s3://results/q/", output_format="PARQUET", kms_key_id=key
    )
    dataset = DatasetDefinition("FullyReplicated", "File", "/opt/ml/processing/in", athena_dataset_definition=athena)
    return sklearn().run("s3://code/prep.py", inputs=[ProcessingInput(dataset_definition=dataset)])


def read(bucket):
    return sklearn().run(
        "s3://code/prep.py", inputs=[ProcessingInput(S3Location(bucket, "in/"), "/opt/ml/processing/in")]
    )


def input_bucket(stack, key):
    return read(s3.Bucket(stack, "Raw", encryption_key=key))


def imported_bucket(stack, key):
    return read(s3.Bucket.from_bucket_attributes(stack, "Raw", bucket_name="raw", encryption_key=key))


def output_bucket(stack, key):
    output = ProcessingOutput("/opt/ml/processing/out", DataBucket(stack, "Out", encryption_key=key).at("out/"))
    return sklearn().run("s3://code/prep.py", outputs=[output])


READ = {"DecryptInputs": {"kms:Decrypt"}}
WRITE = {"EncryptOutputs": {"kms:Encrypt", "kms:GenerateDataKey"}, "DecryptOutputParts": {"kms:Decrypt"}}
VOLUMES = {"EncryptVolumes": {"kms:CreateGrant"}, "DescribeVolumeKey": {"kms:DescribeKey"}}
#: The places of a key: the request, and what the role needs.
OF_A_REQUEST = {"volumes": (volumes, VOLUMES), "outputs": (outputs, WRITE), "a query": (query, {**READ, **WRITE})}
OF_A_BUCKET = {
    "the bucket of an input": (input_bucket, READ),
    "an imported bucket of an input": (imported_bucket, READ),
    "the bucket of an output": (output_bucket, WRITE),
}


@pytest.fixture
def on_keys(stack, synth, statements):
    """The statements of a job's role about keys, by their Sids."""

    def of(request, **job):
        ProcessingJob(stack, "Job", request, **job)
        found = statements(synth(stack), "JobExecutionRole")
        return {sid: each for sid, each in found.items() if "kms:" in json.dumps(each["Action"])}

    return of


def listed(value):
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("place", "name"),
    [(place, name) for place in OF_A_REQUEST for name in (*CONSTRUCTS, *TEXTS)]
    + [(place, name) for place in OF_A_BUCKET for name in CONSTRUCTS],
)
def test_the_role_may_use_a_key_however_it_is_named(stack, on_keys, flat, place, name):
    request, needed = {**OF_A_REQUEST, **OF_A_BUCKET}[place]
    make, resource, alias = {**CONSTRUCTS, **TEXTS}[name]

    found = on_keys(request(stack, make(stack)))

    assert {sid.removesuffix("ByAlias"): set(listed(each["Action"])) for sid, each in found.items()} == needed
    assert {sid.endswith("ByAlias") for sid in found} == {alias is not None}
    for sid, each in found.items():
        assert [flat(arn) for arn in listed(each["Resource"])] == [resource]
        conditions = each.get("Condition", {})
        aliases = conditions.get("ForAnyValue:StringEquals", {}).get("kms:ResourceAliases")
        assert (None if aliases is None else [flat(each) for each in aliases]) == (None if alias is None else [alias])
        # What is read or read back goes through S3, and a grant is for the hosts' volumes.
        assert ("kms:Decrypt" in each["Action"]) == ("kms:ViaService" in json.dumps(conditions))
        assert ("kms:CreateGrant" in each["Action"]) == ("kms:GrantIsForAWSResource" in json.dumps(conditions))
        assert sid.removesuffix("ByAlias") in needed


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_the_platforms_key_is_a_construct_whose_arn_is_known(stack, on_keys, flat, name):
    make, resource, alias = CONSTRUCTS[name]
    output = ProcessingOutput("/opt/ml/processing/out", output_name="out")
    request = sklearn().run("s3://code/prep.py", outputs=[output])

    if alias is not None:
        with pytest.raises(DeclarationError, match="must be a key whose ARN is known, not only its alias"):
            ProcessingPlatform(stack, "Platform", encryption_key=make(stack))
        return
    found = on_keys(request, platform=ProcessingPlatform(stack, "Platform", encryption_key=make(stack)))

    assert {sid: flat(listed(each["Resource"])[0]) for sid, each in found.items()} == dict.fromkeys(WRITE, resource)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_refused_as_the_platforms_key_with_what_to_write(stack, name):
    with pytest.raises(
        DeclarationError, match=r"encryption_key must be a kms.IKey or 'aws-owned', got .*; write kms.Key.from_key_arn"
    ):
        ProcessingPlatform(stack, "Platform", encryption_key=TEXTS[name][0](stack))

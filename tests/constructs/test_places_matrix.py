"""Each kind of thing that a job uses, in each place where an app can have it: works, is refused, or is warned of."""

from __future__ import annotations

import pytest
from aws_cdk import App, Environment, NestedStack, Stack, Stage
from aws_cdk import assertions as cdk_assertions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_processing import (
    AthenaDatasetDefinition,
    DatasetDefinition,
    DeclarationError,
    NetworkConfig,
    OnEvent,
    OnObjectCreated,
    OnSuccessOf,
    ProcessingImage,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    RedshiftDatasetDefinition,
    S3Location,
    ScriptProcessor,
)

OURS, THEIRS = "111122223333", "444455556666"
HERE = Environment(account=OURS, region="eu-central-1")
PLACES = {
    "other stack": HERE,
    "weak references": HERE,
    "strong references": HERE,
    "other region": Environment(account=OURS, region="us-east-1"),
    "other account": Environment(account=THEIRS, region="eu-central-1"),
    "other region and account": Environment(account=THEIRS, region="us-east-1"),
}

# -- columns: the stack that has the thing, and the stack that has the job --------------------------------------------


def app_for(column):
    """An app whose references between stacks are made as the column says."""
    strength = {"weak references": "weak", "strong references": "strong"}.get(column)
    return App(context={"@aws-cdk/core:defaultCrossStackReferences": strength} if strength else None)


def stacks_for(app, column):
    """The stack of the thing and the stack of the job."""
    if column == "nested stack":
        job = Stack(app, "Here", env=HERE)
        return NestedStack(job, "Nested"), job
    if column == "stage":
        stage = Stage(app, "Prod", env=HERE)
        return Stack(stage, "There"), Stack(stage, "Here")
    job = Stack(app, "Here", env=None if "anywhere" in column else HERE)
    if column in PLACES:
        return Stack(app, "There", env=PLACES[column]), job
    if column == "imported, says nothing":
        return Stack(app, "There", env=PLACES["other region and account"]), job
    return job, job  # same stack, and what is imported into it


# -- rows: a job that uses the thing ----------------------------------------------------------------------------------


def processor(**given):
    options = {"image_uri": "prep:1", "command": ["python3"], "instance_type": "ml.m5.xlarge", "instance_count": 1}
    return ScriptProcessor(**(options | given))


def plain(**given):
    return processor(**given).run(code="s3://code/prep.py")


def bucket(scope, said):
    if said == "made":
        return s3.Bucket(scope, "Bucket", bucket_name="the-data")
    region = "us-east-1" if said == "elsewhere" else None
    return s3.Bucket.from_bucket_attributes(scope, "Bucket", bucket_name="the-data", region=region)


def key(scope, said):
    if said == "made":
        made = kms.Key(scope, "Key")
        return made.key_arn if "There" not in scope.node.path else made.add_alias("alias/the-key")
    if said == "elsewhere":
        return kms.Key.from_key_arn(scope, "Key", f"arn:aws:kms:us-east-1:{OURS}:key/k")
    return kms.Alias.from_alias_name(scope, "Key", "alias/the-key")


def role(scope, said):
    if said == "made":
        trust = iam.ServicePrincipal("sagemaker.amazonaws.com")
        return iam.Role(scope, "Role", role_name="the-role", assumed_by=trust)
    if said == "elsewhere":
        return iam.Role.from_role_arn(scope, "Role", f"arn:aws:iam::{THEIRS}:role/the-role")
    return iam.Role.from_role_name(scope, "Role", "the-role")


def watched_bucket(scope, said, job):
    return {"request": plain(), "triggers": [OnObjectCreated(S3Location(bucket(scope, said), "in/"))]}


def input_bucket(scope, said, job):
    channel = ProcessingInput(S3Location(bucket(scope, said), "in/"), "/opt/ml/processing/in")
    return {"request": processor().run(code="s3://code/prep.py", inputs=[channel])}


def output_bucket(scope, said, job):
    channel = ProcessingOutput("/opt/ml/processing/out", S3Location(bucket(scope, said), "out/"))
    return {"request": processor().run(code="s3://code/prep.py", outputs=[channel])}


def query(**athena):
    given = {"catalog": "AwsDataCatalog", "database": "d", "query_string": "SELECT 1", "output_format": "PARQUET"}
    definition = AthenaDatasetDefinition(**(given | {"output_s3_uri": "s3://results/"} | athena))
    dataset = DatasetDefinition(local_path="/opt/ml/processing/in", athena_dataset_definition=definition)
    channel = ProcessingInput(dataset_definition=dataset)
    return {"request": processor().run(code="s3://code/prep.py", inputs=[channel])}


def query_result(scope, said, job):
    return query(output_s3_uri=S3Location(bucket(scope, said), "results/"))


def query_key(scope, said, job):
    return query(kms_key_id=key(scope, said))


def cluster_role(scope, said, job):
    definition = RedshiftDatasetDefinition(
        cluster_id="c",
        database="d",
        db_user="u",
        query_string="SELECT 1",
        cluster_role_arn=role(scope, said).role_arn,
        output_s3_uri="s3://results/",
        output_format="PARQUET",
    )
    dataset = DatasetDefinition(local_path="/opt/ml/processing/in", redshift_dataset_definition=definition)
    channel = ProcessingInput(dataset_definition=dataset)
    return {"request": processor().run(code="s3://code/prep.py", inputs=[channel])}


def upstream_job(scope, said, job):
    return {"request": plain(), "triggers": [OnSuccessOf(ProcessingJob(scope, "First", plain()))]}


def event_bus(scope, said, job):
    if said == "made":
        bus = events.EventBus(scope, "Bus", event_bus_name="orders")
    elif said == "elsewhere":
        bus = events.EventBus.from_event_bus_arn(scope, "Bus", f"arn:aws:events:us-east-1:{OURS}:event-bus/orders")
    else:
        bus = events.EventBus.from_event_bus_name(scope, "Bus", "orders")
    return {"request": plain(), "triggers": [OnEvent({"source": ["my.shop"]}, event_bus=bus)]}


def platform(scope, said, job):
    return {"request": plain(), "platform": ProcessingPlatform(scope, "Platform")}


def volume_key(scope, said, job):
    return {"request": plain(volume_kms_key=key(scope, said))}


def image(scope, said, job):
    if said == "made":
        repository = ecr.Repository(scope, "Images", repository_name="prep")
    elif said == "elsewhere":
        repository = ecr.Repository.from_repository_arn(
            scope, "Images", f"arn:aws:ecr:us-east-1:{OURS}:repository/prep"
        )
    else:
        repository = ecr.Repository.from_repository_name(scope, "Images", "prep")
    return {"request": plain(image_uri=ProcessingImage.from_ecr_repository(repository))}


def execution_role(scope, said, job):
    return {"request": plain(role=role(scope, said))}


def vpc(scope, said, job):
    if said == "made":
        found = ec2.Vpc(scope, "Vpc")
    else:
        region = "us-east-1" if said == "elsewhere" else None
        found = ec2.Vpc.from_vpc_attributes(
            scope,
            "Vpc",
            vpc_id="vpc-1",
            availability_zones=["a"],
            private_subnet_ids=["subnet-1"],
            region=region,
        )
    return {"request": plain(network_config=NetworkConfig(vpc=found))}


def subnets(scope, said, job):
    if said == "made":
        made = ec2.Vpc(scope, "Vpc")
        found = NetworkConfig(
            subnets=made.private_subnets, security_group_ids=[ec2.SecurityGroup(scope, "Group", vpc=made)]
        )
    else:
        found = NetworkConfig(
            subnets=[ec2.Subnet.from_subnet_id(scope, "Subnet", "subnet-1")],
            security_group_ids=[ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")],
        )
    return {"request": plain(network_config=found)}


def state(scope, said, job):
    """Here the job is the thing, and the state is in the other stack."""
    return {"request": plain(), "state": scope}


# -- what becomes of it -----------------------------------------------------------------------------------------------

WORKS = "works"
GUESSED = "cdk-processing:imported-elsewhere"
UNDOCUMENTED = "cdk-processing:data-of-another-region"
REGION, ACCOUNT = "must be in the job's region, eu-central-1, got ", f"must be in the job's account, {OURS}, got "
BOTH = f"must be in the job's account, {OURS} and region, eu-central-1, got "
#: An ARN as text is a token here, and nobody knows at synth where that points.
UNSEEN = "works"
EVERYWHERE = (
    "same stack",
    "other stack",
    "weak references",
    "strong references",
    "nested stack",
    "stage",
    "imported anywhere",
)
APART = ("other region", "other account", "other region and account", "imported, says where", "imported, says nothing")
#: What becomes of a thing in each place of APART; None where there is no such thing.
TABLE = {
    watched_bucket: (REGION, ACCOUNT, BOTH, REGION, GUESSED),
    input_bucket: (UNDOCUMENTED, WORKS, UNDOCUMENTED, UNDOCUMENTED, GUESSED),
    output_bucket: (UNDOCUMENTED, WORKS, UNDOCUMENTED, UNDOCUMENTED, GUESSED),
    query_result: (REGION, WORKS, REGION, REGION, GUESSED),
    query_key: (REGION, WORKS, REGION, REGION, REGION),
    cluster_role: (WORKS, UNSEEN, UNSEEN, ACCOUNT, ACCOUNT),
    upstream_job: (REGION, ACCOUNT, BOTH, None, None),
    event_bus: (REGION, ACCOUNT, BOTH, REGION, GUESSED),
    platform: (REGION, ACCOUNT, BOTH, None, None),
    volume_key: (REGION, WORKS, REGION, REGION, REGION),
    image: (REGION, WORKS, REGION, REGION, REGION),
    execution_role: (WORKS, ACCOUNT, ACCOUNT, ACCOUNT, ACCOUNT),
    # Subnets and groups of another account can be shared with this one.
    vpc: (REGION, WORKS, REGION, REGION, GUESSED),
    subnets: (REGION, WORKS, REGION, None, GUESSED),
    state: (REGION, ACCOUNT, BOTH, None, None),
}
CELLS = [(row, column, WORKS) for row in TABLE for column in EVERYWHERE] + [
    (row, column, expected)
    for row, cells in TABLE.items()
    for column, expected in zip(APART, cells, strict=True)
    if expected is not None
]
SAID = {"imported, says where": "elsewhere", "imported, says nothing": "nothing", "imported anywhere": "nothing"}


@pytest.mark.parametrize(
    ("row", "column", "expected"), CELLS, ids=lambda value: getattr(value, "__name__", str(value)[:30])
)
def test_what_a_job_uses_works_from_where_it_is_or_says_why_not(row, column, expected):
    app = app_for(column)
    there, here = stacks_for(app, column)

    became = declared(app, there, here, row, SAID.get(column, "made"))

    if expected in (WORKS, GUESSED, UNDOCUMENTED):
        assert became == ([] if expected == WORKS else [expected])
    else:
        assert expected in became


def declared(app, there, here, row, said):
    """The ids of the warnings of a job that uses a thing; or the error's text."""
    try:
        given = row(there, said, here)
        scope = given.pop("state", None)
        job = ProcessingJob(here, "Job", **given)
        if scope is not None:
            job.as_state(scope, "State")
        app.synth()
    except (DeclarationError, RuntimeError) as error:
        return str(error)
    found = cdk_assertions.Annotations.from_stack(here).find_warning("*", cdk_assertions.Match.any_value())
    names = {entry.entry.data.rsplit("[ack: ", 1)[-1].rstrip("]") for entry in found}
    return sorted(names & {GUESSED, UNDOCUMENTED})

"""What is in another region or account than the job: what can never work is refused, what nobody knows is not."""

import pytest
from aws_cdk import Annotations, App, Environment, NestedStack, Stack, Stage
from aws_cdk import assertions as cdk_assertions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_processing import (
    DataBucket,
    DeclarationError,
    NetworkConfig,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    ProcessingImage,
    ProcessingInput,
    ProcessingJob,
    ProcessingPlatform,
    RoleStandards,
    S3Location,
    ScriptProcessor,
)

HERE = Environment(account="111122223333", region="eu-central-1")
OTHER_REGION = Environment(account="111122223333", region="us-east-1")
OTHER_ACCOUNT = Environment(account="444455556666", region="eu-central-1")
ELSEWHERE = pytest.mark.parametrize(
    ("environment", "word", "theirs"),
    [(OTHER_REGION, "region, eu-central-1", "us-east-1"), (OTHER_ACCOUNT, "account, 111122223333", "444455556666")],
    ids=["region", "account"],
)


@pytest.fixture
def app():
    return App()


@pytest.fixture
def here(app):
    return Stack(app, "Here", env=HERE)


@pytest.fixture
def refused(here, request_for):
    """The one problem of a job of the stack, as it is told."""

    def of(request=None, **job):
        with pytest.raises(DeclarationError) as raised:
            ProcessingJob(here, "Job", request or request_for(), **job)
        [problem] = raised.value.problems
        return str(problem)

    return of


@ELSEWHERE
def test_a_bucket_elsewhere_in_the_app_launches_no_job(app, refused, environment, word, theirs):
    bucket = DataBucket(Stack(app, "There", env=environment), "Raw", bucket_name="raw-there")

    told = refused(triggers=[OnObjectCreated(bucket.at("in/"))])

    assert told.startswith(
        f"triggers[0].location must be in the job's {word}, got 'the bucket There/Raw in {theirs}'; declare the job "
        "there, or forward the events"
    )
    assert "the default event bus of 111122223333 in eu-central-1 as its target; here, OnEvent" in told


@pytest.mark.parametrize("where", [{"region": "us-east-1"}, {"account": "444455556666"}], ids=["region", "account"])
def test_an_imported_bucket_that_says_where_it_is_launches_no_job_from_elsewhere(here, refused, where):
    bucket = s3.Bucket.from_bucket_attributes(here, "Raw", bucket_name="raw-there", **where)

    assert f"in {next(iter(where.values()))}'; declare the job there" in refused(
        triggers=[OnObjectCreated(S3Location(bucket, "in/"))]
    )


@ELSEWHERE
def test_a_job_elsewhere_launches_no_job(app, request_for, refused, environment, word, theirs):
    upstream = ProcessingJob(Stack(app, "There", env=environment), "First", request_for())

    assert refused(triggers=[OnSuccessOf(upstream)]).startswith(
        f"triggers[0].job must be in the job's {word}, got 'the job There/First in {theirs}'; "
    )


@pytest.mark.parametrize(
    "bus",
    [
        "arn:aws:events:us-east-1:111122223333:event-bus/orders",
        lambda here: events.EventBus.from_event_bus_arn(
            here, "Bus", "arn:aws:events:us-east-1:111122223333:event-bus/orders"
        ),
    ],
    ids=["arn", "construct"],
)
def test_a_bus_elsewhere_launches_no_job(here, refused, bus):
    bus = bus if isinstance(bus, str) else bus(here)

    told = refused(triggers=[OnEvent({"source": ["my.app"]}, event_bus=bus)])

    assert told.startswith(
        "triggers[0].event_bus must be in the job's region, eu-central-1, got 'an event bus in us-east-1'; "
    )


@ELSEWHERE
def test_a_platform_elsewhere_is_refused(app, refused, environment, word, theirs):
    platform = ProcessingPlatform(Stack(app, "There", env=environment), "Platform")

    assert refused(platform=platform) == (
        f"platform must be in the job's {word}, got 'the platform There/Platform in {theirs}'; make a "
        "ProcessingPlatform in the account and region of the job, or leave it out for the stack's own (Job)"
    )


@pytest.mark.parametrize("given", ["uri", "repository"])
def test_an_image_of_another_region_is_refused_and_of_another_account_is_not(here, request_for, refused, given):
    def processor(region):
        image = f"444455556666.dkr.ecr.{region}.amazonaws.com/prep:1"
        if given == "repository":
            arn = f"arn:aws:ecr:{region}:444455556666:repository/prep"
            repository = ecr.Repository.from_repository_attributes(
                here, f"Repository-{region}", repository_arn=arn, repository_name="prep"
            )
            image = ProcessingImage.from_ecr_repository(repository)
        return ScriptProcessor(image_uri=image, command=["python3"], instance_type="ml.m5.xlarge", instance_count=1)

    told = refused(request_for(processor=processor("us-west-2")))

    assert told.startswith("image_uri must be in the job's region, eu-central-1, got 'an image in us-west-2'; ")
    ProcessingJob(here, "Good", request_for(processor=processor("eu-central-1")))


def test_a_repository_of_another_stack_is_refused_where_that_is_in_another_region(app, request_for, refused):
    repository = ecr.Repository(Stack(app, "There", env=OTHER_REGION), "Images", repository_name="prep")
    image = ProcessingImage.from_ecr_repository(repository)
    processor = ScriptProcessor(image_uri=image, command=["python3"], instance_type="ml.m5.xlarge", instance_count=1)

    assert refused(request_for(processor=processor)).startswith(
        "image_uri must be in the job's region, eu-central-1, got 'an image in us-east-1'; "
    )


@pytest.mark.parametrize("field", ["volume_kms_key", "output_kms_key"])
@pytest.mark.parametrize("imported", [True, False])
def test_a_key_of_another_region_is_refused_and_of_another_account_is_not(here, request_for, refused, field, imported):
    def processor(region):
        key = f"arn:aws:kms:{region}:444455556666:key/k"
        return ScriptProcessor(
            image_uri="prep:1",
            command=["python3"],
            instance_type="ml.m5.xlarge",
            instance_count=1,
            **{field: kms.Key.from_key_arn(here, f"Key-{region}", key) if imported else key},
        )

    told = refused(request_for(processor=processor("us-west-2")))

    assert told.startswith(f"{field} must be in the job's region, eu-central-1, got 'a key in us-west-2'; ")
    ProcessingJob(here, "Good", request_for(processor=processor("eu-central-1")))


def test_region_and_account_are_told_together(app, refused):
    there = Environment(account="444455556666", region="us-east-1")
    bucket = DataBucket(Stack(app, "There", env=there), "Raw", bucket_name="raw-there")

    assert refused(triggers=[OnObjectCreated(bucket.at("in/"))]).startswith(
        "triggers[0].location must be in the job's account, 111122223333 and region, eu-central-1, got 'the bucket "
        "There/Raw in 444455556666 and us-east-1'; "
    )


def test_places_are_told_together_with_what_else_is_wrong(app, here, request_for):
    there = Stack(app, "There", env=OTHER_REGION)
    bucket = DataBucket(there, "Raw", bucket_name="raw-there")
    processor = ScriptProcessor(
        image_uri="prep:1",
        command=["python3"],
        instance_type="ml.m5.xlarge",
        instance_count=0,
        volume_kms_key="arn:aws:kms:us-west-2:111122223333:key/k",
    )

    with pytest.raises(DeclarationError) as raised:
        ProcessingJob(
            here,
            "Job",
            request_for(processor=processor),
            triggers=[OnObjectCreated(bucket.at("in/")), OnSchedule("rate(0 hours)"), "nightly"],
            platform=ProcessingPlatform(there, "Platform"),
        )

    assert {problem.field for problem in raised.value.problems} == {
        "instance_count",
        "volume_kms_key",
        "triggers[0].location",
        "triggers[1].expression",
        "triggers[2]",
        "platform",
    }


def test_a_trigger_that_is_added_later_is_told_of_its_place_and_of_all_else(app, here, request_for):
    bucket = DataBucket(Stack(app, "There", env=OTHER_REGION), "Raw", bucket_name="raw-there")
    job = ProcessingJob(here, "Job", request_for())

    with pytest.raises(DeclarationError) as raised:
        job.add_trigger(OnObjectCreated(bucket.at("in/"), dedupe="name"))

    assert [problem.field for problem in raised.value.problems] == ["triggers[0].dedupe", "triggers[0].location"]


# -- what nobody knows ------------------------------------------------------------------------------------------------


def warnings(stack):
    found = cdk_assertions.Annotations.from_stack(stack).find_warning("*", cdk_assertions.Match.any_value())
    return [entry.entry.data for entry in found]


def test_a_bucket_that_another_stack_imports_by_name_is_not_refused_for_where_that_stack_is(app, here, request_for):
    """The CDK says that it is where that stack is; its name says nothing."""
    bucket = s3.Bucket.from_bucket_name(Stack(app, "There", env=OTHER_REGION), "Raw", "raw-data")
    Annotations.of(here).acknowledge_warning("cdk-processing:imported-bucket")

    ProcessingJob(here, "Job", request_for(), triggers=[OnObjectCreated(S3Location(bucket, "in/"))])

    [text] = warnings(here)
    assert text.startswith(
        "triggers[0].location: the bucket There/Raw was imported in a stack of us-east-1, and the job is in "
        "eu-central-1. If it is not there, import it in the job's stack. If it is: declare the job there, or forward"
    )


@pytest.mark.parametrize("scope", ["job", "stack"])
def test_a_warning_of_a_place_goes_away_when_it_is_acknowledged(app, here, request_for, scope):
    bucket = DataBucket(Stack(app, "There", env=OTHER_REGION), "Raw", bucket_name="raw-data")
    job = ProcessingJob(here, "Job", request_for(bucket.at("in/")))
    [text] = warnings(here)
    assert text.startswith(
        "inputs[0].source: the bucket There/Raw is in us-east-1, and the job is in eu-central-1. AWS asks for an "
    )

    of = Annotations.of(job if scope == "job" else here)
    of.acknowledge_warning("cdk-processing:data-of-another-region")

    assert warnings(here) == []


def test_code_and_objects_of_another_region_are_warned_of_too(app, here, request_for):
    bucket = DataBucket(Stack(app, "There", env=OTHER_REGION), "Raw", bucket_name="raw-data")
    manifest = ProcessingInput(
        "s3://lists/today.manifest",
        "/opt/ml/processing/in",
        s3_data_type="ManifestFile",
        objects=[bucket.at("images/")],
    )

    ProcessingJob(here, "Job", request_for(code=bucket.at("prep.py"), inputs=[manifest]))

    assert [text.split(":")[0] for text in warnings(here)] == ["inputs[0].objects[0]", "code"]


# -- VPCs that are looked up ------------------------------------------------------------------------------------------


def looked_up(region):
    """What the CDK keeps of a VPC that it has looked up."""
    groups = [
        {
            "name": "Private",
            "type": "Private",
            "subnets": [{"subnetId": "subnet-1", "cidr": "10.0.0.0/24", "availabilityZone": f"{region}a"}],
        }
    ]
    found = {"vpcId": "vpc-1", "vpcCidrBlock": "10.0.0.0/16", "ownerAccountId": "111122223333"}
    return {
        f"vpc-provider:account=111122223333:filter.vpc-id=vpc-1:region={region}:returnAsymmetricSubnets=true": {
            **found,
            "availabilityZones": [],
            "subnetGroups": groups,
        }
    }


@pytest.mark.parametrize("scope", ["the job's stack", "another region's stack"])
def test_a_vpc_that_is_looked_up_in_another_region_is_refused(request_for, scope):
    app = App(context=looked_up("us-east-1"))
    here, there = Stack(app, "Here", env=HERE), Stack(app, "There", env=OTHER_REGION)
    stack = here if scope == "the job's stack" else there
    vpc = ec2.Vpc.from_lookup(stack, "Vpc", vpc_id="vpc-1", region="us-east-1")
    processor = ScriptProcessor(
        image_uri="prep:1",
        command=["python3"],
        instance_type="ml.m5.xlarge",
        instance_count=1,
        network_config=NetworkConfig(vpc=vpc),
    )

    with pytest.raises(DeclarationError, match=r"network_config\.vpc must be in the job's region, eu-central-1, got"):
        ProcessingJob(here, "Job", request_for(processor=processor))


def test_a_vpc_that_is_looked_up_in_the_jobs_region_is_used(request_for):
    app = App(context=looked_up("eu-central-1"))
    here = Stack(app, "Here", env=HERE)
    processor = ScriptProcessor(
        image_uri="prep:1",
        command=["python3"],
        instance_type="ml.m5.xlarge",
        instance_count=1,
        network_config=NetworkConfig(vpc=ec2.Vpc.from_lookup(here, "Vpc", vpc_id="vpc-1")),
    )

    ProcessingJob(here, "Job", request_for(processor=processor))

    assert [text for text in warnings(here) if "cdk-processing" in text] == []


# -- platforms that name what is there already ------------------------------------------------------------------------


class Named:
    """A platform of somebody's own making, which names what is there already."""

    def __init__(self, **given):
        at = "{}:eu-central-1:111122223333"
        self.key_arn = f"arn:aws:{at.format('kms')}:key/k"
        self.dead_letter_queue_arn = f"arn:aws:{at.format('sqs')}:letters"
        self.dead_letter_queue_url = "https://sqs.eu-central-1.amazonaws.com/111122223333/letters"
        self.alert_topic_arn = f"arn:aws:{at.format('sns')}:alerts"
        self.log_group_arn = f"arn:aws:{at.format('logs')}:log-group:/aws/vendedlogs/states/x:*"
        self.table_arn = f"arn:aws:{at.format('dynamodb')}:table/turns"
        self.table_name = "turns"
        self.work_bucket = self.data_bucket = None
        self.role_standards = RoleStandards()
        self.network_config = None
        self.job_tags = {}
        for name, value in given.items():
            setattr(self, name, value)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("dead_letter_queue_arn", "arn:aws:sqs:eu-central-1:111122223333:letters.fifo", "the ARN of a standard queue"),
        ("dead_letter_queue_arn", "arn:aws:sqs:us-east-1:111122223333:letters", "in the job's region, eu-central-1"),
        ("dead_letter_queue_arn", "arn:aws:sqs:eu-central-1:444455556666:l", "in the job's account, 111122223333"),
        ("log_group_arn", "arn:aws:logs:us-east-1:111122223333:log-group:x:*", "in the job's region, eu-central-1"),
        ("alert_topic_arn", "arn:aws:sns:us-east-1:111122223333:alerts", "in the job's region, eu-central-1"),
        ("key_arn", "arn:aws:kms:us-east-1:111122223333:key/k", "in the job's region, eu-central-1"),
    ],
)
def test_a_platform_that_names_what_cannot_be_used_is_refused(refused, field, value, told):
    text = refused(platform=Named(**{field: value}))

    assert text.startswith(f"platform.{field} must be {told}, got ")


def test_a_platform_may_name_the_topic_and_the_key_of_another_account(here, request_for):
    platform = Named(
        alert_topic_arn="arn:aws:sns:eu-central-1:444455556666:alerts",
        key_arn="arn:aws:kms:eu-central-1:444455556666:key/k",
    )

    assert ProcessingJob(here, "Job", request_for(), platform=platform).platform is platform


# -- who starts a job -------------------------------------------------------------------------------------------------


def test_nobody_of_another_account_is_allowed_to_start_a_job(here, request_for):
    job = ProcessingJob(here, "Job", request_for())

    with pytest.raises(DeclarationError) as raised:
        job.grant_start(iam.Role.from_role_arn(here, "Starter", "arn:aws:iam::444455556666:role/starter"))

    assert str(raised.value.problems[0]) == (
        "grantee must be in the job's account, 111122223333, got 'a principal in 444455556666'; let it assume a role "
        "of the job's account, and grant that role (Job)"
    )


@pytest.mark.parametrize(
    "grantee",
    [
        lambda stack: iam.Role(stack, "Starter", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")),
        lambda stack: iam.Role.from_role_arn(stack, "Starter", "arn:aws:iam::111122223333:role/starter"),
    ],
)
def test_somebody_of_the_same_account_is_allowed_to_start_a_job(here, request_for, grantee):
    ProcessingJob(here, "Job", request_for()).grant_start(grantee(here)).assert_success()


def test_a_trigger_that_is_added_later_is_held_to_the_same(app, here, request_for):
    bucket = DataBucket(Stack(app, "There", env=OTHER_REGION), "Raw", bucket_name="raw-there")
    job = ProcessingJob(here, "Job", request_for())

    with pytest.raises(DeclarationError, match=r"must be in the job's region, eu-central-1"):
        job.add_trigger(OnObjectCreated(bucket.at("in/")))


def test_a_nested_stack_and_another_stack_of_the_same_place_are_no_other_place(app, here, request_for):
    nested = NestedStack(here, "Nested")
    beside = DataBucket(Stack(app, "Beside", env=HERE), "Raw")
    upstream = ProcessingJob(nested, "First", request_for(), triggers=[OnObjectCreated(beside.at("in/"))])

    job = ProcessingJob(here, "Job", request_for(), triggers=[OnSuccessOf(upstream)], platform=upstream.platform)

    assert job.platform is upstream.platform


def test_stages_that_are_deployed_apart_are_other_places(app, here, refused):
    stage = Stage(app, "There", env=OTHER_REGION)
    bucket = DataBucket(Stack(stage, "Data"), "Raw", bucket_name="raw-there")

    assert "the bucket There/Data/Raw in us-east-1" in refused(triggers=[OnObjectCreated(bucket.at("in/"))])


def test_where_a_stack_does_not_say_where_it_will_be_nothing_is_refused(app, here, request_for):
    agnostic = Stack(app, "Anywhere")
    imported = s3.Bucket.from_bucket_attributes(agnostic, "Imported", bucket_name="raw-there", region="us-east-1")
    own = DataBucket(agnostic, "Raw")

    ProcessingJob(
        agnostic,
        "Job",
        request_for(),
        triggers=[OnObjectCreated(own.at("in/")), OnObjectCreated(S3Location(imported, "in/"))],
    )

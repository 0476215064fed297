"""What is in another region or account than the job: what can never work is refused, what nobody knows is not."""

import pytest
from aws_cdk import App, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_processing import (
    DataBucket,
    DeclarationError,
    OnEvent,
    OnObjectCreated,
    OnSuccessOf,
    ProcessingImage,
    ProcessingJob,
    ProcessingPlatform,
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

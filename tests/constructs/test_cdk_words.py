"""What users of the CDK pass where a text, a number or a dict is meant: it is taken, or told what to write."""

import pytest
from aws_cdk import (
    CfnParameter,
    Duration,
    Environment,
    SecretValue,
    Stack,
    TimeZone,
    aws_ec2,
    aws_ecr,
    aws_ecr_assets,
    aws_ecs,
    aws_events,
    aws_iam,
    aws_kms,
    aws_s3,
    aws_s3_assets,
    aws_scheduler,
)
from aws_cdk.assertions import Annotations, Match

from cdk_processing import (
    DeclarationError,
    NetworkConfig,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    ProcessingInput,
    ProcessingJob,
    ScriptProcessor,
    SKLearnProcessor,
)

PLACE = Environment(account="111122223333", region="eu-central-1")


def sklearn(**options):
    return SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1, **options)


def reading(source):
    return [ProcessingInput(source=source, destination="/opt/ml/processing/input")]


@pytest.fixture
def dockerfile(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return str(tmp_path)


@pytest.fixture
def schedule_of(stack, request_for, synth, resources):
    def find(trigger):
        ProcessingJob(stack, "Job", request_for(), triggers=[trigger])
        [schedule] = resources(synth(stack), "AWS::Scheduler::Schedule").values()
        return schedule["Properties"]

    return find


@pytest.fixture
def pulls(request_for, synth, statements):
    """What the execution role of a job with an image may pull, as the template has it."""

    def find(scope, image):
        processor = ScriptProcessor(
            image_uri=image, command=["python3"], instance_type="ml.m5.xlarge", instance_count=1
        )
        job = ProcessingJob(scope, "Job", processor.run(code="s3://code/prep.py"))
        del job
        found = statements(synth(scope), "JobExecutionRole").values()
        return [each["Resource"] for each in found if "ecr:BatchGetImage" in each["Action"]]

    return find


def test_a_schedule_expression_brings_its_timezone(schedule_of):
    expression = aws_scheduler.ScheduleExpression.cron(minute="30", hour="0", time_zone=TimeZone.EUROPE_BERLIN)
    trigger = OnSchedule(expression, flexible_window_minutes=Duration.minutes(5))
    found = schedule_of(trigger)

    assert (found["ScheduleExpression"], found["ScheduleExpressionTimezone"]) == ("cron(30 0 * * ? *)", "Europe/Berlin")
    assert found["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}
    assert trigger.timezone == "Europe/Berlin"  # for TRIGGER_TIME.in_timezone


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (lambda: aws_events.Schedule.cron(minute="0", hour="6"), "cron(0 6 * * ? *)"),
        (lambda: Duration.hours(12), "rate(12 hours)"),
    ],
    ids=["schedule", "duration"],
)
def test_a_schedule_or_a_duration_is_taken(schedule_of, given, text):
    found = schedule_of(OnSchedule(given()))

    assert found["ScheduleExpression"] == text
    assert "ScheduleExpressionTimezone" not in found


def test_an_event_pattern_of_the_cdk_is_taken(stack, request_for, synth, resources):
    pattern = aws_events.EventPattern(
        source=["my.app"], detail_type=["Ready"], detail={"kind": aws_events.Match.prefix("batch-")}
    )
    ProcessingJob(stack, "Job", request_for(), triggers=[OnEvent(pattern)])

    [rule] = resources(synth(stack), "AWS::Events::Rule").values()
    assert rule["Properties"]["EventPattern"] == {
        "source": ["my.app"],
        "detail-type": ["Ready"],
        "detail": {"kind": [{"prefix": "batch-"}]},
    }


@pytest.mark.parametrize("place", [None, PLACE], ids=["anywhere", "known place"])
@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (lambda stack, _: aws_ecr.Repository(stack, "R").repository_uri_for_tag("1"), "R"),
        (lambda stack, _: aws_ecr.Repository.from_repository_name(stack, "R", "prep").repository_uri, "prep"),
        (
            lambda stack, folder: aws_ecr_assets.DockerImageAsset(stack, "D", directory=folder).image_uri,
            "cdk-hnb659fds-container-assets-",
        ),
        (
            lambda stack, folder: aws_ecr_assets.DockerImageAsset(stack, "D", directory=folder),
            "cdk-hnb659fds-container-assets-",
        ),
    ],
    ids=["uri of a new repository", "uri of an imported one", "uri of an asset", "asset"],
)
def test_the_role_may_pull_an_image_whose_uri_the_cdk_writes(app, pulls, dockerfile, place, image, repository):
    stack = Stack(app, "Images", env=place)
    [resource] = pulls(stack, image(stack, dockerfile))

    text = str(resource)
    assert ":ecr:" in text
    assert "repository/" in text
    assert repository in text


def test_an_image_that_only_deployment_knows_is_a_warning(stack, pulls):
    assert pulls(stack, CfnParameter(stack, "Image").value_as_string) == []
    Annotations.from_stack(stack).has_warning(
        "/Census/Job", Match.string_like_regexp("the execution role may pull no image.*from_ecr_repository")
    )


REFUSED = {
    "repository": (
        lambda stack, _: {"image_uri": aws_ecr.Repository(stack, "R")},
        'write ProcessingImage.from_ecr_repository(repository, tag="...")',
    ),
    "container image": (
        lambda stack, _: {"image_uri": aws_ecs.ContainerImage.from_registry("python:3")},
        "pass image_uri, or ProcessingImage.from_build(folder)",
    ),
    "key": (lambda stack, _: {"volume_kms_key": aws_kms.CfnKey(stack, "K")}, "write its attr_arn"),
    "role": (
        lambda stack, _: {"role": aws_iam.CfnRole(stack, "R", assume_role_policy_document={})},
        "write its attr_arn",
    ),
    "network": (lambda stack, _: {"network_config": aws_ec2.Vpc(stack, "V")}, "write NetworkConfig(vpc=vpc)"),
    "selected subnets": (
        lambda stack, _: {
            "network_config": NetworkConfig(
                subnets=aws_ec2.Vpc(stack, "V").select_subnets(), security_group_ids=["sg-12345678"]
            )
        },
        "pass its .subnets, or the vpc and a SubnetSelection",
    ),
    "secret": (
        lambda stack, _: {"env": {"A": SecretValue.secrets_manager("name")}},
        "pass the secret's name, and have the script read the secret",
    ),
    "parameter": (lambda stack, _: {"env": {"A": CfnParameter(stack, "P")}}, "write its value_as_string"),
    "duration": (lambda stack, _: {"env": {"A": Duration.hours(1)}}, "write str(duration.to_seconds())"),
    "construct": (lambda stack, _: {"env": {"A": aws_s3.Bucket(stack, "B")}}, "write one of its attributes"),
    "asset as an input": (
        lambda stack, file: {"inputs": reading(aws_s3_assets.Asset(stack, "A", path=file))},
        "pass the file or folder itself: the job publishes it",
    ),
    "asset as code": (
        lambda stack, file: {"code": aws_s3_assets.Asset(stack, "A", path=file)},
        "pass the file or folder itself: the job publishes it",
    ),
    "place of an object": (
        lambda stack, _: {"code": aws_s3.Location(bucket_name="b", object_key="prep.py")},
        "write 's3://b/prep.py'",
    ),
    "bucket": (
        lambda stack, _: {"inputs": reading(aws_s3.CfnBucket(stack, "B"))},
        "pass s3.Bucket.from_cfn_bucket(bucket)",
    ),
    "watched bucket": (
        lambda stack, _: {"triggers": [OnObjectCreated(aws_s3.CfnBucket(stack, "B"))]},
        "pass s3.Bucket.from_cfn_bucket(bucket)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_taken_is_told_what_to_write(stack, tmp_path, name):
    (tmp_path / "prep.py").write_text("")
    make, fix = REFUSED[name]
    given = make(stack, str(tmp_path / "prep.py"))
    run = {"code": "s3://code/prep.py", **{key: given.pop(key) for key in ("code", "inputs") if key in given}}
    triggers = given.pop("triggers", [])
    image = given.pop("image_uri", None)
    processor = sklearn(**given)
    if image is not None:
        processor = ScriptProcessor(
            image_uri=image, command=["python3"], instance_type="ml.m5.xlarge", instance_count=1
        )

    with pytest.raises(DeclarationError) as refused:
        ProcessingJob(stack, "Job", processor.run(**run), triggers=triggers)
    [problem] = refused.value.problems
    assert fix in str(problem)
    assert "0x" not in str(problem)

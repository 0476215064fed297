"""What beginners write: each mistake, and the whole error that it gets. The errors are in mistakes.json."""

# ruff: noqa: PLW0108  what is called at once would fail before the test begins

import os
import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aws_cdk import App, Duration, Size, Stack, aws_ec2
from aws_cdk.assertions import Annotations, Match

from cdk_processing import (
    DataBucket,
    DeclarationError,
    ExecutionVariables,
    LaunchPolicy,
    NetworkConfig,
    OnDeploy,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    PySparkProcessor,
    RunTimeValueError,
    ScriptProcessor,
    SKLearnProcessor,
)

GOLDEN = Path(__file__).with_name("mistakes.json")
HOSTS = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}
SCRIPT = "jobs/prep.py"
INPUT = "/opt/ml/processing/input"
OUTPUT = "/opt/ml/processing/out"


def sklearn(**change):
    return SKLearnProcessor(**{"framework_version": "1.4-2", **HOSTS, **change})


def script(**change):
    return ScriptProcessor(**{"image_uri": "img:1", "command": ["python3"], **HOSTS, **change}).run(SCRIPT)


def job(stack, request=None, **given):
    return ProcessingJob(stack, "Job", sklearn().run(SCRIPT) if request is None else request, **given)


def proc(**change):
    return lambda st, b: job(st, sklearn(**change).run(SCRIPT))


def run(**given):
    return lambda st, b: job(st, sklearn().run(**{"code": SCRIPT, **given}))


def trig(make):
    return lambda st, b: job(st, triggers=[make(st, b)])


def inp(*given, **named):
    return lambda st, b: run(inputs=[ProcessingInput(*given, **named)])(st, b)


def outp(*given, **named):
    return lambda st, b: run(outputs=[ProcessingOutput(*given, **named)])(st, b)


MISTAKES = {
    "type typo size": proc(instance_type="ml.m5.xlrage"),
    "type without ml": proc(instance_type="m5.xlarge"),
    "type upper": proc(instance_type="ML.M5.XLARGE"),
    "type 2xl": proc(instance_type="ml.m5.2xl"),
    "type missing size": proc(instance_type="ml.m5"),
    "type size first": proc(instance_type="ml.xlarge.m5"),
    "type ec2 InstanceType": lambda st, b: proc(instance_type=aws_ec2.InstanceType("m5.xlarge"))(st, b),
    "type spaces": proc(instance_type="ml.m5.xlarge "),
    "type comma list": proc(instance_type="ml.m5.xlarge, ml.m5.2xlarge"),
    "type ml.m5.xlarg": proc(instance_type="ml.m5.xlarg"),
    "count text": proc(instance_count="1"),
    "count 0": proc(instance_count=0),
    "count float": proc(instance_count=1.0),
    "count True": proc(instance_count=True),
    "count None": proc(instance_count=None),
    "volume text GB": proc(volume_size_in_gb="30 GB"),
    "volume Size": proc(volume_size_in_gb=Size.gibibytes(30)),
    "volume float": proc(volume_size_in_gb=30.5),
    "runtime timedelta": lambda st, b: proc(max_runtime_in_seconds=timedelta(hours=1))(st, b),
    "runtime text": proc(max_runtime_in_seconds="3600"),
    "runtime 1h": proc(max_runtime_in_seconds="1h"),
    "runtime days": proc(max_runtime_in_seconds=Duration.days(30)),
    "runtime millis": proc(max_runtime_in_seconds=Duration.millis(1500)),
    "expect within int": trig(lambda st, b: OnObjectCreated(b.at("in/"), expect_within=24)),
    "role name": proc(role="SageMakerRole"),
    "role malformed arn": proc(role="arn:aws:iam:111122223333:role/X"),
    "role arn of user": proc(role="arn:aws:iam::111122223333:user/X"),
    "role policy arn": proc(role="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"),
    "role get_execution_role": lambda st, b: proc(role=lambda: 1)(st, b),
    "role account short": proc(role="arn:aws:iam::1234:role/X"),
    "kms alias no prefix": proc(output_kms_key="my-key"),
    "kms url": proc(volume_kms_key="https://x"),
    "kms True": proc(output_kms_key=True),
    "base name underscore": proc(base_job_name="my_job"),
    "base name caps": proc(base_job_name="MyJob"),
    "base name long": proc(base_job_name="a" * 40),
    "job_name": run(job_name="my_job"),
    "wait": run(wait=True),
    "logs": run(logs=True),
    "logs False": run(logs=False),
    "kms_key run": run(kms_key="alias/x"),
    "session": proc(sagemaker_session=object()),
    "tags tuples": proc(tags=[("team", "data")]),
    "tags lower": proc(tags=[{"key": "team", "value": "data"}]),
    "tags text": proc(tags="team=data"),
    "tag number": proc(tags={"cost": 5}),
    "env number": proc(env={"N": 5}),
    "env None": proc(env={"N": None}),
    "env list": proc(env=["A=1"]),
    "env bad name": proc(env={"MY-VAR": "1"}),
    "env bool": proc(env={"DEBUG": True}),
    "code folder": run(code="jobs"),
    "code missing": run(code="jobs/prp.py"),
    "code None": run(code=None),
    "code list": run(code=["jobs/prep.py"]),
    "code empty": run(code=""),
    "code file uri": run(code="file://jobs/prep.py"),
    "code https": run(code="https://github.com/x/prep.py"),
    "code s3 folder": run(code="s3://code/jobs/"),
    "args one string": run(arguments="--ratio 0.2"),
    "args numbers": run(arguments=["--ratio", 0.2]),
    "args None": run(arguments=["--ratio", None]),
    "args empty": run(arguments=[""]),
    "args dict": run(arguments={"--ratio": 0.2}),
    "args newline": run(arguments=["a\nb"]),
    "args nested": run(arguments=[["--ratio", "0.2"]]),
    "args long": run(arguments=["x" * 300]),
    "args Path": lambda st, b: run(arguments=[Path("x")])(st, b),
    "args set": run(arguments={"a"}),
    "inputs single": lambda st, b: run(inputs=ProcessingInput(b.at("in/"), INPUT))(st, b),
    "inputs dict": lambda st, b: run(inputs={"in": ProcessingInput(b.at("in/"), INPUT)})(st, b),
    "inputs strings": run(inputs=["s3://b/in/"]),
    "inputs None item": run(inputs=[None]),
    "inputs output": lambda st, b: run(inputs=[ProcessingOutput(OUTPUT, b.at("x/"))])(st, b),
    "outputs dict": run(outputs={"train": "s3://b/train/"}),
    "outputs single": lambda st, b: run(outputs=ProcessingOutput(OUTPUT, b.at("o/")))(st, b),
    "source no scheme": inp("my-bucket/in/", INPUT),
    "source s3a": inp("s3a://my-bucket/in/", INPUT),
    "source S3 upper": inp("S3://my-bucket/in/", INPUT),
    "source one slash": inp("s3:/my-bucket/in/", INPUT),
    "source https": inp("https://my-bucket.s3.amazonaws.com/in/", INPUT),
    "source arn": inp("arn:aws:s3:::my-bucket/in/", INPUT),
    "source s3 only": inp("s3://", INPUT),
    "source double slash": inp("s3://my-bucket//in/", INPUT),
    "source local missing": inp("data/x.csv", INPUT),
    "source None": inp(None, INPUT),
    "swapped": inp(INPUT, "s3://my-bucket/in/"),
    "dest relative": inp("s3://b1234/in/", "input"),
    "dest tmp": inp("s3://b1234/in/", "/tmp/input"),
    "dest missing": inp("s3://b1234/in/"),
    "input s3 datatype": inp("s3://b1234/in/", INPUT, s3_data_type="s3prefix"),
    "input mode FastFile": inp("s3://b1234/in/", INPUT, s3_input_mode="FastFile"),
    "out local": outp(OUTPUT, "out/"),
    "out swapped": outp("s3://b1234/out/", OUTPUT),
    "out s3a": outp(OUTPUT, "s3a://b1234/out/"),
    "out arn": outp(OUTPUT, "arn:aws:s3:::b1234/out/"),
    "out mode": outp(OUTPUT, "s3://b1234/out/", s3_upload_mode="endofjob"),
    "cron 5": trig(lambda st, b: OnSchedule("0 6 * * *")),
    "cron 5 in cron()": trig(lambda st, b: OnSchedule("cron(0 6 * * *)")),
    "cron both": trig(lambda st, b: OnSchedule("cron(0 6 * * * *)")),
    "cron @daily": trig(lambda st, b: OnSchedule("@daily")),
    "rate text": trig(lambda st, b: OnSchedule("every 5 minutes")),
    "rate plural": trig(lambda st, b: OnSchedule("rate(1 hours)")),
    "rate bare": trig(lambda st, b: OnSchedule("1 hour")),
    "schedule Duration": trig(lambda st, b: OnSchedule(Duration.seconds(90))),
    "schedule time": trig(lambda st, b: OnSchedule("06:00")),
    "tz typo": trig(lambda st, b: OnSchedule("cron(0 6 * * ? *)", timezone="Europe/Berln")),
    "tz CET+1": trig(lambda st, b: OnSchedule("cron(0 6 * * ? *)", timezone="GMT+1")),
    "tz lower": trig(lambda st, b: OnSchedule("cron(0 6 * * ? *)", timezone="europe/berlin")),
    "tz zoneinfo": trig(lambda st, b: OnSchedule("cron(0 6 * * ? *)", timezone=ZoneInfo("Europe/Berlin"))),
    "overlap": trig(lambda st, b: OnSchedule("rate(1 hour)", overlap="wait")),
    "trigger string": lambda st, b: job(st, triggers=["0 6 * * *"]),
    "trigger single": lambda st, b: job(st, triggers=OnSchedule("rate(1 hour)")),
    "trigger class": lambda st, b: job(st, triggers=[OnDeploy]),
    "trigger None": lambda st, b: job(st, triggers=None),
    "trigger None item": lambda st, b: job(st, triggers=[None]),
    "created name": trig(lambda st, b: OnObjectCreated("raw-data")),
    "created suffix list": trig(lambda st, b: OnObjectCreated(b.at("in/"), suffix=[".csv"])),
    "created suffix star": trig(lambda st, b: OnObjectCreated(b.at("in/"), suffix="*.csv")),
    "created prefix slash": trig(lambda st, b: OnObjectCreated(b.at("/in/"))),
    "event json": trig(lambda st, b: OnEvent('{"source": ["x"]}')),
    "event not list": trig(lambda st, b: OnEvent({"source": "my.app"})),
    "success of string": trig(lambda st, b: OnSuccessOf("Clean")),
    "processor for request": lambda st, b: job(st, sklearn()),
    "request None": lambda st, b: ProcessingJob(st, "Job", None),
    "platform stack": lambda st, b: job(st, platform=st),
    "version minor": proc(framework_version="1.4"),
    "version float": proc(framework_version=1.4),
    "version py": proc(framework_version="1.4-2-py3"),
    "network bool": proc(network_config=True),
    "network dict": proc(network_config={"enable_network_isolation": False}),
    "network subnets only": lambda st, b: proc(network_config=NetworkConfig(subnets=["subnet-1"]))(st, b),
    "network subnet string": lambda st, b: proc(
        network_config=NetworkConfig(subnets="subnet-1", security_group_ids="sg-1")
    )(st, b),
    "command string": lambda st, b: job(st, script(command="python3")),
    "image none": lambda st, b: job(st, script(image_uri=None)),
    "image upper": lambda st, b: job(st, script(image_uri="111122223333.dkr.ecr.eu-west-1.amazonaws.com/Prep:V1")),
    "image https": lambda st, b: job(
        st, script(image_uri="https://111122223333.dkr.ecr.eu-west-1.amazonaws.com/prep:1")
    ),
    "experiment text": run(experiment_config="exp"),
    "experiment key": run(experiment_config={"experiment_name": "x"}),
    "param name": lambda st, b: run(arguments=[Parameter("split-ratio")])(st, b),
    "param default type": lambda st, b: run(arguments=[Parameter("r", default=0.2)])(st, b),
    "time format": lambda st, b: f"{ExecutionVariables.TRIGGER_TIME:%A}",
    "runid format": lambda st, b: f"{ExecutionVariables.RUN_ID:%Y}",
    "launch policy dict": lambda st, b: job(st, launch_policy={"retries": 1}),
    "launch policy": lambda st, b: job(st, launch_policy=LaunchPolicy(retries=-1)),
    "bucket at number": lambda st, b: inp(b.at(5), INPUT)(st, b),
    "submit": lambda st, b: job(
        st,
        PySparkProcessor(framework_version="3.5", **HOSTS).run(
            submit_app="jobs/prep.py", submit_py_files="jobs/prep.py"
        ),
    ),
    "job outside stack": lambda st, b: ProcessingJob(st.node.root, "Job", sklearn().run(code=SCRIPT)),
}


@pytest.fixture
def census(tmp_path, monkeypatch):
    """A stack with a bucket, in a folder with one script."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "prep.py").touch()
    monkeypatch.chdir(tmp_path)
    stack = Stack(App(), "Census")
    return stack, DataBucket(stack, "Raw")


def lines_of(error, folder):
    text = str(error).replace(os.path.realpath(folder), "{cwd}").replace(str(folder), "{cwd}")
    return re.sub(r" at 0x[0-9a-f]+", "", text).splitlines()


def test_each_mistake_gets_its_whole_error(census, tmp_path, golden):
    stack, bucket = census
    found = {}
    for number, (name, make) in enumerate(MISTAKES.items()):
        below = Stack(stack.node.root, f"Census{number}")
        try:
            make(below, bucket)
        except (DeclarationError, RunTimeValueError) as error:
            found[name] = lines_of(error, tmp_path)

    assert set(MISTAKES) - set(found) == set()

    assert len(found) > 100
    golden(found, GOLDEN)


PATTERNS = {
    "inputs[0].source": lambda st, b: inp("s3://my-bucket/in/*.csv", INPUT)(st, b),
    "triggers[0].location": lambda st, b: job(st, triggers=[OnObjectCreated(b.at("in/*.csv"))]),
}


@pytest.mark.parametrize("field", PATTERNS)
def test_a_pattern_where_a_prefix_is_meant_is_warned_of_and_not_refused(census, field):
    stack, bucket = census

    PATTERNS[field](stack, bucket)

    found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("prefix"))
    assert f"{field} is a prefix, in which * is no pattern: only keys that hold a * themselves begin with " in str(
        [each.entry.data for each in found]
    )


@pytest.mark.parametrize("given", ["bucket", "s3://raw-data", "s3://raw-data/in/"])
def test_a_bucket_or_a_uri_is_where_arrivals_are_watched(census, given):
    stack, bucket = census

    made = job(stack, triggers=[OnObjectCreated(bucket if given == "bucket" else given)])

    [trigger] = made._launching.triggers
    assert trigger.watched.uri == (f"s3://{bucket.bucket_name}/" if given == "bucket" else f"{given.rstrip('/')}/")


UNKNOWN = {
    "instance_typ": lambda: sklearn(instance_typ="ml.m5.xlarge"),
    "use_spot_instances": lambda: sklearn(use_spot_instances=True),
    "input": lambda: sklearn().run(SCRIPT, input=[]),
    "retires": lambda: LaunchPolicy(retires=3),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_argument_that_there_is_not_is_named_by_python_itself_at_the_users_line(name):
    with pytest.raises(TypeError, match=f"got an unexpected keyword argument '{name}'") as raised:
        UNKNOWN[name]()

    assert [Path(frame.path).name for frame in raised.traceback] == ["test_mistakes.py"] * len(raised.traceback)

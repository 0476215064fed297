from datetime import datetime, timezone

import pytest
from aws_cdk import App, Stack

from cdk_processing import (
    DataBucket,
    DeclarationError,
    ExecutionVariables,
    OnObjectCreated,
    OnSchedule,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    S3Location,
    SKLearnProcessor,
)

V = ExecutionVariables
NIGHTLY = OnSchedule("cron(0 6 * * ? *)")
PROCESSOR = SKLearnProcessor("1.4-2", None, 1, "ml.m5.xlarge")


@pytest.fixture
def told(stack):
    """The one problem of a job that cannot be."""

    def one(request, **given):
        with pytest.raises(DeclarationError) as raised:
            ProcessingJob(stack, "Preprocess", request, **given)
        assert raised.value.subject == "Census/Preprocess"
        [problem] = raised.value.problems
        return str(problem)

    return one


def test_a_job_with_many_mistakes_gets_one_error_that_lists_them_all(stack, raw):
    processor = SKLearnProcessor("1.4", None, 0, "m5.xlarge", base_job_name="My Job", env={"1": "x"})
    request = processor.run(
        code="nowhere.py",
        inputs=[ProcessingInput(raw.at("in/"), "/tmp/in"), ProcessingInput("nothing.csv", "/opt/ml/processing/b")],
        outputs=[
            ProcessingOutput("/opt/ml/processing/out", raw.at("in/out/"), "train"),
            ProcessingOutput("/opt/ml/processing/out2", raw.at("out/"), "train"),
        ],
        arguments=["x" * 257, V.OBJECT_KEY, Parameter("ratio")],
    )

    with pytest.raises(DeclarationError) as raised:
        ProcessingJob(
            stack,
            "Preprocess",
            request,
            triggers=[OnSchedule("cron(0 6 * * *)"), NIGHTLY, OnObjectCreated(raw.at("in/")), "nightly"],
        )

    assert [problem.field for problem in raised.value.problems] == [
        "framework_version",
        "instance_count",
        "instance_type",
        "base_job_name",
        "env key",
        "inputs[0].destination",
        "code",
        "output_name",
        "arguments[0]",
        "inputs[1].source",
        "triggers[0].expression",
        "ExecutionVariables.OBJECT_KEY",
        "Parameter('ratio')",
        "Parameter('ratio')",
        "outputs[0].destination",
        "triggers[3]",
    ]
    assert all(problem.where for problem in raised.value.problems)
    assert str(raised.value).startswith("Census/Preprocess: 16 problems\n  - framework_version must be one of")


def test_a_job_that_is_refused_leaves_nothing_behind(stack, request_for, synth):
    with pytest.raises(DeclarationError):
        ProcessingJob(stack, "Preprocess", request_for(code="nowhere.py"))

    assert "Resources" not in synth(stack)


def test_a_processor_instead_of_a_request_is_told(told):
    message = told(PROCESSOR)

    assert message.startswith("request must be what processor.run(...) returns, got SKLearnProcessor(")
    assert message.endswith("wrap the run() call, not the processor (Preprocess)")


@pytest.mark.parametrize("triggers", ["nightly", NIGHTLY])
def test_triggers_that_are_no_list_are_told(told, request_for, triggers):
    message = told(request_for(), triggers=triggers)

    assert message.startswith("triggers must be a list of triggers, got ")
    assert message.endswith("write triggers=[OnSchedule(...)] (Preprocess)")


def test_what_is_no_trigger_is_told(told, request_for):
    assert told(request_for(), triggers=["cron(0 6 * * ? *)"]) == (
        "triggers[0] must be a trigger such as OnObjectCreated or OnSchedule, got 'cron(0 6 * * ? *)'; "
        "write OnSchedule('cron(0 6 * * ? *)') (Preprocess)"
    )


def test_places_instead_of_inputs_are_told_and_nothing_else_fails(told, raw, curated):
    request = PROCESSOR.run("s3://code/p.py", inputs=[raw.at("in/")], outputs=[curated.at("out/")])

    assert told(request, triggers=[NIGHTLY]).startswith("inputs must be a list of ProcessingInput, got (S3Location(")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"env": ["A=1"]}, "env must be a dict of str to str"),
        ({"tags": "team=data"}, "tags must be a list such as"),
        ({"command": 5}, "command must be a list of str"),
    ],
    ids=str,
)
def test_a_processor_of_the_wrong_shapes_is_told_even_with_triggers(told, change, message):
    processor = SKLearnProcessor("1.4-2", None, 1, "ml.m5.xlarge", **change)

    assert told(processor.run("s3://code/p.py"), triggers=[NIGHTLY]).startswith(message)


def test_a_local_input_that_is_not_there_is_told(told, request_for, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert told(request_for("rows.csv")) == (
        "inputs[0].source must be an existing file or folder, or an s3:// URI, got 'rows.csv'; there is nothing at "
        f"{(tmp_path / 'rows.csv').resolve()}; correct the path (Preprocess)"
    )


def test_a_local_folder_without_files_is_told(told, request_for, tmp_path):
    (tmp_path / "empty" / "__pycache__").mkdir(parents=True)
    (tmp_path / "empty" / "__pycache__" / "p.pyc").touch()

    assert told(request_for(tmp_path)) == (
        f"inputs[0].source must be a folder with files in it, got {str(tmp_path)!r}; "
        "put files into it, or name another (Preprocess)"
    )


def test_a_local_folder_with_files_is_taken(stack, request_for, tmp_path):
    (tmp_path / "rows.csv").touch()

    ProcessingJob(stack, "Preprocess", request_for(tmp_path))


def test_a_region_without_the_image_is_told_with_those_that_have_it(request_for):
    stack = Stack(App(), "Census", env={"region": "mars-north-1", "account": "111122223333"})

    with pytest.raises(DeclarationError) as raised:
        ProcessingJob(stack, "Preprocess", request_for())

    [problem] = raised.value.problems
    assert (problem.field, problem.value) == ("region", "mars-north-1")
    assert problem.allowed.startswith("one that AWS publishes sagemaker-scikit-learn in: af-south-1, ap-east-1, ")
    assert problem.fix == "deploy to one of those, or bring your own image with ScriptProcessor"


# -- run-time values --------------------------------------------------------------------------------------------------


OBJECT_VALUES = [V.OBJECT_KEY, V.OBJECT_BUCKET, V.OBJECT_SIZE, V.OBJECT_VERSION_ID, V.OBJECT_URI]


@pytest.mark.parametrize("value", OBJECT_VALUES, ids=lambda value: value.name)
def test_a_schedule_supplies_no_object_and_the_message_names_both(told, request_for, value):
    assert told(request_for(arguments=[value]), triggers=[NIGHTLY]) == (
        f"ExecutionVariables.{value.name} must be supplied by every trigger of the job, "
        "got 'triggers[0]: schedule cron(0 6 * * ? *)'; drop the value or the trigger, or make two jobs (Preprocess)"
    )


@pytest.mark.parametrize("value", OBJECT_VALUES, ids=lambda value: value.name)
def test_an_arrival_supplies_its_object(stack, raw, request_for, value):
    ProcessingJob(stack, "Preprocess", request_for(arguments=[value]), triggers=[OnObjectCreated(raw.at("in/"))])


def test_the_trigger_that_lacks_a_value_is_the_one_named(told, raw, request_for):
    message = told(request_for(arguments=[V.OBJECT_KEY]), triggers=[OnObjectCreated(raw.at("in/")), NIGHTLY])

    assert "got 'triggers[1]: schedule" in message


@pytest.mark.parametrize("value", [V.RUN_ID, V.TRIGGER_TIME, V.ATTEMPT, Parameter("p", default="x")])
def test_what_every_run_knows_every_trigger_supplies(stack, raw, request_for, value):
    triggers = [NIGHTLY, OnObjectCreated(raw.at("in/"))]

    ProcessingJob(stack, "Preprocess", request_for(arguments=[value]), triggers=triggers)


def test_a_value_in_an_output_is_looked_at_as_well(told, curated, request_for):
    request = request_for(destination=curated.at(f"out/{V.OBJECT_KEY}/"))

    assert told(request, triggers=[NIGHTLY]).startswith("ExecutionVariables.OBJECT_KEY must be supplied")


def test_a_parameter_without_default_that_a_schedule_does_not_give_is_told(told, request_for):
    assert told(request_for(arguments=[Parameter("ratio")]), triggers=[NIGHTLY]) == (
        "Parameter('ratio') must be supplied by every trigger of the job, got 'triggers[0]: schedule "
        "cron(0 6 * * ? *)'; give it a default, or pass parameters={'ratio': ...} to the trigger (Preprocess)"
    )


def test_a_parameter_without_default_is_taken_from_a_schedule_that_gives_it(stack, request_for):
    schedule = OnSchedule("cron(0 6 * * ? *)", parameters={"ratio": "0.3"})

    ProcessingJob(stack, "Preprocess", request_for(arguments=[Parameter("ratio")]), triggers=[schedule])


def test_a_parameter_without_default_is_told_where_the_trigger_can_bring_none(told, raw, request_for):
    message = told(request_for(arguments=[Parameter("ratio")]), triggers=[OnObjectCreated(raw.at("in/"))])

    assert message.endswith("give it a default: this trigger brings no parameters (Preprocess)")


def test_a_job_that_is_started_by_hand_may_use_any_value(stack, request_for):
    ProcessingJob(stack, "Preprocess", request_for(arguments=[V.OBJECT_KEY, Parameter("ratio")]))


# -- loops ------------------------------------------------------------------------------------------------------------


LOOPS = [
    ("in/", "in/"),
    ("in/", "in/out/"),
    ("in/", "in"),
    ("in", "in/"),
    ("in", "in-out/"),
    ("in", "in"),
    ("", "out/"),
    ("", ""),
    ("in/", f"in/{V.RUN_ID}/"),
    ("in/", f"{V.OBJECT_KEY}"),
    ("in/", f"{V.OBJECT_KEY}.out/"),
    ("in/", f"i{V.OBJECT_KEY}/"),
    ("in/", f"{Parameter('prefix', default='out/')}"),
    ("in/", f"in{Parameter('suffix', default='-out')}/"),
    ("", f"{V.RUN_ID}/"),
]


@pytest.mark.parametrize(("watched", "written"), LOOPS)
def test_an_output_inside_its_own_triggers_prefix_is_refused(told, raw, request_for, watched, written):
    request = request_for(destination=raw.at(written))

    message = told(request, triggers=[OnObjectCreated(raw.at(watched))])

    # The bucket's name is a token here, which says nothing to anybody: it is called by its construct's path.
    outside = f"outputs[0].destination must be outside s3://<{raw.node.path}>/{watched}, which launches this job"
    assert message.startswith(f"{outside}, got 's3://<{raw.node.path}>/")
    assert "Token[" not in message
    assert message.endswith("write to another prefix or bucket (Preprocess)")


NO_LOOPS = [
    ("in/", "out/"),
    ("in/", "in-out/"),
    ("in/", "inner/"),
    ("in/", "out/in/"),
    ("in/a/", "in/b/"),
    ("in/2024", "in/2023/"),
    ("in/", f"out/{V.OBJECT_KEY}"),
    ("in/", f"{V.RUN_ID}/"),
    ("in/", f"{V.TRIGGER_TIME:%Y}/in/"),
    ("in/", f"out/{Parameter('suffix', default='x')}/"),
]


@pytest.mark.parametrize(("watched", "written"), NO_LOOPS)
def test_an_output_beside_its_triggers_prefix_is_taken(stack, raw, request_for, watched, written):
    request = request_for(destination=raw.at(written))

    ProcessingJob(stack, "Preprocess", request, triggers=[OnObjectCreated(raw.at(watched))])


def test_the_same_prefix_of_another_bucket_is_taken(stack, raw, curated, request_for):
    request = request_for(destination=curated.at("in/"))

    ProcessingJob(stack, "Preprocess", request, triggers=[OnObjectCreated(raw.at("in/"))])


def test_a_loop_through_the_buckets_name_is_seen(told, request_for):
    trigger = OnObjectCreated(S3Location("raw-data", "in/"))

    assert "outputs[0].destination must be outside s3://raw-data/in/" in told(
        request_for(destination="s3://raw-data/in/out/"), triggers=[trigger]
    )


def test_a_loop_made_by_a_trigger_added_later_is_refused(stack, raw, request_for):
    job = ProcessingJob(stack, "Preprocess", request_for(destination=raw.at("in/out/")))

    with pytest.raises(DeclarationError, match=r"outputs\[0\]\.destination must be outside"):
        job.add_trigger(OnObjectCreated(raw.at("in/")))


def test_a_value_that_a_trigger_added_later_does_not_supply_is_refused(stack, request_for):
    job = ProcessingJob(stack, "Preprocess", request_for(arguments=[V.OBJECT_KEY]))

    with pytest.raises(DeclarationError, match=r"ExecutionVariables\.OBJECT_KEY must be supplied"):
        job.add_trigger(NIGHTLY)


# -- triggers alone ---------------------------------------------------------------------------------------------------


EXPRESSIONS = [
    (
        "cron(0 6 * * *)",
        "must be 6 fields (minutes, hours, day of month, month, day of week, year)",
        "it has 5; write ",
    ),
    ("cron(0 6 * * ? * *)", "must be 6 fields", "it has 7; write "),
    ("cron(60 6 * * ? *)", "(minutes) must be 0-59, a range, a list, a step or *", "correct '60'"),
    ("cron(0 24 * * ? *)", "(hours) must be 0-23", "correct '24'"),
    ("cron(0 6 32 * ? *)", "(day of month) must be 1-31", "correct '32'"),
    ("cron(0 6 * 13 ? *)", "(month) must be 1-12", "correct '13'"),
    ("cron(0 6 ? * 8 *)", "(day of week) must be 1-7", "correct '8'"),
    ("cron(0 6 ? * MOON *)", "(day of week) must be 1-7", "correct 'MOON'"),
    ("cron(0 6 * * ? 1969)", "(year) must be 1970-2199", "correct '1969'"),
    ("cron(*/0 6 * * ? *)", "(minutes) must be 0-59", "correct '*/0'"),
    ("cron(0,61 6 * * ? *)", "(minutes) must be 0-59", "correct '61'"),
    ("cron(0 6 * * * *)", "must be ? in exactly one of day of month and day of week", "write cron(0 6 * * ? *)"),
    ("cron(0 6 ? * ? *)", "must be ? in exactly one of day of month and day of week", "write ? in the field"),
    ("rate(1 hours)", "must be singular for 1 and plural otherwise", "write rate(1 hour)"),
    ("rate(5 minute)", "must be singular for 1 and plural otherwise", "write rate(5 minutes)"),
    ("rate(0 minutes)", "must be a whole number from 1 and minutes, hours or days", "write such as rate(12 hours)"),
    ("rate(2 weeks)", "must be a whole number from 1 and minutes, hours or days", "write such as rate(12 hours)"),
    ("at(2030-02-30T06:00:00)", "must be a date and time that there is", "write such as at(2030-01-31T06:00:00)"),
    ("at(2030-01-31)", "must be a date and time that there is", "write such as at(2030-01-31T06:00:00)"),
    ("0 6 * * *", "must be such as cron(0 6 * * ? *)", "write cron(0 6 * * ? *)"),
    ("cron()", "must be 6 fields", "it has 0; write cron(0 6 * * ? *)"),
    ("", "must be such as cron(0 6 * * ? *)", ""),
    (None, "must be such as cron(0 6 * * ? *)", ""),
]


@pytest.mark.parametrize(("expression", "allowed", "fix"), EXPRESSIONS)
def test_a_malformed_schedule_is_told_with_what_is_allowed_and_the_fix(told, request_for, expression, allowed, fix):
    message = told(request_for(), triggers=[OnSchedule(expression)])

    assert message.startswith("triggers[0].expression ")
    assert allowed in message
    assert f"got {expression!r}; {fix}" in message
    assert message.endswith("(OnSchedule)")


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 6 * * ? *)",
        "cron(0/15 0-23/2 1,15 JAN-MAR,12 ? 2024-2199)",
        "cron(0 6 L * ? *)",
        "cron(0 6 LW * ? *)",
        "cron(0 6 15W * ? *)",
        "cron(0 6 ? * MON-FRI *)",
        "cron(0 6 ? * 2#1 *)",
        "cron(0 6 ? * 6L *)",
        "cron(*/5 * ? * * *)",
        "rate(1 minute)",
        "rate(12 hours)",
        "at(2030-01-31T06:00:00)",
        "${Token[TOKEN.1]}",
    ],
)
def test_a_well_formed_schedule_is_taken(expression):
    assert OnSchedule(expression).problems() == []


def test_an_unknown_timezone_is_told(told, request_for):
    assert told(request_for(), triggers=[OnSchedule("rate(1 day)", timezone="Europe/Berlln")]) == (
        "triggers[0].timezone must be the IANA name of a timezone, such as 'Europe/Berlin', got 'Europe/Berlln'; "
        "write 'Europe/Berlin' (OnSchedule)"
    )


UTC = timezone.utc
SCHEDULES = [
    ({"start": datetime(2030, 1, 1)}, "start must be a datetime with a timezone"),
    ({"end": "2030-01-01"}, "end must be a datetime with a timezone, got '2030-01-01'; add tzinfo=timezone.utc"),
    (
        {"start": datetime(2030, 1, 2, tzinfo=UTC), "end": datetime(2030, 1, 1, tzinfo=UTC)},
        "end must be after start (2030-01-02T00:00:00+00:00), got '2030-01-01T00:00:00+00:00'; move it",
    ),
    ({"flexible_window_minutes": 0}, "flexible_window_minutes must be 1-1,440, got 0; leave it out for no window"),
    ({"flexible_window_minutes": 1441}, "flexible_window_minutes must be 1-1,440, got 1441"),
    ({"flexible_window_minutes": "5"}, "flexible_window_minutes must be 1-1,440, got '5'"),
    ({"parameters": {"ratio": 0.2}}, "parameters['ratio'] must be a str, got 0.2; write '0.2'"),
]


@pytest.mark.parametrize(("change", "message"), SCHEDULES, ids=str)
def test_a_schedule_that_cannot_be_is_told(change, message):
    [problem] = OnSchedule("rate(1 day)", **change).problems()

    assert str(problem).startswith(message)


ARRIVALS = [
    (
        OnObjectCreated("s3a://raw-data/in/"),
        "location must be an S3Location, an s3:// URI or an s3.IBucket, got 's3a://raw-data/in/'; "
        "write 's3://raw-data/in/'",
    ),
    (
        OnObjectCreated(S3Location("raw-data", "/in/")),
        "location.key must be a key prefix without a leading '/', got '/in/'; write 'in/'",
    ),
    (
        OnObjectCreated(S3Location("raw-data", f"{V.RUN_ID}/")),
        "location.key must be known at synth: nothing runs yet, got '{{run:RUN_ID}}/'; leave the run-time value out",
    ),
    (OnObjectCreated(S3Location("raw-data"), suffix=5), "suffix must be a str, got 5; write it as text"),
    (
        OnObjectCreated(S3Location("raw-data"), suffix="**.csv"),
        "suffix must be without two * in a row, got '**.csv'; EventBridge refuses them",
    ),
]


@pytest.mark.parametrize(("trigger", "message"), ARRIVALS, ids=str)
def test_an_arrival_that_cannot_be_is_told(trigger, message):
    [problem] = trigger.problems()

    assert str(problem) == message


def test_a_trigger_with_a_problem_is_not_bound(stack, raw, request_for, synth, resources):
    job = ProcessingJob(stack, "Preprocess", request_for())

    with pytest.raises(DeclarationError):
        job.add_trigger(OnSchedule("nightly"))

    assert resources(synth(stack), "AWS::Scheduler::Schedule") == {}


def test_a_bucket_of_the_wrong_kind_is_told(told, request_for):
    assert told(request_for(S3Location(DataBucket, "in/"))).startswith(
        "inputs[0].source.bucket must be an s3.IBucket or a bucket's name, got <class"
    )

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from cdk_processing import (
    ExecutionVariables,
    NetworkConfig,
    Parameter,
    ProcessingImage,
    ProcessingInput,
    ProcessingOutput,
    PySparkProcessor,
    S3Location,
    SparkJarProcessor,
)
from cdk_processing.request.files import LocalFile, LocalFiles, TextFile
from cdk_processing.request.run_time_value import RunTimeValue

V = ExecutionVariables
APP = "s3://code/app.py"
JAR = {"submit_app": "s3://code/app.jar", "submit_class": "com.x.Main"}
INPUT = "/opt/ml/processing/input"
EVENTS = "/opt/ml/processing/spark-events/"
HOSTS = {"instance_type": "ml.m5.xlarge", "instance_count": 2}
PYSPARK = PySparkProcessor(framework_version="3.3", **HOSTS)
SPARK_JAR = SparkJarProcessor(framework_version="3.3", **HOSTS)
BOTH = [PYSPARK, SPARK_JAR]
EACH = pytest.mark.parametrize("processor", BOTH, ids=lambda processor: type(processor).__name__)
CONFIGURATION = [
    {"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g"}},
    {
        "Classification": "hadoop-env",
        "Properties": {},
        "Configurations": [{"Classification": "export", "Properties": {"HADOOP_DATANODE_HEAPSIZE": "2048"}}],
    },
]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    for name in ("app.py", "util.py", "lib/a.jar", "lib/b.jar", "package/core.py", "twin/util.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(processor, **given):
    """A run of whichever of the two."""
    return processor.run(**{**(JAR if processor is SPARK_JAR else {"submit_app": APP}), **given})


def options(request):
    """What ``smspark-submit`` is given before the application."""
    return list(request.program.entrypoint[1:-1])


# -- the processors ---------------------------------------------------------------------------------------------------


@EACH
def test_a_run_with_what_is_required_has_no_problems(processor):
    assert run(processor).problems() == []


@EACH
def test_a_processor_is_frozen(processor):
    with pytest.raises(FrozenInstanceError):
        processor.instance_count = 3


@EACH
def test_the_image_is_sparks_or_the_one_given(processor):
    own = replace(processor, image_uri="img:tag")

    assert processor.image == ProcessingImage.spark("3.3")
    assert own.image == ProcessingImage.from_registry("img:tag")


@EACH
def test_the_hosts_of_a_cluster_reach_each_other_unless_network_options_are_given(processor):
    given = NetworkConfig(enable_network_isolation=True)

    assert run(processor).network == NetworkConfig(enable_network_isolation=False)
    assert replace(processor, network_config=given).run(**JAR if processor is SPARK_JAR else {"submit_app": APP}
                                                        ).network is given  # fmt: skip


@EACH
@pytest.mark.parametrize("argument", ["wait", "logs", "job_name", "kms_key"])
def test_what_only_a_start_could_take_is_refused(processor, told, argument):
    message = told(run(processor, **{argument: None}).problems())

    assert message.startswith(f"{argument} must be left out, got None; ")
    assert message.endswith(f"({type(processor).__name__}.run)")


@EACH
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"configuration_location": "s3://c/"},
            "configuration_location must be left out, got 's3://c/'; "
            "leave it out; submitted files are CDK assets in the bootstrap bucket",
        ),
        (
            {"dependency_location": "s3://c/"},
            "dependency_location must be left out, got 's3://c/'; "
            "leave it out; submitted files are CDK assets in the bootstrap bucket",
        ),
        ({"instance_count": 0}, "instance_count must be 1-100, got 0; raise instance_count on {owner}"),
    ],
    ids=str,
)
def test_a_bad_value_is_told(processor, told, change, message):
    owner = type(processor).__name__

    assert told(replace(processor, **change).problems()) == message.replace("{owner}", owner)


@EACH
@pytest.mark.parametrize(
    ("given", "missing"), [({"py_version": "py39"}, "container_version"), ({"container_version": "1"}, "py_version")]
)
def test_the_python_and_the_container_of_an_image_go_together(told, processor, given, missing):
    # Of an image of one's own, so that nothing is said of AWS's.
    problem = told(replace(processor, image_uri="img:tag", **given).problems())

    assert problem == (
        f"{missing} must be given together with the other, got None; set {missing} on {type(processor).__name__}"
    )


# -- what is submitted ------------------------------------------------------------------------------------------------


def test_an_application_from_here_is_brought_under_its_own_name():
    program = PYSPARK.run("app.py").program

    assert program.entrypoint == ("smspark-submit", f"{INPUT}/code/app.py")
    assert program.inputs == (
        ProcessingInput(source=LocalFile("app.py"), destination=f"{INPUT}/code", input_name="code"),
    )


def test_a_jar_is_submitted_with_its_main_class():
    assert options(SPARK_JAR.run(**JAR)) == ["--class", "com.x.Main"]


KINDS = [(PYSPARK, "py-files"), (PYSPARK, "jars"), (PYSPARK, "files"), (SPARK_JAR, "jars"), (SPARK_JAR, "files")]
EACH_KIND = pytest.mark.parametrize(("processor", "kind"), KINDS, ids=lambda value: getattr(value, "image_uri", value))


def submit(processor, kind, given):
    request = run(processor, **{f"submit_{kind.replace('-', '_')}": given})
    told = options(request)
    return request, told[2:] if processor is SPARK_JAR else told


@EACH_KIND
def test_what_lies_in_s3_is_fetched_by_spark_and_read_by_the_job(processor, kind):
    request, told = submit(processor, kind, ["s3://deps/a.jar", "s3a://deps/b.jar"])

    assert request.problems() == []
    assert told == [f"--{kind}", "s3://deps/a.jar,s3a://deps/b.jar"]
    assert [channel.input_name for channel in request.channels] == ["code"]
    assert request.program.reads == (S3Location("deps", "a.jar"), S3Location("deps", "b.jar"))


@pytest.mark.parametrize("kind", ["jars", "files"])
@EACH
def test_the_files_of_a_folder_lie_side_by_side_because_spark_looks_into_no_folder_in_a_folder(processor, kind, files):
    (files / "lib" / "deep").mkdir()
    (files / "lib" / "deep" / "c.jar").touch()
    request, told = submit(processor, kind, ["util.py", files / "lib", "package"])

    assert request.problems() == []
    assert told == [f"--{kind}", f"{INPUT}/{kind}"]
    [channel, _] = request.channels
    assert (channel.destination, channel.input_name) == (f"{INPUT}/{kind}", kind)
    assert [name for name, _ in channel.source.members()] == ["a.jar", "b.jar", "c.jar", "core.py", "util.py"]
    assert request.program.reads == ()


def test_python_packages_travel_in_a_zip_that_python_imports_from(files, monkeypatch, tmp_path):
    (files / "helpers" / "deep").mkdir(parents=True)
    (files / "helpers" / "__init__.py").write_text("from helpers.deep import words\n", encoding="utf-8")
    (files / "helpers" / "deep" / "__init__.py").touch()
    (files / "helpers" / "deep" / "words.py").write_text("LONG = 12\n", encoding="utf-8")
    (files / "package" / "core.py").write_text("CORE = 5\n", encoding="utf-8")
    request, told = submit(PYSPARK, "py-files", ["util.py", "helpers", "package"])

    assert request.problems() == []
    assert told == ["--py-files", f"{INPUT}/py-files,{INPUT}/py-files-packages"]
    modules, packages, _ = request.channels
    assert modules.source == LocalFiles(("util.py",))
    archive = tmp_path / "packages.zip"
    archive.write_bytes(packages.source.content())
    assert packages.source.name == archive.name
    monkeypatch.syspath_prepend(str(archive))
    from core import CORE  # a module in a folder that is no package
    from helpers import words  # a package in a package

    assert (words.LONG, CORE) == (12, 5)


def test_a_list_of_packages_alone_needs_no_folder_of_files(files):
    (files / "package" / "__init__.py").touch()
    request, told = submit(PYSPARK, "py-files", ["package"])

    assert request.problems() == []
    assert told == ["--py-files", f"{INPUT}/py-files-packages"]
    assert [name for name, _ in LocalFiles(request.channels[0].source.paths).members()] == [
        "package/__init__.py",
        "package/core.py",
    ]


@EACH_KIND
def test_a_comma_in_a_name_is_refused_because_spark_would_see_two_files(processor, told, kind, files):
    (files / "a,b.py").touch()
    field = f"submit_{kind.replace('-', '_')}"
    reason = "must be without a comma: Spark separates the files of its list by commas"

    assert told(run(processor, **{field: ["a,b.py"]}).problems()) == (
        f"{field} {reason}, got 'a,b.py'; rename the file"
    )
    assert told(run(processor, **{field: ["s3://deps/a,b.jar"]}).problems()) == (
        f"{field}[0] {reason}, got 's3://deps/a,b.jar'; give the object another key"
    )


@pytest.mark.parametrize("kind", ["jars", "files"])
@EACH
def test_a_comma_in_a_name_within_a_folder_is_refused_too(processor, told, kind, files):
    (files / "lib" / "a,b.jar").touch()

    assert told(run(processor, **{f"submit_{kind}": ["lib"]}).problems()).startswith(f"submit_{kind} must be without a")


@EACH_KIND
def test_what_lies_here_comes_after_what_lies_in_s3(processor, kind):
    request, told = submit(processor, kind, ["util.py", "s3://deps/a.jar", "app.py"])

    assert told == [f"--{kind}", f"s3://deps/a.jar,{INPUT}/{kind}"]
    assert request.channels[0].source == LocalFiles(("util.py", "app.py"))
    assert request.program.reads == (S3Location("deps", "a.jar"),)


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_nothing_to_submit_is_no_option(nothing):
    request = PYSPARK.run(APP, submit_py_files=nothing, submit_jars=nothing, submit_files=nothing)

    assert options(request) == []
    assert request.problems() == []


def test_options_come_in_the_sdks_order_and_channels_before_the_application():
    request = PYSPARK.run(
        "app.py",
        ["util.py"],
        ["lib/a.jar"],
        ["package"],
        [ProcessingInput("s3://raw-data/", f"{INPUT}/raw")],
        [ProcessingOutput("/opt/ml/processing/out", "s3://curated/")],
        ["x"],
        configuration=CONFIGURATION,
        spark_event_logs_s3_uri="s3://logs/events/",
    )

    assert request.problems() == []
    assert options(request) == [
        "--py-files",
        f"{INPUT}/py-files",
        "--jars",
        f"{INPUT}/jars",
        "--files",
        f"{INPUT}/files",
        "--local-spark-event-logs-dir",
        EVENTS,
    ]
    names = [channel.input_name for channel in request.channels]
    assert names == ["input-1", "py-files", "jars", "files", "conf", "code"]
    assert [channel.output_name for channel in request.named_outputs] == ["output-1", "output-2"]
    assert request.arguments == ("x",)


SUBMITTED = "an existing file or folder, or an s3:// URI"
BAD_SUBMISSIONS = [
    ("util.py", "{field} must be a list of local paths and s3:// URIs, got 'util.py'; write ['util.py']"),
    (5, "{field} must be a list of local paths and s3:// URIs, got 5; write ['5']"),
    (["no.py"], f"{{field}}[0] must be {SUBMITTED}, got 'no.py'; there is nothing at {{cwd}}/no.py; correct the path"),
    (
        ["util.py", "empty"],
        f"{{field}}[1] must be {SUBMITTED}, got 'empty'; there is a folder without files at {{cwd}}/empty; "
        "correct the path",
    ),
    *(
        (
            [wrong],
            f"{{field}}[0] must be a local path, or an s3:// or s3a:// URI, got {wrong!r}; {fix}",
        )
        for wrong, fix in (
            *(
                (wrong, "name a file here or in S3")
                for wrong in ("https://x/a.jar", "s3://deps", "s3://deps/", "", 5, None)
            ),
            ("s3n://deps/a.jar", "write 's3://deps/a.jar'"),
            ("file:///a.jar", "write '/a.jar'"),
        )
    ),
    (
        ["s3://my deps/a.jar"],
        "{field}[0].bucket must be letters, digits, '.', '-' and '_', got 'my deps'; "
        "use the bucket's name as S3 shows it",
    ),
    (
        [f"s3://{V.OBJECT_BUCKET}/a.jar"],
        "{field}[0].bucket must be known at synth: the role gets permissions on it, got '{{run:OBJECT_BUCKET}}'; "
        "name the bucket, and keep run-time values for the key",
    ),
    (
        ["util.py", "twin/util.py"],
        "{field} must be different from the others', got 'util.py'; rename one: they are in one folder there",
    ),
]


@EACH_KIND
@pytest.mark.parametrize(("given", "message"), BAD_SUBMISSIONS, ids=lambda value: str(value)[:40])
def test_what_cannot_be_submitted_is_told(told, files, processor, kind, given, message):
    field = f"submit_{kind.replace('-', '_')}"

    request = run(processor, **{field: given})

    assert told(request.problems()) == message.replace("{field}", field).replace("{cwd}", str(files.resolve()))


def test_more_places_than_a_word_of_an_entrypoint_can_hold_are_told(told):
    jars = [f"s3://deps/{number:0>30}.jar" for number in range(6)]

    message = told(PYSPARK.run(APP, submit_jars=jars).problems())

    assert message.startswith("submit_jars must be 1-256 characters, got 's3://deps/0000")
    assert message.endswith("name local files: they are one folder in the container")
    assert PYSPARK.run(APP, submit_jars=jars[:5]).problems() == []


@pytest.mark.parametrize("app", ["nowhere.py", None, 5, "package", "s3://code/", "s3://my code/app.py"])
@EACH
def test_an_application_that_cannot_be_is_told_by_its_own_name(told, processor, app):
    assert told(run(processor, submit_app=app).problems()).startswith("submit_app")


@pytest.mark.parametrize("name", [None, "", 5])
def test_a_jar_without_a_main_class_is_told(told, name):
    assert told(SPARK_JAR.run(JAR["submit_app"], name).problems()) == (
        f"submit_class must be the main class of the jar, got {name!r}; pass submit_class='com.x.Main'"
    )


def test_all_mistakes_of_a_submission_are_told_at_once():
    request = PYSPARK.run("no.py", ["no.py"], "no.jar", [5], configuration=5, spark_event_logs_s3_uri=5)

    assert [problem.field for problem in request.problems()] == [
        "submit_app",
        "submit_py_files[0]",
        "submit_jars",
        "submit_files[0]",
        "spark_event_logs_s3_uri",
        "configuration[0]",
    ]


# -- the configuration ------------------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("configuration", [CONFIGURATION, CONFIGURATION[0]], ids=["list", "one"])
def test_a_configuration_is_a_file_that_is_brought_as_it_was_given(processor, configuration):
    request = run(processor, configuration=configuration)

    assert request.problems() == []
    [channel, _] = request.channels
    assert (channel.input_name, channel.destination) == ("conf", f"{INPUT}/conf")
    assert channel.source == TextFile("configuration.json", json.dumps(configuration))
    assert "--local-spark-event-logs-dir" not in options(request)


def defaults(**properties):
    return {"Classification": "spark-defaults", "Properties": properties}


SHAPE = 'in the shape {"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g"}}'
BAD_CONFIGURATIONS = [
    (5, f"configuration[0] must be {SHAPE}, got 5; give it Classification and Properties"),
    ("x", f"configuration[0] must be {SHAPE}, got 'x'; give it Classification and Properties"),
    (
        [defaults(), {"Classification": "spark-env"}],
        f"configuration[1] must be {SHAPE}, got {{'Classification': 'spark-env'}}; give it Classification and Prop",
    ),
    (
        {**defaults(), "Extra": 1, "Another": 2},
        "configuration[0] must be without further keys, got ['Another', 'Extra']; "
        "remove them; nested classifications go under Configurations",
    ),
    (
        {"Classification": "spark-default", "Properties": {}},
        "configuration[0].Classification must be one of core-site, hadoop-env, hadoop-log4j, hive-env, "
        "hive-exec-log4j, hive-log4j, hive-site, spark-defaults, spark-env, spark-log4j, spark-hive-site, "
        "spark-metrics, yarn-env, yarn-site, export, got 'spark-default'; see EMR's classifications",
    ),
    (
        defaults(**{"spark.executor.cores": 2}),
        "configuration[0].Properties must be a dict of str to str, got {'spark.executor.cores': 2}; "
        "quote numbers and booleans",
    ),
    (
        {"Classification": "spark-env", "Properties": [("A", "b")]},
        "configuration[0].Properties must be a dict of str to str, got [('A', 'b')]; quote numbers and booleans",
    ),
    (
        {**defaults(), "Configurations": [{"Classification": "exports", "Properties": {}}]},
        "configuration[0].Configurations[0].Classification must be one of ",
    ),
    *(
        (
            defaults(x=text),
            f"configuration[0].Properties must be known at synth, which writes it into a file, got {{'x': {text!r}}}; "
            "pass run-time values in arguments or env",
        )
        for text in (f"{V.RUN_ID}", "${Token[TOKEN.1]}")
    ),
    *(
        ({"Classification": name, "Properties": {}}, "configuration[0].Classification must be one of ")
        for name in (5, None, f"{V.RUN_ID}", "${Token[TOKEN.1]}")
    ),
]


@EACH
@pytest.mark.parametrize(("configuration", "message"), BAD_CONFIGURATIONS, ids=lambda value: str(value)[:40])
def test_a_configuration_that_cannot_be_is_told(told, processor, configuration, message):
    assert told(run(processor, configuration=configuration).problems()).startswith(message)


# -- the event logs ---------------------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("place", [S3Location("logs", "events/"), "s3://logs/events/", f"s3://logs/{V.RUN_ID}/"])
def test_event_logs_are_written_while_the_job_runs(processor, place):
    request = run(processor, spark_event_logs_s3_uri=place)

    assert request.problems() == []
    assert options(request)[-2:] == ["--local-spark-event-logs-dir", EVENTS]
    assert [channel.render() for channel in request.named_outputs] == [
        {
            "OutputName": "output-1",
            "AppManaged": False,
            "S3Output": {"S3Uri": str(place), "LocalPath": EVENTS, "S3UploadMode": "Continuous"},
        }
    ]


@pytest.mark.parametrize("place", ["logs/events/", "s3a://logs/", "s3://", 5, True])
def test_event_logs_that_have_no_place_are_told(told, place):
    assert told(PYSPARK.run(APP, spark_event_logs_s3_uri=place).problems()) == (
        f'spark_event_logs_s3_uri must be an S3Location or an s3:// URI, got {place!r}; pass bucket.at("spark-events/")'
    )


@pytest.mark.parametrize("place", [S3Location("my logs", "x/"), f"s3://{V.OBJECT_BUCKET}/"])
def test_event_logs_in_an_impossible_bucket_are_told(told, place):
    assert told(PYSPARK.run(APP, spark_event_logs_s3_uri=place).problems()).startswith(
        "spark_event_logs_s3_uri.bucket must be "
    )


def test_the_event_logs_are_one_of_ten_outputs(told):
    outputs = [ProcessingOutput(f"/opt/ml/processing/out/{n}", f"s3://curated/{n}/") for n in range(10)]

    assert PYSPARK.run(APP, outputs=outputs).problems() == []
    assert PYSPARK.run(APP, outputs=outputs[:9], spark_event_logs_s3_uri="s3://logs/").problems() == []
    assert told(PYSPARK.run(APP, outputs=outputs, spark_event_logs_s3_uri="s3://logs/").problems()).startswith(
        "outputs must be at most "
    )


# -- run-time values --------------------------------------------------------------------------------------------------


@EACH
def test_run_time_values_are_found_wherever_spark_is_given_them(processor):
    request = run(
        processor,
        submit_jars=[f"s3://deps/{Parameter('jars', default='1')}/a.jar"],
        submit_files=[f"s3://deps/{V.TRIGGER_TIME:%Y}/f.txt"],
        spark_event_logs_s3_uri=f"s3://logs/{V.RUN_ID}/",
        arguments=["--input", V.OBJECT_KEY, f"--attempt={V.ATTEMPT}"],
    )

    assert request.problems() == []
    assert set(request.run_time_values()) == {
        RunTimeValue("PARAMETER", "jars", "1"),
        RunTimeValue("TRIGGER_TIME", format="%Y"),
        RunTimeValue("RUN_ID"),
        RunTimeValue("OBJECT_KEY"),
        RunTimeValue("ATTEMPT"),
    }

"""jobs.yaml without the CDK: what it means, and what is said of mistakes in it."""

# ruff: noqa: E501 - messages stand in one line, as they are shown

import pytest

from cdk_processing.declarations.building import Built
from cdk_processing.declarations.placeholders import NAMES, Placeholder, run_time_value
from cdk_processing.declarations.reading_jobs import read_jobs
from cdk_processing.errors import DeclarationError
from cdk_processing.request.framework import FrameworkProcessor, PyTorch
from cdk_processing.request.location import S3Location
from cdk_processing.request.processors import SKLearnProcessor
from cdk_processing.request.runtime import ExecutionVariables, Parameter
from tests.declarations.files import JOBS, VARIABLES


class Surroundings:
    """Buckets and outputs by their names."""

    def bucket(self, name):
        return f"{name}-bucket"

    def output(self, job, name):
        return S3Location("outputs", f"{job}/{name}/")

    def repository(self, name):
        raise NotImplementedError


def problems(folder, text, **given):
    (folder / "jobs.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError) as told:
        read_jobs("jobs.yaml", **({"variables": VARIABLES} | given))
    return [str(each).removeprefix("jobs.yaml:") for each in told.value.problems]


def requests(folder, text=JOBS):
    (folder / "jobs.yaml").write_text(text, encoding="utf-8")
    declared = read_jobs("jobs.yaml", VARIABLES)
    found = {}
    for job in declared.jobs:
        if job.name != "Spark":  # its image needs the CDK
            built = Built(declared.document, job, Surroundings())
            found[job.name] = built.request() or built.problems
    return found


def test_a_job_is_the_request_that_python_would_make(folder):
    request = requests(folder)["Preprocess"]

    assert request.processor == SKLearnProcessor(
        framework_version="1.4-2",
        instance_type=["ml.m5.xlarge", "ml.m4.xlarge"],
        instance_count=2,
        env={"STAGE": "test"},
    )
    assert request.inputs[0].source.uri == "s3://raw-bucket/census/"
    assert request.outputs[0].destination.uri == (
        "s3://curated-bucket/train/{{run:TRIGGER_TIME:0;Europe/Berlin;-86400|%Y/%m/%d}}/"
    )
    assert request.arguments == (
        "--ratio",
        str(Parameter("ratio", default=0.2, type=float, enum_values=[0.2, 0.3])),
        "--braces",
        "{x}",
    )
    assert request.problems() == []


def test_paths_lead_on_from_the_folder_of_the_file(folder, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    declared = read_jobs(folder / "jobs.yaml", VARIABLES)
    train = next(job for job in declared.jobs if job.name == "Train")

    request = Built(declared.document, train, Surroundings()).request()

    assert request.processor == FrameworkProcessor(
        estimator_cls=PyTorch,
        framework_version="2.1",
        py_version="py310",
        instance_type="ml.m5.xlarge",
        instance_count=1,
        network_config=request.processor.network_config,
        tags={"kind": "training"},
    )
    # The script is within source_dir, and synth has found it there.
    assert request.problems() == []
    query = request.inputs[0].dataset_definition.athena_dataset_definition
    assert query.query_string == "select * from census where day = '{{run:TRIGGER_TIME|%Y-%m-%d}}'"
    assert query.output_s3_uri == S3Location("curated-bucket", "queries/")


def test_an_output_of_another_job_is_an_input(folder):
    assert requests(folder)["Evaluate"].inputs[0].source == S3Location("outputs", "Preprocess/train/")


def test_jobs_come_after_those_that_they_name(folder):
    names = [job.name for job in read_jobs("jobs.yaml", VARIABLES).jobs]

    assert names.index("Preprocess") < names.index("Evaluate")


MISTAKES = {
    "a misspelled argument of a processor": (
        ("instance_count: 1", "instance_cuont: 1"),
        [
            "jobs.Train.processor.FrameworkProcessor.instance_cuont must be one of the keys estimator_cls, ",
        ],
    ),
    "a misspelled argument of run": (
        ("      code: train.py", "      coed: train.py"),
        ["jobs.Train.run.coed must", "jobs.Train.run.code must be given"],
    ),
    "an unknown processor": (
        ("FrameworkProcessor:", "FrameworkProcesor:"),
        ["jobs.Train.processor.FrameworkProcesor must be one of the keys Processor, ScriptProcessor, "],
    ),
    "an unknown name of a processor": (
        ("processor: sklearn", "processor: sklaern"),
        [
            "jobs.Evaluate.processor must be the name of a processor of this file, which are: sklearn, got 'sklaern'; write 'sklearn'"
        ],
    ),
    "the name of a class for that of a processor": (
        ("processor: sklearn", "processor: SKLearnProcessor"),
        ["jobs.Evaluate.processor must be the name of a processor of this file"],
    ),
    "a number in the arguments": (
        ("[--ratio, ", "[0.3, "),
        ['jobs.Preprocess.run.arguments[0] must be text, in quotes, got 0.3; write "0.3"'],
    ),
    "an unknown bucket": (
        ('source: "{buckets.raw}/census/"', 'source: "{buckets.rwa}/census/"'),
        [
            "jobs.Preprocess.run.inputs[0].source must be text that names a bucket of this file, which are: raw, curated, landing, got '{buckets.rwa}/census/'; write raw"
        ],
    ),
    "an unknown job": (
        ("OnSuccessOf: {job: Preprocess", "OnSuccessOf: {job: Prep"),
        [
            "jobs.Evaluate.triggers[0].OnSuccessOf.job must be the name of a job of this file, which are: Fold, Join, Preprocess, Spark, Train, got 'Prep'"
        ],
    ),
    "an unknown parameter": (
        ('"{parameters.ratio}"', '"{parameters.rato}"'),
        ["jobs.Preprocess.run.arguments[1] must be text that names a parameter of this file, which are: ratio, got"],
    ),
    "an unknown variable": (
        ('"{variables.workers}"', '"{variables.worker}"'),
        [
            "processors.sklearn.SKLearnProcessor.instance_count must be text with variables of the environment, which are: stage, workers, got '{variables.worker}'; write {variables.workers}"
        ],
    ),
    "two triggers in one": (
        (
            "      - OnDeploy: {every_time: true}",
            "      - {OnDeploy: {every_time: true}, OnSchedule: {expression: rate(1 day)}}",
        ),
        [
            "jobs.Train.triggers[0] must be a mapping with one key, of OnObjectCreated, OnMarker, OnAll, OnSchedule, OnEvent, OnSuccessOf, OnDeploy"
        ],
    ),
    "a length of time": (
        ("expect_within: 1 day", "expect_within: 1d"),
        [
            "jobs.Preprocess.triggers[0].OnObjectCreated.expect_within must be a length of time such as 36 hours, got '1d'"
        ],
    ),
    "a word that is none of the choices": (
        ("overlap: skip", "overlap: never"),
        ["jobs.Preprocess.triggers[1].OnSchedule.overlap must be"],
    ),
    "an estimator that is none": (
        ("estimator_cls: PyTorch", "estimator_cls: Torch"),
        ["estimator_cls must be one of 'SKLearn', 'XGBoost', 'PyTorch', 'TensorFlow', 'MXNet', got 'Torch'"],
    ),
    "a bucket with the name of a job": (
        ("  landing: {from", "  Spark: {bucket_name: x}\n  landing: {from"),
        ["buckets.Spark must be another name than that of a job, got Spark; rename one"],
    ),
    "a bucket that is new and not new": (
        ("{from_bucket_name: company-landing}", "{from_bucket_name: x, bucket_name: y}"),
        ["buckets.landing must be a new bucket or an existing one"],
    ),
    "an image of nowhere": (
        ('{from_ecr_repository: spark, tag: "1"}', '{tag: "1"}'),
        ["image_uri must be an image with from_ecr_repository or from_build"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_place(folder, name):
    (old, new), expected = MISTAKES[name]
    assert old in JOBS

    told = problems(folder, JOBS.replace(old, new, 1))

    assert len(told) == len(expected), told
    for each in expected:
        assert any(each in text for text in told), told


def test_each_place_is_that_of_the_value(folder):
    text = JOBS.replace("instance_count: 1", "instance_count: one").replace("every_time: true", "every_tim: true")

    assert [each.split(" must")[0] for each in problems(folder, text)] == [
        "53:25: jobs.Train.processor.FrameworkProcessor.instance_count",
        "69:20: jobs.Train.triggers[0].OnDeploy.every_tim",
    ]


def test_text_that_begins_with_a_brace_needs_quotes_and_is_told_so(folder):
    text = JOBS.replace('source: "{buckets.raw}/census/"', "source: {buckets.raw}/census/")
    [told] = problems(folder, text)
    assert "put text that begins with a brace in quotes" in told

    [told] = problems(folder, JOBS.replace('location: "{buckets.raw}/census/"', "location: {buckets.raw}", 1))
    assert "location must be text, in quotes" in told
    assert told.endswith('write "{buckets.raw}"')


def test_jobs_that_need_each_other_are_told(folder):
    text = JOBS.replace(
        "- OnObjectCreated: {location", "- OnSuccessOf: {job: Evaluate}\n      - OnObjectCreated: {location"
    )

    told = problems(folder, text)

    assert [each.split(" must")[0] for each in told] == ["13:3: jobs.Evaluate", "25:3: jobs.Preprocess"]
    assert "Evaluate and Preprocess need each other" in told[0]


def test_a_variable_without_any_variables_is_told(folder):
    assert "which are: none" in problems(folder, JOBS, variables=None)[0]


TEXTS = {
    "{TRIGGER_TIM:%Y}": "must be text with braces such as {TRIGGER_TIME:%Y/%m/%d}",
    "{OBJECT_KEY:%Y}": "must be a run-time value that works: ExecutionVariables.OBJECT_KEY takes no format",
    "{TRIGGER_TIME:%Q}": "must be a run-time value that works: ",
    "{TRIGGER_TIME in Mars/Phobos:%Y}": "must be a run-time value that works: ",
    "{TRIGGER_TIME - 1 year:%Y}": "must be written like {TRIGGER_TIME in Europe/Berlin - 1 day:%Y-%m-%d}",
    "{RUN_ID": "must be text whose braces are closed",
    "{RUN_ID!r}": "must be text with braces such as",
    "{PARTITION}": "must be written like {FOLDER_URI[orders]} or {PARTITION[day]}",
    "{FOLDER_URI[a b]}": "must be a run-time value that works: ",
    "{}": "must be text with braces such as",
}


@pytest.mark.parametrize("text", TEXTS)
def test_braces_that_stand_for_nothing_are_told(folder, text):
    changed = JOBS.replace("arguments: [--ratio", f'arguments: ["{text}", --ratio')
    [told] = requests(folder, changed)["Preprocess"]

    assert TEXTS[text] in str(told)
    assert told.field == "jobs.Preprocess.run.arguments[0]"


def test_an_output_of_a_job_is_no_argument(folder):
    text = JOBS.replace('"{parameters.day}"', '"{jobs.Preprocess.outputs.train}"')

    [told] = requests(folder, text)["Evaluate"]

    assert "must be text in which an output of a job stands at the beginning of a location" in str(told)


def test_an_argument_without_run_time_values_takes_none(folder):
    text = JOBS.replace("destination: /opt/ml/processing/input", 'destination: "/opt/ml/processing/{RUN_ID}"', 1)

    [told] = requests(folder, text)["Evaluate"]

    assert "must be text without run-time values and names of this file" in str(told)


def test_every_run_time_value_of_python_has_its_braces():
    named = {name for name in vars(ExecutionVariables) if name.isupper()}

    assert named == set(NAMES)
    for name in named - {"PARTITION"}:
        assert run_time_value(Placeholder(name)) == str(getattr(ExecutionVariables, name))
    assert run_time_value(Placeholder("PARTITION[day]")) == str(ExecutionVariables.PARTITION["day"])
    assert run_time_value(Placeholder("FOLDER_URI[orders]")) == str(ExecutionVariables.FOLDER_URI["orders"])

"""Not one job escapes: whoever wrote a job in an app, its breaches are told at synth."""

import json
import runpy
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack, Validations

from cdk_processing import DeclarationError, Exemption, ProcessingJob, Standards, StandardsValidation

HOSTILE = runpy.run_path(str(Path(__file__).parents[1] / "apps" / "hostile" / "app.py"))
BREACHES = HOSTILE["BREACHES"]
STANDARDS = replace(
    Standards(network_isolation=True, known_jobs=True, pass_role=True, private_buckets=True), regions=["us-east-1"]
)
FAR = date(2999, 12, 31)


def told(app):
    """What the report says: rule, path of the job, severity and whole text of each finding."""
    try:
        app.synth()
        fails = False
    except RuntimeError:
        fails = True
    file = Path(app.outdir) / "validation-report.json"
    report = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"pluginReports": []}
    found = [
        (violation["ruleName"], violation["description"].partition(": ")[0], violation["severity"])
        for plugin in report["pluginReports"]
        if plugin["pluginName"] == "cdk-processing"
        for violation in plugin["violations"]
    ]
    assert fails == any(severity == "fatal" for _, _, severity in found)
    return found


def app_in(folder, standards=STANDARDS, **options):
    app = App(outdir=str(folder))
    Validations.of(app).add_plugins(StandardsValidation(standards, **options))
    return app


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """What synth tells of the hostile app."""
    app = app_in(tmp_path_factory.mktemp("hostile"))
    HOSTILE["in_a_stage"](HOSTILE["build"](app))
    return told(app)


@pytest.mark.parametrize("name", BREACHES)
def test_each_way_past_the_standards_is_told_at_synth(hostile, name):
    _, rule, path = BREACHES[name]

    assert (rule, f"{name}/{path}", "fatal") in hostile


def test_a_job_in_a_stage_is_told_too(hostile):
    assert ("network_isolation", "Stage/InAStage/Machine/Prep", "fatal") in hostile


def test_nothing_else_is_told(hostile):
    names = {path.partition("/")[0] for _, path, _ in hostile}

    assert names == {*BREACHES, "Stage"}


def test_a_finding_cannot_be_acknowledged(tmp_path):
    from aws_cdk import Acknowledgment

    app = app_in(tmp_path)
    HOSTILE["build"](app, ["ByJsonText"])
    Validations.of(app).acknowledge(Acknowledgment(id="cdk-processing::network_isolation", reason="we know better"))

    assert ("network_isolation", "ByJsonText/Machine/Prep", "fatal") in told(app)


def test_skipping_validation_does_not_skip_the_standards(tmp_path):
    app = app_in(tmp_path)
    HOSTILE["build"](app, ["ByJsonText"])

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth(skip_validation=True)


def test_jobs_of_this_library_that_meet_the_standards_pass(tmp_path, request_for):
    app = app_in(tmp_path)
    ProcessingJob(Stack(app, "Census", env=Environment(region="us-east-1")), "Job", request_for())

    assert told(app) == []


def test_a_job_of_this_library_is_told_by_its_own_path(tmp_path, request_for):
    app = app_in(tmp_path, Standards(vpc=True))
    ProcessingJob(Stack(app, "Census"), "Job", request_for())

    assert told(app) == [("vpc", "Census/Job", "fatal")]


def test_several_instance_types_of_a_job_of_this_library_are_all_judged(tmp_path, request_for):
    from cdk_processing import SKLearnProcessor

    app = app_in(tmp_path, Standards(instance_types=["ml.m5.*"]))
    processor = SKLearnProcessor(
        framework_version="1.4-2", instance_type=["ml.m5.large", "ml.p3.2xlarge"], instance_count=1
    )
    ProcessingJob(Stack(app, "Census"), "Job", request_for(processor=processor))

    assert told(app) == [("instance_types", "Census/Job", "fatal")]


def test_an_exempt_job_is_listed_and_an_exemption_too_many_is_warned_of(tmp_path):
    def exempt(job):
        return Exemption(job=job, rule="network_isolation", reason="old", until=FAR)

    exemptions = [exempt("ByJsonText/Machine/Prep"), exempt("ByJsonText/Other")]
    app = app_in(tmp_path, replace(STANDARDS, exemptions=exemptions))
    HOSTILE["build"](app, ["ByJsonText"])

    assert told(app) == [
        (
            "exemptions",
            "ByJsonText/Machine/Prep is exempt from the standard network_isolation until 2999-12-31",
            "info",
        ),
        ("exemptions", "exemption of ByJsonText/Other from network_isolation is not needed; remove it", "warning"),
    ]


def test_an_exemption_that_has_ended_is_told_beside_what_it_allowed(tmp_path):
    exemption = Exemption(
        job="ByJsonText/Machine/Prep", rule="network_isolation", reason="old", until=date(2026, 1, 31)
    )
    app = app_in(tmp_path, replace(STANDARDS, exemptions=[exemption]))
    HOSTILE["build"](app, ["ByJsonText"])

    assert [(rule, severity) for rule, _, severity in told(app)] == [
        ("exemptions", "fatal"),
        ("network_isolation", "fatal"),
    ]


def test_a_value_that_is_known_at_run_time_is_left_to_a_denial_that_is_in_force(tmp_path):
    app = app_in(tmp_path, denied_at_run_time=True)
    HOSTILE["build"](app, ["ByJsonPath"])

    assert told(app) == []


def test_it_takes_nothing_but_standards():
    with pytest.raises(DeclarationError, match="standards must be a Standards, got None"):
        StandardsValidation(None)

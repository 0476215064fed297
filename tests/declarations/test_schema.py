"""The JSON schemas that editors read."""

import pytest
import yaml
from jsonschema import Draft7Validator

from cdk_processing.declarations.schema import SCHEMAS, json_schema
from tests.declarations.files import ENVIRONMENTS, JOBS, PRICES


def read(text):
    """As an editor reads it: YAML 1.2 has no dates."""
    text = text.replace("2099-03-31", '"2099-03-31"')
    return yaml.safe_load(text.replace("2030-01-01T00:00:00Z", '"2030-01-01T00:00:00Z"'))


def errors(name, text):
    return [each.json_path for each in Draft7Validator(json_schema(name)).iter_errors(read(text))]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_schema(name):
    Draft7Validator.check_schema(json_schema(name))


@pytest.mark.parametrize(("name", "text"), [("environments", ENVIRONMENTS), ("jobs", JOBS), ("prices", PRICES)])
def test_a_file_that_is_as_it_should_be_fits_its_schema(name, text):
    assert errors(name, text) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "path"),
    [
        ("environments", '"111122223333"', "111122223333", "$.environments.test.account"),
        ("environments", "log_retention_days: 30", "log_retention: 30", "$.environments.test.platform"),
        ("environments", "max_run_cost: 20", "max_run_cost: much", "$.defaults.standards.max_run_cost"),
        ("environments", "preset: strict", "preset: loose", "$.defaults.standards.preset"),
        (
            "jobs",
            "framework_version: 1.4-2",
            "framework_version: 1.4",
            "$.processors.sklearn.SKLearnProcessor.framework_version",
        ),
        ("jobs", "code: train.py", "cod: train.py", "$.jobs.Train.run"),
        ("jobs", "submit_app: prep.py", "code: prep.py", "$.jobs.Spark.run"),
        ("jobs", "      - OnDeploy: {every_time: true}", "      - OnDeploys: {}", "$.jobs.Train.triggers[0]"),
        ("jobs", "overlap: skip", "overlap: no", "$.jobs.Preprocess.triggers[1].OnSchedule.overlap"),
        ("jobs", 'bucket_name: "census-{variables.stage}"', "name: x", "$.buckets.curated"),
        ("prices", "0.23", "cheap", "$.prices['ml.m5.xlarge']"),
    ],
)
def test_a_mistake_does_not_fit_the_schema(name, old, new, path):
    text = {"environments": ENVIRONMENTS, "jobs": JOBS, "prices": PRICES}[name]
    assert old in text

    found = errors(name, text.replace(old, new, 1))

    assert any(each.startswith(path) for each in found), found


def test_a_variable_may_stand_for_a_number_and_a_choice():
    text = JOBS.replace("attempts: 2", 'attempts: "{variables.attempts}"').replace(
        "overlap: skip", 'overlap: "{variables.overlap}"'
    )

    assert errors("jobs", text) == []

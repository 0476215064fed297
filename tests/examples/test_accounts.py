"""examples/accounts: environments.yaml and jobs.yaml, and what they become."""

import json
import os
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from cdk_processing.declarations.schema import SCHEMAS, json_schema, schema_line
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.testing import DeployedAws

EXAMPLE = Path(__file__).parents[2] / "examples" / "accounts"
FILES = {
    "environments": EXAMPLE / "environments.yaml",
    "jobs": EXAMPLE / "teams" / "census" / "jobs.yaml",
    "prices": EXAMPLE / "prices.yaml",
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_those_of_the_library(name, golden):
    golden(json_schema(name), EXAMPLE / "schemas" / f"{name}.schema.json")


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_file_names_its_schema_and_fits_it(name):
    text = FILES[name].read_text(encoding="utf-8")
    schema = EXAMPLE / "schemas" / f"{name}.schema.json"

    assert text.splitlines()[0] == schema_line(os.path.relpath(schema, FILES[name].parent))
    validator = Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))
    assert [each.message for each in validator.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.slow
def test_a_file_that_arrives_is_counted_and_summarized(monkeypatch):
    monkeypatch.setenv("ENVIRONMENT", "test")
    with (
        LocalAws(python=sys.executable, account_id="111122223333", region="eu-central-1") as aws,
        DeployedAws(aws) as deployed,
    ):
        deployed.deploy(None, folder=EXAMPLE)

        deployed.put("test/Census/Jobs/raw", "census/a.csv", b"age,income\n1,2\n3,4\n")
        deployed.wait_for_run("test/Census/Jobs/Summarize")

        [key] = deployed.objects("test/Census/Jobs/reports", "summaries/")
        assert deployed.get("test/Census/Jobs/reports", key) == b"Census\na.csv: 2 rows\n"

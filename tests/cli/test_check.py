"""``cdk-processing check``: what would be deployed where, and what is wrong with it."""

import json
import sys
from dataclasses import replace

import pytest
from aws_cdk import App, Environment, Stack, Stage
from click.testing import CliRunner

from cdk_processing import (
    DataBucket,
    LaunchPolicy,
    OnObjectCreated,
    OnSchedule,
    ProcessingInput,
    ProcessingJob,
    ProcessingPlatform,
    SKLearnProcessor,
    Standards,
)
from cdk_processing.cli import main

PLACES = {"test": ("111122223333", "eu-central-1"), "prod": ("444455556666", "eu-west-1")}
ENVIRONMENTS = """\
environments:
  test: {account: "111122223333", region: eu-central-1, platform: {name: data}, prices: prices.yaml}
  prod: {account: "444455556666", region: eu-west-1, platform: {name: data}}
"""
PRICES = "prices:\n  ml.m5.xlarge: 0.25\n"


def assembly(folder, standards=None, instance_type="ml.m5.xlarge"):
    """An app with a job in two accounts, as ``check`` synthesizes it."""
    app = App(outdir=str(folder), context={"cdk-processing:check": True})
    for name, (account, region) in PLACES.items():
        stage = Stage(app, name, env=Environment(account=account, region=region))
        stack = Stack(stage, "Census")
        platform = ProcessingPlatform(stack, "Platform", standards=standards)
        raw = DataBucket(stack, "Raw")
        processor = SKLearnProcessor(
            framework_version="1.4-2", instance_type=instance_type, instance_count=2, max_runtime_in_seconds=7200
        )
        request = processor.run(
            code="s3://my-code/prep.py",
            inputs=[ProcessingInput(source=raw.at("in/"), destination="/opt/ml/processing/input")],
        )
        ProcessingJob(
            stack,
            "Prepare",
            request,
            triggers=[OnObjectCreated(raw.at("in/")), OnSchedule("rate(1 day)")],
            platform=platform,
            launch_policy=LaunchPolicy(attempts=2),
        )
    app.synth()
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return assembly(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS, encoding="utf-8")
    (tmp_path / "prices.yaml").write_text(PRICES, encoding="utf-8")

    def run(*arguments):
        result = CliRunner().invoke(main, ["check", *map(str, arguments)])
        return result.exit_code, result.output

    return run


def test_it_shows_each_environment_its_stacks_and_jobs_what_launches_them_and_what_a_run_costs(check, sound):
    code, told = check("--app", sound)

    assert code == 0
    assert told == (
        "test: 111122223333 eu-central-1\n"
        "  test/Census\n"
        "    test/Census/Prepare\n"
        "      object created in s3://<test/Census/Raw>/in/\n"
        "      schedule rate(1 day)\n"
        "      at most 2.00 USD a run (2 x ml.m5.xlarge at 0.25 x 2 h x 2 attempts)\n"
        "prod: 444455556666 eu-west-1\n"
        "  prod/Census\n"
        "    prod/Census/Prepare\n"
        "      object created in s3://<prod/Census/Raw>/in/\n"
        "      schedule rate(1 day)\n"
        "      cost not known: no price of ml.m5.xlarge\n"
    )


def test_a_price_table_may_be_given_for_the_other_stacks(check, sound, tmp_path):
    (tmp_path / "more.yaml").write_text("currency: EUR\nprices: {ml.m5.xlarge: 0.5}\n", encoding="utf-8")

    _, told = check("--app", sound, "--prices", "more.yaml")

    assert "at most 2.00 USD a run" in told
    assert "at most 4.00 EUR a run (2 x ml.m5.xlarge at 0.5 x 2 h x 2 attempts)" in told


def test_json_has_the_same(check, sound):
    code, told = check("--app", sound, "--json")

    found = json.loads(told)
    assert (code, found["problems"]) == (0, [])
    test, _ = found["stacks"]
    assert test == {
        "stack": "test/Census",
        "environment": "test",
        "account": "111122223333",
        "region": "eu-central-1",
        "jobs": [
            {
                "job": "test/Census/Prepare",
                "launched_by": ["object created in s3://<test/Census/Raw>/in/", "schedule rate(1 day)"],
                "instance_types": ["ml.m5.xlarge"],
                "instance_count": 2,
                "max_runtime_in_seconds": 7200,
                "attempts": 2,
                "most_a_run_costs": {"amount": 2.0, "currency": "USD"},
            }
        ],
    }


def test_every_broken_standard_is_told_with_what_would_be_deployed(check, tmp_path):
    standards = replace(Standards.baseline(), instance_types=["ml.c5.*"], max_run_cost=1, prices={"ml.m5.xlarge": 0.25})

    code, told = check("--app", assembly(tmp_path / "broken", standards), "--json")

    found = json.loads(told)
    assert (code, len(found["stacks"])) == (1, 2)
    assert [each.split(" must")[0] for each in found["problems"]] == [
        f"{stage}/Census/Prepare: {field}" for stage in PLACES for field in ("instance_type", "cost of a run")
    ]


def test_without_environments_stacks_are_shown_by_account(check, sound, tmp_path):
    (tmp_path / "environments.yaml").unlink()

    code, told = check("--app", sound)

    assert (code, told.splitlines()[0]) == (0, "111122223333 eu-central-1")


def test_mistakes_of_environments_are_told_and_the_app_is_not_run(check, tmp_path):
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS.replace('"1', "1").replace('3"', "3"), encoding="utf-8")

    code, told = check("--app", f"{sys.executable} -c 'raise SystemExit(9)'")

    assert code == 1
    assert "environments.yaml:2:19: environments.test.account must be text, in quotes, got 111122223333" in told


@pytest.mark.parametrize(
    "said", ["error: jobs.yaml: 2 problems\n  - one\n  - two\ndeclared at app.py:1", "Traceback: bad"]
)
def test_what_the_app_says_is_told(check, tmp_path, said):
    (tmp_path / "failing.py").write_text(
        f"import sys\nprint('  - no list', file=sys.stderr)\nsys.exit({said!r})\n", encoding="utf-8"
    )

    code, told = check("--app", f"{sys.executable} failing.py", "--json")

    found = json.loads(told)
    assert (code, found["stacks"]) == (1, [])
    if "problems" in said:
        assert found["problems"] == ["one", "two"]
    else:
        assert "Traceback: bad" in found["problems"][0]


def test_a_missing_app_is_told(check):
    code, told = check()

    assert (code, "There is no cdk.json" in told) == (1, True)

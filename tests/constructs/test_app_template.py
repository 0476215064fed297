"""The example app as a whole: its template is a contract, and so is each logical id in it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cfnlint.api import lint

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    out = tmp_path_factory.mktemp("cdk.out")
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    environment = {**os.environ, "CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)}
    subprocess.run([sys.executable, "-W", "error", "app.py"], cwd=ROOT, env=environment, check=True)
    text = (out / "Cancer.template.json").read_text(encoding="utf-8")
    # The scripts are assets, named by their content; they may change without changing what is deployed around them.
    return json.loads(re.sub(r"[0-9a-f]{64}/", "<hash>/", text))


def test_the_template_is_that_of_the_golden_file(template, golden):
    golden(template, Path(__file__).with_name("app.template.json"))


def test_the_logical_ids_stay_so_that_an_update_replaces_nothing(template):
    assert sorted(template["Resources"]) == [
        "CuratedF137945A",
        "CuratedPolicy0AEC7F1A",
        "EvaluateAlarmD1F955DF",
        "EvaluateExecutionRole2FC6FA15",
        "EvaluateOnSchedule4FD53D53",
        "EvaluateOnScheduleMissedD3808CDA",
        "EvaluateStartRole6C57CB56",
        "EvaluateStateMachineD8F73344",
        "EvaluateWorkflowRole99E6D2CE",
        "PreprocessAlarm17D78105",
        "PreprocessExecutionRoleCE7CC4FB",
        "PreprocessOnObjectCreated5387FC53",
        "PreprocessOnSchedule31A1220F",
        "PreprocessOnScheduleMissed96738165",
        "PreprocessStartRole69EE1BAA",
        "PreprocessStateMachine8941F351",
        "PreprocessWorkflowRole239CE7CD",
        "ProcessingPlatformAlertsCA15B071",
        "ProcessingPlatformAlertsPolicyFECA7383",
        "ProcessingPlatformDeadLetterPolicy360835B9",
        "ProcessingPlatformDeadLetters8BABFE60",
        "ProcessingPlatformDeadLettersAlarm1568AC54",
        "ProcessingPlatformDeadLettersPolicyEB6152AE",
        "ProcessingPlatformExecutionPolicy2D26C04A",
        "ProcessingPlatformKeyD6FF258F",
        "ProcessingPlatformLogsF56926EF",
        "ProcessingPlatformWorkflowPolicy59F2DB7A",
        "Raw72517081",
        "RawPolicyD5BAF6E0",
        "Reports65402A0A",
        "ReportsPolicyA13B441D",
    ]


def test_cfn_lint_finds_nothing(template):
    assert [f"{match.rule.id} {match.message}" for match in lint(json.dumps(template), regions=["eu-central-1"])] == []


def test_cfn_lint_would_find_a_property_that_does_not_exist(template):
    broken = json.loads(json.dumps(template))
    broken["Resources"]["PreprocessAlarm17D78105"]["Properties"]["Treshold"] = 1

    assert [match.rule.id for match in lint(json.dumps(broken), regions=["eu-central-1"])] == ["E3002"]

"""Our pack for cdk-nag: it finds the processing jobs of any state machine, and what is wrong with them."""

import json
import runpy
from pathlib import Path

import pytest
from aws_cdk import Acknowledgment, App, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from cdk_processing import NetworkConfig, ProcessingJob, SKLearnProcessor, Standards, StandardsValidation

HOSTILE = runpy.run_path(str(Path(__file__).parents[1] / "apps" / "hostile" / "app.py"))
RULES = ["NetworkIsolation", "Vpc", "VolumeEncryption", "OutputEncryption", "TrafficEncryption", "TimeLimit", "JobName"]
WAYS = [
    "ByJsonText",
    "ByJsonTextWithTokens",
    "ByDefinitionObject",
    "ByL2CustomState",
    "ByMapInParallel",
    "ByTheSdkIntegration",
    "ByJsonata",
    "BySubstitution",
]


def found(app):
    """Rule and construct path of each finding."""
    from cdk_processing.nag import ProcessingChecks

    app.synth(force=True)
    return {
        (violation.rule_name.removeprefix("CdkProcessing-"), resource.construct_path)
        for violation in ProcessingChecks(app).validate_scope(app).violations
        for resource in violation.violating_resources
    }


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    app = App(outdir=str(tmp_path_factory.mktemp("nag")))
    return found(HOSTILE["build"](app, [*WAYS, "ByItsOwnInput", "WithPassRoleOnEverything", "ByFullAccess"]))


@pytest.mark.parametrize("way", WAYS)
def test_every_rule_finds_a_bare_job_however_it_is_written(hostile, way):
    rules = {rule for rule, path in hostile if path.startswith(f"{way}/Machine")}

    assert rules == {f"{rule}[Prep]" for rule in RULES}


def test_a_job_whose_request_is_its_input_is_no_secret(hostile):
    assert ("NetworkIsolation[Prep]", "ByItsOwnInput/Machine") in hostile


def test_pass_role_on_roles_that_are_not_named_is_found(hostile):
    rules = [rule for rule, _ in hostile if rule.startswith("PassRole")]

    assert sorted(rules) == [
        "PassRole[iam:PassRole on *]",
        "PassRole[what AWS's AmazonSageMakerFullAccess allows, PassRole among it]",
    ]


def test_a_whole_job_of_this_library_has_no_finding(tmp_path):
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Stack")
    key = kms.Key(stack, "Key")
    network = NetworkConfig(enable_network_isolation=True, subnets=["subnet-1"], security_group_ids=["sg-1"])
    processor = SKLearnProcessor(
        framework_version="1.4-2",
        instance_type="ml.m5.xlarge",
        instance_count=1,
        max_runtime_in_seconds=3600,
        volume_kms_key=key,
        output_kms_key=key,
        network_config=network,
    )
    ProcessingJob(stack, "Job", processor.run(code="s3://code/prep.py"))

    assert found(app) == set()


NAMES = {
    "nightly": False,
    "$.name": False,
    "States.Format('prep-{}', $.day)": False,
    "States.Format('prep-{}', $$.Execution.Name)": True,
    "States.Format('prep-{}', States.UUID())": True,
    "{% 'prep-' & $states.input.day %}": False,
    "{% 'prep-' & $uuid() %}": True,
    "{% 'prep-' & $states.context.Execution.Name %}": True,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_two_runs_can_ask_for_is_found(tmp_path, name):
    is_path = name.startswith(("$", "States."))
    request = {"ProcessingJobName.$" if is_path else "ProcessingJobName": name}
    field = "Arguments" if name.startswith("{%") else "Parameters"
    state = {"Type": "Task", "End": True, "Resource": HOSTILE["SYNC"], field: request}
    app = App(outdir=str(tmp_path))
    HOSTILE["machine"](Stack(app, "Stack"), HOSTILE["definition"](state))

    assert (("JobName[Prep]", "Stack/Machine") not in found(app)) == NAMES[name]


def test_a_finding_that_is_acknowledged_is_not_reported(tmp_path):
    app = App(outdir=str(tmp_path))
    HOSTILE["build"](app, ["ByJsonText"])
    Validations.of(app).acknowledge(Acknowledgment(id="CdkProcessing-Vpc[Prep]", reason="no VPC here"))

    assert "Vpc[Prep]" not in {rule for rule, _ in found(app)}


def test_a_policy_of_an_l1_role_is_read_too(tmp_path):
    app = App(outdir=str(tmp_path))
    statement = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}
    policy = iam.CfnRole.PolicyProperty(policy_name="Wide", policy_document={"Statement": [statement]})
    iam.CfnRole(Stack(app, "Stack"), "Role", assume_role_policy_document={"Statement": []}, policies=[policy])

    assert found(app) == {("PassRole[iam:PassRole on *]", "Stack/Role")}


def test_an_app_with_the_pack_as_a_plugin_fails_on_a_finding(tmp_path):
    from cdk_processing.nag import ProcessingChecks

    app = App(outdir=str(tmp_path))
    HOSTILE["build"](app, ["ByJsonText"])
    Validations.of(app).add_plugins(ProcessingChecks(app))

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()


SAFE = {
    "ProcessingJobName.$": "States.Format('prep-{}', $$.Execution.Name)",
    "NetworkConfig": {"EnableNetworkIsolation": True},
}


def overridden(app):
    """An app whose definition and role are made unsafe by property overrides, hand-written and this library's own."""
    stack = Stack(app, "Stack")
    unsafe = {"Type": "Task", "End": True, "Resource": HOSTILE["SYNC"], "Parameters": {"ProcessingJobName": "nightly"}}
    safe = {**unsafe, "Parameters": SAFE}
    HOSTILE["machine"](stack, HOSTILE["definition"](safe))
    machine = stack.node.find_child("Machine")
    text = json.dumps({"StartAt": "Prep", "States": {"Prep": unsafe}})
    machine.add_property_override("DefinitionString", text)
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    job = ProcessingJob(stack, "Job", processor.run(code="s3://code/prep.py"))
    wide = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}
    job.node.find_child("WorkflowRole").add_property_override("Policies.0.PolicyDocument.Statement", [wide])
    job.node.find_child("StateMachine").add_property_override("DefinitionString", text)
    # The job does not work any more, which is an error of its own.
    rule = Acknowledgment(id="cdk-processing-overrides::role-permissions", reason="the test is about other rules")
    Validations.of(job).acknowledge(rule)
    return app


def test_what_a_property_override_deploys_is_found(tmp_path):
    rules = found(overridden(App(outdir=str(tmp_path))))

    for path in ("Stack/Machine", "Stack/Job/StateMachine"):
        assert {("NetworkIsolation[Prep]", path), ("JobName[Prep]", path)} <= rules
    assert ("PassRole[iam:PassRole on *]", "Stack/Job/WorkflowRole") in rules


def test_what_a_property_override_takes_away_is_not_found(tmp_path):
    app = App(outdir=str(tmp_path))
    state = {"Type": "Task", "End": True, "Resource": HOSTILE["SYNC"], "Parameters": {"ProcessingJobName": "nightly"}}
    stack = Stack(app, "Stack")
    HOSTILE["machine"](stack, HOSTILE["definition"](state))
    machine = stack.node.find_child("Machine")
    machine.add_property_override("DefinitionString", json.dumps({"StartAt": "End", "States": {}}))

    assert found(app) == set()


def test_the_standards_see_property_overrides_too(tmp_path):
    app = overridden(App(outdir=str(tmp_path)))
    Validations.of(app).add_plugins(StandardsValidation(Standards(network_isolation=True, pass_role=True)))

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text(encoding="utf-8"))
    broken = json.dumps(report)
    for path in ("Stack/Machine/Prep", "Stack/Job"):
        assert f"{path}: network_config" in broken or f"{path}: NetworkConfig" in broken, broken
    assert "Stack/Job/WorkflowRole: iam:PassRole must be on named roles" in broken


def test_a_pack_that_is_called_before_synth_says_so(tmp_path):
    from cdk_processing.nag import ProcessingChecks

    app = HOSTILE["build"](App(outdir=str(tmp_path)), ["ByJsonText"])

    with pytest.raises(RuntimeError, match=r"call app\.synth\(\) before validate_scope"):
        ProcessingChecks(app).validate_scope(app)

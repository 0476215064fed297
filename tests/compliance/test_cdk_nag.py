"""Whatever cdk-nag's packs find is acknowledged, with a reason, in the CDK's own way."""

import difflib
import os
import subprocess
import sys

import pytest

from cdk_processing.constructs.checks import StackChecks
from tests.compliance.declared import APPS, acknowledged_in, checks_in
from tests.compliance.security_page import PAGE, name_of, sids_in, tables, with_tables
from tests.least_privilege.written_calls import POLICIES

PACKS = [
    "AwsSolutionsChecks",
    "HIPAASecurityChecks",
    "NIST80053R4Checks",
    "NIST80053R5Checks",
    "PCIDSS321Checks",
    "ServerlessChecks",
]


def findings_of(app):
    """``(path, rule)`` for everything that the packs find in an app and nobody has acknowledged."""
    import cdk_nag

    return [
        (resource.construct_path, violation.rule_name)
        for pack in PACKS
        for violation in getattr(cdk_nag, pack)().validate_scope(app).violations
        for resource in violation.violating_resources
    ]


def found(app):
    """What the packs find in an app that is synthesized with them."""
    import cdk_nag  # noqa: F401  an app without it has nothing to acknowledge

    app.synth(force=True)
    return findings_of(app)


def suffix_of(rule):
    """A rule without its pack, the packs for standards being much alike; and without what it was found in."""
    return rule.partition("[")[0].rpartition("-")[2]


@pytest.fixture(scope="module")
def apps(tmp_path_factory):
    """The apps, synthesized, and told nothing about the packs yet."""
    folder = tmp_path_factory.mktemp("apps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StackChecks, "acknowledge", lambda self: None)
        built = [build(folder / name) for name, build in APPS.items()]
        for app in built:
            app.synth()
    return built


@pytest.fixture(scope="module")
def findings(apps):
    """What the packs find before and after it is acknowledged."""
    before = [each for app in apps for each in findings_of(app)]
    for app in apps:
        for checks in checks_in(app):
            checks.acknowledge()
    return before, [each for app in apps for each in findings_of(app)]


def test_every_finding_is_acknowledged_with_its_reason(findings):
    _, left = findings

    assert left == []


def test_everything_that_is_acknowledged_is_there_to_be_found(apps, findings):
    """Without acknowledgements the packs report each of them, and nothing else."""
    without, _ = findings

    assert {rule for _, rule in without} == {
        each.rule for app in apps for each in acknowledged_in(app) if not each.is_for_checkov
    }


def test_the_tables_of_the_security_page_are_those_of_the_library(apps):
    """What is acknowledged is frozen here, too. ``UPDATE_GOLDEN=1`` writes the tables anew."""
    page = PAGE.read_text(encoding="utf-8")
    made = with_tables(page, tables(apps, page))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        PAGE.write_text(made, encoding="utf-8")
    changes = difflib.unified_diff(page.splitlines(), made.splitlines(), PAGE.name, "now", n=1, lineterm="")

    assert page == made, "\n".join(["UPDATE_GOLDEN=1 writes the tables anew", *changes])


def test_every_statement_of_the_apps_is_in_the_tables(apps):
    chat = {"ShowAlarms"}  # of the role of chat channels, in the table of wildcards alone

    assert sids_in(apps) - chat <= {name_of(each["Sid"]) for policy in POLICIES.values() for each in policy}


def test_what_an_option_offers_is_not_acknowledged_where_it_is_used(tmp_path):
    """Logs of requests, replication and a key: with them the rules are met, without them nothing hides a later loss."""
    from aws_cdk import App, Stack
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3

    from cdk_processing import DataBucket, ProcessingPlatform

    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Stack")
    logs = s3.Bucket.from_bucket_name(stack, "AccessLogs", "access-logs")
    copy = s3.ReplicationRule(destination=s3.Bucket.from_bucket_name(stack, "Copy", "copy"))
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    options = {"server_access_logs_bucket": logs, "server_access_logs_prefix": "raw/", "replication_rules": [copy]}
    DataBucket(stack, "Raw", encryption_key=key, **options)
    platform = ProcessingPlatform(stack, "Platform", server_access_logs_bucket=logs)
    platform.data_bucket.at("x/")
    paths = {rule: set() for rule in ("S3BucketLoggingEnabled", "S3BucketReplicationEnabled", "CKV_AWS_18", "S1")}
    for each in acknowledged_in(app):
        paths.setdefault(suffix_of(each.rule), set()).add(each.made.node.path)

    assert paths["S3BucketLoggingEnabled"] == paths["CKV_AWS_18"] == paths["S1"] == set()
    assert paths["S3BucketReplicationEnabled"] == {"Stack/Platform/Data/Resource"}
    buckets = {
        name: each["Properties"]["LoggingConfiguration"]
        for name, each in app.synth().get_stack_by_name("Stack").template["Resources"].items()
        if each["Type"] == "AWS::S3::Bucket"
    }
    written = {"DestinationBucketName": "access-logs"}
    assert sorted(buckets.values(), key=str) == [
        {**written, "LogFilePrefix": "Stack/Platform/Data/"},
        {**written, "LogFilePrefix": "raw/"},
    ]


def test_a_bucket_for_logs_that_is_none_is_refused(tmp_path):
    from aws_cdk import App, Stack

    from cdk_processing import DeclarationError, ProcessingPlatform

    with pytest.raises(DeclarationError, match=r"server_access_logs_bucket must be an s3\.IBucket, got 'logs'"):
        ProcessingPlatform(Stack(App(outdir=str(tmp_path)), "Stack"), "Platform", server_access_logs_bucket="logs")


def test_a_finding_that_nobody_acknowledges_is_reported(tmp_path):
    from aws_cdk import App, Stack
    from aws_cdk import aws_sns as sns

    app = App(outdir=str(tmp_path))
    sns.CfnTopic(Stack(app, "Stack"), "Open")

    assert ("Stack/Open", "AwsSolutions-SNS3") in found(app)


def test_a_wildcard_that_the_user_adds_to_a_jobs_role_is_reported(tmp_path):
    from aws_cdk import App, Stack
    from aws_cdk import aws_iam as iam

    from cdk_processing import ProcessingJob, SKLearnProcessor

    app = App(outdir=str(tmp_path))
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    job = ProcessingJob(Stack(app, "Stack"), "Job", processor.run(code="s3://code/prep.py"))
    job.execution_role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"]))

    assert {path.rpartition("/Policy/")[0] for path, _ in found(app)} == {"Stack/Job/ImportedExecutionRole"}
    assert {suffix_of(rule) for _, rule in found(app)} == {"IAM5", "IAMNoInlinePolicy"}


def test_synth_with_the_packs_as_plugins_succeeds(tmp_path):
    """As a platform team does it: an app that fails when there is a finding."""
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", PLUGGED_IN], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert not any(pack in outcome.stdout + outcome.stderr for pack in ("AwsSolutions", "HIPAA", "NIST", "PCI"))


PLUGGED_IN = """
from aws_cdk import App, Stack, Validations
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks, ServerlessChecks
from cdk_processing import DataBucket, OnObjectCreated, OnSchedule, ProcessingInput, ProcessingJob, SKLearnProcessor

app = App()
packs = [AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks, ServerlessChecks]
Validations.of(app).add_plugins(*(pack(app) for pack in packs))
data = Stack(app, "Data")
raw = DataBucket(data, "Raw")
processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
request = processor.run(
    code="s3://code/prep.py",
    inputs=[ProcessingInput(source=raw.at("in/"), destination="/opt/ml/processing/input")],
)
triggers = [OnObjectCreated(raw.at("in/"), newest_only=True), OnSchedule("rate(1 day)", overlap="skip")]
ProcessingJob(Stack(app, "Jobs"), "Job", request, triggers=triggers)
app.synth()
"""


def test_synth_of_an_imported_platform_has_no_warning(tmp_path):
    """The CDK checks templates with the name of a parameter in place of its value, which no role may have."""
    environment = {name: value for name, value in os.environ.items() if name != "CDK_VALIDATION"}
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORTED],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "CloudFormation Validate" not in outcome.stdout + outcome.stderr
    assert (tmp_path / "validation-report.json").exists()


IMPORTED = """
from aws_cdk import App, Stack
from cdk_processing import ProcessingJob, ProcessingPlatform, SKLearnProcessor

app = App(outdir=".")
stack = Stack(app, "Jobs")
processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
platform = ProcessingPlatform.from_name(stack, "Platform", "data")
ProcessingJob(stack, "Job", processor.run(code="s3://code/prep.py"), platform=platform)
app.synth()
"""

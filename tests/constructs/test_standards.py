"""Standards of a platform at synth: one error with every job and every rule, and exemptions from them."""

import runpy
from dataclasses import replace
from datetime import date
from pathlib import Path

import jsii
import pytest
from aws_cdk import App, Aspects, IAspect, Stack, Tags
from aws_cdk.assertions import Annotations, Match

from cdk_processing import (
    DeclarationError,
    Exemption,
    LaunchPolicy,
    ProcessingJob,
    ProcessingPlatform,
    SKLearnProcessor,
    Standards,
)

APP = Path(__file__).parents[1] / "apps" / "standards" / "app.py"
GOLDEN = Path(__file__).with_name("broken_standards.json")
ONE_HOUR = Standards(max_runtime_in_seconds=3600)
FAR, PAST = date(2999, 12, 31), date(2026, 1, 31)


def synth_error(app):
    with pytest.raises(RuntimeError) as error:
        app.synth()
    return str(error.value)


def exempt(rule, job="Census/Job", until=FAR):
    return Exemption(job=job, rule=rule, reason="the vendor's tool takes a day", until=until)


def annotations(stack, kind):
    found = getattr(Annotations.from_stack(stack), f"find_{kind}")("*", Match.any_value())
    return [each.entry.data for each in found]


def test_each_broken_rule_gets_its_whole_error_all_in_one(tmp_path, golden):
    declared = runpy.run_path(str(APP))
    app = App(outdir=str(tmp_path))
    broken = {**declared["BROKEN"], **declared["BROKEN_AT_SYNTH"]}
    declared["build"](app, broken)

    first, *lines = synth_error(app).splitlines()
    found = {}
    for line in lines:
        path, _, problem = line.strip().removeprefix("[Held] Held/").partition(": ")
        found.setdefault(path, []).append(problem)

    assert first == "ValidationFailedWithErrors: Validation failed with the following errors:"
    assert set(found) == set(broken)  # and the good jobs have none
    assert len(found) >= 30
    golden(found, GOLDEN)


def test_jobs_of_several_stacks_are_told_in_one_error(app, request_for):
    platform = ProcessingPlatform(Stack(app, "Shared"), "Platform", standards=ONE_HOUR)
    for name in ("One", "Two"):
        ProcessingJob(Stack(app, name), "Job", request_for(), platform=platform)

    error = synth_error(app)

    assert "One/Job: max_runtime_in_seconds" in error
    assert "Two/Job: max_runtime_in_seconds" in error


def test_a_tag_that_the_app_gives_last_counts(app, stack, request_for):
    platform = ProcessingPlatform(stack, "Platform", standards=Standards(required_tags=["team"]))
    ProcessingJob(stack, "Job", request_for(), platform=platform)
    Tags.of(app).add("team", "data")

    app.synth()


def test_a_definition_that_an_aspect_writes_is_judged_as_it_is_deployed(app, stack, request_for):
    @jsii.implements(IAspect)
    class Open:
        def visit(self, node):
            if node.node.id == "StateMachine":
                node.definition_string = (
                    '{"StartAt":"Prep","States":{"Prep":{"Type":"Task","End":true,"Resource":'
                    '"arn:aws:states:::sagemaker:createProcessingJob.sync","Arguments":{"NetworkConfig":'
                    '{"EnableNetworkIsolation":false}}}}}'
                )

    platform = ProcessingPlatform(stack, "Platform", standards=Standards(network_isolation=True))
    ProcessingJob(stack, "Job", request_for(), platform=platform)
    app.synth()
    Aspects.of(app).add(Open())

    with pytest.raises(RuntimeError, match=r"Census/Job: NetworkConfig.EnableNetworkIsolation must be true, got False"):
        app.synth(force=True)


def test_a_run_may_cost_its_attempts_too(app, stack):
    standards = Standards(max_run_cost=1, prices={"ml.m5.xlarge": 0.25})
    platform = ProcessingPlatform(stack, "Platform", standards=standards)
    processor = SKLearnProcessor(
        framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1, max_runtime_in_seconds=3600
    )
    request = processor.run("s3://code/prep.py")
    ProcessingJob(stack, "Four", request, platform=platform, launch_policy=LaunchPolicy(attempts=4))
    ProcessingJob(stack, "Five", request, platform=platform, launch_policy=LaunchPolicy(attempts=5))

    error = synth_error(app)

    assert "Census/Five: cost of a run must be at most 1.00, got 1.25 (1 x ml.m5.xlarge at 0.25 x 1 h x 5 at" in error
    assert "Census/Four" not in error


def test_an_exempt_job_passes_and_synth_lists_the_exemption(app, stack, request_for):
    standards = replace(ONE_HOUR, exemptions=[exempt("max_runtime_in_seconds")])
    ProcessingJob(stack, "Job", request_for(), platform=ProcessingPlatform(stack, "Platform", standards=standards))
    app.synth()

    assert annotations(stack, "info") == [
        "Census/Job is exempt from the standard max_runtime_in_seconds until 2999-12-31: the vendor's tool takes a day"
    ]
    assert annotations(stack, "warning") == []


def test_an_exemption_from_one_rule_leaves_the_others(app, stack, request_for):
    standards = replace(ONE_HOUR, vpc=True, exemptions=[exempt("max_runtime_in_seconds")])
    ProcessingJob(stack, "Job", request_for(), platform=ProcessingPlatform(stack, "Platform", standards=standards))

    assert synth_error(app).splitlines()[1:] == [
        "  [Census] Census/Job: network_config.vpc must be a VPC, got None; name one, or subnets and security groups "
        "(standard vpc)"
    ]


def test_an_exemption_that_has_ended_is_an_error_beside_what_it_allowed(app, stack, request_for):
    standards = replace(ONE_HOUR, exemptions=[exempt("max_runtime_in_seconds", until=PAST)])
    ProcessingJob(stack, "Job", request_for(), platform=ProcessingPlatform(stack, "Platform", standards=standards))

    error = synth_error(app)

    assert "until must be today or later, got '2026-01-31'; meet the rule, or agree on another date" in error
    assert "Census/Job: max_runtime_in_seconds must be at most 3,600" in error


@pytest.mark.parametrize(
    ("exemption", "why"),
    [
        (exempt("vpc"), "the job meets the standard"),
        (exempt("max_runtime_in_seconds", job="Census/Other"), "no job of this platform has that path"),
    ],
)
def test_an_exemption_that_nobody_needs_is_warned_of(app, stack, request_for, exemption, why):
    processor = SKLearnProcessor(
        framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1, max_runtime_in_seconds=60
    )
    platform = ProcessingPlatform(stack, "Platform", standards=replace(ONE_HOUR, exemptions=[exemption]))
    ProcessingJob(stack, "Job", request_for(processor=processor), platform=platform)
    app.synth()

    [warning] = annotations(stack, "warning")
    assert warning.startswith(f"exemption of {exemption.job} from {exemption.rule} is not needed: {why}")


def test_one_managed_policy_of_the_platform_is_on_each_launching_role(app, stack, request_for, synth, resources):
    platform = ProcessingPlatform(stack, "Platform", standards=Standards.baseline(), role_path="/data/")
    for name in ("One", "Two"):
        ProcessingJob(stack, name, request_for(), platform=platform)

    template = synth(stack)
    policies = resources(template, "AWS::IAM::ManagedPolicy")
    [policy] = [name for name in policies if name.startswith("PlatformStandards")]
    made, roles = policies[policy], resources(template, "AWS::IAM::Role")

    assert made["Properties"]["Path"] == "/data/"
    attached = {name: role["Properties"].get("ManagedPolicyArns", []) for name, role in roles.items()}
    assert {name for name, policies in attached.items() if {"Ref": policy} in policies} == {
        name for name in roles if "WorkflowRole" in name
    }
    statements = made["Properties"]["PolicyDocument"]["Statement"]
    assert {each["Effect"] for each in statements} == {"Deny"}
    assert [each["Sid"] for each in statements] == ["MaxRuntimeInSeconds", "TrafficEncryption"]


def test_an_exempt_job_has_a_policy_of_its_own_without_that_rule(app, stack, request_for, synth, resources):
    standards = replace(Standards.baseline(), exemptions=[exempt("traffic_encryption", job="Census/One")])
    platform = ProcessingPlatform(stack, "Platform", standards=standards)
    for name in ("One", "Two"):
        ProcessingJob(stack, name, request_for(), platform=platform)

    sids = {
        name.rstrip("0123456789ABCDEF"): [each["Sid"] for each in made["Properties"]["PolicyDocument"]["Statement"]]
        for name, made in resources(synth(stack), "AWS::IAM::ManagedPolicy").items()
        if "Standards" in name
    }

    assert sids == {
        "OneStandards": ["MaxRuntimeInSeconds"],
        "PlatformStandards": ["MaxRuntimeInSeconds", "TrafficEncryption"],
    }


def test_a_job_without_standards_gets_no_policy(stack, job, synth, resources):
    policies = resources(synth(stack), "AWS::IAM::ManagedPolicy")

    assert not [name for name in policies if "Standards" in name]


def test_a_platform_takes_nothing_but_standards(stack):
    with pytest.raises(DeclarationError, match="standards must be a Standards, got 'strict'"):
        ProcessingPlatform(stack, "Platform", standards="strict")


def test_a_policy_that_is_too_large_is_an_error(app, stack, request_for):
    subnets = [f"subnet-{number:017x}" for number in range(300)]
    platform = ProcessingPlatform(stack, "Platform", standards=Standards(subnets=subnets))
    ProcessingJob(stack, "Job", request_for(), platform=platform)

    assert "the policy Census/Platform/Standards must have at most 6,144 characters, got 8," in synth_error(app)


def test_a_default_job_meets_the_baseline(app, stack, job, request_for):
    platform = ProcessingPlatform(stack, "Platform", standards=Standards.baseline())
    ProcessingJob(stack, "Job", request_for(), platform=platform)

    app.synth()

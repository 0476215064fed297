"""Construct ids of any letters and any length: what AWS keeps of them fits its fields, and differs from job to job."""

import re

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template

from cdk_processing import NetworkConfig, OnObjectCreated, OnSchedule, ProcessingJob, SKLearnProcessor
from cdk_processing.contract.texts import ALARM_NAME, DESCRIPTION, ROLE_DESCRIPTION, TAG_VALUE

IDS = ["Clean & join", "Job (nightly)", "データ", "Größe x", "x" * 300, "a*b?c${d}", "tab\there"]


@pytest.fixture(params=IDS, ids=range(len(IDS)))
def declared(request, stack, raw, request_for):
    """A job of such an id, and what of its stack's template holds texts."""
    vpc = ec2.Vpc(stack, "Vpc")
    processor = SKLearnProcessor(
        framework_version="1.4-2",
        instance_type="ml.m5.xlarge",
        instance_count=2,
        network_config=NetworkConfig(vpc=vpc),
    )
    triggers = [OnObjectCreated(raw.at("in/")), OnSchedule("rate(1 day)")]
    job = ProcessingJob(stack, request.param, request_for(raw.at("in/"), processor=processor), triggers=triggers)
    return job, Template.from_stack(stack).to_json()["Resources"].values()


def test_every_text_fits_its_field(declared, flat):
    job, resources = declared
    rules = {"AWS::IAM::Role": ROLE_DESCRIPTION}
    rules |= dict.fromkeys(("AWS::Events::Rule", "AWS::Scheduler::Schedule"), DESCRIPTION)
    for resource in resources:
        properties = resource["Properties"]
        if resource["Type"] in rules:
            assert rules[resource["Type"]].fits(properties["Description"])
        if resource["Type"] == "AWS::EC2::SecurityGroup" and "Hosts" in properties["GroupDescription"]:
            assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", properties["GroupDescription"])
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            assert ALARM_NAME.fits(flat(properties["AlarmName"]).replace("<AWS::StackName>", "s" * 128))
            assert len(properties["AlarmDescription"]) <= 1024
        for tag in properties.get("Tags", []):
            if tag["Key"] == "cdk-processing:job":
                assert tag["Value"] == job.path
                assert TAG_VALUE.fits(tag["Value"])


def test_jobs_whose_ids_differ_in_what_a_field_does_not_take_stay_apart(request_for):
    stack = Stack(App(), "Census")
    jobs = [ProcessingJob(stack, name, request_for()) for name in ("Clean & join", "x" * 290, "x" * 291, "データ")]

    assert len({job.path for job in jobs}) == len(jobs)
    assert len({job.base_name for job in jobs}) == len(jobs)

import re
from dataclasses import replace

import pytest
from aws_cdk import App, Aws, Environment, Stack, Stage
from aws_cdk.assertions import Annotations, Match, Template
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing import ProcessingJob, SKLearnProcessor
from cdk_processing.constructs.naming import base_name_for
from cdk_processing.errors import DeclarationError

PROCESSOR = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
REQUEST = replace(PROCESSOR, base_job_name="prep").run(code="s3://code/prep.py")
HERE, THERE = (
    Environment(account="111122223333", region="eu-west-1"),
    Environment(account="111122223333", region="us-east-1"),
)
ELSEWHERE = Environment(account="444455556666", region="eu-west-1")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Census/Preprocess", "census-preprocess"),
        ("Census/HTTPLogs", "census-http-logs"),
        ("Census/My Job_2", "census-my-job-2"),
        ("A" * 24, "a" * 24),
        ("Ünïcode/Jöb", "n-code-j-b"),
        ("Stack/---", "stack"),
    ],
)
def test_a_path_that_fits_is_the_name(path, name):
    assert base_name_for(path) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ProductionEurope/Census/Preprocess", "census-preprocess-cd69ee"),
        ("ProductionEurope/Census/PreprocessEverything", "preprocess-3d08e5"),
        ("A" * 40, "aaaaaaaaaaaaaaaaa-a9451e"),
        ("Stack/" + "Word" * 10, "word-word-word-fa2338"),
        ("X" * 30 + "/---", "job-d05cee"),
        ("--/__", "job-056105"),
    ],
)
def test_of_a_longer_path_the_end_is_the_name_with_a_digest_of_the_whole(path, name):
    assert base_name_for(path) == name


def test_two_long_paths_that_end_alike_have_different_names():
    assert base_name_for("ProductionEurope/Census/Preprocess") != base_name_for("ProductionAmerica/Census/Preprocess")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4).map("/".join))
def test_any_path_makes_a_name_that_sagemaker_takes(path):
    assert re.fullmatch(r"[a-z0-9](-*[a-z0-9])*", base_name_for(path))
    assert len(base_name_for(path)) <= 24


def two_jobs(first, second):
    ProcessingJob(first, "One", REQUEST)
    ProcessingJob(second, "Two", REQUEST)


def warnings(stack):
    return Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("has the base name prep too"))


def test_two_jobs_of_a_stack_with_one_base_name_are_refused_with_both_paths():
    stack = Stack(App(), "Census")

    with pytest.raises(
        DeclarationError,
        match=r"(?s)Census/Two: 1 problem.*base_job_name must be one that no other job in the same account and region "
        r"has; Census/One has it, got 'prep'; give one of the two jobs another base_job_name, or none, so that its "
        r"path makes one \(Two\)",
    ):
        two_jobs(stack, stack)


def test_a_chosen_name_and_one_made_from_a_path_are_held_to_the_same():
    stack = Stack(App(), "Prep")
    ProcessingJob(stack, "All", PROCESSOR.run(code="s3://code/prep.py"))

    with pytest.raises(DeclarationError, match="Prep/All has it, got 'prep-all'"):
        ProcessingJob(stack, "Other", replace(PROCESSOR, base_job_name="prep-all").run(code="s3://code/prep.py"))


@pytest.mark.parametrize("env", [None, HERE])
def test_so_are_two_jobs_of_two_stacks_that_will_be_in_one_place(env):
    app = App()

    with pytest.raises(DeclarationError, match="A/One has it"):
        two_jobs(Stack(app, "A", env=env), Stack(app, "B", env=env))


def test_so_are_two_jobs_of_two_stages_that_name_one_place():
    app = App()

    with pytest.raises(DeclarationError, match="Dev/S/One has it"):
        two_jobs(Stack(Stage(app, "Dev", env=HERE), "S"), Stack(Stage(app, "Prod", env=HERE), "S"))


@pytest.mark.parametrize("other", [THERE, ELSEWHERE])
def test_jobs_in_different_accounts_or_regions_may_share_a_base_name(other):
    app = App()
    dev, prod = Stack(Stage(app, "Dev", env=HERE), "S"), Stack(Stage(app, "Prod", env=other), "S")

    two_jobs(dev, prod)

    assert not warnings(dev)
    assert not warnings(prod)


@pytest.mark.parametrize("env", [None, HERE])
def test_where_the_stages_do_not_say_where_they_will_be_a_warning_says_what_to_do(env):
    app = App()
    dev, prod = Stack(Stage(app, "Dev", env=env), "S"), Stack(Stage(app, "Prod"), "S")

    two_jobs(dev, prod)

    [warning] = warnings(prod)
    assert "Dev/S/One has the base name prep too" in warning.entry.data
    assert "Set env on their stacks, or give one of them another base_job_name" in warning.entry.data
    assert not warnings(dev)


def test_two_apps_of_one_process_know_nothing_of_each_other():
    two_jobs(Stack(App(), "A"), Stack(App(), "A"))


# -- a job's own id ----------------------------------------------------------------------------------------------------

MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:CensusPrep"
PLAIN = PROCESSOR.run(code="s3://code/prep.py")


def test_a_jobs_id_names_its_processing_jobs_whatever_the_construct_is_called():
    stack = Stack(App(), "Anything")

    assert ProcessingJob(stack, "One", PLAIN, job_id="census-clean").base_name == "census-clean"
    assert ProcessingJob(stack, "Two", REQUEST, job_id="census-report").base_name == "prep"


def test_a_jobs_id_is_told_in_the_template_and_in_its_tags():
    stack = Stack(App(), "Anything")
    ProcessingJob(stack, "Job", PLAIN, job_id="census-clean")

    [machine] = Template.from_stack(stack).find_resources("AWS::StepFunctions::StateMachine").values()

    assert machine["Metadata"]["cdk-processing"]["job_id"] == "census-clean"
    assert {"Key": "cdk-processing:job-id", "Value": "census-clean"} in machine["Properties"]["Tags"]


@pytest.mark.parametrize(
    ("job_id", "error"),
    [
        ("", "job_id must be 1-63 letters, digits and hyphens .*, got ''; write 'census-clean'"),
        ("census clean", "got 'census clean'; write 'census-clean'"),
        ("-census-", "got '-census-'; write 'census'"),
        ("c" * 64, "write 'c{63}' "),
        (7, "job_id must be a str that is known at synth, got 7; write it as text"),
        pytest.param(
            Aws.ACCOUNT_ID, "job_id must be a str that is known at synth, got '.*AWS.AccountId.*'; write it", id="token"
        ),
        (MACHINE, "job_id must be an id, or the ARN of a state machine together with the base_job_name .*; give the"),
        (
            "arn:aws:states:eu-west-1:1:stateMachine:A",
            "or the ARN of a state machine, got 'arn:aws:states:eu-west-1:1:",
        ),
    ],
)
def test_a_wrong_id_is_refused(job_id, error):
    with pytest.raises(DeclarationError, match=error):
        ProcessingJob(Stack(App(), "Anything"), "Job", PLAIN, job_id=job_id)


def test_the_arn_of_a_state_machine_is_an_id_where_the_base_name_is_given():
    assert ProcessingJob(Stack(App(), "Anything"), "Job", REQUEST, job_id=MACHINE).job_id == MACHINE


def test_two_jobs_with_one_id_in_one_account_and_region_are_refused():
    app = App()
    ProcessingJob(Stack(app, "One", env=HERE), "Job", PLAIN, job_id="census-clean")
    ProcessingJob(Stack(app, "Two", env=THERE), "Job", PLAIN, job_id="census-clean")

    with pytest.raises(DeclarationError, match=r"job_id must be one that no other job .* has; One/Job has it, got"):
        ProcessingJob(Stack(app, "Three", env=HERE), "Job", REQUEST, job_id="census-clean")

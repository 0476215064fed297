"""The value: its presets, its checks, and the most that a run costs."""

from dataclasses import replace
from datetime import date, datetime
from types import SimpleNamespace

import pytest

from cdk_processing.errors import DeclarationError
from cdk_processing.standards.cost import run_cost
from cdk_processing.standards.created_job import CreatedJob
from cdk_processing.standards.denials import DENIALS, deny_statements
from cdk_processing.standards.exemption import Exemption
from cdk_processing.standards.judging import judge
from cdk_processing.standards.rules import RULES, SYNTH_ONLY
from cdk_processing.standards.standards import Standards, rule_names

TODAY = date(2026, 6, 1)
OF_APPS = {"known_jobs", "pass_role", "private_buckets"}
EXEMPTION = {"job": "Team/Prep", "rule": "vpc", "reason": "old", "until": TODAY}


def test_every_argument_is_a_rule_with_a_check_and_a_denial_or_is_known_to_have_none():
    assert set(rule_names()) == set(RULES) | OF_APPS
    assert set(RULES) == set(DENIALS) | SYNTH_ONLY
    assert set(DENIALS) & SYNTH_ONLY == set()


def test_lists_and_dicts_are_kept_as_what_nobody_can_change():
    standards = Standards(instance_types=["ml.m5.*"], required_tags={"team": ["data"]}, prices={"ml.m5.large": 1})

    assert standards.instance_types == ("ml.m5.*",)
    with pytest.raises(TypeError):
        standards.prices["ml.m5.large"] = 2


def test_constructs_are_taken_by_their_ids():
    standards = Standards(
        subnets=[SimpleNamespace(subnet_id="subnet-1")], security_groups=[SimpleNamespace(security_group_id="sg-1")]
    )

    assert (standards.subnets, standards.security_groups) == (("subnet-1",), ("sg-1",))


def test_strict_asks_for_all_that_the_baseline_asks_for():
    strict, baseline = Standards.strict(), Standards.baseline()

    assert replace(baseline, **{name: getattr(strict, name) for name in rule_names()}) == strict
    assert all(getattr(strict, name) == getattr(baseline, name) for name in rule_names() if getattr(baseline, name))


MISTAKES = {
    "instance_types must be a list, got 'ml.m5.*'; write instance_types=['ml.m5.*']": {"instance_types": "ml.m5.*"},
    "instance_types[0] must be a pattern such as 'ml.m5.*', got 'm5.*'; write 'ml.m5.*'": {"instance_types": ["m5.*"]},
    "instance_types must be a list with an entry, got []": {"instance_types": []},
    "max_instance_count must be 1-100, got 0": {"max_instance_count": 0},
    "max_instance_count must be a whole number, 1-100, got '4'": {"max_instance_count": "4"},
    "max_runtime_in_seconds must be 1-777,600, got 999999": {"max_runtime_in_seconds": 999_999},
    "vpc must be True or False, got 'yes'": {"vpc": "yes"},
    "subnets[0] must be text, got 1": {"subnets": [1]},
    "required_tags['team'] must be a list of patterns, got 'data'; write ['data']": {"required_tags": {"team": "data"}},
    "prices must be given with max_run_cost, got {}": {"max_run_cost": 5},
    "max_run_cost must be a number above 0, got -1": {"max_run_cost": -1, "prices": {"ml.m5.large": 1}},
    "prices['ml.m5.large'] must be a price for an hour, above 0, got '1'": {"prices": {"ml.m5.large": "1"}},
    "exemptions[0] must be an Exemption, got 'Team/Prep'": {"exemptions": ["Team/Prep"]},
    "exemptions[0].rule must be one of instance_types, ": {"exemptions": [Exemption(**{**EXEMPTION, "rule": "vcp"})]},
    "exemptions[0].reason must be text, got ' '": {"exemptions": [Exemption(**{**EXEMPTION, "reason": " "})]},
    "exemptions[0].job must be the path of one job, got 'Team/*'": {
        "exemptions": [Exemption(**{**EXEMPTION, "job": "Team/*"})]
    },
    "exemptions[0].until must be a date, got datetime": {
        "exemptions": [Exemption(**{**EXEMPTION, "until": datetime(2026, 1, 1)})]
    },
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_in_the_standards_is_named(message):
    with pytest.raises(DeclarationError) as error:
        Standards(**MISTAKES[message])

    assert message in str(error.value)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(DeclarationError, match="Standards: 2 problems"):
        Standards(vpc=1, max_instance_count=0)


def request(**cluster):
    return {"ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, **cluster}}}


def test_a_run_without_a_time_limit_costs_24_hours():
    assert run_cost({"ml.m5.large": 0.5}, CreatedJob("Job", request())).amount == pytest.approx(24)


def test_a_run_that_tries_several_types_costs_the_dearest_in_each_attempt():
    job = CreatedJob("Job", request(), instance_types=("ml.m5.large", "ml.m5.xlarge"), attempts=3)

    cost = run_cost({"ml.m5.large": 0.5, "ml.m5.xlarge": 1}, job)

    assert str(cost) == "144.00 (2 x ml.m5.xlarge at 1 x 24 h x 3 attempts)"


def test_a_run_of_a_number_of_instances_that_is_not_known_has_no_known_cost():
    assert run_cost({"ml.m5.large": 0.5}, CreatedJob("Job", request(InstanceCount="${Token[Count.1]}"))) is None


@pytest.mark.parametrize(("is_denied", "broken"), [(True, []), (False, ["instance_types"])])
def test_a_value_that_is_not_known_at_synth_is_left_to_a_denial_if_there_is_one(is_denied, broken):
    job = CreatedJob("Job", request(InstanceType="${Token[Type.1]}"), is_denied_at_run_time=is_denied)

    verdict = judge(Standards(instance_types=["ml.m5.*"]), job, TODAY)

    assert [breach.rule for breach in verdict.breaches] == broken


def test_a_value_that_is_not_known_at_synth_is_refused_where_nothing_denies_it():
    job = CreatedJob("Job", request(InstanceCount="${Token[Count.1]}"), is_denied_at_run_time=True)

    [breach] = judge(Standards(max_instance_count=2), job, TODAY).breaches

    assert "must be known at synth, got a CDK token or a run-time value" in str(breach)


def test_an_exemption_is_good_on_its_last_day():
    standards = Standards(vpc=True, exemptions=[Exemption(**{**EXEMPTION, "job": "Job"})])
    job = CreatedJob("Job", request())

    assert judge(standards, job, TODAY).breaches == ()
    assert len(judge(standards, job, date(2026, 6, 2)).breaches) == 1


IMAGES = {
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/prep:1": ["pinned_images"],
    f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/prep@sha256:{'0' * 64}": [],
    f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/prep:1@sha256:{'0' * 64}": [],
    f"docker.io/prep@sha256:{'0' * 64}": ["image_repositories"],
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/prep-evil:1": ["image_repositories", "pinned_images"],
    "localhost:5000/prep": ["image_repositories", "pinned_images"],
}


@pytest.mark.parametrize("uri", IMAGES)
def test_images_are_held_by_repository_and_digest(uri):
    standards = Standards(image_repositories=["111122223333.dkr.ecr.*.amazonaws.com/prep"], pinned_images=True)
    job = CreatedJob("Job", {"AppSpecification": {"ImageUri": uri}})

    assert [breach.rule for breach in judge(standards, job, TODAY).breaches] == IMAGES[uri]


def test_a_limit_below_sagemakers_own_also_denies_a_job_without_a_limit():
    [below] = deny_statements(Standards(max_runtime_in_seconds=3600))
    [equal] = deny_statements(Standards(max_runtime_in_seconds=86_400))

    assert list(below["Condition"]) == ["NumericGreaterThanIfExists"]
    assert list(equal["Condition"]) == ["NumericGreaterThan"]


def test_a_job_without_outputs_is_to_be_exempt_from_their_encryption():
    [breach] = judge(Standards(output_encryption=True), CreatedJob("Job", request()), TODAY).breaches

    assert "or exempt the job, which has no outputs" in str(breach)

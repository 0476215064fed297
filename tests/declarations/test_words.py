"""The words of the files are those of Python: whatever Python takes, a file takes, or it is told why not."""

import inspect
from dataclasses import MISSING, fields

import pytest

import cdk_processing
from cdk_processing.constructs.bucket import DataBucket
from cdk_processing.constructs.budgets import TeamBudget
from cdk_processing.constructs.chat_channels import SlackChannel, TeamsChannel
from cdk_processing.constructs.job import ProcessingJob
from cdk_processing.constructs.platform import ProcessingPlatform
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.declarations import environments, jobs
from cdk_processing.declarations.python_words import is_left_out, model_of
from cdk_processing.request.channels import ProcessingInput, ProcessingOutput
from cdk_processing.request.datasets import (
    AthenaDatasetDefinition,
    DatasetDefinition,
    RedshiftDatasetDefinition,
    S3Input,
)
from cdk_processing.request.feature_store import FeatureStoreOutput
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.runtime import Parameter
from cdk_processing.standards.exemption import Exemption
from cdk_processing.standards.standards import Standards
from cdk_processing.workflow.launch_policy import LaunchPolicy
from tests.test_recipes import TRIGGERS

#: What only Python can give, and why.
ONLY_PYTHON = {
    ProcessingPlatform: {
        "vpc": "it takes a construct; the file gives subnets and security groups",
        "standards": "they are beside the platform in environments.yaml",
        "tags": "they are beside the platform in environments.yaml",
        "cost_allocation": "cost_center is beside the platform, and the team is the stack's",
        "budgets": "they are beside the platform in environments.yaml",
        "server_access_logs_bucket": "it takes a construct",
    },
    DataBucket: {
        "auto_delete_objects": "a bucket of a file is never emptied",
        "lifecycle_rules": "they are the CDK's own values",
        "replication_rules": "they are the CDK's own values",
        "server_access_logs_bucket": "it takes a construct",
        "server_access_logs_prefix": "it goes with server_access_logs_bucket",
    },
    ProcessingJob: {"request": "it is processor and run", "platform": "from_file takes it"},
    Parameter: {"name": "it is the key"},
    TeamBudget: {"team": "it is the key", "team_key": "the tag of environments.yaml is team"},
    Standards: {"prices": "they are in a price table"},
}


def arguments(kind):
    # jsii puts a constructor of its own before that of a construct.
    function = kind.__init__ if isinstance(kind, type) else kind
    return {name for name in inspect.signature(function).parameters if name not in ("self", "scope", "construct_id")}


@pytest.mark.parametrize("name", [name for name in cdk_processing.__all__ if name.endswith("Processor")])
def test_every_argument_of_a_processor_and_of_run_is_in_the_file_or_left_out_with_a_reason(name):
    kind = getattr(cdk_processing, name)

    given = {each for each in arguments(kind) if not is_left_out(name, each)}
    given_to_run = {each for each in arguments(kind.run) if not is_left_out(f"{name}.run", each)}
    assert given == set(jobs.processor_model(name).model_fields)
    assert given_to_run == set(jobs.run_model(name).model_fields)


@pytest.mark.parametrize(
    "kind",
    [
        AthenaDatasetDefinition,
        DatasetDefinition,
        Exemption,
        FeatureStoreOutput,
        NetworkConfig,
        ProcessingInput,
        ProcessingOutput,
        RedshiftDatasetDefinition,
        S3Input,
    ],
)
def test_every_field_of_a_value_is_in_the_file_or_left_out_with_a_reason(kind):
    given = {each.name for each in fields(kind) if not is_left_out(kind.__name__, each.name)}

    assert given == set(model_of(kind).model_fields)


def test_there_is_a_model_of_each_trigger_with_all_its_arguments():
    made = jobs.TriggerModel.model_fields

    assert set(made) == {kind.__name__ for kind in TRIGGERS}
    for kind in TRIGGERS:
        assert issubclass(kind, Trigger)
        model = getattr(jobs, f"{kind.__name__}Model")
        assert arguments(kind) == set(model.model_fields), kind
        needed = {name for name, each in inspect.signature(kind).parameters.items() if each.default is each.empty}
        needed = {name for name in needed if not any(f.name == name and f.default_factory for f in _fields(kind))}
        assert {name for name, each in model.model_fields.items() if each.is_required()} == needed, kind


def _fields(kind):
    return [each for each in fields(kind) if each.default_factory is not MISSING]


@pytest.mark.parametrize(
    ("kind", "model", "more"),
    [
        (LaunchPolicy, jobs.LaunchPolicyModel, set()),
        (Parameter, jobs.ParameterModel, set()),
        (DataBucket, jobs.BucketModel, {"from_bucket_name"}),
        (ProcessingJob, jobs.JobModel, {"processor", "run", "parameters"}),
        (ProcessingPlatform, environments.PlatformModel, set()),
        (SlackChannel, environments.SlackModel, set()),
        (TeamsChannel, environments.TeamsModel, set()),
        (TeamBudget, environments.Budget, set()),
        (Standards, environments.StandardsModel, {"preset"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_written_by_hand_has_the_words_of_python(kind, model, more):
    only_python = ONLY_PYTHON.get(kind, {})
    assert set(only_python) <= arguments(kind)

    assert set(model.model_fields) == arguments(kind) - set(only_python) | more


def test_arguments_that_an_editor_shows_are_explained_as_in_python():
    told = jobs.processor_model("SKLearnProcessor").model_fields["framework_version"].description

    assert told == "For example 1.4-2, which is scikit-learn 1.4.2."

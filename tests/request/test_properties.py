"""What passes is accepted by the service's own model; what breaks one limit of it is refused by that field's name."""

import inspect
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing import ProcessingInput, ProcessingOutput, Processor
from cdk_processing.errors import Problem
from cdk_processing.request.datasets import AthenaDatasetDefinition, DatasetDefinition, RedshiftDatasetDefinition
from cdk_processing.request.feature_store import FeatureStoreOutput
from cdk_processing.request.location import S3Location
from cdk_processing.request.model import known_instance_types
from tests.request.declarations import KINDS, New, assign, build, channel, declarations, profile, rendered
from tests.request.service_model import limits_of, refusals

pytestmark = pytest.mark.drawn

ROLE = "arn:aws:iam::111122223333:role/"
ATHENA = ("dataset_definition", "athena_dataset_definition")
REDSHIFT = ("dataset_definition", "redshift_dataset_definition")
EXPERIMENT = ("ExperimentName", "TrialName", "TrialComponentDisplayName", "RunName")

# Limits that no declaration can come up against, and why.
UNREACHABLE = {
    "ProcessingJobName": "made of base_job_name, which has limits of its own, the run's id and the attempt",
    "ProcessingResources.ClusterConfig.InstancePreferences": "tried one after the other by the state machine instead",
    "ProcessingResources.ClusterConfig.SelectedInstanceType": "the service's answer",
    "ProcessingResources.ClusterConfig.SelectedInstanceCount": "the service's answer",
    "AppSpecification.ContainerEntrypoint-min": "an empty one is left out",
    "AppSpecification.ContainerArguments-min": "empty ones are left out",
}


def _places():
    """Where a declaration holds what the API calls so: path in the data, and the name that a problem must have."""
    cluster, app, vpc = "ProcessingResources.ClusterConfig.", "AppSpecification.", "NetworkConfig.VpcConfig."
    own = {
        f"{cluster}InstanceCount": "instance_count",
        f"{cluster}InstanceType": "instance_type",
        f"{cluster}VolumeSizeInGB": "volume_size_in_gb",
        f"{cluster}VolumeKmsKeyId": "volume_kms_key",
        "ProcessingOutputConfig.KmsKeyId": "output_kms_key",
        "StoppingCondition.MaxRuntimeInSeconds": "max_runtime_in_seconds",
        f"{app}ImageUri": "image_uri",
        f"{app}ContainerEntrypoint": "entrypoint",
        "Environment": "env",
        "RoleArn": "role",
        "Tags": "tags",
    }
    for path, name in own.items():
        yield path, ("processor", name), name
    yield f"{app}ContainerEntrypoint[]", ("processor", "entrypoint", 0), "entrypoint[0]"
    yield f"{app}ContainerArguments", ("run", "arguments"), "arguments"
    yield f"{app}ContainerArguments[]", ("run", "arguments", 0), "arguments[0]"
    yield "Environment key", ("processor", "env"), "env key"
    yield "Environment{}", ("processor", "env", "A"), "env['A']"
    for part in ("Key", "Value"):
        yield f"Tags[].{part}", ("processor", "tags", 0, part), f"tags[0].{part}"
    for path, name in (("SecurityGroupIds", "security_group_ids"), ("Subnets", "subnets")):
        yield f"{vpc}{path}", ("processor", "network_config", name), f"network_config.{name}"
        yield f"{vpc}{path}[]", ("processor", "network_config", name, 0), f"network_config.{name}[0]"
    for name in EXPERIMENT:
        yield f"ExperimentConfig.{name}", ("run", "experiment_config", name), f"experiment_config[{name!r}]"
    channels = {
        "ProcessingInputs[].S3Input.": (
            "inputs",
            {
                "S3Uri": "source",
                "LocalPath": "destination",
                "S3DataType": "s3_data_type",
                "S3InputMode": "s3_input_mode",
                "S3DataDistributionType": "s3_data_distribution_type",
                "S3CompressionType": "s3_compression_type",
            },
        ),
        "ProcessingOutputConfig.Outputs[].S3Output.": (
            "outputs",
            {"S3Uri": "destination", "LocalPath": "source", "S3UploadMode": "s3_upload_mode"},
        ),
        "ProcessingOutputConfig.Outputs[].FeatureStoreOutput.": (
            "outputs",
            {"FeatureGroupName": ("feature_store_output", "feature_group_name")},
        ),
        "ProcessingInputs[].DatasetDefinition.": (
            "inputs",
            {
                "LocalPath": ("dataset_definition", "local_path"),
                "DataDistributionType": ("dataset_definition", "data_distribution_type"),
                "InputMode": ("dataset_definition", "input_mode"),
            },
        ),
    }
    queries = {
        "Database": "database",
        "QueryString": "query_string",
        "OutputS3Uri": "output_s3_uri",
        "KmsKeyId": "kms_key_id",
        "OutputFormat": "output_format",
        "OutputCompression": "output_compression",
    }
    for kind, at, more in (
        ("Athena", ATHENA, {"Catalog": "catalog", "WorkGroup": "work_group"}),
        (
            "Redshift",
            REDSHIFT,
            {"ClusterId": "cluster_id", "DbUser": "db_user", "ClusterRoleArn": "cluster_role_arn"},
        ),
    ):
        fields = {path: (*at, name) for path, name in (queries | more).items()}
        channels[f"ProcessingInputs[].DatasetDefinition.{kind}DatasetDefinition."] = ("inputs", fields)
    yield "ProcessingInputs", ("run", "inputs"), "inputs"
    yield "ProcessingOutputConfig.Outputs", ("run", "outputs"), "outputs"
    for prefix, (group, fields) in channels.items():
        for path, name in fields.items():
            steps = name if isinstance(name, tuple) else (name,)
            yield f"{prefix}{path}", ("run", group, 0, *steps), f"{group}[0].{'.'.join(steps)}"


PLACES = {path: (steps, name) for path, steps, name in _places()}
REACHABLE = [limit for limit in limits_of() if not any(str(limit).startswith(path) for path in UNREACHABLE)]


def _prepared(declaration, path):
    """The declaration with such a channel first as the path needs."""
    inputs, outputs = declaration["run"]["inputs"], declaration["run"]["outputs"]
    common = {
        "database": "d",
        "query_string": "select 1",
        "output_s3_uri": "s3://results/q/",
        "output_format": "PARQUET",
    }
    if ".DatasetDefinition." in path:
        if "Redshift" in path:
            fields = {"cluster_id": "c", "db_user": "u", "cluster_role_arn": f"{ROLE}R", **common}
            query = {REDSHIFT[1]: New(RedshiftDatasetDefinition, fields)}
        else:
            query = {ATHENA[1]: New(AthenaDatasetDefinition, {"catalog": "AwsDataCatalog", **common})}
        dataset = New(DatasetDefinition, {"local_path": "/opt/ml/processing/query", **query})
        inputs[0] = New(ProcessingInput, {"dataset_definition": dataset})
    elif ".FeatureStoreOutput." in path:
        feature = New(FeatureStoreOutput, {"feature_group_name": "customers"})
        outputs[0] = New(ProcessingOutput, {"app_managed": True, "feature_store_output": feature})
    elif path.startswith("ProcessingInputs[]"):
        inputs[0] = channel(ProcessingInput, 0)
    if path.startswith(("ProcessingInputs[].Dataset", "ProcessingOutputConfig.Outputs[].Feature")):
        # A query and a feature group are reached over the network.
        assign(declaration["processor"], ("network_config",), None)
    return declaration


def _of_size(path, size, own):
    """What is that long, or that many, and right otherwise."""
    if path == "ProcessingInputs":
        return [channel(ProcessingInput, number) for number in range(size - own)]
    if path == "ProcessingOutputConfig.Outputs":
        return [channel(ProcessingOutput, number) for number in range(size)]
    if path == "Environment":  # one is the library's own
        return {f"V{number}": "v" for number in range(size - 1)}
    if path == "Tags":
        return [{"Key": f"k{number}", "Value": "v"} for number in range(size - 1)]
    if path == "Environment key":
        return {"a" * size: "v"}
    if path.endswith(("SecurityGroupIds", "Subnets", "ContainerEntrypoint", "ContainerArguments")):
        return [f"id-{number}" for number in range(size)]
    if path.endswith(("Count", "SizeInGB", "Seconds")):
        return size
    begin = ""
    if path.endswith("S3Uri"):
        begin = "s3://bucket/"
    elif path.endswith("LocalPath"):
        begin = "/opt/ml/processing/"
    elif path.endswith("RoleArn"):
        begin = ROLE
    return (begin + "a" * size)[:size]


def _unlike_pattern(path, draw):
    """Text that no pattern of the model takes: all stop at a line's end."""
    broken = "a" * draw(st.integers(1, 9)) + draw(st.sampled_from("\n\r")) + "b" * draw(st.integers(0, 9))
    begin = _of_size(path, 19, 0) if path.endswith(("S3Uri", "LocalPath")) else ROLE if path.endswith("RoleArn") else ""
    return {broken: "v"} if path == "Environment key" else f"{begin}{broken}"


def _beyond(limit, draw, own):
    if limit.kind == "enum":
        return draw(st.sampled_from(["nonsense", "", "file", "s3prefix"]))
    if limit.kind == "pattern":
        return _unlike_pattern(limit.path, draw)
    step = draw(st.integers(1, 3))
    size = limit.value + step if limit.kind == "max" else max(limit.value - step, 0)
    return _of_size(limit.path, size, own)


@cache
def _kinds(path):
    return (Processor,) if path.endswith(("ContainerEntrypoint", "ContainerEntrypoint[]", "ImageUri")) else KINDS


def _run(declaration):
    return build(declaration["processor"]).run(**{name: build(part) for name, part in declaration["run"].items()})


def _texts(problems):
    return "\n".join(str(problem) for problem in problems)


@profile(200)
@given(declarations())
def test_a_declaration_within_all_limits_has_no_problems_and_the_service_accepts_its_request(declaration):
    request = _run(declaration)

    assert not request.problems(), _texts(request.problems())
    assert refusals(rendered(request)) == []


@profile(300)
@given(st.data())
def test_whatever_passes_is_a_request_that_the_service_accepts(data):
    limit = data.draw(st.sampled_from(REACHABLE))
    declaration = _prepared(data.draw(declarations(_kinds(limit.path), whole=True)), limit.path)
    steps, _ = PLACES[limit.path]
    anything = st.one_of(st.text(max_size=300), st.integers(-5, 20000), st.none(), st.lists(st.text(max_size=5)))
    assign(declaration, steps, data.draw(anything))
    request = _run(declaration)
    # A new instance type is warned of and not refused; a list of them is resolved by the state machine.
    is_known = str(request.processor.instance_type) in known_instance_types()

    if not request.problems() and is_known:
        # An output without a destination is placed before it is rendered.
        assert refusals(rendered(request.placed(S3Location("data", "job/")))) == []


@pytest.mark.parametrize("limit", REACHABLE, ids=str)
@profile(4)
@given(st.data())
def test_one_limit_broken_is_refused_by_the_name_of_its_field(limit, data):
    declaration = _prepared(data.draw(declarations(_kinds(limit.path), whole=True)), limit.path)
    steps, name = PLACES[limit.path]
    own = len(_run(declaration).program.inputs)
    assign(declaration, steps, _beyond(limit, data.draw, own))

    problems = _run(declaration).problems()

    assert problems
    assert all(problem.field == name or problem.field.startswith((f"{name}.", f"{name}[")) for problem in problems), (
        f"not {name}:\n{_texts(problems)}"
    )


@pytest.mark.parametrize("limit", [limit for limit in REACHABLE if limit.kind == "max"], ids=str)
@profile(2)
@given(st.data())
def test_the_most_that_the_service_takes_is_taken(limit, data):
    declaration = _prepared(data.draw(declarations(_kinds(limit.path), whole=True)), limit.path)
    steps, _ = PLACES[limit.path]
    own = len(_run(declaration).program.inputs)
    assign(declaration, steps, _of_size(limit.path, limit.value, own))
    request = _run(declaration)

    assert not request.problems(), _texts(request.problems())
    assert refusals(rendered(request)) == []


def test_every_limit_of_the_model_is_either_tested_or_out_of_reach_for_a_reason():
    assert {limit.path for limit in REACHABLE} == set(PLACES)
    assert all(any(str(limit).startswith(path) for limit in limits_of()) for path in UNREACHABLE)


_TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["s3://a", "s3://bucket-a/", "x" * 5000, "x\0y", "", ".", "${Token[TOKEN.1]}", "{{run:RUN_ID}}", "{{run:"]
    ),
)
_JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)),
    max_leaves=5,
)
_NOT_TAKEN = {"self", "wait", "logs", "job_name", "kms_key", "git_config"}


def _arguments(kind):
    return [name for name in inspect.signature(kind).parameters if name not in _NOT_TAKEN]


@profile(500)
@given(st.data())
def test_whatever_is_given_for_whatever_argument_is_told_as_problems_and_nothing_else_is_raised(data):
    path = data.draw(st.sampled_from(sorted(PLACES)))
    declaration = _prepared(data.draw(declarations(whole=True)), path)
    processor, run = declaration["processor"], declaration["run"]
    places = [(processor.fields, processor.kind), (run, processor.kind.run)]
    for part in (run["inputs"][0], run["outputs"][0], processor.fields["network_config"]):
        while isinstance(part, New):
            places.append((part.fields, part.kind))
            part = next((value for value in part.fields.values() if isinstance(value, New)), None)  # noqa: PLW2901
    for _ in range(data.draw(st.integers(1, 3))):
        fields, kind = data.draw(st.sampled_from(places))
        fields[data.draw(st.sampled_from(_arguments(kind)))] = data.draw(_JUNK)

    try:
        problems = _run(declaration).problems()
    except TypeError as error:
        if "argument" not in str(error):
            raise
        return

    assert all(isinstance(problem, Problem) and str(problem) for problem in problems)

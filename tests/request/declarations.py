"""Random declarations, as data that a test can change before anything is made of it."""

import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cdk_processing import (
    ExecutionVariables,
    NetworkConfig,
    Parameter,
    ProcessingInput,
    ProcessingOutput,
    Processor,
    PySparkProcessor,
    S3Location,
    ScriptProcessor,
    SKLearnProcessor,
    SparkJarProcessor,
    XGBoostProcessor,
)
from cdk_processing.request.request import Bindings

__all__ = ["KINDS", "New", "assign", "build", "channel", "declarations", "profile", "rendered"]

ROLE = "arn:aws:iam::111122223333:role/Reader"
KEY = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KINDS = (
    Processor,
    ScriptProcessor,
    SKLearnProcessor,
    XGBoostProcessor,
    PySparkProcessor,
    SparkJarProcessor,
)
#: What tells a kind from the others: fields of the processor, and arguments of run().
_OWN = {
    Processor: ({"image_uri": "registry.example/prep:1", "entrypoint": ["/bin/prep"]}, {}),
    ScriptProcessor: ({"image_uri": "registry.example/prep:1", "command": ["python3"]}, {"code": "s3://code/p.py"}),
    SKLearnProcessor: ({"framework_version": "1.4-2"}, {"code": "s3://code/p.py"}),
    XGBoostProcessor: ({"framework_version": "1.7-1"}, {"code": "s3://code/p.sh"}),
    PySparkProcessor: ({"framework_version": "3.5"}, {"submit_app": "s3://code/p.py"}),
    SparkJarProcessor: ({"framework_version": "3.5"}, {"submit_app": "s3://code/p.jar", "submit_class": "com.x.Main"}),
}
_LARGE = int(os.environ.get("CDK_PROCESSING_EXAMPLES", "1"))


def profile(examples):
    """The same examples every time; CDK_PROCESSING_EXAMPLES=100 is a hundred times as many, and other ones."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=examples * _LARGE,
        derandomize=_LARGE == 1,
        deadline=None,
        database=None,
        suppress_health_check=slow,
    )


@dataclass
class New:
    """A call that is yet to be made."""

    kind: Any
    fields: dict[str, Any] = field(default_factory=dict)


def build(value):
    """What a declaration in data declares."""
    if isinstance(value, New):
        return value.kind(**{name: build(part) for name, part in value.fields.items()})
    if isinstance(value, list):
        return [build(part) for part in value]
    return value


def assign(value, path, new):
    """Change one place of a declaration in data."""
    for step in path[:-1]:
        value = value.fields[step] if isinstance(value, New) else value[step]
    (value.fields if isinstance(value, New) else value)[path[-1]] = new


def channel(kind, number, **fields):
    """A channel whose name and folder no other number has."""
    if kind is ProcessingInput:
        return New(kind, {"source": "s3://raw-data/in/", "destination": f"/opt/ml/processing/in{number}", **fields})
    return New(kind, {"source": f"/opt/ml/processing/out{number}", "destination": "s3://curated/out/", **fields})


def rendered(request):
    """The whole request as the state machine sends it, with what only CDK and the run know put in."""
    image = request.processor.image
    made = request.render(
        Bindings(
            image_uri=image.registry_uri or image.aws.uri_in("us-west-2"),
            role_arn=request.processor.role or ROLE,
            input_uris=tuple(
                "s3://assets/a" if place is None else place.uri
                for place in (each.location for each in request.channels)
            ),
            volume_key=request.processor.volume_kms_key,
            output_key=request.processor.output_kms_key,
        )
    )
    made["ProcessingJobName"] = f"{request.processor.base_job_name or 'census-prep'}-{'0' * 32}-10"
    made.setdefault("Environment", {})["CDK_PROCESSING_EXECUTION"] = "x"
    made.setdefault("Tags", []).append({"Key": "cdk-processing:job", "Value": "Census/Preprocess"})
    return made


def _word(longest, alphabet="abcXYZ019"):
    return st.text(alphabet, min_size=1, max_size=longest)


def _line(longest):
    """Any text that Java takes for one line."""
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\x85\u2028\u2029"), max_size=longest
    )


_RUN_TIME = st.sampled_from(
    [
        ExecutionVariables.RUN_ID,
        Parameter("ratio", default="0.2"),
        f"--day={ExecutionVariables.TRIGGER_TIME:%Y/%m/%d}",
        f"{ExecutionVariables.OBJECT_KEY}",
    ]
)
_NAME = st.from_regex(r"[a-zA-Z0-9](-{0,2}[a-zA-Z0-9]){0,35}", fullmatch=True)
_TAG_TEXT = st.text(st.characters(categories=["L", "Z", "N"], include_characters="_.:/=+-@"), max_size=128)
_PLACES = st.one_of(
    st.builds("s3://raw-data/{}".format, _word(200, "abc/._-äß漢 ")).filter(lambda uri: "://raw-data//" not in uri),
    st.builds(S3Location, st.just("raw-data"), _word(200, "abc.-ä")),
    st.just(f"s3://raw-data/{ExecutionVariables.RUN_ID}/"),
)
_NETWORKS = st.builds(
    lambda isolated, encrypted, vpc: New(
        NetworkConfig,
        {"enable_network_isolation": isolated, "encrypt_inter_container_traffic": encrypted}
        | ({"security_group_ids": vpc[0], "subnets": vpc[1]} if vpc else {}),
    ),
    st.booleans(),
    st.one_of(st.none(), st.booleans()),
    st.one_of(
        st.none(),
        st.tuples(
            st.lists(_word(32, "abc-019"), min_size=1, max_size=5, unique=True),
            st.lists(_word(32, "abc-019"), min_size=1, max_size=16, unique=True),
        ),
    ),
)
_PROCESSOR = {
    "instance_count": st.integers(1, 100),
    "instance_type": st.sampled_from(["ml.m5.xlarge", "ml.t3.medium", "ml.c5.18xlarge", "ml.r5.24xlarge"]),
    "volume_size_in_gb": st.integers(1, 16384),
    "max_runtime_in_seconds": st.one_of(st.none(), st.integers(1, 777600)),
    "base_job_name": st.one_of(st.none(), st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,11}", fullmatch=True)),
    "role": st.one_of(st.none(), st.just(ROLE)),
    "volume_kms_key": st.one_of(st.none(), st.just(KEY)),
    "output_kms_key": st.one_of(st.none(), st.just(KEY)),
    "env": st.dictionaries(
        st.from_regex(r"[A-BD-Za-z_][A-Za-z0-9_]{0,40}", fullmatch=True), st.one_of(st.text(max_size=256), _RUN_TIME)
    ),
    "tags": st.lists(
        st.fixed_dictionaries(
            {"Key": _TAG_TEXT.filter(lambda key: key and not key.lower().startswith("aws:")), "Value": _TAG_TEXT}
        ),
        max_size=6,
        unique_by=lambda tag: tag["Key"],
    ),
    "network_config": st.one_of(st.none(), _NETWORKS),
}
_RUN = {
    "arguments": st.lists(st.one_of(_line(256).filter(bool), _RUN_TIME), max_size=12),
    "experiment_config": st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("ExperimentName", "TrialName", "TrialComponentDisplayName", "RunName"), _NAME)
    ),
}
_INPUT = {
    "source": st.one_of(_PLACES, st.just(ExecutionVariables.OBJECT_URI)),
    "s3_data_type": st.sampled_from(["S3Prefix", "ManifestFile"]),
    "s3_data_distribution_type": st.sampled_from(["FullyReplicated", "ShardedByS3Key"]),
}
_OUTPUT = {"destination": _PLACES, "s3_upload_mode": st.sampled_from(["EndOfJob", "Continuous"])}


def _whole_manifest(fields):
    """A manifest says where its objects lie; the object that launches the run is one or is none, in all inputs."""
    if fields.get("s3_data_type") != "ManifestFile":
        return fields
    if fields["source"] is ExecutionVariables.OBJECT_URI:
        return {**fields, "s3_data_type": "S3Prefix"}
    return {**fields, "objects": [S3Location("raw-data", "images/")]}


@st.composite
def declarations(draw, kinds=KINDS, *, whole=False):
    """A processor and what it is to run, with nothing wrong; a whole one has something in every field."""
    kind = draw(st.sampled_from(kinds))
    own, arguments = _OWN[kind]
    least = 1 if whole else 0
    given = {name: draw(strategy) for name, strategy in _PROCESSOR.items()}
    run = {name: draw(strategy) for name, strategy in _RUN.items()}
    for name, part, most in (("inputs", ProcessingInput, 4), ("outputs", ProcessingOutput, 4)):
        fields = _INPUT if part is ProcessingInput else _OUTPUT
        count = draw(st.integers(least, most))
        drawn = [draw(st.fixed_dictionaries(fields)) for _ in range(count)]
        run[name] = [channel(part, number, **_whole_manifest(given)) for number, given in enumerate(drawn)]
    if whole:
        given["env"] = {"A": "a"} | given["env"]
        given["tags"] = [{"Key": "team", "Value": "data"}]
        vpc = {"security_group_ids": ["sg-1"], "subnets": ["subnet-1"]}
        given["network_config"] = New(NetworkConfig, vpc)
        run["arguments"] = ["a", *run["arguments"]]
    own = {name: list(value) if isinstance(value, list) else value for name, value in own.items()}
    return {"processor": New(kind, {**given, **own}), "run": {**run, **arguments}}

"""jobs.yaml: buckets, jobs and what launches them, in the words of Python.

The models of processors, of their ``run()`` and of channels are made from the library's own classes. Those of triggers
are written here, because the triggers know the CDK, and this folder does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal

from pydantic import Field, create_model, model_validator

from cdk_processing.declarations.model_base import Declared, either, spelled, wrong
from cdk_processing.declarations.placeholders import SPAN
from cdk_processing.declarations.python_words import model_of, signature_model
from cdk_processing.request.framework import (
    FrameworkProcessor,
    HuggingFaceProcessor,
    MXNetProcessor,
    PyTorchProcessor,
    TensorFlowProcessor,
    XGBoostProcessor,
)
from cdk_processing.request.processors import Processor, ScriptProcessor, SKLearnProcessor
from cdk_processing.request.spark import PySparkProcessor, SparkJarProcessor

__all__ = [
    "NAME",
    "PROCESSORS",
    "BucketModel",
    "JobModel",
    "JobsModel",
    "LaunchPolicyModel",
    "ParameterModel",
    "TriggerModel",
    "job_model",
    "processor_model",
    "run_model",
]

PROCESSORS: Final[Mapping[str, Any]] = {
    each.__name__: each
    for each in (
        Processor,
        ScriptProcessor,
        SKLearnProcessor,
        FrameworkProcessor,
        PyTorchProcessor,
        TensorFlowProcessor,
        MXNetProcessor,
        XGBoostProcessor,
        HuggingFaceProcessor,
        PySparkProcessor,
        SparkJarProcessor,
    )
}
#: What buckets, processors, parameters and jobs may be called.
NAME: Final = "[A-Za-z][A-Za-z0-9_-]{0,62}"
_Name = spelled(NAME, "a letter, then letters, digits, _ and -, at most 63", "rename it")
_Parameter = spelled("[A-Za-z_][A-Za-z0-9_]{0,63}", "letters, digits and _, no digit first, at most 64", "rename it")
_Span = spelled(SPAN, "a length of time such as 36 hours", "write a number and days, hours or minutes")


class EventFieldModel(Declared):
    """A value of the event."""

    EventField: str = Field(description="Its path, such as $.detail.batch_id.")


_Given = dict[str, str]
_GivenByEvent: Any = dict[str, either({"text": str, "mapping": EventFieldModel})]  # type: ignore[misc]


class OnObjectCreatedModel(Declared):
    """One run for each object created under a prefix."""

    location: str = Field(description="Bucket and prefix: '{buckets.raw}/census/', or an s3:// URI.")
    suffix: str | None = Field(default=None, description="The end of the keys, for example .csv.")
    dedupe: Literal["version", "content", "event"] | None = Field(
        default=None, description="What two arrivals share for the second to make no job. Left out, version."
    )
    newest_only: bool | None = Field(default=None, description="Whether an older version that comes late makes no job.")
    expect_within: _Span | None = Field(  # type: ignore[valid-type]
        default=None, description="Raise an alarm if nothing arrives for this time: 1 hour to 7 days, such as '1 day'."
    )


class OnMarkerModel(Declared):
    """One run for each folder that gets a marker."""

    location: str = Field(description="Bucket and prefix below which to look: '{buckets.raw}/day='.")
    name: str | None = Field(default=None, description="The marker's name. Left out, _SUCCESS.")
    dedupe: Literal["version", "content", "event", "folder"] | None = Field(
        default=None, description="What two markers share for the second to make no job. Left out, version."
    )
    expect_within: _Span | None = Field(  # type: ignore[valid-type]
        default=None, description="Raise an alarm if no marker comes for this time: 1 hour to 7 days, such as '1 day'."
    )


class SourceModel(Declared):
    """A source of OnAll."""

    OnMarker: OnMarkerModel = Field(description="Its marker.")


class OnAllModel(Declared):
    """One run when the markers of several folders are all there."""

    markers: dict[_Name, SourceModel] = Field(description="2-10 sources by name.")  # type: ignore[valid-type]
    by: list[str] = Field(description="The key=value folders that the markers of one run share.")


class OnScheduleModel(Declared):
    """One run for each time of a schedule."""

    expression: str = Field(description="cron(0 6 * * ? *), rate(12 hours) or at(2030-01-31T06:00:00).")
    timezone: str | None = Field(default=None, description="Such as Europe/Berlin. Left out, UTC.")
    start: str | None = Field(default=None, description="Launch nothing before: 2030-01-31T06:00:00+01:00.")
    end: str | None = Field(default=None, description="Launch nothing after.")
    flexible_window_minutes: int | None = Field(
        default=None, description="How many minutes late a run may be: 1-1,440."
    )
    parameters: _Given | None = Field(default=None, description="Values for the job's parameters.")
    overlap: Literal["allow", "skip", "queue"] | None = Field(
        default=None, description="What happens to a scheduled time while an earlier run goes on. Left out, allow."
    )


class OnEventModel(Declared):
    """One run for each event that matches a pattern."""

    pattern: dict[str, Any] = Field(description="An EventBridge pattern: {source: [my.app]}.")
    parameters: _GivenByEvent | None = Field(default=None, description="Values for the job's parameters.")
    run_key: EventFieldModel | None = Field(default=None, description="The run key, instead of the event's id.")
    event_bus: str | None = Field(default=None, description="Name or ARN of the bus. Left out, the default bus.")


class OnSuccessOfModel(Declared):
    """One run for each run of another job that succeeds."""

    job: str = Field(description="The name of a job of this file.")
    parameters: _GivenByEvent | None = Field(default=None, description="Values for the job's parameters.")


class OnDeployModel(Declared):
    """One run after each deployment that changes the job."""

    parameters: _Given | None = Field(default=None, description="Values for the job's parameters.")
    every_time: bool | None = Field(
        default=None, description="Whether also a deployment without a change launches a run."
    )


class _OneOf(Declared):
    """A mapping with a single key, which names a class."""

    @model_validator(mode="after")
    def _one_key(self) -> Any:
        if len(self.model_fields_set) != 1:
            names = ", ".join(type(self).model_fields)
            raise wrong(f"a mapping with one key, of {names}", "write one of them, with its arguments below")
        return self


class TriggerModel(_OneOf):
    """What launches a job."""

    OnObjectCreated: OnObjectCreatedModel | None = Field(default=None, description="One run for each new object.")
    OnMarker: OnMarkerModel | None = Field(default=None, description="One run for each folder that gets a marker.")
    OnAll: OnAllModel | None = Field(default=None, description="One run when the markers of several folders are there.")
    OnSchedule: OnScheduleModel | None = Field(default=None, description="One run for each time of a schedule.")
    OnEvent: OnEventModel | None = Field(default=None, description="One run for each event that matches a pattern.")
    OnSuccessOf: OnSuccessOfModel | None = Field(default=None, description="One run for each run of another job.")
    OnDeploy: OnDeployModel | None = Field(default=None, description="One run after each deployment of a change.")


class LaunchPolicyModel(Declared):
    """How often and how long a run retries."""

    provisioning_slack_seconds: int | None = Field(default=None, description="For the hosts to start and stop.")
    retry_seconds: int | None = Field(default=None, description="First wait after throttling.")
    retry_limit_seconds: int | None = Field(default=None, description="The longest such wait.")
    retries: int | None = Field(default=None, description="How often a run retries to create a job.")
    attempts: int | None = Field(default=None, description="How many jobs one run creates at most.")


_Scalar = either({"text": str, "number": float, "boolean": bool})


class ParameterModel(Declared):
    """A value that whoever starts a run may give: the arguments of Parameter."""

    default: _Scalar | None = Field(default=None, description="Left out, each trigger must give it.")  # type: ignore[valid-type]
    type: Literal["str", "int", "float", "bool"] | None = Field(default=None, description="Left out, str.")
    enum_values: list[_Scalar] | None = Field(default=None, description="The only values allowed.")  # type: ignore[valid-type]


class BucketModel(Declared):
    """A DataBucket of the stack, or an existing bucket by its name."""

    bucket_name: str | None = Field(
        default=None, description="The bucket's name. Left out, CloudFormation chooses one."
    )
    encryption_key: str | None = Field(
        default=None, description="ARN of the KMS key of the bucket. Left out, S3's own."
    )
    removal_policy: Literal["retain", "destroy"] | None = Field(
        default=None, description="What happens to the bucket when the stack is deleted. Left out, it stays."
    )
    from_bucket_name: str | None = Field(default=None, description="The name of a bucket that exists already.")

    @model_validator(mode="after")
    def _one_bucket(self) -> Any:
        if self.from_bucket_name is not None and (self.bucket_name, self.removal_policy) != (None, None):
            raise wrong("a new bucket or an existing one", "leave out bucket_name and removal_policy")
        return self


@cache
def run_model(name: str) -> type[Declared]:
    """The model of ``run()`` of a processor."""
    kind = PROCESSORS[name]
    return signature_model(f"{name}.run", kind.run)


@cache
def processor_model(name: str) -> type[Declared]:
    """The model of a processor's arguments."""
    return model_of(PROCESSORS[name])


@cache
def job_model(name: str) -> type[JobModel]:
    """The model of a job whose processor is of a class."""
    needs_run = any(each.is_required() for each in run_model(name).model_fields.values())
    told = Field(description="The arguments of run().")
    run: Any = (
        (run_model(name), told)
        if needs_run
        else (run_model(name) | None, Field(default=None, description=told.description))
    )
    made: type[JobModel] = create_model(f"{name}Job", __base__=JobModel, run=run)
    return made


def _processor_choice() -> Any:
    given: dict[str, Any] = {
        name: (processor_model(name) | None, Field(default=None, description=processor_model(name).__doc__))
        for name in PROCESSORS
    }
    return create_model("ProcessorChoice", __base__=_OneOf, __doc__="A processor, by the name of its class.", **given)


ProcessorModel: Any = _processor_choice()


class JobModel(Declared):
    """A job: what it runs, and what launches it."""

    processor: either({"text": str, "mapping": ProcessorModel}) = Field(  # type: ignore[valid-type]
        description="The class of a processor with its arguments, or the name of one below processors."
    )
    run: Any = Field(default=None, description="The arguments of run().")
    parameters: dict[_Parameter, ParameterModel | None] | None = Field(  # type: ignore[valid-type]
        default=None, description="The parameters of the job, by name, for {parameters.NAME}."
    )
    triggers: list[TriggerModel] | None = Field(
        default=None, description="What launches the job. Left out, it is started by hand."
    )
    launch_policy: LaunchPolicyModel | None = Field(default=None, description="How often and how long a run retries.")
    job_id: str | None = Field(
        default=None, description="Identifies the job in its account and region, also when it is renamed or moved."
    )
    max_concurrency: int | None = Field(
        default=None, description="How many runs work at once, 1-300. The others wait, first come, first served."
    )


class JobsModel(Declared):
    """jobs.yaml: buckets, jobs and what launches them, in the words of Python."""

    buckets: dict[_Name, BucketModel | None] | None = Field(  # type: ignore[valid-type]
        default=None, description="Buckets by name, for {buckets.NAME}. A name without arguments is a new bucket."
    )
    processors: dict[_Name, ProcessorModel] | None = Field(  # type: ignore[valid-type]
        default=None, description="Processors that several jobs use, by name."
    )
    jobs: dict[_Name, JobModel] = Field(description="The jobs by name, which is the construct's id.")  # type: ignore[valid-type]

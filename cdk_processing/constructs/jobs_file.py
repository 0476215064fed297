"""The jobs of a jobs.yaml, as constructs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import RemovalPolicy
from constructs import Construct

from cdk_processing.constructs.bucket import DataBucket
from cdk_processing.constructs.job import ProcessingJob
from cdk_processing.constructs.platform_interface import IProcessingPlatform
from cdk_processing.constructs.triggers.all_of import OnAll
from cdk_processing.constructs.triggers.base import Trigger
from cdk_processing.constructs.triggers.deploy import OnDeploy
from cdk_processing.constructs.triggers.event import OnEvent
from cdk_processing.constructs.triggers.marker import OnMarker
from cdk_processing.constructs.triggers.object_created import OnObjectCreated
from cdk_processing.constructs.triggers.schedule import OnSchedule
from cdk_processing.constructs.triggers.success_of import OnSuccessOf
from cdk_processing.errors import DeclarationError, Problem, RunTimeValueError
from cdk_processing.request.location import S3Location
from cdk_processing.request.types import Bucket, Repository
from cdk_processing.workflow.event_fields import EventField
from cdk_processing.workflow.launch_policy import PATIENT, LaunchPolicy

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3

    from cdk_processing.declarations.building import Built
    from cdk_processing.declarations.document import Document, KeyPath
    from cdk_processing.declarations.jobs import BucketModel
    from cdk_processing.declarations.problems import FileProblem
    from cdk_processing.declarations.reading_jobs import JobDeclaration

__all__ = ["ProcessingJobs"]


class ProcessingJobs(Construct):
    """The buckets and jobs that a file declares; made by :meth:`from_file`.

    Attributes:
        jobs: The jobs by name.
        buckets: The buckets by name, those that were passed too.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.jobs: dict[str, ProcessingJob] = {}
        self.buckets: dict[str, Bucket] = {}

    @classmethod
    def from_file(
        cls,
        scope: Construct,
        construct_id: str,
        file: str | Path,
        *,
        platform: IProcessingPlatform | None = None,
        variables: Mapping[str, str | int | float | bool] | None = None,
        buckets: Mapping[str, s3.IBucket] | None = None,
    ) -> ProcessingJobs:
        """Make the buckets and jobs of a file. It needs ``pip install 'cdk-processing[yaml]'``.

        The file has the words of Python: the arguments of the processors, of ``run()`` and of the triggers. Its paths
        lead on from its folder. ``cdk-processing schema jobs`` prints a JSON schema for editors.

        Args:
            scope: The parent construct.
            construct_id: The construct's id.
            file: The file, such as ``jobs.yaml``.
            platform: What all its jobs share. Left out, the stack gets a platform with its first job.
            variables: Values for ``{variables.NAME}``, such as those of an environment.
            buckets: More buckets that the file may name, by name.

        Raises:
            DeclarationError: The file is not what it must be, or a job cannot work. The error lists all problems, each
                with its file, line and column.

        Example:
            >>> import aws_cdk, pathlib, tempfile
            >>> file = pathlib.Path(tempfile.mkdtemp(), "jobs.yaml")
            >>> _ = file.write_text('''
            ... jobs:
            ...   Report:
            ...     processor:
            ...       SKLearnProcessor: {framework_version: 1.4-2, instance_type: ml.m5.xlarge, instance_count: 1}
            ...     run: {code: "s3://my-code/report.py"}
            ...     triggers:
            ...       - OnSchedule: {expression: rate(1 day)}
            ... ''')
            >>> stack = aws_cdk.Stack(aws_cdk.App(), "Census")
            >>> ProcessingJobs.from_file(stack, "Jobs", file).jobs["Report"].path
            'Census/Jobs/Report'
        """
        from cdk_processing.declarations.problems import shown_path
        from cdk_processing.declarations.reading_jobs import read_jobs

        given = dict(buckets or {})
        declared = read_jobs(file, variables, given)
        made = cls(scope, construct_id)
        made.buckets |= given
        for name, bucket in declared.buckets.items():
            made.buckets[name] = _bucket(made, name, bucket)
        problems = [
            each for job in declared.jobs for each in _Declaring(made, declared.document, job).declare(platform)
        ]
        if problems:
            from cdk_processing.declarations.placing import unique

            raise DeclarationError(shown_path(Path(file)), unique(problems))
        return made

    def __getitem__(self, name: str) -> ProcessingJob:
        """The job of a name."""
        return self.jobs[name]


class _Declaring:
    """Makes one job of a file."""

    def __init__(self, made: ProcessingJobs, document: Document, job: JobDeclaration) -> None:
        self._made = made
        self._document = document
        self._job = job

    def declare(self, platform: IProcessingPlatform | None) -> list[FileProblem]:
        """Make the job; returns what is wrong with it."""
        from cdk_processing.declarations.building import Built

        if any(name not in self._made.jobs for name in self._job.upstream):
            return []  # their own problems are reported already
        problems: list[FileProblem] = []
        with self._told(problems):
            built = Built(self._document, self._job, self)
            request = built.request()
            triggers = [_trigger(self, built, index) for index in range(len(self._job.model.triggers or ()))]
            problems += built.problems
            if request is not None and not problems:
                policy = self._job.model.launch_policy
                given = {} if policy is None else policy.model_dump(exclude_none=True)
                self._made.jobs[self._job.name] = ProcessingJob(
                    self._made,
                    self._job.name,
                    request,
                    triggers=triggers,
                    platform=platform,
                    launch_policy=LaunchPolicy(**given) if given else PATIENT,
                    job_id=self._job.model.job_id,
                    max_concurrency=self._job.model.max_concurrency,
                )
        return problems

    # -- what the texts of the file may name ---------------------------------------------------------------------------

    def bucket(self, name: str) -> Bucket:
        """The bucket of a name."""
        return self._made.buckets[name]

    def output(self, job: str, name: str) -> S3Location:
        """The output of a job."""
        return self._made.jobs[job].outputs[name]

    def repository(self, name: str) -> Repository:
        """The ECR repository of a name."""
        from aws_cdk import aws_ecr

        found = self._made.node.try_find_child(f"Repository{name}")
        return found or aws_ecr.Repository.from_repository_name(  # type: ignore[return-value]
            self._made, f"Repository{name}", name
        )

    def upstream(self, name: str) -> ProcessingJob:
        """The job of a name."""
        return self._made.jobs[name]

    def trigger_data(self, index: int) -> tuple[str, Mapping[str, Any], KeyPath]:
        """The class of a trigger, its arguments and where the file has them."""
        [(kind, arguments)] = self._job.data["triggers"][index].items()
        return kind, arguments, (*self._job.path, "triggers", index, kind)

    @contextmanager
    def _told(self, problems: list[FileProblem]) -> Iterator[None]:
        """Give what the library finds its place in the file."""
        from cdk_processing.declarations.placing import placed

        try:
            yield
        except DeclarationError as error:
            bases = [(*self._job.path, "run"), self._job.processor_path, self._job.path]
            problems += [placed(self._named(each), self._document, bases) for each in error.problems]
        except RunTimeValueError as error:
            problems.append(self._document.key_problem(self._job.path, f"a job that works: {error}", "correct it"))

    def _named(self, problem: Problem) -> Problem:
        """A problem of a trigger, with the name of its class, as the file has it."""
        first, bracket, rest = problem.field.partition("]")
        if bracket and first.startswith("triggers[") and rest:
            kind, _, _ = self.trigger_data(int(first.removeprefix("triggers[")))
            rest = re.sub(r"^(\.markers\[[^\]]+\])", r"\1.OnMarker", rest)
            return replace(problem, field=f"{first}].{kind}{rest}")
        return problem


def _bucket(made: ProcessingJobs, name: str, model: BucketModel) -> Bucket:
    from aws_cdk import aws_kms, aws_s3

    key = None
    if model.encryption_key is not None:
        key = aws_kms.Key.from_key_arn(made, f"Key{name}", model.encryption_key)
    if model.from_bucket_name is not None:
        return aws_s3.Bucket.from_bucket_attributes(made, name, bucket_name=model.from_bucket_name, encryption_key=key)
    policy = RemovalPolicy.DESTROY if model.removal_policy == "destroy" else RemovalPolicy.RETAIN
    return DataBucket(made, name, bucket_name=model.bucket_name, encryption_key=key, removal_policy=policy)


# -- triggers ----------------------------------------------------------------------------------------------------------


def _trigger(declaring: _Declaring, built: Built, index: int) -> Trigger:
    kind, arguments, path = declaring.trigger_data(index)
    return _MAKERS[kind](declaring, built, dict(arguments), path)


def _on_object_created(declaring: _Declaring, built: Built, given: dict[str, Any], path: KeyPath) -> Trigger:
    from cdk_processing.declarations.placeholders import span_of

    del declaring
    given["location"] = built.location(given["location"], (*path, "location"))
    if "expect_within" in given:
        given["expect_within"] = span_of(given["expect_within"])
    return OnObjectCreated(**given)


def _on_marker(declaring: _Declaring, built: Built, given: dict[str, Any], path: KeyPath) -> OnMarker:
    from cdk_processing.declarations.placeholders import span_of

    del declaring
    given["location"] = built.location(given["location"], (*path, "location"))
    if "expect_within" in given:
        given["expect_within"] = span_of(given["expect_within"])
    return OnMarker(**given)


def _on_all(declaring: _Declaring, built: Built, given: dict[str, Any], path: KeyPath) -> Trigger:
    markers = {
        name: _on_marker(declaring, built, dict(each["OnMarker"]), (*path, "markers", name, "OnMarker"))
        for name, each in given["markers"].items()
    }
    return OnAll(markers, given["by"])


def _on_schedule(declaring: _Declaring, built: Built, given: dict[str, Any], path: KeyPath) -> Trigger:
    del declaring
    for name in ("start", "end"):
        if name in given:
            given[name] = built.instant(given[name], (*path, name))
    return OnSchedule(**given)


def _on_event(declaring: _Declaring, built: Built, given: dict[str, Any], path: KeyPath) -> Trigger:
    del declaring, built, path
    if "run_key" in given:
        given["run_key"] = EventField(given["run_key"]["EventField"])
    return OnEvent(**_with_fields(given))


def _on_success_of(declaring: _Declaring, built: Built, given: dict[str, Any], path: KeyPath) -> Trigger:
    del built, path
    return OnSuccessOf(**{**_with_fields(given), "job": declaring.upstream(given["job"])})


def _on_deploy(declaring: _Declaring, built: Built, given: dict[str, Any], path: KeyPath) -> Trigger:
    del declaring, built, path
    return OnDeploy(**given)


def _with_fields(given: dict[str, Any]) -> dict[str, Any]:
    """Arguments in which values of the event are EventFields."""
    if "parameters" in given:
        given["parameters"] = {
            name: EventField(each["EventField"]) if isinstance(each, Mapping) else each
            for name, each in given["parameters"].items()
        }
    return given


_MAKERS: Mapping[str, Callable[..., Trigger]] = {
    "OnObjectCreated": _on_object_created,
    "OnMarker": _on_marker,
    "OnAll": _on_all,
    "OnSchedule": _on_schedule,
    "OnEvent": _on_event,
    "OnSuccessOf": _on_success_of,
    "OnDeploy": _on_deploy,
}

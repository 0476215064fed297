"""The SDK's Spark processors: an application handed to ``smspark-submit`` in AWS's Spark image."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.channels import ProcessingInput, ProcessingOutput
from cdk_processing.request.compute import UNSET, Compute
from cdk_processing.request.files import LocalFiles, TextFile, is_local_path
from cdk_processing.request.images import ProcessingImage
from cdk_processing.request.location import S3Location
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.program import Program, script_program
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.tokens import is_known

__all__ = ["PySparkProcessor", "SparkJarProcessor"]

_INPUT = "/opt/ml/processing/input"
_EVENTS = "/opt/ml/processing/spark-events/"
#: EMR's classifications that the container applies.
#: https://github.com/aws/sagemaker-spark-container: what its configuration.json may hold.
_CLASSIFICATIONS = (
    "core-site",
    "hadoop-env",
    "hadoop-log4j",
    "hive-env",
    "hive-exec-log4j",
    "hive-log4j",
    "hive-site",
    "spark-defaults",
    "spark-env",
    "spark-log4j",
    "spark-hive-site",
    "spark-metrics",
    "yarn-env",
    "yarn-site",
    "export",
)


class _SparkCompute(Compute):
    """What both Spark processors share."""

    __slots__ = ()

    framework_version: str | None
    py_version: str | None
    container_version: str | None
    image_uri: Any
    configuration_location: str | None
    dependency_location: str | None

    @property
    def image(self) -> ProcessingImage:
        """The image that the processor runs."""
        if self.image_uri is not None:
            return ProcessingImage.of(self.image_uri)
        return ProcessingImage.spark(
            str(self.framework_version),
            py_version=self.py_version,
            container_version=self.container_version,
            owner=type(self).__name__,
        )

    def problems(self) -> list[Problem]:
        """Everything wrong with the processor, at once."""
        owner = type(self).__name__
        found = Compute.problems(self)
        if (self.py_version is None) != (self.container_version is None):
            missing = "py_version" if self.py_version is None else "container_version"
            found.append(Problem(missing, None, "given together with the other", f"set {missing} on {owner}"))
        for name in ("configuration_location", "dependency_location"):
            if getattr(self, name) is not None:
                fix = "leave it out; what is submitted is a CDK asset in the bootstrap bucket"
                found.append(Problem(name, getattr(self, name), "left out", fix))
        return found


@dataclass(frozen=True, slots=True)
class PySparkProcessor(_SparkCompute):
    """Runs a Python application on Spark.

    Args:
        role: ``iam.IRole`` or ARN of the execution role. Left out, a role with just what the job needs is made.
        instance_type: For example ``ml.m5.xlarge``; of a list of up to 5, the next is tried where capacity lacks.
        instance_count: 1-100 hosts of the cluster.
        framework_version: Version of Spark, for example ``3.5``.
        py_version: Python version of the image, together with ``container_version``.
        container_version: Version of the image, together with ``py_version``. Left out, the newest of the framework's.
        image_uri: Another image, instead of AWS's.
        volume_size_in_gb: 1-16,384 GB of storage a host.
        volume_kms_key: ``kms.IKey``, ARN or id that encrypts that storage; not for types with local NVMe storage.
        output_kms_key: ``kms.IKey``, ARN, id or alias that encrypts the outputs.
        configuration_location: Not taken: the configuration is a CDK asset.
        dependency_location: Not taken: files that are submitted are CDK assets.
        max_runtime_in_seconds: 1-777,600, or a ``Duration``. Left out, SageMaker stops a job after 24 hours.
        base_job_name: At most 24 lower-case letters, digits and hyphens that job names begin with.
        sagemaker_session: Not taken.
        env: At most 99 environment variables.
        tags: At most 49 tags.
        network_config: Left out, the hosts reach the network, because those of a cluster must reach each other.
    """

    role: Any = None
    instance_type: str | Sequence[str] | None = None
    instance_count: int | None = None
    framework_version: str | None = None
    py_version: str | None = None
    container_version: str | None = None
    image_uri: Any = None
    volume_size_in_gb: int = 30
    volume_kms_key: Any = None
    output_kms_key: Any = None
    configuration_location: str | None = None
    dependency_location: str | None = None
    max_runtime_in_seconds: Any = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: dict[str, str] | None = None
    tags: Sequence[dict[str, str]] | dict[str, str] | None = None
    network_config: NetworkConfig | None = None

    def run(
        self,
        submit_app: Any,
        submit_py_files: Sequence[str] | None = None,
        submit_jars: Sequence[str] | None = None,
        submit_files: Sequence[str] | None = None,
        inputs: Sequence[Any] | None = None,
        outputs: Sequence[Any] | None = None,
        arguments: Sequence[Any] | None = None,
        wait: object = UNSET,
        logs: object = UNSET,
        job_name: object = UNSET,
        experiment_config: dict[str, str] | None = None,
        configuration: Any = None,
        spark_event_logs_s3_uri: Any = None,
        kms_key: object = UNSET,
    ) -> ProcessingRequest:
        """Say what is to run; nothing is started.

        Args:
            submit_app: Path of a local Python file, or the ``s3://`` URI of one.
            submit_py_files: Python files, folders and archives that the application imports: local paths become assets,
                ``s3://`` and ``s3a://`` URIs are fetched by Spark.
            submit_jars: Jars for driver and executors, likewise.
            submit_files: Files for the working directory of each executor, likewise.
            inputs: :class:`ProcessingInput`; 10 with those that bring the application.
            outputs: :class:`ProcessingOutput`; 10 with that of the event logs.
            arguments: At most 100 strings of at most 256 characters; run-time values are welcome.
            wait: Not taken.
            logs: Not taken.
            job_name: Not taken.
            experiment_config: ``ExperimentName``, ``TrialName``, ``TrialComponentDisplayName``, ``RunName``.
            configuration: EMR classifications: ``[{"Classification": "spark-defaults", "Properties": {...}}]``.
            spark_event_logs_s3_uri: Where event logs are written while the job runs: an :class:`S3Location` or URI.
            kms_key: Not taken.

        Raises:
            TypeError: An argument that is not taken is given; the text says what to use instead.
        """
        submitted = {"py-files": submit_py_files, "jars": submit_jars, "files": submit_files}
        return self._request(
            _program(submit_app, [], submitted, configuration, spark_event_logs_s3_uri),
            inputs,
            outputs,
            arguments,
            experiment_config,
            wait=wait,
            logs=logs,
            job_name=job_name,
            kms_key=kms_key,
        )


@dataclass(frozen=True, slots=True)
class SparkJarProcessor(_SparkCompute):
    """Runs a Java or Scala application on Spark. Takes what :class:`PySparkProcessor` takes."""

    role: Any = None
    instance_type: str | Sequence[str] | None = None
    instance_count: int | None = None
    framework_version: str | None = None
    py_version: str | None = None
    container_version: str | None = None
    image_uri: Any = None
    volume_size_in_gb: int = 30
    volume_kms_key: Any = None
    output_kms_key: Any = None
    configuration_location: str | None = None
    dependency_location: str | None = None
    max_runtime_in_seconds: Any = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: dict[str, str] | None = None
    tags: Sequence[dict[str, str]] | dict[str, str] | None = None
    network_config: NetworkConfig | None = None

    def run(
        self,
        submit_app: Any,
        submit_class: str,
        submit_jars: Sequence[str] | None = None,
        submit_files: Sequence[str] | None = None,
        inputs: Sequence[Any] | None = None,
        outputs: Sequence[Any] | None = None,
        arguments: Sequence[Any] | None = None,
        wait: object = UNSET,
        logs: object = UNSET,
        job_name: object = UNSET,
        experiment_config: dict[str, str] | None = None,
        configuration: Any = None,
        spark_event_logs_s3_uri: Any = None,
        kms_key: object = UNSET,
    ) -> ProcessingRequest:
        """Say what is to run; nothing is started. Arguments as for :meth:`PySparkProcessor.run`.

        Args:
            submit_app: Path of a local jar, or the ``s3://`` URI of one.
            submit_class: The application's main class, with its package.
            submit_jars: Jars for driver and executors.
            submit_files: Files for the working directory of each executor.
            inputs: :class:`ProcessingInput`.
            outputs: :class:`ProcessingOutput`.
            arguments: At most 100 strings.
            wait: Not taken.
            logs: Not taken.
            job_name: Not taken.
            experiment_config: Names that SageMaker Experiments files the job under.
            configuration: EMR classifications.
            spark_event_logs_s3_uri: Where event logs are written while the job runs.
            kms_key: Not taken.

        Raises:
            TypeError: An argument that is not taken is given; the text says what to use instead.
        """
        submitted = {"jars": submit_jars, "files": submit_files}
        program = _program(
            submit_app, ["--class", str(submit_class)], submitted, configuration, spark_event_logs_s3_uri
        )
        if not isinstance(submit_class, str) or not submit_class:
            missing = Problem(
                "submit_class", submit_class, "the main class of the jar", "pass submit_class='com.x.Main'"
            )
            program = replace(program, mistakes=(*program.mistakes, missing))
        return self._request(
            program,
            inputs,
            outputs,
            arguments,
            experiment_config,
            wait=wait,
            logs=logs,
            job_name=job_name,
            kms_key=kms_key,
        )


def _program(
    app: Any, options: list[str], submitted: dict[str, Sequence[str] | None], configuration: Any, events: Any
) -> Program:
    command = ["smspark-submit", *options]
    inputs: list[ProcessingInput] = []
    outputs: list[ProcessingOutput] = []
    reads: list[S3Location] = []
    mistakes: list[Problem] = []
    for name, given in submitted.items():
        if not given:
            continue
        field = f"submit_{name.replace('-', '_')}"
        wrong = _check_submitted(field, given)
        if not wrong:
            remote = [path for path in given if not is_local_path(path)]
            local = tuple(os.fspath(path) for path in given if is_local_path(path))
            reads += [place for path in remote if (place := _place(path))]
            places = list(remote)
            if local:
                places.append(f"{_INPUT}/{name}")
                inputs.append(ProcessingInput(source=LocalFiles(local), destination=places[-1], input_name=name))
            command += [f"--{name}", ",".join(places)]
            fix = "name local files, which are one folder in the container"
            wrong = limits.check_text(field, command[-1], limits.ARGUMENT_LENGTH, fix)
        mistakes += wrong
    if events:
        command += ["--local-spark-event-logs-dir", _EVENTS]
        outputs.append(ProcessingOutput(source=_EVENTS, destination=events, s3_upload_mode="Continuous"))
        mistakes += _check_events(events)
    if configuration:
        wrong = _check_configuration(configuration)
        mistakes += wrong
        text = "" if wrong else json.dumps(configuration)
        source = TextFile("configuration.json", text)
        inputs.append(ProcessingInput(source=source, destination=f"{_INPUT}/conf", input_name="conf"))
    script = script_program(command, app, field="submit_app")
    return Program(
        entrypoint=script.entrypoint,
        inputs=(*inputs, *script.inputs),
        outputs=tuple(outputs),
        reads=tuple(reads),
        needs_network=True,  # the hosts of a cluster reach each other, and Spark reads s3:// by itself
        mistakes=(*script.mistakes, *mistakes),
    )


def _check_submitted(field: str, given: Any) -> list[Problem]:
    if isinstance(given, str) or not isinstance(given, (list, tuple)):
        return [Problem(field, given, "a list of local paths and s3:// URIs", f"write [{str(given)!r}]")]
    found = []
    for index, path in enumerate(given):
        where, location = f"{field}[{index}]", _place(path)
        if is_local_path(path):
            if not any(True for _ in LocalFiles((os.fspath(path),)).members()) or not Path(path).exists():
                kind = "a folder without files" if Path(path).is_dir() else "nothing"
                fix = f"there is {kind} at {Path(path).resolve()}; correct the path"
                found.append(Problem(where, str(path), "an existing file or folder, or an s3:// URI", fix))
        elif location is None or not location.key:
            allowed = "a local path, or an s3:// or s3a:// URI"
            found.append(Problem(where, path, allowed, "name a file here or in S3"))
        else:
            found += [problem.inside(where) for problem in location.problems()]
    if found:
        return found
    names = (name for name, _ in LocalFiles(tuple(os.fspath(path) for path in given if is_local_path(path))).members())
    return limits.check_unique(field, names, "rename one: they come to lie in one folder")


def _place(path: Any) -> S3Location | None:
    """Where an ``s3://`` or ``s3a://`` URI leads."""
    return S3Location.parse(path.replace("s3a://", "s3://", 1)) if isinstance(path, str) else None


def _check_events(events: Any) -> list[Problem]:
    location = events if isinstance(events, S3Location) else _place(events)
    if location is not None and not str(events).startswith("s3a://"):
        return [problem.inside("spark_event_logs_s3_uri") for problem in location.problems()]
    allowed = "an S3Location or an s3:// URI"
    return [Problem("spark_event_logs_s3_uri", events, allowed, 'pass bucket.at("spark-events/")')]


def _check_configuration(configuration: Any, field: str = "configuration") -> list[Problem]:
    """EMR's format: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html."""
    shape = '{"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g"}}'
    items = configuration if isinstance(configuration, (list, tuple)) else [configuration]
    found = []
    for index, item in enumerate(items):
        where = f"{field}[{index}]"
        if not isinstance(item, dict) or not {"Classification", "Properties"} <= set(item):
            found.append(Problem(where, item, f"in the shape {shape}", "give it Classification and Properties"))
            continue
        extra = set(item) - {"Classification", "Properties", "Configurations"}
        if extra:
            fix = "remove them; nested classifications go under Configurations"
            found.append(Problem(where, sorted(extra), "without further keys", fix))
        name = item["Classification"]
        if name not in _CLASSIFICATIONS:
            allowed = f"one of {', '.join(_CLASSIFICATIONS)}"
            found.append(Problem(f"{where}.Classification", name, allowed, "see EMR's classifications"))
        properties = item["Properties"]
        if not isinstance(properties, dict) or not all(isinstance(value, str) for value in properties.values()):
            allowed = "a dict of str to str"
            found.append(Problem(f"{where}.Properties", properties, allowed, "quote numbers and booleans"))
        elif not all(map(is_known, properties.values())):
            allowed = "known at synth: it is written into a file"
            found.append(
                Problem(f"{where}.Properties", properties, allowed, "pass what a run brings in arguments or env")
            )
        if "Configurations" in item:
            found += _check_configuration(item["Configurations"], f"{where}.Configurations")
    return found

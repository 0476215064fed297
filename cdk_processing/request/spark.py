"""The SDK's Spark processors, which give an application to ``smspark-submit`` in AWS's Spark image."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cdk_processing.errors import Problem
from cdk_processing.request import limits
from cdk_processing.request.channels import ProcessingInput, ProcessingOutput
from cdk_processing.request.compute import UNSET, Compute, NotTaken
from cdk_processing.request.files import Archive, LocalFiles, TextFile, is_local_path, local_path
from cdk_processing.request.folders import LocalFolder, children
from cdk_processing.request.images import ProcessingImage
from cdk_processing.request.likely import here, near_path, s3_uri
from cdk_processing.request.location import S3Location
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.program import Program, script_program
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.runtime import Text
from cdk_processing.request.tokens import is_known
from cdk_processing.request.types import Duration, ImageAsset, Key, ListOf, LocalPath, Role, WholeNumber

__all__ = ["PySparkProcessor", "SparkJarProcessor"]

_INPUT = "/opt/ml/processing/input"
_EVENTS = "/opt/ml/processing/spark-events/"
#: Holds the packages of submit_py_files. Python imports from it on the driver and on each executor.
_PACKAGES = "packages.zip"
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


#: A classification of EMR: ``{"Classification": "spark-defaults", "Properties": {...}}``.
Classification = Mapping[str, object]


class _SparkCompute(Compute):
    """The fields and checks of both Spark processors."""

    __slots__ = ()

    framework_version: str | None
    py_version: str | None
    container_version: str | None
    image_uri: ProcessingImage | ImageAsset | str | None
    configuration_location: None
    dependency_location: None

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
                fix = "leave it out; submitted files are CDK assets in the bootstrap bucket"
                found.append(Problem(name, getattr(self, name), "left out", fix))
        return found


@dataclass(frozen=True, slots=True)
class PySparkProcessor(_SparkCompute):
    """Runs a Python application on Spark.

    Args:
        role: ``iam.IRole`` or ARN of the execution role. Left out, the job gets a least-privilege role.
        instance_type: For example ``ml.m5.xlarge``. Of a list of up to 5, a run tries the next one if there is no
            capacity.
        instance_count: 1-100 hosts of the cluster.
        framework_version: Version of Spark, for example ``3.5``.
        py_version: Python version of the image, together with ``container_version``.
        container_version: Version of the image, together with ``py_version``. Left out, the newest of the framework's.
        image_uri: An image to run instead of AWS's.
        volume_size_in_gb: 1-16,384 GB of storage for each host.
        volume_kms_key: ``kms.IKey``, ARN or id that encrypts that storage; not for types with local NVMe storage.
        output_kms_key: ``kms.IKey``, ARN, id or alias that encrypts the outputs.
        configuration_location: Not taken: the configuration is a CDK asset.
        dependency_location: Not taken: submitted files are CDK assets.
        max_runtime_in_seconds: 1-777,600, or a ``Duration``. Left out, SageMaker stops a job after 24 hours.
        base_job_name: The beginning of job names: at most 24 lower-case letters, digits and hyphens.
        sagemaker_session: Not taken.
        env: At most 99 environment variables.
        tags: At most 49 tags.
        network_config: Left out, the hosts have a network, because the hosts of a cluster must reach each other.
    """

    role: Role | str | None = None
    instance_type: str | ListOf[str] | None = None
    instance_count: WholeNumber | None = None
    framework_version: str | None = None
    py_version: str | None = None
    container_version: str | None = None
    image_uri: ProcessingImage | ImageAsset | str | None = None
    volume_size_in_gb: WholeNumber = 30
    volume_kms_key: Key | str | None = None
    output_kms_key: Key | str | None = None
    configuration_location: None = None
    dependency_location: None = None
    max_runtime_in_seconds: WholeNumber | Duration | None = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: Mapping[str, Text] | None = None
    tags: ListOf[Mapping[str, str]] | Mapping[str, str] | None = None
    network_config: NetworkConfig | None = None

    def run(
        self,
        submit_app: LocalPath | S3Location,
        submit_py_files: ListOf[LocalPath] | None = None,
        submit_jars: ListOf[LocalPath] | None = None,
        submit_files: ListOf[LocalPath] | None = None,
        inputs: ListOf[ProcessingInput] | None = None,
        outputs: ListOf[ProcessingOutput] | None = None,
        arguments: ListOf[Text] | None = None,
        wait: NotTaken = UNSET,
        logs: NotTaken = UNSET,
        job_name: NotTaken = UNSET,
        experiment_config: Mapping[str, Text] | None = None,
        configuration: Classification | ListOf[Classification] | None = None,
        spark_event_logs_s3_uri: S3Location | str | None = None,
        kms_key: NotTaken = UNSET,
    ) -> ProcessingRequest:
        """A request to run code; it starts nothing.

        Args:
            submit_app: Path of a local Python file, or the ``s3://`` URI of one.
            submit_py_files: Python files, archives and folders that the application imports. Local paths become assets,
                and Spark fetches ``s3://`` and ``s3a://`` URIs. Of a folder with an ``__init__.py``, the application
                imports the package; of another folder, the modules and packages in it.
            submit_jars: Jars for the driver and the executors, with paths and URIs as above. Of a folder, all files.
            submit_files: Files for the working directory of each executor, with paths and URIs as above. Of a folder,
                all files, side by side.
            inputs: :class:`ProcessingInput`; 10 with those that bring the application.
            outputs: :class:`ProcessingOutput`; 10 with that of the event logs.
            arguments: At most 100 strings of at most 256 characters; they may hold run-time values.
            wait: Not taken.
            logs: Not taken.
            job_name: Not taken.
            experiment_config: ``ExperimentName``, ``TrialName``, ``TrialComponentDisplayName``, ``RunName``.
            configuration: EMR classifications: ``[{"Classification": "spark-defaults", "Properties": {...}}]``.
            spark_event_logs_s3_uri: Where to write event logs while the job runs: an :class:`S3Location` or
                an ``s3://`` URI.
            kms_key: Not taken.
        """
        submitted = {"py-files": submit_py_files, "jars": submit_jars, "files": submit_files}
        return self._request(
            _program(submit_app, [], submitted, configuration, spark_event_logs_s3_uri),
            inputs,
            outputs,
            arguments,
            experiment_config,
            {"wait": wait, "logs": logs, "job_name": job_name, "kms_key": kms_key},
        )


@dataclass(frozen=True, slots=True)
class SparkJarProcessor(_SparkCompute):
    """Runs a Java or Scala application on Spark. It takes the arguments of :class:`PySparkProcessor`."""

    role: Role | str | None = None
    instance_type: str | ListOf[str] | None = None
    instance_count: WholeNumber | None = None
    framework_version: str | None = None
    py_version: str | None = None
    container_version: str | None = None
    image_uri: ProcessingImage | ImageAsset | str | None = None
    volume_size_in_gb: WholeNumber = 30
    volume_kms_key: Key | str | None = None
    output_kms_key: Key | str | None = None
    configuration_location: None = None
    dependency_location: None = None
    max_runtime_in_seconds: WholeNumber | Duration | None = None
    base_job_name: str | None = None
    sagemaker_session: None = None
    env: Mapping[str, Text] | None = None
    tags: ListOf[Mapping[str, str]] | Mapping[str, str] | None = None
    network_config: NetworkConfig | None = None

    def run(
        self,
        submit_app: LocalPath | S3Location,
        submit_class: str,
        submit_jars: ListOf[LocalPath] | None = None,
        submit_files: ListOf[LocalPath] | None = None,
        inputs: ListOf[ProcessingInput] | None = None,
        outputs: ListOf[ProcessingOutput] | None = None,
        arguments: ListOf[Text] | None = None,
        wait: NotTaken = UNSET,
        logs: NotTaken = UNSET,
        job_name: NotTaken = UNSET,
        experiment_config: Mapping[str, Text] | None = None,
        configuration: Classification | ListOf[Classification] | None = None,
        spark_event_logs_s3_uri: S3Location | str | None = None,
        kms_key: NotTaken = UNSET,
    ) -> ProcessingRequest:
        """A request to run code; it starts nothing. Arguments as for :meth:`PySparkProcessor.run`.

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
            experiment_config: Names for SageMaker Experiments.
            configuration: EMR classifications.
            spark_event_logs_s3_uri: Where to write event logs.
            kms_key: Not taken.
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
            {"wait": wait, "logs": logs, "job_name": job_name, "kms_key": kms_key},
        )


def _program(
    app: object,
    options: list[str],
    submitted: dict[str, ListOf[LocalPath] | None],
    configuration: object,
    events: object,
) -> Program:
    command = ["smspark-submit", *options]
    words = ["submit_app", *["submit_class"] * len(options)]
    inputs: list[ProcessingInput] = []
    fields: list[str] = []
    outputs: list[ProcessingOutput] = []
    reads: list[S3Location] = []
    mistakes: list[Problem] = []
    for name, given in submitted.items():
        field = f"submit_{name.replace('-', '_')}"
        if given is None or given in ([], ()):
            continue
        if wrong := _check_submitted(field, given):
            mistakes += wrong
            continue
        remote = [os.fspath(path) for path in given if not is_local_path(path)]
        local = [local_path(path) for path in given if is_local_path(path)]
        reads += [place for path in remote if (place := _place(path))]
        channels = list(_channels(name, local))
        inputs += channels
        fields += [field] * len(channels)
        places = [*remote, *(str(channel.destination) for channel in channels)]
        command += [f"--{name}", ",".join(places)]
        words += [field, field]
        fix = "name local files: they are one folder in the container"
        mistakes += limits.check_text(field, command[-1], limits.ARGUMENT_LENGTH, fix)
    if events is not None and events != "":
        command += ["--local-spark-event-logs-dir", _EVENTS]
        words += ["spark_event_logs_s3_uri"] * 2
        mistakes += _check_events(events)
        if isinstance(events, (str, S3Location)):
            outputs.append(ProcessingOutput(source=_EVENTS, destination=events, s3_upload_mode="Continuous"))
    if configuration not in (None, [], (), {}):
        wrong = _check_configuration(configuration)
        mistakes += wrong
        source = TextFile("configuration.json", "" if wrong else json.dumps(configuration))
        inputs.append(ProcessingInput(source=source, destination=f"{_INPUT}/conf", input_name="conf"))
        fields.append("configuration")
    script = script_program(command, app, field="submit_app", word_fields=words)
    return Program(
        entrypoint=script.entrypoint,
        inputs=(*inputs, *script.inputs),
        outputs=tuple(outputs),
        reads=tuple(reads),
        needs_network=True,  # the hosts of a cluster reach each other, and Spark reads s3:// by itself
        mistakes=(*script.mistakes, *mistakes),
        word_fields=script.word_fields,
        input_fields=(*fields, *script.input_fields),
    )


def _channels(name: str, paths: Sequence[str | LocalFolder]) -> Iterator[ProcessingInput]:
    """The channels for local paths of one kind.

    ``smspark-submit`` takes the files of a folder and ignores folders in it, so all files are side by side. Python
    packages need their folders, so they go into a zip.
    """
    files = _flat(paths, with_folders=name != "py-files")
    if files:
        yield ProcessingInput(source=LocalFiles(files), destination=f"{_INPUT}/{name}", input_name=name)
    packages = _packages(paths) if name == "py-files" else ()
    if packages:
        source = Archive(_PACKAGES, paths=packages)
        yield ProcessingInput(source=source, destination=f"{_INPUT}/{name}-packages", input_name=f"{name}-packages")


def _flat(paths: Sequence[str | LocalFolder], *, with_folders: bool) -> tuple[str, ...]:
    """The files among paths, and, on request, all files in folders."""
    found: list[str] = []
    for path in paths:
        if not Path(path).is_dir():
            found.append(os.fspath(path))
        elif with_folders:
            found += [str(file) for _, file in LocalFiles(folder=path).members()]
    # A file may come twice, by its own path and by its folder.
    return tuple({Path(path).resolve(): path for path in reversed(found)}.values())[::-1]


def _packages(paths: Sequence[str | LocalFolder]) -> tuple[str | LocalFolder, ...]:
    """The paths at the root of the zip: a package itself, and the content of any other folder."""
    found: list[str | LocalFolder] = []
    for path in paths:
        if (Path(path) / "__init__.py").is_file():
            found.append(path)
        elif Path(path).is_dir():
            found += [str(child) for child in children(path)]
    return tuple(found)


def _check_submitted(field: str, given: object) -> list[Problem]:
    if isinstance(given, str) or not isinstance(given, (list, tuple)):
        return [Problem(field, given, "a list of local paths and s3:// URIs", f"write [{str(given)!r}]")]
    found = []
    for index, path in enumerate(given):
        found += _check_path(f"{field}[{index}]", path)
    if found:
        return found
    local = [local_path(path) for path in given if is_local_path(path)]
    if field == "submit_py_files":
        files, packages = LocalFiles(_flat(local, with_folders=False)), LocalFiles(_packages(local))
    else:
        files, packages = LocalFiles(_flat(local, with_folders=True)), LocalFiles()
    for name in (name for name, _ in files.members() if "," in name):
        fix = "rename the file"
        found.append(Problem(field, name, "without a comma: Spark separates the files of its list by commas", fix))
    for source in (files, packages):
        names = (name for name, _ in source.members())
        found += limits.check_unique(field, names, "rename one: they are in one folder there")
    return found


def _check_path(where: str, path: object) -> list[Problem]:
    location = _place(path)
    if is_local_path(path):
        local = Path(path)
        if local.is_file() or (local.is_dir() and any(True for _ in LocalFiles(folder=local_path(path)).members())):
            return []
        kind = "a folder without files" if local.is_dir() else "nothing"
        near = here(str(path)) or near_path(str(path))
        fix = f"there is {kind} at {local.resolve()}; {f'write {near!r}' if near else 'correct the path'}"
        return [Problem(where, str(path), "an existing file or folder, or an s3:// URI", fix)]
    if location is None or not location.key:
        meant = here(path) or s3_uri(path)
        fix = "name a file here or in S3" if meant is None else f"write {meant!r}"
        return [Problem(where, path, "a local path, or an s3:// or s3a:// URI", fix)]
    if "," in location.key:
        fix = "give the object another key"
        return [Problem(where, path, "without a comma: Spark separates the files of its list by commas", fix)]
    return [problem.inside(where) for problem in location.problems()]


def _place(path: object) -> S3Location | None:
    """The location of an ``s3://`` or ``s3a://`` URI."""
    return S3Location.parse(path.replace("s3a://", "s3://", 1)) if isinstance(path, str) else None


def _check_events(events: object) -> list[Problem]:
    location = events if isinstance(events, S3Location) else _place(events)
    if location is not None and not str(events).startswith("s3a://"):
        return [problem.inside("spark_event_logs_s3_uri") for problem in location.problems()]
    allowed = "an S3Location or an s3:// URI"
    return [Problem("spark_event_logs_s3_uri", events, allowed, 'pass bucket.at("spark-events/")')]


def _check_configuration(configuration: object, field: str = "configuration") -> list[Problem]:
    """EMR's format: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html."""
    shape = '{"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g"}}'
    items = configuration if isinstance(configuration, (list, tuple)) else [configuration]
    found = []
    for index, item in enumerate(items):
        where = f"{field}[{index}]"
        if not isinstance(item, Mapping) or not {"Classification", "Properties"} <= set(item):
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
        if not isinstance(properties, Mapping) or not all(isinstance(value, str) for value in properties.values()):
            allowed = "a dict of str to str"
            found.append(Problem(f"{where}.Properties", properties, allowed, "quote numbers and booleans"))
        elif not all(map(is_known, properties.values())):
            allowed = "known at synth, which writes it into a file"
            found.append(
                Problem(f"{where}.Properties", properties, allowed, "pass run-time values in arguments or env")
            )
        if "Configurations" in item:
            found += _check_configuration(item["Configurations"], f"{where}.Configurations")
    return found

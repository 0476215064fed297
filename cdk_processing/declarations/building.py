"""Build a request from what a file says, with the library's own classes.

The annotations of the classes say how each value is read: text in which braces stand for something, a location, a path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol, get_args, get_origin

from cdk_processing.declarations.document import Document, KeyPath
from cdk_processing.declarations.jobs import PROCESSORS
from cdk_processing.declarations.placeholders import Placeholder, PlaceholderError, parts_of, run_time_value
from cdk_processing.declarations.problems import FileProblem
from cdk_processing.declarations.python_words import ESTIMATORS, alternatives, hints_of
from cdk_processing.declarations.reading_jobs import JobDeclaration
from cdk_processing.errors import DeclarationError, RunTimeValueError
from cdk_processing.request.images import ProcessingImage
from cdk_processing.request.location import S3Location
from cdk_processing.request.request import ProcessingRequest
from cdk_processing.request.runtime import ExecutionVariable, Parameter
from cdk_processing.request.types import Bucket, ListOf, Repository

__all__ = ["Built", "Surroundings"]

_PARAMETER_TYPES: Mapping[str, Any] = {"str": str, "int": int, "float": float, "bool": bool}


class Surroundings(Protocol):
    """What a job of a file may name."""

    def bucket(self, name: str) -> Bucket:
        """The bucket of a name."""

    def output(self, job: str, name: str) -> S3Location:
        """The output of a job.

        Raises:
            DeclarationError: The job has no such output.
        """

    def repository(self, name: str) -> Repository:
        """The ECR repository of a name."""


class Built:
    """Builds the values of one job.

    Args:
        document: The file.
        job: The job.
        surroundings: What the job may name.

    Attributes:
        problems: What was wrong with the texts.
    """

    def __init__(self, document: Document, job: JobDeclaration, surroundings: Surroundings) -> None:
        self._document = document
        self._job = job
        self._surroundings = surroundings
        self.problems: list[FileProblem] = []
        self._parameters = dict(self._make_parameters())

    def request(self) -> ProcessingRequest | None:
        """The request; None if something is wrong with it."""
        kind = PROCESSORS[self._job.processor]
        arguments = self._job.data["processor"][self._job.processor]
        processor = kind(**self._arguments(hints_of(kind), arguments, self._job.processor_path))
        given = self._job.data.get("run") or {}
        run = self._arguments(hints_of(kind.run), given, (*self._job.path, "run"))
        if "source_dir" in given and isinstance(given.get("code"), str):
            run["code"] = given["code"]  # within source_dir
        if self.problems:
            return None
        request: ProcessingRequest = processor.run(**run)
        return request

    def text(self, text: str, path: KeyPath) -> str:
        """Text in which braces stand for something."""
        try:
            return "".join(part if isinstance(part, str) else self._part(part) for part in parts_of(text))
        except PlaceholderError as error:
            self._tell(path, error)
            return ""

    def location(self, text: str, path: KeyPath, *, may_be_local: bool = False) -> Any:
        """A location of a bucket or an output of the file, a URI, a run-time value, or a path from the file."""
        try:
            parts = list(parts_of(text))
            if parts and isinstance(parts[0], Placeholder) and parts[0].kind in ("buckets", "jobs"):
                rest = "".join(part if isinstance(part, str) else self._part(part) for part in parts[1:])
                return self._place(parts[0], rest)
        except PlaceholderError as error:
            self._tell(path, error)
            return ""
        except DeclarationError as error:  # the job has no such output
            [problem] = error.problems
            self._tell(path, PlaceholderError(f"text that names an output, {problem.allowed}", problem.fix))
            return ""
        whole = self.text(text, path)
        is_local = may_be_local and "://" not in whole and isinstance(next(iter(parts), ""), str)
        return self.local(whole) if is_local else whole

    def local(self, text: str) -> str:
        """A path of this machine, from the folder of the file."""
        return os.fspath(self._document.folder / text) if not Path(text).is_absolute() else text

    def plain(self, text: str, path: KeyPath) -> str:
        """Text of an argument that takes no run-time value."""
        try:
            found = [part for part in parts_of(text) if not isinstance(part, str)]
        except PlaceholderError:
            return text  # braces of its own
        if found:
            allowed = "text without run-time values and names of this file"
            self._tell(path, PlaceholderError(allowed, f"write {{{{{found[0].name}}}}} for text in braces"))
        return "".join(str(part) for part in parts_of(text))

    def instant(self, text: str, path: KeyPath) -> datetime | None:
        """A point in time with its offset from UTC."""
        try:
            found = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            allowed = "a time with its offset from UTC, such as 2030-01-31T06:00:00+01:00"
            self._tell(path, PlaceholderError(allowed, "write date, time and offset"))
            return None
        return found

    # -- values by annotation ------------------------------------------------------------------------------------------

    def _arguments(self, hints: Mapping[str, Any], data: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        return {name: self._value(hints[name], value, (*path, name)) for name, value in data.items() if name in hints}

    def _value(self, annotation: Any, data: Any, path: KeyPath) -> Any:
        members = alternatives(annotation)
        if isinstance(data, str):
            return self._text_value(members, data, path)
        if isinstance(data, list):
            item = next((get_args(each)[0] for each in members if get_origin(each) is ListOf), object)
            return [self._value(item, each, (*path, index)) for index, each in enumerate(data)]
        if isinstance(data, dict):
            return self._mapping_value(members, data, path)
        return data

    def _text_value(self, members: tuple[Any, ...], text: str, path: KeyPath) -> Any:
        if any(get_origin(each) is type for each in members):
            return ESTIMATORS[text]
        if date in members:
            return date.fromisoformat(text)
        is_path = any(get_origin(each) is os.PathLike or each is os.PathLike for each in members)
        if S3Location in members or Bucket in members:
            return self.location(text, path, may_be_local=is_path)
        if is_path:
            return self.local(text) if "://" not in text else text
        if ExecutionVariable in members or Parameter in members:
            return self.text(text, path)
        return self.plain(text, path) if str in members else text

    def _mapping_value(self, members: tuple[Any, ...], data: Mapping[str, Any], path: KeyPath) -> Any:
        if ProcessingImage in members:
            return self._image(data)
        for each in members:
            if isinstance(each, type) and is_dataclass(each):
                return each(**self._arguments(hints_of(each), data, path))
        value = next(
            (get_args(each)[1] for each in members if get_origin(each) is not None and get_args(each)[1:]), object
        )
        return {key: self._value(value, each, (*path, key)) for key, each in data.items()}

    def _image(self, data: Mapping[str, Any]) -> ProcessingImage:
        if "from_build" in data:
            options = {"build_args": data["build_args"]} if "build_args" in data else {}
            return ProcessingImage.from_build(self.local(data["from_build"]), **options)
        repository = self._surroundings.repository(data["from_ecr_repository"])
        return ProcessingImage.from_ecr_repository(repository, tag=data.get("tag"), digest=data.get("digest"))

    # -- what braces stand for -----------------------------------------------------------------------------------------

    def _part(self, placeholder: Placeholder) -> str:
        if not placeholder.kind:
            return run_time_value(placeholder)
        names = placeholder.names
        if placeholder.kind == "parameters":
            return str(self._parameters.get(names[0], ""))
        if placeholder.kind == "buckets":
            return S3Location(self._surroundings.bucket(names[0])).uri.removesuffix("/")
        allowed = "text in which an output of a job stands at the beginning of a location, and nowhere else"
        raise PlaceholderError(allowed, "name the output as the source of an input")

    def _place(self, placeholder: Placeholder, rest: str) -> S3Location:
        names = placeholder.names
        if placeholder.kind == "buckets":
            if rest and not rest.startswith("/"):
                raise PlaceholderError("a bucket, and a prefix after a slash", f"write {{{placeholder.name}}}/{rest}")
            return S3Location(self._surroundings.bucket(names[0]), rest[1:])
        output = self._surroundings.output(names[0], names[1])
        found = output.folder if names[2:] else output
        return found.at(rest.removeprefix("/")) if rest not in ("", "/") else found

    def _make_parameters(self) -> Iterator[tuple[str, Parameter]]:
        for name, each in self._job.parameters.items():
            kind = _PARAMETER_TYPES[each.type or "str"]
            path = (*self._job.path, "parameters", name)
            try:
                given = {key: self._typed(kind, getattr(each, key)) for key in ("default", "enum_values")}
                yield name, Parameter(name, type=kind, **given)
            except RunTimeValueError as error:
                self._tell(path, PlaceholderError(f"a parameter that works: {error}", "correct it"))

    def _typed(self, kind: type, value: Any) -> Any:
        """A number of the file as the parameter's type has it: the file's 2 is 2.0 here, and 2 for an int."""
        if isinstance(value, list):
            return [self._typed(kind, each) for each in value]
        return int(value) if kind is int and isinstance(value, float) and value.is_integer() else value

    def _tell(self, path: KeyPath, error: PlaceholderError) -> None:
        self.problems.append(self._document.problem(path, error.allowed, error.fix))

"""Read jobs.yaml into values, in the order in which the jobs can be declared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk_processing.declarations.document import Document, KeyPath, Node, read_document
from cdk_processing.declarations.jobs import PROCESSORS, BucketModel, JobModel, JobsModel, ParameterModel, job_model
from cdk_processing.declarations.placeholders import PlaceholderError, parts_of
from cdk_processing.declarations.placing import unique
from cdk_processing.declarations.problems import FileProblem, shown_path
from cdk_processing.declarations.validation import empty_problems, validated
from cdk_processing.declarations.variables import Value, fill_in
from cdk_processing.errors import DeclarationError
from cdk_processing.request.likely import nearest

__all__ = ["JobDeclaration", "JobsDeclaration", "read_jobs"]

_PLACEHOLDER = re.compile(r"(?:buckets|jobs|parameters|variables)\.|[A-Z_]+(?:\[.*|$)")


@dataclass(frozen=True, slots=True)
class JobDeclaration:
    """A job of jobs.yaml.

    Attributes:
        name: Its name.
        processor: The name of its processor's class.
        processor_path: Where the file has the processor's arguments.
        model: The job, checked.
        data: The job's data; the processor's arguments are below the name of its class.
        upstream: The names of the jobs that must be declared before it.
    """

    name: str
    processor: str
    processor_path: KeyPath
    model: JobModel
    data: Mapping[str, Any]
    upstream: tuple[str, ...]

    @property
    def path(self) -> KeyPath:
        """Where the file has it."""
        return "jobs", self.name

    @property
    def parameters(self) -> Mapping[str, ParameterModel]:
        """Its parameters by name."""
        return {name: each or ParameterModel() for name, each in (self.model.parameters or {}).items()}


@dataclass(frozen=True, slots=True)
class JobsDeclaration:
    """A jobs.yaml.

    Attributes:
        document: The file.
        buckets: Its buckets by name.
        jobs: Its jobs, each after those that it names.
    """

    document: Document
    buckets: Mapping[str, BucketModel]
    jobs: tuple[JobDeclaration, ...]


def read_jobs(
    file: str | Path, variables: Mapping[str, Value] | None = None, buckets: Iterable[str] = ()
) -> JobsDeclaration:
    """Read the jobs of a file.

    Args:
        file: The file.
        variables: Values for ``{variables.NAME}``.
        buckets: Names of buckets that the file does not declare, and may name.

    Raises:
        DeclarationError: The file is not what it must be. The error lists all problems with their places.
    """
    path = Path(file)
    document, problems = read_document(path)
    if document is None:
        raise DeclarationError(shown_path(path), problems)
    problems += fill_in(document, variables or {})
    shared = _shared_processors(document)
    problems += empty_problems(document, _needs_no_value)
    model, wrong = validated(JobsModel, document)
    problems += wrong
    found: list[JobDeclaration] = []
    for name, node in _entries(document, "jobs"):
        job, wrong = _job(document, name, node, shared)
        problems += wrong
        found += [] if job is None else [job]
    if model is not None and not model.jobs:
        problems.append(document.problem(("jobs",), "a mapping with an entry", "name a job"))
    names = {name for name, _ in _entries(document, "jobs")}
    for name, _ in _entries(document, "buckets"):
        if name in names or name in buckets:
            what = "job" if name in names else "bucket that is passed to from_file"
            problems.append(
                document.key_problem(("buckets", name), f"another name than that of a {what}", "rename one")
            )
    for each in found:
        problems += _reference_problems(document, each, names, buckets)
    ordered = _ordered(found)
    if not problems and len(ordered) < len(found):
        problems += _circle_problems(document, [each for each in found if each not in ordered])
    if problems or model is None:
        raise DeclarationError(shown_path(path), unique(problems))
    buckets = {name: each or BucketModel() for name, each in (model.buckets or {}).items()}
    return JobsDeclaration(document, buckets, tuple(ordered))


def _needs_no_value(path: KeyPath) -> bool:
    is_bucket = len(path) == 2 and path[0] == "buckets"
    is_parameter = len(path) == 4 and (path[0], path[2]) == ("jobs", "parameters")
    # An EventBridge pattern may match null.
    # Text that begins with a brace and has no quotes is reported as the mapping that YAML makes of it.
    is_placeholder = _PLACEHOLDER.match(str(path[-1])) is not None
    return is_bucket or is_parameter or is_placeholder or "pattern" in path[4:-1]


def _entries(document: Document, key: str) -> list[tuple[str, Node]]:
    node = document.root.child(key)
    return list(node.value.items()) if node is not None and isinstance(node.value, dict) else []


def _shared_processors(document: Document) -> dict[str, KeyPath]:
    """The path of the processor of each job that names one of the file."""
    known = dict(_entries(document, "processors"))
    found: dict[str, KeyPath] = {}
    for name, node in _entries(document, "jobs"):
        processor = node.child("processor")
        if processor is not None and isinstance(processor.value, str) and processor.value in known:
            found[name] = ("processors", processor.value)
    return found


def _job(
    document: Document, name: str, node: Node, shared: Mapping[str, KeyPath]
) -> tuple[JobDeclaration | None, list[FileProblem]]:
    path: KeyPath = ("jobs", name)
    processor_path = shared.get(name, (*path, "processor"))
    processor, _ = document.node_at(processor_path)
    if name not in shared and isinstance(processor.value, str) and node.child("processor") is processor:
        known = [each for each, _ in _entries(document, "processors")]
        near = nearest(processor.value, [*known, *PROCESSORS])
        if near in PROCESSORS and near is not None:
            fix = f"write its arguments below it: processor: {{{near}: {{...}}}}"
        else:
            fix = f"write {near!r}" if near else "add it below processors"
        allowed = f"the name of a processor of this file, which are: {', '.join(known) or 'none'}"
        return None, [document.problem(processor_path, allowed, fix)]
    if (
        not isinstance(processor.value, dict)
        or len(processor.value) != 1
        or not set(processor.value) <= set(PROCESSORS)
    ):
        return None, []  # its own problems are reported already
    [kind] = processor.value
    model, problems = validated(job_model(kind), document, path)
    if model is None:
        return None, problems
    data = node.data
    upstream = [each.OnSuccessOf.job for each in model.triggers or () if each.OnSuccessOf is not None]
    upstream += [names[0] for _, kinds, names in _references(document, path) if kinds == "jobs"]
    job = JobDeclaration(
        name,
        kind,
        (*processor_path, kind),
        model,
        {**data, "processor": processor.data},
        tuple(dict.fromkeys(upstream)),
    )
    return job, problems


def _references(document: Document, path: KeyPath) -> Iterator[tuple[KeyPath, str, tuple[str, ...]]]:
    """What the texts at a path name: where, the kind, and the names. Braces that stand for nothing are passed over."""
    for here, node in document.node_at(path)[0].walk(path):
        if isinstance(node.value, str) and "{" in node.value and not _is_pattern(here):
            try:
                for part in parts_of(node.value):
                    if not isinstance(part, str) and part.kind:
                        yield here, part.kind, part.names
            except PlaceholderError:
                continue  # reported where the text is read


def _is_pattern(path: KeyPath) -> bool:
    return "pattern" in path[4:]


def _reference_problems(
    document: Document, job: JobDeclaration, jobs: set[str], buckets: Iterable[str]
) -> Iterator[FileProblem]:
    """Names of buckets, parameters and jobs that the file does not have."""
    known = {
        "buckets": [*(name for name, _ in _entries(document, "buckets")), *buckets],
        "parameters": list(job.parameters),
        "jobs": [name for name in sorted(jobs) if name != job.name],
    }
    for base in (job.path, job.processor_path):
        for path, kind, names in _references(document, base):
            if kind in known and names[0] not in known[kind]:
                yield _unknown(document, path, kind, names[0], known[kind])
    for index, trigger in enumerate(job.model.triggers or ()):
        if trigger.OnSuccessOf is not None and trigger.OnSuccessOf.job not in known["jobs"]:
            path = (*job.path, "triggers", index, "OnSuccessOf", "job")
            yield _unknown(document, path, "jobs", trigger.OnSuccessOf.job, known["jobs"])


def _unknown(document: Document, path: KeyPath, kind: str, name: str, known: list[str]) -> FileProblem:
    near = nearest(name, known)
    one = kind.removesuffix("s")
    allowed = f"the name of a {one} of this file" if path[-1] == "job" else f"text that names a {one} of this file"
    allowed += f", which are: {', '.join(known)}" if known else ", which has none"
    return document.problem(path, allowed, f"write {near}" if near else f"add {name} to {kind}")


def _ordered(jobs: list[JobDeclaration]) -> list[JobDeclaration]:
    """The jobs in an order in which each follows those that it names; without those that are in a circle."""
    done: dict[str, JobDeclaration] = {}
    left = {each.name: each for each in jobs}
    while True:
        ready = [each for each in left.values() if all(name in done or name not in left for name in each.upstream)]
        if not ready:
            return list(done.values())
        done.update({each.name: each for each in ready})
        left = {name: each for name, each in left.items() if name not in done}


def _circle_problems(document: Document, jobs: list[JobDeclaration]) -> Iterator[FileProblem]:
    names = " and ".join(each.name for each in jobs)
    for each in jobs:
        allowed = f"launched, and fed, by jobs that do not need it themselves; {names} need each other"
        yield document.key_problem(each.path, allowed, "remove one OnSuccessOf or one input that names a job")

"""What Python declares, as a file says it: the library's own dataclasses and signatures give the models of the files.

So a file has the words of Python, and an argument that is added to the library is in the files too.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import Field, create_model

from cdk_processing.declarations.images import Image
from cdk_processing.declarations.model_base import Day, Declared, choice, either
from cdk_processing.request.compute import NotTaken
from cdk_processing.request.framework import MXNet, PyTorch, SKLearn, TensorFlow, XGBoost
from cdk_processing.request.images import ProcessingImage
from cdk_processing.request.location import S3Location
from cdk_processing.request.runtime import ExecutionVariable, Parameter
from cdk_processing.request.types import ListOf

__all__ = [
    "ESTIMATORS",
    "NOT_IN_FILES",
    "alternatives",
    "documented",
    "fields_of",
    "hints_of",
    "is_left_out",
    "model_of",
    "signature_model",
    "told_of",
]

#: Arguments that a file cannot give, and why.
NOT_IN_FILES: Mapping[str, str] = {
    "wait": "run() starts nothing at synth",
    "logs": "run() starts nothing at synth",
    "job_name": "each run has a name of its own; base_job_name begins it",
    "git_config": "synth clones nothing; name a folder of the checkout",
    "kms_key": "code is a CDK asset, encrypted as the bootstrap bucket is",
    "sagemaker_session": "synth calls nothing",
    "code_location": "code is a CDK asset",
    "configuration_location": "the configuration is a CDK asset",
    "dependency_location": "submitted files are CDK assets",
    "NetworkConfig.vpc": "it takes a construct; give subnets and security_group_ids, or a network to the platform",
}
ESTIMATORS: Mapping[str, type] = {each.__name__: each for each in (SKLearn, XGBoost, PyTorch, TensorFlow, MXNet)}
_ESTIMATORS = choice(tuple(ESTIMATORS))
_WORD = re.compile(r":\w+:`([^`]+)`")


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, without None."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(each for part in get_args(annotation) for each in alternatives(part))
    return () if annotation is NoneType else (annotation,)


def is_left_out(owner: str, name: str) -> bool:
    """Whether NOT_IN_FILES names an argument, of all classes or of one."""
    return name in NOT_IN_FILES or f"{owner}.{name}" in NOT_IN_FILES


@cache
def hints_of(owner: Any) -> Mapping[str, Any]:
    """The types of a class's fields or of a function's arguments."""
    found = get_type_hints(owner)
    return {name: hint for name, hint in found.items() if name != "return"}


@cache
def model_of(kind: type) -> type[Declared]:
    """The model of a dataclass: a mapping with its fields.

    Raises:
        TypeError: A field has a type that no file can give, and NOT_IN_FILES does not name it.
    """
    return _model(kind.__name__, fields_of(kind), inspect.getdoc(kind) or "")


def fields_of(kind: type) -> dict[str, Any]:
    """The fields of a dataclass that files can give, for ``pydantic.create_model``."""
    hints, told = hints_of(kind), told_of(kind)
    return {
        each.name: _field(f"{kind.__name__}.{each.name}", hints[each.name], told.get(each.name, ""), _is_needed(each))
        for each in fields(kind)
        if each.init and not is_left_out(kind.__name__, each.name)
    }


@cache
def signature_model(name: str, function: Callable[..., Any], owner: type | None = None) -> type[Declared]:
    """The model of a function's arguments.

    Args:
        name: The model's name.
        function: The function.
        owner: A class whose docstring describes the arguments; left out, the function's own.
    """
    hints, told = hints_of(function), told_of(owner or function)
    given = {
        each.name: _field(f"{name}.{each.name}", hints[each.name], told.get(each.name, ""), each.default is each.empty)
        for each in list(inspect.signature(function).parameters.values())
        if each.name in hints and not is_left_out(name, each.name)
    }
    return _model(name, given, inspect.getdoc(function) or "")


def _model(name: str, given: dict[str, Any], doc: str) -> type[Declared]:
    made: type[Declared] = create_model(name, __base__=Declared, __doc__=_sentence(doc), **given)
    return made


def _is_needed(each: Any) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _field(name: str, annotation: Any, told: str, is_needed: bool) -> tuple[Any, Any]:
    kind = _type(annotation)
    if kind is None:
        raise TypeError(f"{name}: no file can give {annotation}; name it in NOT_IN_FILES with the reason")
    # A key without a value says nothing, so None is no value of a field.
    return (kind, Field(description=told)) if is_needed else (kind, Field(default=None, description=told))


def _type(annotation: Any) -> Any | None:
    """The type of a value in a file; None if a file can give none."""
    members = alternatives(annotation)
    kinds: dict[str, Any] = {}
    words = tuple(str(word) for each in members if get_origin(each) is Literal for word in get_args(each))
    if words and str not in members:
        kinds["text"] = choice(words, or_run_time_value=Parameter in members)
    for each in members:
        kind, found = _one(each)
        if kind and kind not in kinds:
            kinds[kind] = found
    if int in members and float in members:
        kinds["number"] = int  # a whole number, or the CDK's token for one
    return either(kinds) if kinds else None


def _one(annotation: Any) -> tuple[str, Any]:
    """The kind and the type of one member of a union; "" for one that no file can give, such as a construct."""
    simple = {str: ("text", str), bool: ("boolean", bool), int: ("number", int), float: ("number", float)}
    if annotation in simple:
        return simple[annotation]
    if annotation is date:
        return "text", Day
    if annotation is ProcessingImage:
        return "mapping", Image
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is ListOf:
        item = _type(arguments[0])
        return ("list", list[item]) if item is not None else ("", None)  # type: ignore[valid-type]
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        value = Any if arguments[1] in (object, Any) else _type(arguments[1])
        return "mapping", dict[str, value]  # type: ignore[valid-type]
    if origin is type:
        return "text", _ESTIMATORS
    if annotation in (NotTaken, S3Location, ExecutionVariable, Parameter) or not isinstance(annotation, type):
        return "", None
    is_value = (
        is_dataclass(annotation) and annotation.__module__.startswith("cdk_processing.") and not _is_files(annotation)
    )
    return ("mapping", model_of(annotation)) if is_value else ("", None)


def _is_files(kind: type) -> bool:
    """Whether a dataclass means files of this machine, which a file names by their path."""
    return kind.__module__ in ("cdk_processing.request.files", "cdk_processing.request.folders") or issubclass(
        kind, os.PathLike
    )


# -- what docstrings say of arguments ----------------------------------------------------------------------------------


@cache
def told_of(owner: Any) -> Mapping[str, str]:
    """What the docstrings of a class and of those it is like, or of a function, say of each argument."""
    return dict(documented(inspect.getdoc(owner) or ""))


def documented(doc: str) -> Iterator[tuple[str, str]]:
    r"""The arguments of a docstring in Google's style, and what it says of them.

    Example:
        >>> dict(documented("Does it.\n\nArgs:\n    code: Path of a script,\n        or a URI.\n"))
        {'code': 'Path of a script, or a URI.'}
    """
    _, _, section = doc.partition("Args:\n")
    name, words = "", list[str]()
    for line in section.splitlines():
        if line.strip() and not line.startswith(" "):
            break
        started = re.match(r" {4}(\w+): (.*)", line)
        if started:
            if name:
                yield name, _sentence(" ".join(words))
            name, words = started[1], [started[2]]
        elif line.strip():
            words.append(line.strip())
        elif words:
            break
    if name:
        yield name, _sentence(" ".join(words))


def _sentence(doc: str) -> str:
    """The first paragraph of a docstring, without its marks."""
    first = " ".join(doc.partition("\n\n")[0].split())
    return _WORD.sub(r"\1", first).replace("``", "")

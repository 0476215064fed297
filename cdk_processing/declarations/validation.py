"""A document against a model: every mistake, with its place and what is allowed there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from cdk_processing.declarations.document import Document, KeyPath
from cdk_processing.declarations.problems import FileProblem
from cdk_processing.request.likely import nearest

__all__ = ["empty_problems", "validated"]

_Model = TypeVar("_Model", bound=BaseModel)

#: Errors of pydantic about the kind of a value, as what is allowed and what to do.
_KINDS: Mapping[str, tuple[str, str]] = {
    "string_type": ("text", "write text"),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "int_type": ("a whole number", "write a whole number, without quotes"),
    "int_from_float": ("a whole number", "write it without a fraction"),
    "float_type": ("a number", "write a number, without quotes"),
    "finite_number": ("a finite number", "write a number"),
    "list_type": ("a list", "write [...], or a line with a hyphen for each entry"),
    "dict_type": ("a mapping", "write keys and values, indented below"),
    "model_type": ("a mapping", "write keys and values, indented below"),
    "model_attributes_type": ("a mapping", "write keys and values, indented below"),
}


def validated(model: type[_Model], document: Document, path: KeyPath = ()) -> tuple[_Model | None, list[FileProblem]]:
    """Check a value of a document.

    Args:
        model: What it must be.
        document: The document.
        path: The value's path; left out, the whole document.

    Returns:
        The value, None if something is wrong with it, and the problems.
    """
    node, _ = document.node_at(path)
    try:
        return model.model_validate(node.data), []
    except ValidationError as error:
        return None, list(_problems(model, document, path, error))


def empty_problems(document: Document, is_allowed: Callable[[KeyPath], bool]) -> Iterator[FileProblem]:
    """Keys without a value: what somebody meant to write there is missing.

    Args:
        document: The document.
        is_allowed: Whether the key at a path needs no value. The other nodes are marked as broken.
    """
    for path, node in document.root.walk():
        if path and node.value is None and not node.is_broken and not is_allowed(path):
            node.is_broken = True
            yield document.problem(path, "given a value", "write one, or remove the key")


def _problems(
    model: type[BaseModel], document: Document, path: KeyPath, error: ValidationError
) -> Iterator[FileProblem]:
    for each in error.errors(include_url=False, include_context=True):
        place = (*path, *_steps(each["loc"], document, path))
        if document.node_at(place)[0].is_broken:
            continue
        yield _problem(model, document, path, place, dict(each))


def _steps(loc: tuple[int | str, ...], document: Document, path: KeyPath) -> KeyPath:
    """The part of an error's location that leads through the file: without the names of unions' members."""
    node, found = document.node_at(path)[0], []
    for position, step in enumerate(loc):
        child = node.child(step)
        if child is not None:
            node = child
            found.append(step)
        elif position == len(loc) - 1 and not _is_tag(step):
            found.append(step)
    return tuple(found)


def _is_tag(step: object) -> bool:
    return isinstance(step, str) and (step.startswith("<") or step == "[key]")


def _problem(
    model: type[BaseModel], document: Document, base: KeyPath, place: KeyPath, error: dict[str, Any]
) -> FileProblem:
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind == "extra_forbidden":
        keys = _known_keys(model, error["loc"][:-1])
        near = nearest(str(place[-1]), keys)
        fix = f"write {near!r}" if near else "remove it, or write one of those"
        return document.key_problem(place, f"one of the keys {', '.join(keys)}", fix)
    if kind == "missing":
        return document.problem(place, "given", f"add a line {place[-1]}: ...")
    if kind == "declared":
        return document.problem(place, str(context["allowed"]), str(context["fix"]))
    allowed, fix = _KINDS.get(kind, (str(error["msg"]), "correct it"))
    node, _ = document.node_at(place)
    if kind == "string_type" and not isinstance(node.value, (dict, list)) and node.text:
        allowed, fix = "text, in quotes", f'write "{node.text}"'
    if (
        kind == "string_type"
        and isinstance(node.value, dict)
        and [each.value for each in node.value.values()] == [None]
    ):
        allowed, fix = "text, in quotes", f'write "{{{next(iter(node.value))}}}"'
    if kind == "bool_type" and node.is_quoted and node.text in ("true", "false"):
        fix = f"write {node.text} without quotes"
    if kind == "list_type" and isinstance(node.value, (str, int, float)):
        fix = f"write [{node.text if not node.is_quoted else repr(node.text)}]"
    return document.problem(place, allowed, fix)


def _known_keys(model: Any, loc: tuple[int | str, ...]) -> list[str]:
    """The keys of the model at a location: its fields by the names that the file has."""
    for step in loc:
        model = _below(model, step)
    model = _bare(model)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [each.alias or name for name, each in model.model_fields.items()]
    return []


def _below(model: Any, step: int | str) -> Any:
    """The type of what a step leads to."""
    if _is_tag(step):
        return next((each for each in _members(model) if Tag(str(step)) in _extras(each)), model)
    bare = _bare(model)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        names = {each.alias or name: each for name, each in bare.model_fields.items()}
        return names[str(step)].annotation if step in names else Any
    arguments = get_args(bare)
    return arguments[-1] if get_origin(bare) in (list, dict) and arguments else model


def _members(model: Any) -> tuple[Any, ...]:
    while get_origin(model) is Annotated:
        model = get_args(model)[0]
    return get_args(model) if get_origin(model) in (Union, UnionType) else ()


def _extras(model: Any) -> tuple[Any, ...]:
    return get_args(model)[1:] if get_origin(model) is Annotated else ()


def _bare(model: Any) -> Any:
    """A type without what is annotated, and without None."""
    while True:
        if get_origin(model) is Annotated:
            model = get_args(model)[0]
            continue
        members = [each for each in _members(model) if each is not type(None)]
        if len(members) != 1:
            return model
        model = members[0]

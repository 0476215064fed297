"""The base of the models of files, and types that their fields have in common."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = ["PLACEHOLDER", "Day", "Declared", "choice", "either", "spelled", "wrong"]

#: What marks a choice that may also be a value known at run time.
PLACEHOLDER = "{"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Declared(BaseModel):
    """A part of a file: strict types, no unknown keys."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


def wrong(allowed: str, fix: str) -> PydanticCustomError:
    """The error of a validator of our own."""
    return PydanticCustomError("declared", "{allowed}; {fix}", {"allowed": allowed, "fix": fix})


def spelled(pattern: str, allowed: str, fix: str) -> Any:
    """Text of a certain spelling.

    Args:
        pattern: A regular expression for the whole text, in the syntax that JavaScript has too.
        allowed: What is allowed, to follow "must be".
        fix: What to do.
    """
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise wrong(allowed, fix)
        return text

    return Annotated[str, AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$"})]


def choice(words: tuple[str, ...], *, or_run_time_value: bool = False) -> Any:
    """One of some words; where a parameter may choose it, also a value known at run time."""
    schema: dict[str, Any] = {"enum": list(words)}
    if or_run_time_value:
        schema = {"anyOf": [schema, {"type": "string", "pattern": "\\{"}]}

    def check(text: str) -> str:
        if text not in words and not (or_run_time_value and PLACEHOLDER in text):
            raise wrong(f"one of {', '.join(map(repr, words))}", "write one of those")
        return text

    return Annotated[str, AfterValidator(check), WithJsonSchema(schema)]


class _Context(dict[str, Any]):
    """What an error says; hashable, because a union of types must be."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


def _kind(value: Any) -> str | None:
    for kind, word in ((str, "text"), (list, "list"), (bool, "boolean"), (int, "number"), (float, "number")):
        if isinstance(value, kind):
            return f"<{word}>"
    return "<mapping>"


def either(kinds: dict[str, Any]) -> Any:
    """A value of one of several kinds.

    Args:
        kinds: The type of each kind: ``text``, ``list``, ``mapping``, ``number``, ``boolean``.
    """
    if len(kinds) == 1:
        return next(iter(kinds.values()))
    tagged = [Annotated[kind, Tag(f"<{word}>")] for word, kind in kinds.items()]
    union: Any = tagged[0]
    for each in tagged[1:]:
        union = union | each
    allowed = " or ".join({"text": "text", "list": "a list"}.get(word, f"a {word}") for word in kinds)
    known = {f"<{word}>" for word in kinds}

    def tag(value: Any) -> str | None:
        found = _kind(value)
        return found if found in known else None

    error = _Context(allowed=allowed, fix="write one of those")
    return Annotated[union, Discriminator(tag, "declared", "{allowed}; {fix}", error)]


def _as_day(text: Any) -> date:
    # Newer releases of Python take more forms than this one.
    if isinstance(text, str) and _DAY.fullmatch(text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise wrong("a day such as 2027-03-31", "write year, month and day with hyphens")


#: A day, written as 2027-03-31.
Day = Annotated[date, BeforeValidator(_as_day), WithJsonSchema({"type": "string", "format": "date"})]

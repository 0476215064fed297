"""JSON schemas of the files, for editors."""

from __future__ import annotations

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from cdk_processing.declarations.environments import EnvironmentsModel
from cdk_processing.declarations.jobs import PROCESSORS, JobsModel, run_model
from cdk_processing.declarations.prices import PricesModel

__all__ = ["SCHEMAS", "json_schema", "schema_line"]

#: The files that have a schema.
SCHEMAS: Final = ("environments", "jobs", "prices")
#: Editors know this draft best: https://github.com/redhat-developer/yaml-language-server
_DRAFT = "http://json-schema.org/draft-07/schema#"
_ROOTS: Final = {"environments": EnvironmentsModel, "jobs": JobsModel, "prices": PricesModel}
#: Mappings with a single key.
_ONE_KEY = ("ProcessorChoice", "TriggerModel", "ChannelModel")
_VARIABLE = {"type": "string", "pattern": r"^\{variables\.[A-Za-z0-9_-]+\}$"}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON schema of a file.

    Args:
        name: ``environments``, ``jobs`` or ``prices``.
    """
    root = _ROOTS[name]
    runs = {kind: run_model(kind) for kind in PROCESSORS} if name == "jobs" else {}
    models: list[Any] = [(each, "validation") for each in (root, *runs.values())]
    references, made = models_json_schema(models, ref_template="#/$defs/{model}")
    definitions = made["$defs"]
    for each in _ONE_KEY:
        if each in definitions:
            definitions[each] |= {"minProperties": 1, "maxProperties": 1}
    if runs:
        kinds = {kind: references[(each, "validation")] for kind, each in runs.items()}
        definitions["JobModel"] |= _run_by_processor(kinds)
    for each in ("EnvironmentModel", "PlatformModel"):
        if each in definitions:  # defaults may give what they need
            definitions[each]["required"] = [key for key in definitions[each]["required"] if key == "account"]
    schema = {"$schema": _DRAFT, **definitions.pop(root.__name__), "$defs": definitions}
    tidied: dict[str, Any] = _tidy(schema, with_variables=name == "jobs")
    return tidied


def schema_line(schema: str) -> str:
    """The comment by which an editor finds the schema of a YAML file.

    Args:
        schema: The schema's path from the file's folder, or its address.
    """
    return f"# yaml-language-server: $schema={schema}"


def _run_by_processor(runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The arguments of ``run()`` for each class of processors; any of them where the processor is named."""
    rules = [
        {
            "if": {"properties": {"processor": {"type": "object", "required": [kind]}}, "required": ["processor"]},
            "then": {"properties": {"run": run}},
        }
        for kind, run in runs.items()
    ]
    named = {
        "if": {"properties": {"processor": {"type": "string"}}, "required": ["processor"]},
        "then": {"properties": {"run": {"anyOf": list(runs.values())}}},
    }
    return {"allOf": [*rules, named]}


def _tidy(schema: Any, *, with_variables: bool) -> Any:
    """A schema without what editors do not need: titles, and the null of keys that are left out."""
    if isinstance(schema, list):
        return [_tidy(each, with_variables=with_variables) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, each in schema.items():
        if key in ("title", "discriminator") and isinstance(each, (str, dict)) and "type" not in (each or ()):
            continue
        if key == "default" and each is None:
            continue
        if key == "properties":
            # What is below are names of keys, which may be "title" too.
            kept[key] = {name: _property(value, with_variables) for name, value in each.items()}
            continue
        kept[key] = _tidy(each, with_variables=with_variables)
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    if with_variables and _takes_variable(kept):
        described = {"description": kept.pop("description")} if "description" in kept else {}
        return {**described, "anyOf": [kept, _VARIABLE]}
    return kept


def _property(schema: Any, with_variables: bool) -> Any:
    """A property's schema; a key without a value is no value."""
    if isinstance(schema, dict) and {"type": "null"} in schema.get("anyOf", ()):
        members = [each for each in schema["anyOf"] if each != {"type": "null"}]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        schema = {**rest, **members[0]} if len(members) == 1 else {**rest, "anyOf": members}
    return _tidy(schema, with_variables=with_variables)


def _takes_variable(schema: dict[str, Any]) -> bool:
    """Whether a value is no text, so that a variable in place of it has to be named."""
    return schema.get("type") in ("integer", "number", "boolean") or "enum" in schema

"""Step Functions' reading of JSONata, as far as a definition of ours needs it, on the port of the reference engine.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import functools
import hashlib
import json
import re
from copy import deepcopy

from jsonata.functions import Functions
from jsonata.jsonata import Jsonata
from statelint.linter import Linter

from cdk_processing.local.aws.stepfunctions.times import portable


class QueryEvaluationError(Exception):
    """``States.QueryEvaluationError``: an expression fails, or has no value."""


def evaluate(value, variables=None, **states):
    """A value of a state with every expression in it evaluated; ``states`` are the fields of ``$states``."""
    if isinstance(value, dict):
        return {key: evaluate(item, variables, **states) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, variables, **states) for item in value]
    if isinstance(value, str) and (value.startswith("{%") or value.endswith("%}")):
        if not (value.startswith("{% ") and value.endswith(" %}")) or "%}" in value[2:-2]:
            raise AssertionError(f"opened or closed improperly, which Step Functions refuses: {value}")
        return _evaluate(value[2:-2].strip(), {**(variables or {}), "states": states})
    return value


def _evaluate(body, bindings):
    try:
        result = _run(body, bindings)
        # The engine returns None for null and for no value; Step Functions refuses only the latter.
        defined = result is not None or _run(f"$exists(({body}))", bindings)
    except Exception as error:
        raise QueryEvaluationError(str(error)) from error
    if not defined:
        raise QueryEvaluationError(f"no value: {body}")
    return result


def _run(body, bindings):
    compiled = _compiled(body)
    # Functions that call functions ($map, $filter ...) go by the instance made last, which need not be this one.
    Jsonata.CURRENT.jsonata = compiled
    return compiled.evaluate(None, dict(bindings))


@functools.lru_cache(maxsize=4096)
def _compiled(body):
    # Parsing costs more than evaluating, and a model check evaluates a few hundred expressions a million times. The
    # engine's own time limit counts from the parsing, so it cannot be had here.
    compiled = Jsonata.jsonata(body)
    compiled.register_lambda("hash", _hash)
    compiled.register_lambda("toMillis", _to_millis)
    compiled.register_lambda("parse", _parse)
    compiled.register_lambda("uuid", lambda: "00000000-0000-4000-8000-000000000000")
    return compiled


def _to_millis(timestamp=None, picture=None):
    # The engine's own reads "Z" only where Python's parser does, from 3.11 on.
    return Functions.datetime_to_millis(portable(timestamp), picture)


def _hash(text, algorithm):
    assert algorithm == "MD5"
    return hashlib.md5(text.encode()).hexdigest()


def _parse(text):
    return json.loads(text)


def expressions(value):
    """Every expression in a definition."""
    if isinstance(value, dict):
        return [found for item in value.values() for found in expressions(item)]
    if isinstance(value, list):
        return [found for item in value for found in expressions(item)]
    return [value] if isinstance(value, str) and re.match(r"\{%", value) else []


def choose(state, variables, **states):
    """The state that a Choice goes on to."""
    for choice in state["Choices"]:
        if evaluate(choice["Condition"], variables, **states) is True:
            return choice["Next"]
    return state["Default"]


def problems_of(definition):
    """What statelint has against a definition."""
    definition = deepcopy(definition)
    for state in definition["States"].values():
        if state["Type"] == "Wait" and isinstance(state["Seconds"], str):
            # It knows numbers only; JSONata may compute them, as AWS documents:
            # https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html
            assert state["Seconds"].startswith("{% "), state
            state["Seconds"] = 1
    return Linter.validate(definition)

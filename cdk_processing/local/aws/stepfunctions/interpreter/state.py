"""A state that an execution has entered: where it runs, how it fails, and what it returns."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk_processing.local.aws.stepfunctions import history
from cdk_processing.local.aws.stepfunctions.execution import execution_error

__all__ = ["Outcome", "Scope", "State", "compact"]

# The value of a field that a state does not have, where None is a value.
_MISSING = object()


@dataclass(frozen=True)
class Scope:
    """Where the states of one machine run: an execution, a branch or an iteration.

    Attributes:
        record: The execution, as MiniStack stores it.
        context: The context object, ``$$`` or ``$states.context``.
        variables: The variables. A branch reads those around it, and assigns only its own.
        language: The query language of states that do not name one.
    """

    record: dict[str, Any]
    context: dict[str, Any]
    variables: ChainMap[str, Any] = field(default_factory=ChainMap)
    language: str = "JSONPath"

    def inner(self, machine: Mapping[str, Any], **context: Any) -> Scope:
        """The scope of a branch or an iteration."""
        language = machine.get("QueryLanguage", self.language)
        return Scope(self.record, {**self.context, **context}, self.variables.new_child(), language)


@dataclass
class State:
    """A state that an execution has entered.

    Attributes:
        entered: The id of the event of its entry.
        before: The id of the event before that one.
    """

    name: str
    definition: Mapping[str, Any]
    input: Any
    scope: Scope
    entered: int
    before: int

    @property
    def jsonata(self) -> bool:
        """Whether its query language is JSONata."""
        return bool(self.definition.get("QueryLanguage", self.scope.language) == "JSONata")

    def get(self, field_name: str, default: Any = None) -> Any:
        """A field of its definition."""
        return self.definition.get(field_name, default)

    def write(self, event_type: str, details: Mapping[str, Any] | None = None) -> int:
        """Add an event to the history."""
        return history.write(self.scope.record, event_type, details)

    def failed(self, text: str, error: str = "States.Runtime") -> Exception:
        """An error of the state itself, with AWS's words for where it happened."""
        return execution_error(error, self.where(text))

    def where(self, text: str) -> str:
        """A cause, with AWS's words for where it happened."""
        return (
            f"An error occurred while executing the state '{self.name}' (entered at the event id #{self.entered}). "
            f"{text}"
        )


@dataclass(frozen=True)
class Outcome:
    """What a state returns: its output, the next state (None: the end), and the variables that it assigns."""

    output: Any
    next_state: str | None
    assigned: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, state: State, output: Any, assigned: Mapping[str, Any] | None = None) -> Outcome:
        """The outcome of a state that goes on to its ``Next``."""
        return cls(output, None if state.get("End") else state.get("Next"), assigned or {})


def compact(value: Any) -> str:
    """A value as Step Functions writes JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

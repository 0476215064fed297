"""Read the parameters that a deployed job declares, and check values before anything starts.

The run itself makes the same checks. This module finds every problem before the run starts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdk_processing.client.errors import InvalidParametersError, nearest
from cdk_processing.contract.parameters import declared_parameters
from cdk_processing.errors import Problem
from cdk_processing.request.parameter_values import parameter_text, value_problem
from cdk_processing.request.run_time_value import RunTimeValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cdk_processing.client.account import Account
    from cdk_processing.client.jobs import Job

__all__ = ["ParameterValues", "check_parameters", "read_parameters"]


@dataclass(frozen=True)
class ParameterValues:
    """Values for a job's parameters, as text.

    Attributes:
        given: The values that the run is started with.
        effective: The values that the job gets: every parameter in the order of declaration, defaults included.
    """

    given: dict[str, str]
    effective: dict[str, str]


def read_parameters(account: Account, job: Job) -> tuple[RunTimeValue, ...]:
    """Read the parameters that a deployed job declares, in order; empty if it has none."""
    described = account.states.describe_state_machine(stateMachineArn=job.state_machine_arn)
    return declared_parameters(json.loads(described["definition"]))


def check_parameters(
    job: str, declared: Sequence[RunTimeValue], values: Mapping[str, str | float | bool]
) -> ParameterValues:
    """Check values for a job's parameters.

    Args:
        job: The job's name, for error messages.
        declared: The parameters that the job declares.
        values: Values by name: text, or values that convert to text.

    Raises:
        InvalidParametersError: A value is invalid. The error lists every problem.
    """
    problems = [*_problems(declared, values), *_unknown(job, declared, values)]
    if problems:
        raise InvalidParametersError(job, problems)
    given = {
        item.parameter: str(parameter_text(values[item.parameter])) for item in declared if item.parameter in values
    }
    defaults = {item.parameter: item.default for item in declared if item.default is not None}
    return ParameterValues(
        given, {item.parameter: given.get(item.parameter, defaults.get(item.parameter, "")) for item in declared}
    )


def _problems(declared: Sequence[RunTimeValue], values: Mapping[str, Any]) -> Iterator[Problem]:
    for item in declared:
        name = item.parameter
        if name not in values:
            if item.default is None:
                yield Problem(name, None, "given, it has no default", f"add {name}=<{' or '.join(_allowed(item))}>")
            continue
        text = parameter_text(values[name])
        if text is None:
            yield Problem(name, values[name], "a str, an int, a float or a bool", "convert the value")
        elif (problem := value_problem(item, text)) is not None:
            yield problem


def _allowed(item: RunTimeValue) -> tuple[str, ...]:
    return item.enum_values or (("true", "false") if item.type == "boolean" else (item.type,))


def _unknown(job: str, declared: Sequence[RunTimeValue], values: Mapping[str, Any]) -> Iterator[Problem]:
    known = [item.parameter for item in declared]
    for name, value in values.items():
        if name in known:
            continue
        if not known:
            yield Problem(name, value, f"left out: {job} has no parameters", f"start it without {name}")
            continue
        near = nearest(name, known)
        fix = f"did you mean {' or '.join(near)}?" if near else f"its parameters are {', '.join(known)}"
        yield Problem(name, value, f"a parameter of {job}", fix)

"""A job as a state in anybody's own state machine; loaded when the first is made, for ``aws_stepfunctions`` is slow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from aws_cdk import Duration, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_processing.access.statement import Place
from cdk_processing.constructs.placement import place_problems
from cdk_processing.constructs.places import state_placement
from cdk_processing.constructs.triggers.base import ALWAYS_KNOWN
from cdk_processing.contract.start import StartInput
from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.parameter_values import parameter_text, value_problem
from cdk_processing.request.run_time_value import RunTimeValue
from cdk_processing.request.runtime import has_run_time_value
from cdk_processing.request.tokens import is_token
from cdk_processing.workflow.jsonata import EXECUTION_ID, OUTPUT_OF_EXECUTION

__all__ = ["JobState", "StateOptions", "StateTask"]

#: Step Functions makes this rule itself, to hear when an execution ends.
_SYNC_RULE = "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
#: Links the two executions in the console:
#: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-nested-workflows.html
_STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
_JSONATA, _JSON_PATH = sfn.QueryLanguage.JSONATA, sfn.QueryLanguage.JSON_PATH
_CALLED = {_JSONATA: "JSONata", _JSON_PATH: "JSONPath"}
_ONLY_IN = {_JSON_PATH: {"result_path", "result_selector", "output_path"}, _JSONATA: {"outputs"}}
_OPTIONS = {"assign", "comment", "query_language", "timeout"}.union(*_ONLY_IN.values())


class StateOptions(TypedDict, total=False):
    """What a state may be given besides its work; as for any task of ``aws_stepfunctions``.

    Attributes:
        comment: Shown in the definition.
        query_language: JSONata for a state of a state machine in JSONPath. Left out, JSONata where something is written
            in it, and the state machine's otherwise. Inside a Map or Parallel of a state machine in JSONata, say it:
            CDK does not pass it on (https://github.com/aws/aws-cdk/issues/34352).
        timeout: After which the state fails with ``States.Timeout`` and the run is stopped. Left out, none: a run has
            its own.
        assign: Variables to set.
        result_path: JSONPath: where Step Functions' answer goes in the state's input; the run's own output is the
            answer's ``Output``. ``sfn.JsonPath.DISCARD`` keeps the input.
        result_selector: JSONPath: a selection of that answer.
        output_path: JSONPath: left out, the run's own output, unless one of the two above is given.
        outputs: JSONata: left out, the run's own output, ``{% $states.result.Output %}``.
    """

    comment: str
    query_language: sfn.QueryLanguage
    timeout: Duration
    assign: Mapping[str, Any]
    result_path: str
    result_selector: Mapping[str, Any]
    output_path: str
    outputs: Any


# Not a TaskStateBase: the one method that a task must have, _renderTask, is internal to aws-cdk-lib, so jsii does not
# let Python write it. What CustomState leaves out, permissions and query languages, has methods that it does.
class JobState(sfn.CustomState):
    """Runs a job by its own state machine, so that all rules of launching hold.

    Raises:
        DeclarationError: What is given does not fit the job; all problems are listed at once.
    """

    def __init__(self, scope: Construct, construct_id: str, task: StateTask) -> None:
        super().__init__(scope, construct_id, state_json={"Type": "Task"})
        self._task = task
        self._refuse([*place_problems([state_placement(task.place, scope)]), *task.problems()])

    def to_state_json(self, top_level_query_language: sfn.QueryLanguage | None = None) -> Mapping[Any, Any]:
        """The state in Amazon States Language."""
        whole = top_level_query_language or _JSON_PATH
        language = self._task.language or whole
        self._refuse(self._task.language_problems(whole, language))
        # CustomState renders retries and catches as JSONPath in either language; the second time is the right one.
        rendered = {**super().to_state_json(whole), **self._render_retry_catch(language), **self._task.render(language)}
        return rendered if language == whole else {**rendered, "QueryLanguage": _CALLED[language]}

    def _when_bound_to_graph(self, graph: sfn.StateGraph) -> None:
        super()._when_bound_to_graph(graph)
        for actions, resource in self._task.permissions():
            graph.register_policy_statement(iam.PolicyStatement(actions=actions, resources=[resource]))

    def _refuse(self, problems: Sequence[Problem]) -> None:
        if problems:
            owner = f"as_state of {self._task.job}"
            raise DeclarationError(self.node.path, [problem.on(owner) for problem in problems])


@dataclass(frozen=True)
class StateTask:
    """What a state does: which job it runs, and with what.

    Attributes:
        job: The job's path.
        machine_arn: The job's state machine.
        machine_name: The state machine's name.
        place: Where it is.
        values: The run-time values that the job uses.
        parameters: Values for the job's parameters, by name.
        run_key: What makes a run the same run; None for a new one each time.
        wait: Whether the state ends with the run.
        options: The rest of the state.
    """

    job: str
    machine_arn: str
    machine_name: str
    place: Place
    values: Sequence[RunTimeValue]
    parameters: Mapping[str, Any]
    run_key: str | None
    wait: bool
    options: StateOptions

    @property
    def language(self) -> sfn.QueryLanguage | None:
        """The state's own language; None where only its state machine tells."""
        written = [*self.parameters.values(), self.run_key]
        in_jsonata = "outputs" in self.options or any(_is_jsonata(value) for value in written)
        return self.options.get("query_language", _JSONATA if in_jsonata else None)

    def permissions(self) -> list[tuple[list[str], str]]:
        """What the state machine's role must be allowed: actions, and what to do them on.

        Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
        """
        start = (["states:StartExecution"], self.machine_arn)
        if not self.wait:
            return [start]
        executions = self.place.arn("states", f"execution:{self.machine_name}:*")  # each run is one of a new name
        return [
            start,
            (["states:DescribeExecution", "states:StopExecution"], executions),
            (["events:DescribeRule", "events:PutRule", "events:PutTargets"], self.place.arn("events", _SYNC_RULE)),
        ]

    # -- the state ----------------------------------------------------------------------------------------------------

    def render(self, language: sfn.QueryLanguage) -> dict[str, Any]:
        """The fields of the state that are its own."""
        pattern = ".sync:2" if self.wait else ""
        work: dict[str, Any] = {"Resource": f"arn:{self.place.partition}:states:::states:startExecution{pattern}"}
        if "comment" in self.options:
            work["Comment"] = self.options["comment"]
        if "timeout" in self.options:
            work["TimeoutSeconds"] = self.options["timeout"].to_seconds()
        return work | (self._in_jsonata() if language == _JSONATA else self._in_json_path())

    def _in_jsonata(self) -> dict[str, Any]:
        work: dict[str, Any] = {"Arguments": self._arguments(EXECUTION_ID)}
        if "outputs" in self.options:
            work["Output"] = self.options["outputs"]
        elif self.wait:
            work["Output"] = OUTPUT_OF_EXECUTION
        if "assign" in self.options:
            work["Assign"] = dict(self.options["assign"])
        return work

    def _in_json_path(self) -> dict[str, Any]:
        arguments = self._arguments(sfn.JsonPath.string_at("$$.Execution.Id"))
        work: dict[str, Any] = {"Parameters": sfn.FieldUtils.render_object(arguments)}
        if "result_path" in self.options:
            work["ResultPath"] = self.options["result_path"]
        if "result_selector" in self.options:
            work["ResultSelector"] = sfn.FieldUtils.render_object(dict(self.options["result_selector"]))
        if "output_path" in self.options:
            work["OutputPath"] = self.options["output_path"]
        elif self.wait and "ResultPath" not in work and "ResultSelector" not in work:
            work["OutputPath"] = "$.Output"
        if "assign" in self.options:
            work["Assign"] = sfn.FieldUtils.render_object(dict(self.options["assign"]))
        return work

    def _arguments(self, execution: str) -> dict[str, Any]:
        event = {_STARTED_BY: execution, **StartInput(self.parameters, self.run_key).fields()}
        return {"StateMachineArn": self.machine_arn, "Input": event}

    # -- what cannot work ---------------------------------------------------------------------------------------------

    def problems(self) -> list[Problem]:
        """What cannot work, whatever state machine the state comes to be in."""
        unknown = [
            Problem(name, value, f"one of {', '.join(sorted(_OPTIONS))}", "leave it out")
            for name, value in self.options.items()
            if name not in _OPTIONS
        ]
        found = [*unknown, *self._given_problems(), *self._missing_problems(), *self._run_key_problems()]
        return found or (self.language_problems(self.language, self.language) if self.language else [])

    def language_problems(self, whole: sfn.QueryLanguage, language: sfn.QueryLanguage) -> list[Problem]:
        """What is written in a language that the state is not in.

        Args:
            whole: The state machine's language.
            language: The state's.
        """
        if (whole, language) == (_JSONATA, _JSON_PATH):
            allowed = "left out: a state machine in JSONata has no state in JSONPath"
            return [Problem("query_language", _CALLED[language], allowed, "leave it out")]
        other = _JSON_PATH if language == _JSONATA else _JSONATA
        found = [
            Problem(name, value, f"left out in a state in {_CALLED[language]}", f"it belongs to {_CALLED[other]}")
            for name, value in self.options.items()
            if name in _ONLY_IN[other]
        ]
        given = {f"parameters[{name!r}]": value for name, value in self.parameters.items()} | {"run_key": self.run_key}
        fix = "write {% ... %}" if language == _JSONATA else "write sfn.JsonPath.string_at(...)"
        is_foreign = _is_json_path if language == _JSONATA else _is_jsonata
        return found + [
            Problem(field, value, f"in {_CALLED[language]}, as the state is", fix)
            for field, value in given.items()
            if is_foreign(value)
        ]

    def _given_problems(self) -> list[Problem]:
        declared = {value.parameter: value for value in self.values if value.name == "PARAMETER"}
        found = []
        for name, value in self.parameters.items():
            field = f"parameters[{name!r}]"
            if name not in declared:
                allowed = f"one of the job's parameters ({', '.join(declared)})" if declared else "left out"
                found.append(Problem(field, value, allowed, f"use Parameter({name!r}) in the job, or drop it"))
            elif not _is_known_later(value):
                text = parameter_text(value)
                if text is None or has_run_time_value(text):
                    allowed = "text, a number, a truth value, sfn.JsonPath.string_at(...) or JSONata text {% ... %}"
                    found.append(Problem(field, value, allowed, "give it what this state machine knows"))
                elif problem := value_problem(declared[name], text, field):
                    found.append(problem)
        return found

    def _missing_problems(self) -> list[Problem]:
        found = []
        for value in self.values:
            if value.name == "PARAMETER" and value.default is None and value.parameter not in self.parameters:
                fix = f"pass parameters={{{value.parameter!r}: ...}}, or give the Parameter a default"
                found.append(Problem(f"parameters[{value.parameter!r}]", None, "given: it has no default", fix))
            elif value.name != "PARAMETER" and value.name not in ALWAYS_KNOWN:
                allowed = "left out of a job that a state machine runs, which cannot supply it"
                found.append(Problem(value.label, self.job, allowed, _instead(value)))
        return found

    def _run_key_problems(self) -> list[Problem]:
        if self.run_key is None or (isinstance(self.run_key, str) and self.run_key):
            return []
        return [Problem("run_key", self.run_key, "text that is not empty", "leave it out, so that each start is a run")]


def _instead(value: RunTimeValue) -> str:
    """What a job may use in place of a value that a state machine cannot supply."""
    if value.name == "UPSTREAM_OUTPUT":
        return (
            f"read what all its runs wrote, outputs[{value.output!r}].folder, or name the folder of one run by a "
            "Parameter of the job"
        )
    return "make it a Parameter of the job"


def _is_known_later(value: Any) -> bool:
    return is_token(value) or _is_jsonata(value) or (isinstance(value, float) and bool(Token.is_unresolved(value)))


def _is_jsonata(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def _is_json_path(value: Any) -> bool:
    if isinstance(value, str):
        return is_token(value) and bool(sfn.JsonPath.is_encoded_json_path(value))
    return isinstance(value, float) and bool(sfn.FieldUtils.find_referenced_paths({"value": value}))

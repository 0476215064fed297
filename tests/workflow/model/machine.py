"""A state machine of Step Functions, run one step at a time, so that whoever runs several can choose how they mix.

It knows the part of the Amazon States Language (JSONata) that definitions of ours are written in, and refuses any field
beyond it: a definition that grows is noticed here, not passed over.

A task is two steps, the call and its answer. What lies between an answer and the next call touches nothing that another
execution could see, so it belongs to the answer's step.

Sources: https://states-language.net/spec.html, https://docs.aws.amazon.com/step-functions/latest/dg/
(concepts-error-handling, workflow-variables, transforming-data)
"""

import json
import marshal
import re
from datetime import datetime, timedelta, timezone

from tests.workflow.states_language import QueryEvaluationError, evaluate

EPOCH = datetime(2024, 3, 5, tzinfo=timezone.utc)
#: What no retrier and no catcher sees: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
TERMINAL = ("States.DataLimitExceeded", "States.Runtime")
#: Far more states than a definition of ours has; beyond it the machine turns in a circle without calling anybody.
MOST_STATES_WITHOUT_A_CALL = 200

_FLOW = {"Type", "Comment", "Assign", "Output", "Next", "End"}
_FIELDS = {
    "Pass": _FLOW,
    "Choice": {"Type", "Comment", "Choices", "Default", "Assign", "Output"},
    "Task": _FLOW | {"Resource", "Arguments", "TimeoutSeconds", "Retry", "Catch"},
    "Wait": _FLOW | {"Seconds"},
    "Succeed": {"Type", "Comment", "Output"},
    "Fail": {"Type", "Comment", "Error", "Cause"},
}
_RULE = {"Condition", "Next", "Assign", "Output", "Comment"}
_RETRIER = {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"}
_CATCHER = {"ErrorEquals", "Assign", "Output", "Next", "Comment"}
_IMPURE = re.compile(r"\$(random|uuid|now|millis|shuffle)\(")


class StateError(Exception):
    """An error as a state reports it: a name, and mostly a cause."""

    def __init__(self, error, cause=None):
        super().__init__(error, cause)
        self.error, self.cause = error, cause

    @property
    def output(self):
        """``$states.errorOutput``."""
        return {"Error": self.error} if self.cause is None else {"Error": self.error, "Cause": self.cause}


class Clock:
    """The one clock of everything; it moves when somebody waits."""

    def __init__(self):
        self.now = 0.0

    def reach(self, moment):
        """Let time pass up to a moment, unless it is past already."""
        self.now = max(self.now, moment)

    def text(self):
        """The time as AWS writes it."""
        return (EPOCH + timedelta(seconds=self.now)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Definition:
    """A definition that has been looked through, with what its expressions came to the last times.

    An expression gives the same for the same variables, and a check runs into the same ones a thousand times.
    """

    def __init__(self, definition):
        assert definition["QueryLanguage"] == "JSONata"
        assert set(definition) <= {"Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds"}, definition
        self.start, self.states = definition["StartAt"], definition["States"]
        for name, state in self.states.items():
            _check(name, state)
        self._known, self._traits = {}, {}

    def evaluate(self, template, variables, states):
        """A template's value."""
        impure, sees_state, names, fields = self._traits.get(id(template)) or self._look(template)
        if impure:
            return _as_json(evaluate(template, variables, **states))
        context = states["context"] if sees_state else {k: v for k, v in states["context"].items() if k != "State"}
        known = {name: value for name, value in variables.items() if name in names}
        seen = {name: value for name, value in {**states, "context": context}.items() if name in fields}
        key = (id(template), marshal.dumps((known, seen), 2))
        if key not in self._known:
            if len(self._known) > 20_000:
                self._known.clear()
            try:
                self._known[key] = _as_json(evaluate(template, variables, **states)), None
            except QueryEvaluationError as error:
                self._known[key] = None, str(error)
        value, problem = self._known[key]
        if problem is not None:
            raise StateError("States.QueryEvaluationError", problem)
        return value

    def _look(self, template):
        text = json.dumps(template)
        traits = self._traits[id(template)] = (
            _IMPURE.search(text) is not None,
            re.search(r"context\.(?!Execution\b|StateMachine\b)", text) is not None,
            frozenset(re.findall(r"\$([a-z_]+)", text)),
            frozenset(re.findall(r"\$states\.([a-zA-Z]+)", text)),
        )
        return traits


class Execution:
    """One execution, from its start up to its first call from the beginning on.

    Args:
        definition: What it runs, a :class:`Definition`.
        machine: The state machine's ARN.
        name: The execution's name.
        event: Its input.
        world: Whom its tasks call, ``world.call(execution, resource, arguments)``; also has the ``clock``.
        evaluates_anew: Whether a retried task's arguments are evaluated again, which nobody has told us.
        caller: The execution that waits for it, if it is a synchronous one.
    """

    def __init__(self, definition, machine, name, event, world, evaluates_anew=True, caller=None):
        self.definition, self.world, self.input, self.caller = definition, world, event, caller
        self.arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        self.status, self.output, self.error, self.cause = "RUNNING", None, None, None
        self.entered, self.variables, self.answers = [], {}, 0
        # What the world notes of it: whether any call of its went wrong, and whether it knows that its job completed.
        self.troubled = self.job_completed = False
        self._evaluates_anew = evaluates_anew
        self._context = {
            "Execution": {"Id": self.arn, "Input": event, "Name": name, "StartTime": world.clock.text()},
            "StateMachine": {"Id": machine, "Name": machine.rpartition(":")[2]},
        }
        self._data, self._arguments, self._retries = event, None, {}
        # What the next step does: _call, _take_answer, _wake.
        self._next, self._call_made, self._until = None, None, None
        world.executions[self.arn] = self
        self._guarded(self._enter, self.definition.start)

    @property
    def running(self):
        """Whether it has not ended."""
        return self.status == "RUNNING"

    @property
    def state(self):
        """The state it is in, or ended in."""
        return self.entered[-1]

    @property
    def blocked(self):
        """Whether it can go no further until something else happens: a job that it waits for, or time."""
        return self.running and self._next == self._take_answer and not self._call_made.answered and not self._late

    @property
    def deadline(self):
        """When the task that it waits for times out, or its wait is over; None where neither is at hand."""
        return self._until

    def step(self):
        """Go one step further; does nothing where it cannot."""
        if self.running and not self.blocked:
            self._guarded(self._next)

    def abort(self):
        """StopExecution: what the task at hand has started is ended, as far as the world does it."""
        if self.running:
            if self._next == self._take_answer:
                self._call_made.cancel()
            self.status = "ABORTED"

    @property
    def _late(self):
        return self._until is not None and self.world.clock.now >= self._until

    # -- states

    def _guarded(self, action, *given):
        try:
            action(*given)
        except StateError as error:
            self._fail(error)

    def _fail(self, error):
        self.status, self.error, self.cause = "FAILED", error.error, error.cause

    def _enter(self, name):
        for _ in range(MOST_STATES_WITHOUT_A_CALL):
            self.entered.append(name)
            self._retries, self._arguments = {}, None
            self._context["State"] = {"Name": name, "EnteredTime": self.world.clock.text(), "RetryCount": 0}
            state = self.definition.states[name]
            following = getattr(self, f"_run_{state['Type'].lower()}")(state)
            if following is None:
                return
            name = following
        raise AssertionError(f"turns in a circle without a call: {' > '.join(self.entered[-20:])}")

    def _run_pass(self, state):
        return self._leave(state, self._data)

    def _run_choice(self, state):
        for rule in state["Choices"]:
            chosen = self._evaluate(rule["Condition"])
            if not isinstance(chosen, bool):
                raise StateError("States.QueryEvaluationError", f"{rule['Condition']} is {chosen!r}, no boolean")
            if chosen:
                return self._leave(rule, self._data)
        if "Default" not in state:
            raise StateError("States.NoChoiceMatched", self.state)
        return self._leave({**state, "Next": state["Default"]}, self._data)

    def _run_wait(self, state):
        seconds = self._evaluate(state["Seconds"])
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds != int(seconds):
            raise StateError("States.QueryEvaluationError", f"Seconds is {seconds!r}, no integer")
        if not 0 <= seconds <= 99_999_999:
            raise StateError("States.QueryEvaluationError", f"Seconds is {seconds!r}, out of range")
        self._until, self._next = self.world.clock.now + seconds, self._wake

    def _run_succeed(self, state):
        self.output = self._evaluate(state["Output"]) if "Output" in state else self._data
        self.status = "SUCCEEDED"

    def _run_task(self, _state):
        self._next = self._call

    def _run_fail(self, state):
        told = [self._evaluate(state[field]) if field in state else None for field in ("Error", "Cause")]
        if any(text is not None and not isinstance(text, str) for text in told):
            raise StateError("States.QueryEvaluationError", f"{told} are not texts")
        raise StateError(*told)

    def _leave(self, state, data, **states):
        assigned = {name: self._evaluate(value, **states) for name, value in state.get("Assign", {}).items()}
        data = self._evaluate(state["Output"], **states) if "Output" in state else data
        # All of it is evaluated before any of it counts: an Assign sees the variables as they were.
        self.variables = {**self.variables, **assigned}
        self._data, self._until = data, None
        if state.get("End"):
            self.status, self.output = "SUCCEEDED", data
            return None
        return state["Next"]

    def _evaluate(self, template, **states):
        return self.definition.evaluate(
            template, self.variables, {"input": self._data, "context": self._context, **states}
        )

    # -- steps

    def _wake(self):
        self.world.clock.reach(self._until)
        self._until = None
        self._go_on(self._leave(self.definition.states[self.state], self._data))

    def _call(self):
        if self._until is not None:  # a retry waits first
            self.world.clock.reach(self._until)
            self._until = None
        state = self.definition.states[self.state]
        try:
            if self._arguments is None or self._evaluates_anew:
                self._arguments = self._evaluate(state.get("Arguments", {}))
            limit = self._evaluate(state["TimeoutSeconds"]) if "TimeoutSeconds" in state else None
        except StateError as error:
            self._go_on(self._handle(error))
            return
        self._call_made = self.world.call(self, state["Resource"], self._arguments)
        self._until = None if limit is None else self.world.clock.now + limit
        self._next = self._take_answer

    def _take_answer(self):
        state = self.definition.states[self.state]
        try:
            if not self._call_made.answered:
                self._call_made.cancel()
                self.troubled = True
                raise StateError("States.Timeout")
            result = self._call_made.answer()
            self.answers += 1
            following = self._leave(state, result, result=result)
        except StateError as error:
            following = self._handle(error)
        self._go_on(following)

    def _go_on(self, following):
        if following is not None:
            self._enter(following)

    def _handle(self, error):
        state = self.definition.states[self.state]
        self._until = None
        for number, retrier in enumerate(state.get("Retry", [])):
            if _matches(retrier["ErrorEquals"], error.error):
                so_far = self._retries.get(number, 0)
                if so_far < retrier.get("MaxAttempts", 3):
                    self._retries[number] = so_far + 1
                    self._context["State"] = {**self._context["State"], "RetryCount": sum(self._retries.values())}
                    self._until, self._next = self.world.clock.now + _delay(retrier, so_far), self._call
                    return None
                break
        for catcher in state.get("Catch", []):
            if _matches(catcher["ErrorEquals"], error.error):
                return self._leave(catcher, error.output, errorOutput=error.output)
        raise error


def _as_json(value):
    # The engine has lists of its own kinds.
    return json.loads(json.dumps(value))


def _matches(names, error):
    if error in TERMINAL:
        return False
    return error in names or "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")


def _delay(retrier, so_far):
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** so_far
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    return delay / 2 if retrier.get("JitterStrategy") == "FULL" else delay


def _check(name, state):
    unknown = set(state) - _FIELDS[state["Type"]]
    for rules, fields in (("Choices", _RULE), ("Retry", _RETRIER), ("Catch", _CATCHER)):
        for rule in state.get(rules, []):
            unknown |= set(rule) - fields
    assert not unknown, f"the model does not know {', '.join(sorted(unknown))} of {name} ({state['Type']})"

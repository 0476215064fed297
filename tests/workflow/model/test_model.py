"""A model check: what is synthesized is run in thousands of orders, with everything going wrong that AWS says may.

What must hold is in ``runs.py``: never two jobs for one run key and attempt, never two at once for one run key, never
one more after one has completed; never an arrival without a job that completed or somebody being told; every execution
ends; and what each trigger promises beyond.
"""

import json
import time
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.workflow.model.runs import Runs, Statistics
from tests.workflow.model.world import ViolationError

#: Interleavings by job.
INTERLEAVINGS = {
    "Arrivals": 360,
    "Manifests": 120,
    "Types": 200,
    "Newest": 200,
    "ByHand": 200,
    "Skip": 320,
    "Queue": 360,
    "Allow": 120,
    "Upstream": 160,
    "All": 300,
    "Limited": 60,
    "Small": 40,
    "Both": 20,
}
#: The same for the nightly check of limits, whose runs take ten times as many steps.
MORE_INTERLEAVINGS = {"Limited": 500, "Small": 400, "Both": 200}
#: States of a definition that its trigger does not lead to.
_OF_OTHER_LINES = {"LineIsFull", "TooHeavy"}
NOT_MEANT_FOR = {
    "Limited": _OF_OTHER_LINES,
    "Small": _OF_OTHER_LINES,
    "Both": _OF_OTHER_LINES,
    "Skip": {"JoinLine"},
    "Queue": {"Skipped", "TakeTurn"},
}
_SETTINGS = settings(
    phases=[Phase.generate, Phase.shrink],
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Checked:
    """What came of a check."""

    statistics: Statistics
    seconds: float


def check(subject, examples, **options):
    """Run so many interleavings; the first violation is raised, with the shortest way to it."""
    checked = Checked(Statistics(), -time.process_time())

    class Model(Runs):
        pass

    Model.subject, Model.statistics = subject, checked.statistics
    run_state_machine_as_test(Model, settings=settings(_SETTINGS, max_examples=examples, **options))
    checked.seconds += time.process_time()
    return checked


def test_two_thousand_interleavings_are_checked():
    assert sum(INTERLEAVINGS.values()) >= 2_000


@pytest.mark.parametrize("job", INTERLEAVINGS)
def test_no_order_of_events_and_faults_loses_or_doubles_a_run(job, subject):
    checked = check(subject(job), INTERLEAVINGS[job])

    done = checked.statistics
    # `pytest -s` shows it.
    print(
        f"\n{job}: {done['interleavings']} interleavings, {done['executions']} executions, {done['steps']} steps, "
        f"{done['jobs']} jobs, {checked.seconds:.1f} s"
    )
    assert done["interleavings"] >= INTERLEAVINGS[job]
    # What was not reached was not checked; what all definitions share is, by the first.
    shared = () if job == "Arrivals" else subject("Arrivals").definition.states
    checked_job = subject(job)
    own = {*checked_job.definition.states, *(checked_job.line.states if checked_job.line else ())} - set(shared)
    assert {state for state in own if not done[state]} == NOT_MEANT_FOR.get(job, set())


@pytest.mark.slow
def test_a_thousand_orders_of_markers_and_faults_make_one_run_of_each_day(subject):
    done = check(subject("All"), 1_000).statistics

    assert done["interleavings"] >= 1_000
    # A check of days that never get complete would check nothing.
    assert done["jobs"] >= 200


@pytest.mark.slow
@pytest.mark.parametrize("job", MORE_INTERLEAVINGS)
def test_no_order_of_a_thousand_breaks_a_limit(job, subject):
    checked = check(subject(job), MORE_INTERLEAVINGS[job], derandomize=False)

    print(f"\n{job}: {checked.statistics['interleavings']} interleavings, {checked.seconds:.1f} s")
    assert checked.statistics["interleavings"] >= MORE_INTERLEAVINGS[job]


# -- orders that a flaw once hid in -----------------------------------------------------------------------------------


class Queueing:
    """Executions of the queueing schedule, driven by hand and held to what ``Runs`` holds them to."""

    def __init__(self, subject):
        class Model(Runs):
            pass

        Model.subject, Model.statistics = subject, Statistics()
        self.model = Model()
        self._ticks = 0

    def start(self, steps):
        """The next tick, and so many steps of its execution."""
        self._ticks += 1
        execution = self.model._start(*self.model.subject.event(self._ticks // 3, self._ticks % 3))
        self.go(execution, steps)
        return execution

    def go(self, execution, steps=100):
        """So many steps, or until it waits for its job."""
        self.model._go(execution, steps)

    def abort(self, execution):
        execution.abort()
        self.model.aborted.add(self.model.labels[execution])

    def lose_an_answer_of_the_table(self):
        self.model.world.faults["dynamodb"].append("lost")

    def end(self):
        """Everything comes to its end, and is looked at."""
        self.model.teardown()


@pytest.fixture
def queueing(subject):
    return Queueing(subject("Queue"))


def test_two_do_not_wait_for_each_other_when_the_answer_of_the_first_is_lost(queueing):
    queueing.lose_an_answer_of_the_table()
    first = queueing.start(steps=1)
    second = queueing.start(steps=2)
    for _ in range(4):
        queueing.go(first, 1)
        queueing.go(second, 1)

    queueing.end()


def test_a_lost_answer_costs_nobody_the_place_in_the_queue(queueing):
    queueing.start(steps=8)
    second = queueing.start(steps=4)
    queueing.lose_an_answer_of_the_table()
    queueing.start(steps=20)
    assert second.running

    queueing.end()


def test_who_is_aborted_in_the_queue_leaves_the_others_in_order(queueing):
    queueing.start(steps=8)
    queueing.start(steps=6)
    queueing.abort(queueing.start(steps=6))
    queueing.start(steps=20)

    queueing.end()


# -- a check that cannot fail checks nothing: definitions with a flaw, and that it is found ---------------------------


def named_by_try(definition):
    """The name changes when a job is asked for again."""
    return json.loads(json.dumps(definition).replace("$run.name & $attempt", "$run.name & $attempt & '-' & $tries"))


def next_name_on_a_retry(definition):
    definition["States"]["Backoff"]["Assign"]["attempt"] = "{% $attempt + 1 %}"


def named_by_execution(definition):
    return json.loads(
        json.dumps(definition).replace("$run.name & $attempt", "$run.name & $states.context.Execution.Name")
    )


def everything_is_a_duplicate(definition):
    definition["States"]["Judge"] |= {"Choices": [], "Default": "Duplicate"}


def a_name_in_use_is_final(definition):
    triage = definition["States"]["Triage"]
    triage["Choices"] = [choice for choice in triage["Choices"] if choice["Next"] != "DescribeJob"]


def throttling_is_success(definition):
    definition["States"]["Backoff"] = {"Type": "Succeed", "Output": {"status": "Completed", "job_name": "none"}}


def nobody_is_told(definition):
    definition["States"]["Triage"]["Default"] = "Failed"


def nobody_is_told_of_a_manifest(definition):
    definition["States"]["WriteManifest"]["Catch"][0]["Next"] = "Failed"


def a_turn_is_taken_from_anybody(definition):
    del definition["States"]["TakeTurn"]["Arguments"]["ConditionExpression"]


def whoever_is_first_is_taken_out_of_the_line(definition):
    del definition["States"]["LeaveLine"]["Arguments"]["ConditionExpression"]


def one_that_has_ended_is_waited_for(definition):
    definition["States"]["JudgeFirst"]["Default"] = "WaitForTurn"


def nobody_queues(definition):
    for choice in definition["States"]["Admit"]["Choices"]:
        choice["Next"] = "TakeTurn"


def own_weight_is_forgotten(line):
    judged = line["States"]["JudgeLine"]["Choices"][0]
    judged["Condition"] = judged["Condition"].replace(" + $line.weight", "")


def who_runs_is_taken_out_of_the_line(line):
    return json.loads(json.dumps(line).replace("$status in ['RUNNING', 'PENDING_REDRIVE']", "false"))


def who_comes_stands_first(line):
    arguments = line["States"]["JoinLine"]["Arguments"]
    arguments["UpdateExpression"] = "SET line = list_append(:just_me, if_not_exists(line, :nobody))"


def who_has_ended_stays_in_the_line(line):
    line["States"]["JudgeSuspect"]["Choices"].pop()


def everybody_has_a_place(line):
    return json.loads(json.dumps(line).replace("$seen.is_in and $seen.taken", "0 * $seen.taken"))


def what_is_newer_is_superseded(definition):
    arguments = definition["States"]["RecordNewest"]["Arguments"]
    arguments["ConditionExpression"] = arguments["ConditionExpression"].replace("<=", ">=")


def the_first_marker_launches(definition):
    definition["States"]["JudgeFolders"]["Default"] = "RunJob"


def only_the_last_marker_is_kept(definition):
    definition["States"]["AddFolder"]["Arguments"]["ExpressionAttributeNames"] = {"#source": "folder_orders"}


def the_item_is_seen_as_it_was(definition):
    definition["States"]["AddFolder"]["Arguments"]["ReturnValues"] = "ALL_OLD"


def each_marker_is_a_run(definition):
    prepare = definition["States"]["Prepare"]["Assign"]
    prepare["run"] = prepare["run"].replace("'all:' &", "$event.id &")


def success_is_not_told(definition):
    definition["States"]["RunJob"] |= {"Next": "Announced"}
    definition["States"]["Announced"] = {"Type": "Succeed"}


@pytest.mark.parametrize(
    ("job", "flaw", "found"),
    [
        ("Arrivals", named_by_try, "two jobs of|begins while|begins though"),
        ("Arrivals", next_name_on_a_retry, "begins while|begins though"),
        ("Arrivals", named_by_execution, "two jobs of|begins while|begins though"),
        ("Arrivals", everything_is_a_duplicate, "Duplicate"),
        ("Arrivals", a_name_in_use_is_final, "nothing has gone wrong for it"),
        ("Arrivals", throttling_is_success, "says Completed"),
        ("Arrivals", nobody_is_told, "failed and nobody was told"),
        ("Manifests", nobody_is_told_of_a_manifest, "failed and nobody was told"),
        ("Skip", a_turn_is_taken_from_anybody, "begins while"),
        ("Queue", whoever_is_first_is_taken_out_of_the_line, "begins while|which came before it"),
        ("Queue", one_that_has_ended_is_waited_for, "yet do not end"),
        ("Queue", nobody_queues, "which came before it"),
        ("Limited", everybody_has_a_place, "more than the limit"),
        ("Small", own_weight_is_forgotten, "more than the limit"),
        ("Limited", who_runs_is_taken_out_of_the_line, "more than the limit|no place|came before it"),
        ("Limited", who_comes_stands_first, "more than the limit|came before it"),
        ("Limited", who_has_ended_stays_in_the_line, "yet do not end"),
        ("Newest", what_is_newer_is_superseded, "nothing newer came"),
        ("All", the_first_marker_launches, "have not come"),
        ("All", only_the_last_marker_is_kept, "jobs are|and ends"),
        ("All", the_item_is_seen_as_it_was, "jobs are|waits for"),
        ("All", each_marker_is_a_run, "jobs are"),
        ("Upstream", success_is_not_told, "did not tell of its success"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_flaw_is_found(job, flaw, found, subject):
    with pytest.raises(ViolationError, match=found):
        check(subject(job, flaw), 300, phases=[Phase.generate])

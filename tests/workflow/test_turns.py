"""Lines and newest arrivals: each state by itself, then runs side by side with a table of their own."""

import re
from itertools import pairwise

import pytest
from jsonata.jsonata import Jsonata

from cdk_processing.workflow.admission import each_once
from cdk_processing.workflow.definition import Workflow, definition
from cdk_processing.workflow.items import EXPIRES, ITEM_ID
from cdk_processing.workflow.launch_policy import MOST_TURN_LOOKS
from cdk_processing.workflow.launches import ARRIVAL_KEYS, EventMapping
from cdk_processing.workflow.newest import NEWEST_ONLY
from cdk_processing.workflow.turns import TURNS
from tests.workflow.states_language import QueryEvaluationError, choose, evaluate, expressions, problems_of

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Census"
SCHEDULE = "arn:aws:scheduler:us-east-1:111122223333:schedule/default/Nightly"
NEWEST = EventMapping("$event.source = 'aws.s3'", ARRIVAL_KEYS["version"], fields=NEWEST_ONLY.event_fields)


def machine(turns=True, newest=False, **change):
    return definition(
        Workflow(
            job="Census/Job",
            base_name="census-job",
            request={"ProcessingInputs": []},
            partition="aws",
            queue_url="https://queue",
            event_mappings=(NEWEST,) if newest else (),
            admissions=each_once([TURNS if turns else None, NEWEST_ONLY if newest else None]),
            table="Turns",
            **change,
        )
    )


BOTH = machine(newest=True)
STATES = BOTH["States"]


def context(name="e1"):
    return {
        "Execution": {"Id": f"arn:aws:states:us-east-1:111122223333:execution:Census:{name}", "StartTime": "t"},
        "StateMachine": {"Id": MACHINE},
    }


def me(name="e1"):
    return context(name)["Execution"]["Id"]


def occurrence(hour, overlap):
    time = f"2024-03-05T{hour:02}:00:00Z"
    return {"source": "aws.scheduler", "schedule": SCHEDULE, "time": time, "overlap": overlap}


def arrival(sequencer, key="in/a.csv"):
    thing = {"key": key, "size": 1, "version-id": f"v{sequencer}", "sequencer": sequencer}
    detail = {"bucket": {"name": "raw"}, "object": thing}
    return {"source": "aws.s3", "detail-type": "Object Created", "time": "t", "detail": detail}


def known(event, name="e1", defined=BOTH):
    return evaluate(defined["States"]["Prepare"]["Assign"], input=event, context=context(name))


def arguments(state, event, name="e1", **variables):
    return evaluate(STATES[state]["Arguments"], {**known(event, name), **variables}, context=context(name))


# -- the definition ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("manifest", [None, "work"])
def test_every_combination_is_valid_in_the_states_language(turns, newest, manifest):
    defined = machine(turns, newest, manifest_bucket=manifest)

    assert problems_of(defined) == []
    assert ("TakeTurn" in defined["States"], "RecordNewest" in defined["States"]) == (turns, newest)
    for text in expressions(defined):
        Jsonata.jsonata(text[2:-2])
    following = "WriteManifest" if manifest else "RunJob"
    ways = [state["Next"] for name, state in defined["States"].items() if name in ("TakeTurn", "RecordNewest")]
    assert ways == [following] * (turns + newest)


def test_a_job_that_asks_for_neither_has_no_further_state():
    plain = machine(turns=False)["States"]

    assert plain["Prepare"]["Next"] == "RunJob"
    added = {"Admit", "RecordNewest", "JudgeNewest", "Superseded", "JoinLine", "TakeTurn", "LeaveLine", "JudgeLine"}
    assert not set(plain) & (added | {"ReadLine", "JudgeTurn", "DescribeFirst", "JudgeFirst", "WaitForTurn", "Skipped"})


@pytest.mark.parametrize(
    ("event", "following"),
    [
        (occurrence(6, "queue"), "JoinLine"),
        (occurrence(6, "skip"), "TakeTurn"),
        ({**occurrence(6, "skip"), "overlap": "allow"}, "RunJob"),
        ({key: value for key, value in occurrence(6, "skip").items() if key != "overlap"}, "RunJob"),
        (arrival("01"), "RecordNewest"),
        ({"run_key": "k"}, "RunJob"),
        ({}, "RunJob"),
        ({"redrive": {"event": occurrence(6, "queue")}}, "JoinLine"),
        ({"redrive": {"event": arrival("01")}}, "RecordNewest"),
    ],
)
def test_a_run_goes_where_its_trigger_asks(event, following):
    assert choose(STATES["Admit"], known(event)) == following


def test_admitting_leads_only_to_what_there_is():
    newest, turns = machine(turns=False, newest=True)["States"], machine(turns=True)["States"]

    assert {each["Next"] for each in newest["Admit"]["Choices"]} == {"RecordNewest"}
    assert {each["Next"] for each in turns["Admit"]["Choices"]} == {"JoinLine", "TakeTurn"}


def test_the_order_and_number_of_triggers_make_no_other_definition():
    assert each_once([TURNS, None, NEWEST_ONLY, TURNS]) == each_once([NEWEST_ONLY, TURNS]) == (NEWEST_ONLY, TURNS)


@pytest.mark.parametrize("admission", [NEWEST_ONLY, TURNS], ids=lambda admission: admission.name)
def test_a_kind_of_admission_brings_all_that_its_states_read(admission):
    """Its variables at the start and its fields of ``$run``; the other kind's are not there."""
    defined = machine(turns=admission is TURNS, newest=admission is NEWEST_ONLY)
    assign = defined["States"]["Prepare"]["Assign"]
    assigned = {name for state in defined["States"].values() for name in variables_of(state)}
    read = {name for text in expressions(defined) for name in re.findall(r"\$(turn_looks|first_status|first)\b", text)}
    fields = {
        name
        for text in expressions(defined)
        for name in re.findall(r"\$run\.(schedule|overlap|object|sequencer)", text)
    }

    assert read <= assigned
    assert fields == set(admission.run_fields)
    assert set(admission.variables) <= set(assign)


def variables_of(state):
    yield from state.get("Assign", {})
    for catcher in state.get("Catch", []):
        yield from catcher.get("Assign", {})


# -- arguments --------------------------------------------------------------------------------------------------------

ITEM = {ITEM_ID: {"S": f"Census/Job#line#{MACHINE}#{SCHEDULE}"}}
ME, JUST_ME = {":me": {"S": me()}}, {":just_me": {"L": [{"S": me()}]}}


@pytest.mark.parametrize(
    ("state", "update", "condition", "values"),
    [
        (
            "JoinLine",
            "SET line = list_append(if_not_exists(line, :nobody), :just_me)",
            "NOT contains(line, :me)",
            {**ME, **JUST_ME, ":nobody": {"L": []}},
        ),
        ("TakeTurn", "SET line = :just_me", "attribute_not_exists(line[0]) OR line[0] = :me", {**ME, **JUST_ME}),
        ("LeaveLine", "REMOVE line[0]", "line[0] = :ended", {":ended": {"S": me("e0")}}),
    ],
)
def test_the_line_is_changed_only_on_condition_that_it_is_as_it_was_seen(state, update, condition, values):
    assert arguments(state, occurrence(6, "queue"), first=me("e0")) == {
        "TableName": "Turns",
        "Key": ITEM,
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
    }


def test_a_line_is_that_of_the_schedule_and_the_state_machine():
    other = {**occurrence(6, "skip"), "schedule": SCHEDULE + "2"}
    elsewhere = {**context(), "StateMachine": {"Id": MACHINE + "2"}}
    key = STATES["TakeTurn"]["Arguments"]["Key"]
    keys = [
        arguments("TakeTurn", occurrence(6, "skip"))["Key"][ITEM_ID]["S"],
        arguments("TakeTurn", other)["Key"][ITEM_ID]["S"],
        evaluate(key, known(occurrence(6, "skip")), context=elsewhere)[ITEM_ID]["S"],
    ]

    assert len(set(keys)) == 3
    assert all(key.startswith("Census/Job#") for key in keys)


def test_the_line_is_read_as_it_is_now():
    assert arguments("ReadLine", occurrence(6, "skip")) == {
        "TableName": "Turns",
        "Key": ITEM,
        "ConsistentRead": True,
        "ProjectionExpression": "line[0]",
    }


def test_step_functions_is_asked_of_the_first():
    assert arguments("DescribeFirst", occurrence(6, "skip"), first=me("e0")) == {
        "ExecutionArn": me("e0"),
        "IncludedData": "METADATA_ONLY",
    }


def test_the_newest_of_a_key_is_noted_and_dropped_after_a_month():
    found = arguments("RecordNewest", arrival("0055"))
    values = found["ExpressionAttributeValues"]

    assert found["ConditionExpression"] == "attribute_not_exists(newest) OR newest <= :mine"
    assert found["UpdateExpression"] == f"SET newest = :mine, {EXPIRES} = :expires"
    assert values[":mine"] == {"S": "0055".ljust(64, "0")}
    assert re.fullmatch("[0-9]{10}", values[":expires"]["N"])
    assert re.fullmatch("Census/Job#newest#[0-9a-f]{32}", found["Key"][ITEM_ID]["S"])
    assert found["Key"] == arguments("RecordNewest", arrival("0099"))["Key"]
    assert found["Key"] != arguments("RecordNewest", arrival("0055", "in/a.csv.bak"))["Key"]


@pytest.mark.parametrize("state", ["JoinLine", "TakeTurn", "LeaveLine", "RecordNewest"])
def test_a_failed_condition_is_an_answer_and_not_asked_again(state):
    first, then = STATES[state]["Retry"]

    assert first == {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "MaxAttempts": 0}
    assert then["ErrorEquals"] == ["States.ALL"]
    assert then["MaxAttempts"] > 3


@pytest.mark.parametrize("state", ["JoinLine", "TakeTurn", "LeaveLine", "ReadLine", "RecordNewest", "DescribeFirst"])
def test_every_call_is_tried_again_and_its_failure_caught(state):
    assert STATES[state]["Retry"][-1]["ErrorEquals"] == ["States.ALL"]
    [caught] = STATES[state]["Catch"]
    assert caught["ErrorEquals"] == ["States.ALL"]
    assert "failure" in caught["Assign"]


# -- judging ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "following"), [("JudgeLine", "ReadLine"), ("JudgeNewest", "Superseded")])
@pytest.mark.parametrize(
    ("error", "cause", "is_answer"),
    [
        ("DynamoDB.ConditionalCheckFailedException", "The conditional request failed", True),
        ("DynamoDb.ConditionalCheckFailedException", "", True),
        ("States.TaskFailed", "ConditionalCheckFailedException: The conditional request failed", True),
        ("DynamoDB.ProvisionedThroughputExceededException", "slow down", False),
        ("DynamoDB.AccessDeniedException", "not authorized", False),
        ("States.QueryEvaluationError", "", False),
    ],
)
def test_a_failed_condition_is_told_from_any_other_failure(state, following, error, cause, is_answer):
    failure = {"Error": error, "Cause": cause}

    assert choose(STATES[state], {"failure": failure}) == (following if is_answer else "SendDeadLetter")


def test_a_failure_without_a_cause_is_judged_too():
    assert choose(STATES["JudgeLine"], {"failure": {"Error": "States.Timeout"}}) == "SendDeadLetter"


ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "GONE"]


@pytest.mark.parametrize(
    ("status", "overlap", "redriven", "following"),
    [
        *(
            (status, overlap, redriven, "LeaveLine")
            for status in ENDED
            for overlap in ("skip", "queue")
            for redriven in (True, False)
        ),
        ("RUNNING", "skip", False, "Skipped"),
        ("RUNNING", "skip", True, "WaitForTurn"),
        ("RUNNING", "queue", False, "WaitForTurn"),
        ("RUNNING", "queue", True, "WaitForTurn"),
        ("PENDING_REDRIVE", "skip", False, "WaitForTurn"),
        ("PENDING_REDRIVE", "queue", False, "WaitForTurn"),
        ("UNKNOWN", "skip", False, "SendDeadLetter"),
        ("UNKNOWN", "queue", True, "SendDeadLetter"),
    ],
)
def test_what_becomes_of_a_run_depends_on_the_first_and_the_policy(status, overlap, redriven, following):
    event = occurrence(6, overlap)
    variables = known({"redrive": {"event": event}} if redriven else event)

    assert choose(STATES["JudgeFirst"], {**variables, "first_status": status}) == following


@pytest.mark.parametrize(
    ("error", "cause", "status"),
    [
        ("Sfn.ExecutionDoesNotExistException", "Execution Does Not Exist: 'arn'", "GONE"),
        ("Sfn.ExecutionDoesNotExist", "", "GONE"),
        ("Sfn.InvalidArnException", "Invalid Arn", "GONE"),
        ("Sfn.AccessDeniedException", "not authorized", "UNKNOWN"),
        ("States.Timeout", "", "UNKNOWN"),
    ],
)
def test_only_a_holder_that_is_known_to_be_gone_counts_as_gone(error, cause, status):
    [caught] = STATES["DescribeFirst"]["Catch"]

    assigned = evaluate(caught["Assign"], errorOutput={"Error": error, "Cause": cause})

    assert (assigned["first_status"], caught["Next"]) == (status, "JudgeFirst")
    assert assigned["failure"]["Error"] == error


@pytest.mark.parametrize(
    ("answer", "first", "following"),
    [
        ({}, "nobody", "TakeTurn"),
        ({"Item": {}}, "nobody", "TakeTurn"),
        ({"Item": {"line": {"L": []}}}, "nobody", "TakeTurn"),
        ({"Item": {"line": {"L": [{"S": me("e1")}]}}}, me("e1"), "RunJob"),
        ({"Item": {"line": {"L": [{"S": me("e1")}, {"S": me("e2")}]}}}, me("e1"), "RunJob"),
        ({"Item": {"line": {"L": [{"S": me("e0")}, {"S": me("e1")}]}}}, me("e0"), "DescribeFirst"),
    ],
)
def test_whoever_reads_the_line_learns_who_is_first(answer, first, following):
    found = evaluate(STATES["ReadLine"]["Assign"], result=answer, context=context())

    assert found == {"first": first}
    assert choose(STATES["JudgeTurn"], found, context=context()) == following


def test_each_look_is_later_than_the_one_before_up_to_a_limit():
    waits = [evaluate(STATES["WaitForTurn"]["Seconds"], {"turn_looks": looks}) for looks in range(MOST_TURN_LOOKS)]

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (15, 3_600)
    assert evaluate(STATES["WaitForTurn"]["Assign"], {"turn_looks": 3}) == {"turn_looks": 4}
    # A run waits for two weeks: a job may run for nine days.
    assert sum(waits) > 14 * 86_400


def test_a_run_whose_turn_does_not_come_is_given_up_before_its_history_is_full():
    running = {**known(occurrence(6, "queue")), "first": me("e0"), "first_status": "RUNNING"}
    late = {**running, "turn_looks": MOST_TURN_LOOKS}
    [rule] = [each for each in STATES["JudgeFirst"]["Choices"] if "Assign" in each]

    assert choose(STATES["JudgeFirst"], {**running, "turn_looks": MOST_TURN_LOOKS - 1}) == "WaitForTurn"
    assert choose(STATES["JudgeFirst"], late) == "SendDeadLetter"
    assert choose(STATES["JudgeFirst"], {**late, "first_status": "SUCCEEDED"}) == "SendDeadLetter"
    assert (
        evaluate(rule["Assign"], late)["reason"] == f"waited too long for the turn of this run: {me('e0')} comes first"
    )
    # A look is 9 events, reading the line again 19.
    assert MOST_TURN_LOOKS * 9.5 <= 7_000
    read_again = [STATES["LeaveLine"]["Assign"], STATES["LeaveLine"]["Catch"][0]["Assign"]]
    assert [evaluate(each["turn_looks"], {"turn_looks": 3}) for each in read_again] == [5, 5]


@pytest.mark.parametrize(("state", "status"), [("Skipped", "Skipped"), ("Superseded", "Superseded")])
def test_a_run_without_a_job_says_so(state, status):
    output = evaluate(STATES[state]["Output"], known(occurrence(6, "skip")), context=context())

    assert output["status"] == status
    assert output["job_name"] == f"census-job-{output['run_id']}-1"
    assert STATES[state]["Type"] == "Succeed"


# -- runs side by side ------------------------------------------------------------------------------------------------


class Table:
    """As much of DynamoDB as the states ask for."""

    def __init__(self):
        self.items = {}

    def call(self, state, given):
        item = self.items.setdefault(given["Key"][ITEM_ID]["S"], {})
        line = item.get("line", [])
        if state == "ReadLine":
            return {"Item": {"line": {"L": [{"S": name} for name in line]}}} if item else {}
        values = {name: next(iter(typed.values())) for name, typed in given["ExpressionAttributeValues"].items()}
        met, change = {
            "JoinLine": lambda: (values[":me"] not in line, {"line": [*line, values[":me"]]}),
            "TakeTurn": lambda: (not line or line[0] == values[":me"], {"line": [values[":me"]]}),
            "LeaveLine": lambda: (line[:1] == [values[":ended"]], {"line": line[1:]}),
            "RecordNewest": lambda: (item.get("newest", "") <= values[":mine"], {"newest": values[":mine"]}),
        }[state]()
        if met:
            item.update(change)
        return {} if met else None


class Run:
    """One execution, taken step by step until it waits, runs its job, or ends."""

    def __init__(self, world, name, event):
        self.world, self.name, self.status, self.state = world, me(name), "RUNNING", "Admit"
        self.context = context(name)
        self.variables = known(event, name)
        world.runs[self.name] = self

    def step(self):
        """Through one state; what the state is called that comes next."""
        state = STATES[self.state]
        if state["Type"] == "Choice":
            self.state = choose(state, self.variables, context=self.context)
        elif state["Type"] == "Wait":
            evaluate(state["Seconds"], self.variables, context=self.context)
            self._assign(state, {})
            self.state = state["Next"]
        elif state["Type"] == "Task":
            self._call(state)
        if STATES[self.state]["Type"] == "Succeed":
            self.status = "SUCCEEDED"
        return self.state

    def _call(self, state):
        given = evaluate(state["Arguments"], self.variables, context=self.context)
        if self.state == "DescribeFirst":
            holder = self.world.runs.get(given["ExecutionArn"])
            answer = None if holder is None else {"Status": holder.status}
            error = {"Error": "Sfn.ExecutionDoesNotExistException", "Cause": ""}
        else:
            answer = self.world.table.call(self.state, given)
            error = {"Error": "DynamoDB.ConditionalCheckFailedException", "Cause": ""}
        if answer is None:
            [caught] = state["Catch"]
            self.variables |= evaluate(caught["Assign"], self.variables, errorOutput=error, context=self.context)
            self.state = caught["Next"]
        else:
            self._assign(state, answer)
            self.state = state["Next"]

    def _assign(self, state, result):
        self.variables |= evaluate(state.get("Assign", {}), self.variables, result=result, context=self.context)

    def go(self, *stops):
        """On to where it waits, runs its job or ends."""
        for _ in range(50):
            if self.step() in {"RunJob", "WaitForTurn", "Skipped", "Superseded", "SendDeadLetter", *stops}:
                return self.state
        raise AssertionError(f"{self.name} goes round and round, now at {self.state}")

    def end(self, status="SUCCEEDED"):
        self.status = status


class World:
    def __init__(self):
        self.table, self.runs = Table(), {}

    def start(self, name, event):
        return Run(self, name, event)


@pytest.fixture
def world():
    return World()


def test_a_long_wait_for_a_turn_does_not_count_as_waiting_for_the_job():
    variables = known(occurrence(1, "queue"))
    for _ in range(1_000):
        variables |= evaluate(STATES["WaitForTurn"]["Assign"], variables)
    ours = {"ProcessingJobStatus": "InProgress", "Environment": {"CDK_PROCESSING_EXECUTION": me()}}

    variables |= evaluate(STATES["DescribeJob"]["Assign"], variables, result=ours, context=context())

    assert choose(STATES["Judge"], variables, context=context()) == "WaitForJob"


def test_the_walk_would_notice_a_state_that_goes_round(world):
    run = world.start("e1", occurrence(6, "queue"))
    run.variables["turn_looks"] = "many"
    run.state = "WaitForTurn"

    with pytest.raises(QueryEvaluationError):
        run.step()


def test_a_skipping_run_that_is_alone_runs(world):
    assert world.start("e1", occurrence(6, "skip")).go() == "RunJob"


def test_a_run_is_skipped_while_an_earlier_one_goes_on(world):
    first, second = (world.start(f"e{hour}", occurrence(hour, "skip")) for hour in (6, 7))

    assert first.go() == "RunJob"
    assert second.go() == "Skipped"
    assert first.status == "RUNNING"


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_a_run_takes_the_place_of_one_that_has_ended_however_it_did(world, status):
    first, second, third = (world.start(f"e{hour}", occurrence(hour, "skip")) for hour in (6, 7, 8))
    first.go()
    first.end(status)

    assert second.go() == "RunJob"
    assert third.go() == "Skipped"


def test_a_run_takes_the_place_of_one_that_step_functions_has_forgotten(world):
    first = world.start("e6", occurrence(6, "skip"))
    first.go()
    del world.runs[first.name]

    assert world.start("e7", occurrence(7, "skip")).go() == "RunJob"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_that_find_the_first_has_ended_one_runs_and_the_other_is_skipped(world, order):
    first = world.start("e6", occurrence(6, "skip"))
    first.go()
    first.end()
    pair = [world.start(f"e{hour}", occurrence(hour, "skip")) for hour in (7, 8)]
    for run in pair:
        assert run.go("LeaveLine") == "LeaveLine"  # both have found it ended

    quicker, slower = (pair[index] for index in order)

    assert quicker.go() == "RunJob"
    assert slower.go() == "Skipped"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_that_find_nobody_in_the_line_one_runs(world, order):
    pair = [world.start(f"e{hour}", occurrence(hour, "skip")) for hour in (7, 8)]
    for run in pair:
        run.go("TakeTurn")

    quicker, slower = (pair[index] for index in order)

    assert quicker.go() == "RunJob"
    assert slower.go() == "Skipped"


@pytest.mark.parametrize(("state", "overlap"), [("TakeTurn", "skip"), ("JoinLine", "queue")])
def test_a_call_whose_answer_was_lost_can_be_made_again(world, state, overlap):
    run = world.start("e6", occurrence(6, overlap))
    run.go(state)
    given = evaluate(STATES[state]["Arguments"], run.variables, context=run.context)
    assert world.table.call(state, given) == {}

    assert run.go() == "RunJob"
    assert list(world.table.items.values()) == [{"line": [run.name]}]


def test_taking_out_of_the_line_twice_takes_out_nobody_else(world):
    first, second, third = (world.start(f"e{hour}", occurrence(hour, "queue")) for hour in (6, 7, 8))
    for run in (first, second, third):
        run.go()
    first.end()
    assert third.go("LeaveLine") == "LeaveLine"
    given = evaluate(STATES["LeaveLine"]["Arguments"], third.variables, context=third.context)
    assert world.table.call("LeaveLine", given) == {}

    assert third.go() == "WaitForTurn"
    assert third.variables["first"] == second.name
    assert second.go() == "RunJob"


def test_two_schedules_of_a_job_do_not_hold_each_other_up(world):
    other = {**occurrence(6, "skip"), "schedule": SCHEDULE + "2"}

    assert world.start("e1", occurrence(6, "skip")).go() == "RunJob"
    assert world.start("e2", other).go() == "RunJob"


def test_a_redriven_run_waits_instead_of_being_skipped(world):
    first = world.start("e6", occurrence(6, "skip"))
    first.go()
    again = world.start("e9", {"redrive": {"event": occurrence(5, "skip"), "run_key": "k"}})

    assert again.go() == "WaitForTurn"
    first.end()
    assert again.go() == "RunJob"


def test_queued_runs_go_one_after_the_other_in_the_order_of_the_line(world):
    first, second, third = runs = [world.start(f"e{hour}", occurrence(hour, "queue")) for hour in (6, 7, 8)]

    assert [run.go() for run in runs] == ["RunJob", "WaitForTurn", "WaitForTurn"]
    # The last one looks first, and must wait all the same.
    first.end()
    assert third.go() == "WaitForTurn"
    assert second.go() == "RunJob"
    assert third.go() == "WaitForTurn"
    second.end()
    assert third.go() == "RunJob"


def test_a_queued_run_that_is_aborted_while_it_waits_lets_nobody_past_the_one_that_runs(world):
    first, second, third = (world.start(f"e{hour}", occurrence(hour, "queue")) for hour in (6, 7, 8))
    first.go()
    second.go()
    third.go()

    second.end("ABORTED")

    assert third.go() == "WaitForTurn"
    assert third.variables["first"] == first.name
    first.end()
    assert third.go() == "RunJob"


def test_a_run_that_ends_for_good_leaves_the_way_free_without_giving_anything_back(world):
    runs = [world.start(f"e{hour}", occurrence(hour, "queue")) for hour in range(5)]
    states = [run.go() for run in runs]
    assert states == ["RunJob"] + ["WaitForTurn"] * 4

    for run, following in pairwise(runs):
        run.end("ABORTED")
        assert following.go() == "RunJob"


def test_the_scheduler_that_delivers_an_occurrence_twice_has_the_second_wait_for_the_first(world):
    one, again = world.start("e6", occurrence(6, "queue")), world.start("e6b", occurrence(6, "queue"))

    assert (one.go(), again.go()) == ("RunJob", "WaitForTurn")
    assert one.variables["run"]["id"] == again.variables["run"]["id"]  # so that its job's name is taken
    one.end()
    assert again.go() == "RunJob"


def test_what_comes_late_is_superseded_and_what_comes_twice_is_not(world):
    assert world.start("e1", arrival("0055")).go() == "RunJob"
    assert world.start("e2", arrival("0057")).go() == "RunJob"
    assert world.start("e3", arrival("0056")).go() == "Superseded"
    assert world.start("e4", arrival("0057")).go() == "RunJob"  # a duplicate, which the job's name tells
    assert world.start("e5", arrival("00570")).go() == "RunJob"
    assert world.start("e6", arrival("0056", "in/b.csv")).go() == "RunJob"

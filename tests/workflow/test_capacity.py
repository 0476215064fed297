"""Places in lines: the state machine of a platform and the states of a job that ask it, each state by itself."""

import json

import pytest

from cdk_processing.workflow.capacity import Capacity
from cdk_processing.workflow.definition import Workflow, definition
from cdk_processing.workflow.launch_policy import MOST_TURN_LOOKS
from cdk_processing.workflow.limits import definition_problems
from cdk_processing.workflow.line import MOST_AT_ONCE, line_definition
from cdk_processing.workflow.turns import TURNS
from tests.workflow.reference import evaluate_cases
from tests.workflow.states_language import choose, evaluate, problems_of

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Census"
EXECUTIONS = "arn:aws:states:us-east-1:111122223333:execution:"
LINE = line_definition("aws", "Turns", 20)
STATES = LINE["States"]


def job(max_concurrency=2, instances=3, **options):
    capacity = Capacity("arn:line", max_concurrency, instances)
    return definition(
        Workflow(
            "Census/Job",
            "census-job",
            {"ProcessingInputs": []},
            "aws",
            "https://queue",
            capacity=capacity,
            table="Turns",
            **options,
        )
    )


JOB = job()["States"]


def seen(line, me="1 Census:me", limit=2):
    """What an execution sees of a line."""
    answer = {"Item": {"line": {"L": [{"S": each} for each in line]}}} if line else {}
    variables = {"line": {"me": me, "limit": limit}}
    return evaluate(STATES["ReadLine"]["Assign"]["seen"], variables, result=answer)


# -- definitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 20])
def test_the_line_is_valid_in_the_states_language_and_not_too_deep(limit):
    defined = line_definition("aws", "Turns", limit)

    assert problems_of(defined) == []
    assert definition_problems(defined, json.dumps(defined)) == []


@pytest.mark.parametrize("options", [{}, {"admissions": (TURNS,)}, {"manifest_bucket": "work"}])
def test_a_job_that_waits_for_places_is_valid_in_the_states_language(options):
    defined = job(**options)

    assert problems_of(defined) == []
    assert definition_problems(defined, json.dumps(defined)) == []


def test_a_run_waits_for_its_place_after_its_turn_and_before_its_manifest():
    states = job(admissions=(TURNS,), manifest_bucket="work")["States"]

    assert states["Prepare"]["Next"] == "Admit"
    assert states["TakeTurn"]["Next"] == "AskForPlace"
    assert states["JudgePlace"]["Choices"][0]["Next"] == "WriteManifest"


def test_one_projection_of_the_line_is_within_what_dynamodb_takes():
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
    assert len(STATES["ReadLine"]["Arguments"]["ProjectionExpression"]) <= 4_096


# -- what the line tells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "limit", "following"),
    [
        ([], 2, "JoinLine"),
        (["1 A:1"], 2, "JoinLine"),
        (["1 Census:me"], 2, "PassLine"),
        (["1 A:1", "1 Census:me"], 2, "PassLine"),
        (["1 A:1", "1 A:2", "1 Census:me"], 2, "ChooseSuspects"),
        (["2 A:1", "1 Census:me"], 2, "ChooseSuspects"),
        # A large one that waits is not passed.
        (["1 A:1", "2 A:2", "1 Census:me"], 2, "ChooseSuspects"),
        # The name of another that begins alike.
        (["1 Census:men"], 2, "JoinLine"),
        ([f"1 A:{number}" for number in range(MOST_AT_ONCE)], 2, "ChooseSuspects"),
    ],
)
def test_who_may_run_follows_from_the_weights_before_it(line, limit, following):
    variables = {"seen": seen(line, limit=limit), "line": {"weight": 1, "limit": limit}, "is_first_look": False}

    assert choose(STATES["JudgeLine"], variables) == following


def test_at_its_first_look_only_the_one_that_is_next_asks_about_others():
    line = ["1 A:1", "1 A:2", "1 Census:me", "1 Census:later"]
    found = {
        me: choose(
            STATES["JudgeLine"],
            {"seen": seen(line, me), "line": {"weight": 1, "limit": 2}, "is_first_look": True},
        )
        for me in ("1 Census:me", "1 Census:later")
    }

    assert found == {"1 Census:me": "ChooseSuspects", "1 Census:later": "MustWait"}


@pytest.mark.parametrize(
    ("thorough", "line", "suspects"),
    [
        # It is next: those with places. The others: the one right before.
        (False, ["1 A:1", "1 A:2", "1 Census:me"], {"1 A:1", "1 A:2"}),
        (False, ["1 A:1", "1 A:2", "1 A:3", "1 Census:me"], {"1 A:3"}),
        (True, ["1 A:1", "1 A:2", "1 A:3", "1 Census:me"], {"1 A:1", "1 A:2", "1 A:3"}),
    ],
)
def test_whom_an_execution_asks_about(thorough, line, suspects):
    found = evaluate(STATES["ChooseSuspects"]["Assign"], {"seen": seen(line), "thorough": thorough})

    assert (set(found["suspects"]), found["ended"]) == (suspects, [])


def test_the_one_that_is_next_asks_about_twenty_of_many_with_places_and_in_time_about_all():
    line = [f"1 A:{number}" for number in range(50)]
    view = seen([*line, "1 Census:me"], limit=50)
    asked = [
        evaluate(STATES["ChooseSuspects"]["Assign"]["suspects"], {"seen": view, "thorough": False}) for _ in range(60)
    ]

    assert {len(each) for each in asked} == {20}
    assert set().union(*asked) == set(line)


def test_all_that_have_ended_are_removed_at_once_the_last_first_and_only_if_the_line_is_as_it_was():
    variables = {
        "line": {"name": MACHINE},
        "seen": {"before": ["1 A:0", "1 A:1", "1 A:2"]},
        "ended": ["1 A:0", "1 A:2"],
    }

    given = evaluate(STATES["LeaveLine"]["Arguments"], variables)

    assert given["Key"] == {"id": {"S": f"#line#{MACHINE}"}}
    assert given["UpdateExpression"] == "REMOVE line[2], line[0]"
    assert given["ConditionExpression"] == "line[2] = :e2 AND line[0] = :e0"
    assert given["ExpressionAttributeValues"] == {":e0": {"S": "1 A:0"}, ":e2": {"S": "1 A:2"}}


@pytest.mark.parametrize(
    ("error", "cause", "following"),
    [
        ("DynamoDB.ConditionalCheckFailedException", "The conditional request failed", "ReadLine"),
        (
            "DynamoDB.AmazonDynamoDBException",
            "Item size to update has exceeded the maximum allowed size (Service: AmazonDynamoDBv2; Status Code: 400)",
            "LineIsFull",
        ),
        ("DynamoDB.AmazonDynamoDBException", "Rate exceeded", "Failed"),
    ],
)
def test_a_line_without_room_is_told_from_one_that_has_the_execution(error, cause, following):
    assert choose(STATES["JudgeJoin"], {"failure": {"Error": error, "Cause": cause}}) == following


@pytest.mark.parametrize(
    ("error", "cause", "following"),
    [
        ("Sfn.ExecutionDoesNotExistException", "Execution Does Not Exist", "JudgeSuspect"),
        ("Sfn.SfnException", "Rate exceeded", "JudgeSuspect"),
        ("Sfn.SfnException", "is not authorized to perform: states:DescribeExecution", "Failed"),
    ],
)
def test_an_execution_that_is_gone_has_ended_and_one_that_is_not_told_of_may_run(error, cause, following):
    assert choose(STATES["JudgeError"], {"failure": {"Error": error, "Cause": cause}}) == following


def test_the_reference_implementation_reads_the_line_alike():
    lines = [
        [],
        ["1 Census:me"],
        ["1 A:1"],
        ["1 A:1", "1 Census:me"],
        ["2 A:1", "1 A:2", "1 Census:me"],
        [f"{1 + number % 3} A:{number}" for number in range(40)] + ["1 Census:me"],
    ]
    bodies = {
        "seen": STATES["ReadLine"]["Assign"]["seen"],
        "suspects": STATES["ChooseSuspects"]["Assign"]["suspects"],
        "running": STATES["MustWait"]["Output"]["running"],
        "before": STATES["MustWait"]["Output"]["before"],
        "update": STATES["LeaveLine"]["Arguments"]["UpdateExpression"],
        "condition": STATES["LeaveLine"]["Arguments"]["ConditionExpression"],
        "values": STATES["LeaveLine"]["Arguments"]["ExpressionAttributeValues"],
        "rest": STATES["DescribeSuspect"]["Assign"]["suspects"],
        "ended": STATES["DescribeSuspect"]["Assign"]["ended"],
        "weights": STATES["NextLine"]["Choices"][0]["Assign"]["line"],
        "wait": JOB["WaitForPlace"]["Seconds"].replace("$random()", "0"),
        "input": JOB["AskForPlace"]["Arguments"]["Input"],
    }
    told, ours = [], []
    for line in lines:
        view = seen(line)
        # Not the one that is next: it asks about others at random.
        variables = {
            "seen": {**view, "is_next": False},
            "thorough": True,
            "line": {"me": "1 Census:me", "limit": 2, "name": "platform"},
            "suspects": view["before"][:2],
            "ended": view["before"][:1],
            "lines": [{"name": "platform", "weight": 3}],
            "at": 0,
            "name": "Census:me",
            "turn_looks": 7,
            "answer": {"at": 0, "joined": True, "before": len(line), "running": 1},
        }
        states = {
            "result": {"Item": {"line": {"L": [{"S": each} for each in line]}}, "Status": "ABORTED"},
            "context": {"Execution": {"Id": f"{EXECUTIONS}Census:me"}, "StateMachine": {"Id": MACHINE}},
        }
        for body in bodies.values():
            text = body[2:-2].strip()
            if "$ended ?" in text and not view["before"]:
                continue  # nobody leaves an empty line
            told.append((text, {**variables, "states": states}))
            ours.append(evaluate(f"{{% {text} %}}", variables, **states))

    assert [each.value for each in evaluate_cases(told)] == ours


# -- what a job asks and does -----------------------------------------------------------------------------------------


def test_a_run_asks_for_its_places_in_the_order_of_all_runs():
    context = {"Execution": {"Id": f"{EXECUTIONS}Census:me"}, "StateMachine": {"Id": MACHINE}}
    variables = JOB["Prepare"]["Assign"]

    asked = evaluate(JOB["AskForPlace"]["Arguments"], {"answer": variables["answer"]}, context=context)

    assert asked["StateMachineArn"] == "arn:line"
    assert json.loads(asked["Input"]) == {
        "execution": f"{EXECUTIONS}Census:me",
        "lines": [{"name": MACHINE, "weight": 1, "limit": 2}, {"name": "platform", "weight": 3}],
        "at": 0,
        "joined": False,
    }


@pytest.mark.parametrize(
    ("answer", "failed_calls", "looks", "following"),
    [
        ({"place": True}, 0, 0, "RunJob"),
        ({"place": False, "before": 3}, 0, 0, "WaitForPlace"),
        ({"place": False, "before": 0}, 30, 0, "WaitForPlace"),
        ({"place": False, "before": 0}, 31, 0, "SendDeadLetter"),
        ({"place": False, "before": 3}, 0, MOST_TURN_LOOKS, "SendDeadLetter"),
        ({"place": False, "weight": 30, "limit": 20}, 0, 0, "SendDeadLetter"),
    ],
)
def test_what_a_run_does_with_the_answer(answer, failed_calls, looks, following):
    variables = {"answer": answer, "failed_calls": failed_calls, "turn_looks": looks}

    assert choose(JOB["JudgePlace"], variables) == following


def test_a_call_that_failed_keeps_the_place_in_the_line_and_says_why():
    variables = {"answer": {"at": 1, "joined": True, "before": 4, "running": 2}, "failed_calls": 2}
    result = {"Status": "FAILED", "Error": "DynamoDB.Throttling", "Cause": "Rate exceeded"}

    assigned = evaluate(JOB["AskForPlace"]["Assign"], variables, result=result)

    assert (assigned["answer"]["at"], assigned["answer"]["joined"]) == (1, True)
    assert (assigned["failed_calls"], assigned["reason"]) == (3, "DynamoDB.Throttling: Rate exceeded")
    assert choose(JOB["JudgePlace"], {**assigned, "turn_looks": 0}) == "WaitForPlace"


def test_waits_cover_two_weeks_grow_with_age_and_with_those_before_it_and_differ():
    def wait(looks, before=2, running=2):
        answer = {"before": before, "running": running}
        return evaluate(JOB["WaitForPlace"]["Seconds"], {"turn_looks": looks, "answer": answer})

    shortest = [0.75 * min(3_600, 15 + looks**2 / 40) for looks in range(MOST_TURN_LOOKS)]
    assert sum(shortest) > 14 * 86_400
    assert 11 <= wait(0) <= 15
    assert 2_700 <= wait(0, before=1_000) <= 3_600
    assert all(wait(looks) >= shortest[looks] for looks in (0, 40, 400))
    assert len({wait(300) for _ in range(20)}) > 1


def test_looks_fit_into_the_history_with_all_other_waits():
    # Entered and left, scheduled, started and succeeded; the Choice and the Wait are entered and left.
    assert MOST_TURN_LOOKS * (5 + 2 + 2) <= 6_650

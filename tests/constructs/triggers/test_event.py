"""``OnEvent``: its rule, its runs, and the patterns that are refused."""

import pytest
from aws_cdk import assertions
from aws_cdk import aws_events as events

from cdk_processing import (
    EventField,
    ExecutionVariables,
    OnEvent,
    Parameter,
    ProcessingJob,
)
from tests.constructs.triggers.runs import PATTERN, event, run_of
from tests.workflow.states_language import problems_of

V = ExecutionVariables


def test_an_event_trigger_is_one_rule_that_starts_the_state_machine(declare, rule, flat):
    declare(OnEvent(PATTERN))
    found = rule()
    [target] = found.pop("Targets")

    assert found == {"Description": "Launches Census/Job", "EventPattern": PATTERN}
    assert target.pop("Arn")["Ref"].startswith("JobStateMachine")
    assert target.pop("RoleArn")["Fn::GetAtt"][0].startswith("JobStartRole")
    assert flat(target.pop("DeadLetterConfig")["Arn"]).startswith("<ProcessingPlatformDeadLetters")
    assert target == {"Id": "StateMachine"}  # the event goes as it came


def test_only_eventbridge_may_start_it_and_only_this_job(declare, stack, synth, statements, resources):
    declare(OnEvent(PATTERN))
    template = synth(stack)

    assert list(statements(template, "JobStartRole")) == ["StartRuns"]
    [start] = [r for name, r in resources(template, "AWS::IAM::Role").items() if name.startswith("JobStartRole")]
    [trust] = start["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}


@pytest.mark.parametrize("bus", ["orders", "arn:aws:events:us-east-1:111122223333:event-bus/orders"])
def test_a_bus_is_named(declare, rule, bus):
    declare(OnEvent(PATTERN, event_bus=bus))

    assert rule()["EventBusName"] == bus


def test_a_bus_may_be_a_construct(declare, rule, stack):
    declare(OnEvent(PATTERN, event_bus=events.EventBus(stack, "Orders")))

    assert rule()["EventBusName"]["Ref"].startswith("Orders")


def test_a_bus_may_be_imported(declare, rule, stack):
    bus = events.EventBus.from_event_bus_name(stack, "Orders", "orders")
    declare(OnEvent(PATTERN, event_bus=bus))

    assert rule()["EventBusName"] == "orders"


def test_an_event_that_comes_twice_is_one_run(declare, states):
    declare(OnEvent(PATTERN))

    first, second = run_of(states(), event()), run_of(states(), event())

    assert first["key"] == second["key"] == "event:e-1"
    assert run_of(states(), event(id="e-2"))["key"] == "event:e-2"


def test_an_event_gives_parameters_and_key(declare, states):
    declare(
        OnEvent(
            PATTERN,
            parameters={"table": EventField("$.detail.table-name"), "mode": "it's"},
            run_key=EventField("$.detail.batch"),
        ),
        arguments=[Parameter("table", default="none"), Parameter("mode")],
    )

    run = run_of(states(), event(detail={"kind": "b1", "table-name": "people", "batch": 7}))

    assert (run["key"], run["parameters"]) == ("key:7", {"table": "people", "mode": "it's"})
    assert run_of(states(), event())["problem"] == "the event has no $.detail.batch, which is the run key"


def test_events_of_s3_supply_the_objects_values(declare):
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Deleted"]}

    declare(OnEvent(pattern), arguments=[V.OBJECT_KEY])


@pytest.mark.parametrize("sources", [["my.app"], ["aws.s3", "my.app"], [{"prefix": "aws.s3"}]])
def test_other_events_do_not(refused, sources):
    message = refused(OnEvent({"source": sources}), arguments=[V.OBJECT_KEY])

    assert message.startswith("ExecutionVariables.OBJECT_KEY must be supplied by every trigger of the job, got ")
    assert message.endswith("; drop the value or the trigger, or make two jobs (Job)")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ({}, "triggers[0].pattern must be an EventBridge pattern, got {}; write {"),
        ("my.app", "triggers[0].pattern must be an EventBridge pattern, got 'my.app'; write {"),
        (
            {"source": "my.app"},
            "triggers[0].pattern['source'] must be a list of at least one value, got 'my.app'; write ['my.app']",
        ),
        ({"source": []}, "triggers[0].pattern['source'] must be a list of at least one value, got []; name the values"),
        ({"detail": {}}, "triggers[0].pattern['detail'] must be a list of at least one value, got {}; name the values"),
        (
            {"detail": {"a": {"b": 5}}},
            "triggers[0].pattern['detail']['a']['b'] must be a list of at least one value, got 5; write [5]",
        ),
        (
            {"detail_type": ["x"]},
            "triggers[0].pattern['detail_type'] must be under one of account, detail, detail-type, id",
        ),
        (
            {"$or": {"source": ["x"]}},
            "triggers[0].pattern['$or'] must be a list of patterns, got {'source': ['x']}; write",
        ),
        (
            {"$or": [{"source": "x"}]},
            "triggers[0].pattern['$or']['source'] must be a list of at least one value, got 'x'",
        ),
        (
            {"source": [["x"]]},
            "triggers[0].pattern['source'] must be a text, a number, true, false, null or one operator",
        ),
        ({"source": [{}]}, "triggers[0].pattern['source'] must be a text, a number, true, false, null or one operator"),
        (
            {"source": [{"prefix": "a", "suffix": "b"}]},
            "triggers[0].pattern['source'] must be a text, a number, true, false, null or one operator",
        ),
        ({"source": [{"regex": "a"}]}, "triggers[0].pattern['source'] must be one of the operators prefix, suffix"),
        (
            {"source": [{"prefix": 5}]},
            "triggers[0].pattern['source']['prefix'] must be a text or {'equals-ignore-case': text}, got 5",
        ),
        (
            {"source": [{"suffix": {"prefix": "a"}}]},
            "triggers[0].pattern['source']['suffix'] must be a text or {'equals-",
        ),
        (
            {"source": [{"wildcard": "a**"}]},
            "triggers[0].pattern['source']['wildcard'] must be a text without two * in a row",
        ),
        ({"source": [{"exists": "yes"}]}, "triggers[0].pattern['source']['exists'] must be True or False, got 'yes'"),
        (
            {"source": [{"cidr": 5}]},
            "triggers[0].pattern['source']['cidr'] must be a text such as '10.0.0.0/24', got 5",
        ),
        (
            {"source": [{"equals-ignore-case": ["a"]}]},
            "triggers[0].pattern['source']['equals-ignore-case'] must be a text, got",
        ),
        *(
            (
                {"source": [{"numeric": value}]},
                "triggers[0].pattern['source']['numeric'] must be a comparison such as ['>', 0]",
            )
            for value in ([], [">"], [">", "0"], ["<", 0, ">", 5], [">", 5, "<", 0], ["~", 1], 5, [">", True])
        ),
        *(
            (
                {"source": [{"anything-but": value}]},
                "triggers[0].pattern['source']['anything-but'] must be texts, numbers, or",
            )
            for value in (
                [],
                ["a", 1],
                None,
                True,
                {"numeric": [">", 1]},
                {},
                {"prefix": 1},
                {"prefix": []},
                [{"prefix": "a"}],
            )
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("more", [{}, {"run_key": EventField("$.detail.id")}], ids=["plain", "keyed"])
def test_a_pattern_that_eventbridge_would_refuse_is_told_with_the_fix(refused, pattern, message, more):
    told = refused(OnEvent(pattern, **more))

    assert told.startswith(message)
    assert "; " in told
    assert told.endswith("(OnEvent)")


@pytest.mark.parametrize(
    "wanted",
    [
        ["a", 5, -0.5, None, True],
        [{"prefix": "a"}, {"prefix": {"equals-ignore-case": "a"}}, {"suffix": ""}, {"equals-ignore-case": "a"}],
        [{"numeric": [">", 0]}, {"numeric": ["=", 1.5]}, {"numeric": [">=", 0, "<", 5]}, {"wildcard": "a*b"}],
        [{"anything-but": "a"}, {"anything-but": 5}, {"anything-but": ["a", "b"]}, {"anything-but": [1, 2.5]}],
        [{"anything-but": {"prefix": "a"}}, {"anything-but": {"suffix": ["a", "b"]}}, {"exists": True}],
    ],
    ids=str,
)
def test_every_operator_of_eventbridge_is_taken(declare, wanted, states):
    declare(OnEvent({"detail": {"x": wanted}}, run_key=EventField("$.detail.x")))

    assert problems_of({"StartAt": "Prepare", "States": states(), "QueryLanguage": "JSONata"}) == []


def test_an_address_range_is_taken_where_nothing_is_read_from_the_event(declare, rule):
    declare(OnEvent({"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}))

    assert rule()["EventPattern"] == {"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}


def test_an_address_range_is_refused_where_something_is(refused):
    message = refused(OnEvent({"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}, run_key=EventField("$.detail.id")))

    assert message == (
        "triggers[0].pattern must be without that operator, where parameters or run_key are given, got 'cidr'; "
        "match by another field, or in the script (OnEvent)"
    )


PATHS = ["detail.batch", "$", "$.", "$.a b", "$.detail[0]", "$['a']", "$.detail..x", "", None, 5, "$.detail.x "]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_leads_nowhere_is_told_as_the_run_key_and_as_a_parameter(refused, path):
    rest = f"must be $ and the names that lead to a value, such as EventField('$.detail.table'), got {path!r}"

    assert refused(OnEvent(PATTERN, run_key=EventField(path))) == (
        f"triggers[0].run_key {rest}; correct the path (OnEvent)"
    )
    assert refused(OnEvent(PATTERN, parameters={"p": EventField(path)}), arguments=[Parameter("p")], name="Other") == (
        f"triggers[0].parameters['p'] {rest}; correct the path (OnEvent)"
    )


@pytest.mark.parametrize("path", ["$.id", "$.detail.batch-id", "$.detail.a.b_1", "$.detail-type"])
def test_a_path_is_made_of_names(path):
    assert EventField(path).problems("run_key") == []


@pytest.mark.parametrize("key", ["$.detail.batch", 5, V.RUN_ID])
def test_a_run_key_that_is_no_field_is_told(refused, key):
    message = refused(OnEvent(PATTERN, run_key=key))

    assert message.startswith("triggers[0].run_key must be an EventField, got ")
    assert message.endswith("; write EventField('$.detail.batch_id') (OnEvent)")


def test_a_bus_that_is_none_is_told(refused):
    assert refused(OnEvent(PATTERN, event_bus=5)) == (
        "triggers[0].event_bus must be a bus's name, ARN or IEventBus, got 5; pass one of those (OnEvent)"
    )


@pytest.mark.parametrize(
    ("key", "readable"),
    [
        (None, ["*"]),
        ([{"prefix": "in/"}], ["in/*"]),
        ([{"prefix": "in/"}, {"prefix": "more/"}], ["in/*", "more/*"]),
        ([{"wildcard": "in/*.csv"}], ["in/*"]),
        ([{"suffix": ".csv"}], ["*"]),
        ([{"anything-but": "in/x"}], ["*"]),
    ],
)
@pytest.mark.parametrize("when", ["at once", "later"])
def test_the_role_may_read_the_objects_that_the_pattern_names(
    stack, request_for, synth, statements, key, readable, when
):
    detail = {"bucket": {"name": ["their-data"]}, **({"object": {"key": key}} if key else {})}
    trigger = OnEvent({"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail})
    request = request_for(ExecutionVariables.OBJECT_URI)
    if when == "at once":
        ProcessingJob(stack, "Job", request, triggers=[trigger])
    else:
        ProcessingJob(stack, "Job", request).add_trigger(trigger)

    resources = statements(synth(stack), "JobExecutionRole")["ReadInputs"]["Resource"]
    found = [
        text for text in map(str, resources if isinstance(resources, list) else [resources]) if "their-data" in text
    ]
    assert [text.partition("their-data/")[2].split("'")[0] for text in found] == readable


def test_a_pattern_that_names_no_bucket_is_warned_of_where_the_object_is_an_input(stack, request_for):
    trigger = OnEvent({"source": ["aws.s3"], "detail-type": ["Object Created"]})
    ProcessingJob(stack, "Reads", request_for(ExecutionVariables.OBJECT_URI), triggers=[trigger])
    ProcessingJob(stack, "Reads not", request_for(), triggers=[trigger])

    found = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
    [text] = [entry.entry.data for entry in found if "object-of-unknown-bucket" in entry.entry.data]
    assert text.startswith(
        "triggers[0]: event aws.s3 Object Created names no bucket, so the execution role may not read "
    )

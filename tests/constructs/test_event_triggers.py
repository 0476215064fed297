"""What each trigger becomes in a template, what it adds to the job's machine and role, and what is refused at synth."""

import json

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from cfnlint.api import lint

from cdk_processing import (
    DataBucket,
    DeclarationError,
    EventField,
    ExecutionVariables,
    LaunchPolicy,
    OnDeploy,
    OnEvent,
    OnObjectCreated,
    OnSchedule,
    OnSuccessOf,
    Parameter,
    ProcessingJob,
    S3Location,
)
from tests.workflow.states_language import choose, evaluate, problems_of

V = ExecutionVariables
PATTERN = {"source": ["my.app"], "detail-type": ["Batch Ready"], "detail": {"kind": [{"prefix": "b"}]}}
CONTEXT = {
    "Execution": {"Id": "arn:aws:states:us-east-1:111122223333:execution:M:e1", "StartTime": "2024-03-05T07:08:09Z"},
    "StateMachine": {"Id": "arn:aws:states:us-east-1:111122223333:stateMachine:M"},
}


@pytest.fixture
def declare(stack, request_for):
    """A job with such triggers in its stack."""

    def make(*triggers, name="Job", scope=stack, arguments=(), **job):
        request = request_for(arguments=list(arguments)) if arguments else request_for()
        return ProcessingJob(scope, name, request, triggers=triggers, **job)

    return make


@pytest.fixture
def rule(stack, synth, resources):
    def only():
        [found] = resources(synth(stack), "AWS::Events::Rule").values()
        return found["Properties"]

    return only


@pytest.fixture
def states(stack, synth, definition):
    """A job's states, once statelint has nothing against them."""

    def of_job(name="Job", scope=stack):
        found = definition(synth(scope), name)
        assert problems_of(found) == []
        return found["States"]

    return of_job


@pytest.fixture
def refused(declare):
    """The one problem of a declaration, as it is told."""

    def of(*triggers, **job):
        with pytest.raises(DeclarationError) as raised:
            declare(*triggers, **job)
        [problem] = raised.value.problems
        return str(problem)

    return of


def run_of(states, event):
    return evaluate(states["Prepare"]["Assign"], input=event, context=CONTEXT)["run"]


def event(**change):
    return {"id": "e-1", "source": "my.app", "detail-type": "Batch Ready", "detail": {"kind": "b1"}, **change}


# -- OnEvent ----------------------------------------------------------------------------------------------------------


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
    assert run_of(states(), event())["problem"] == "the event has no $.detail.batch, which is to be its run key"


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


# -- parameters -------------------------------------------------------------------------------------------------------

GIVING = {
    "OnEvent": lambda given: OnEvent(PATTERN, parameters=given),
    "OnDeploy": lambda given: OnDeploy(parameters=given),
    "OnSchedule": lambda given: OnSchedule("rate(1 day)", parameters=given),
}
EACH = pytest.mark.parametrize("kind", GIVING)


@EACH
def test_a_value_for_a_parameter_that_the_job_does_not_have_is_told(refused, kind):
    message = refused(GIVING[kind]({"splt": "0.2"}), arguments=[Parameter("split", default="x")])

    assert message == (
        "triggers[0].parameters['splt'] must be one of the job's parameters (split), got 'splt'; "
        f"use Parameter('splt') in the job, or drop it ({kind})"
    )


@EACH
def test_a_value_for_a_job_without_parameters_is_told(refused, kind):
    assert refused(GIVING[kind]({"n": "1"})) == (
        "triggers[0].parameters['n'] must be left out: the job has none, got 'n'; "
        f"use Parameter('n') in the job, or drop it ({kind})"
    )


@EACH
@pytest.mark.parametrize(
    ("parameter", "value", "allowed", "fix"),
    [
        (Parameter("p", type=int), "0.5", "an integer", "correct the value"),
        (Parameter("p", type=float), "half", "a number", "correct the value"),
        (Parameter("p", type=bool), "yes", "true or false", "correct the value"),
        (Parameter("p", enum_values=["a", "b"]), "c", "one of a, b", "take one of those"),
    ],
    ids=["int", "float", "bool", "enum"],
)
def test_a_value_that_its_parameter_does_not_take_is_told(refused, kind, parameter, value, allowed, fix):
    assert refused(GIVING[kind]({"p": value}), arguments=[parameter]) == (
        f"triggers[0].parameters['p'] must be {allowed}, got {value!r}; {fix} ({kind})"
    )


@EACH
def test_a_value_that_is_no_text_is_told_with_its_text(refused, kind):
    allowed = "a str or an EventField" if kind == "OnEvent" else "a str"

    assert refused(GIVING[kind]({"p": 5}), arguments=[Parameter("p", type=int)]) == (
        f"triggers[0].parameters['p'] must be {allowed}, got 5; write '5' ({kind})"
    )


@EACH
def test_parameters_that_are_no_dict_are_told(refused, kind):
    assert refused(GIVING[kind](["p"]), arguments=[Parameter("p", default="")]) == (
        f"triggers[0].parameters must be a dict of name to text, got ['p']; write {{'name': 'value'}} ({kind})"
    )


@EACH
def test_a_parameter_that_the_trigger_does_not_give_is_told(refused, kind):
    message = refused(GIVING[kind]({}), arguments=[Parameter("p")])

    assert message.startswith("Parameter('p') must be supplied by every trigger of the job, got 'triggers[0]: ")
    assert message.endswith("give it a default, or pass parameters={'p': ...} to the trigger (Job)")


@EACH
def test_a_value_that_is_known_at_deployment_only_is_taken(declare, stack, kind, states):
    declare(
        GIVING[kind]({"p": stack.stack_name + "1", "n": DataBucket(stack, "B").bucket_name}),
        arguments=[Parameter("p"), Parameter("n", type=int)],
    )

    assert states()


@pytest.mark.parametrize("kind", ["OnDeploy", "OnSchedule"])
def test_only_an_event_brings_values(refused, kind):
    field = EventField("$.detail.x")

    message = refused(GIVING[kind]({"p": field}), arguments=[Parameter("p")])

    assert message.startswith("triggers[0].parameters['p'] must be a str, got EventField(path='$.detail.x'); ")


@pytest.mark.parametrize(
    "other",
    [
        Parameter("p", default="b"),
        Parameter("p"),
        Parameter("p", default="a", enum_values=["a"]),
        Parameter("p", default="true", type=bool),
    ],
    ids=["default", "none", "enum", "type"],
)
def test_one_name_means_one_parameter_throughout_the_job(refused, other):
    message = refused(arguments=[Parameter("p", default="a"), other])

    assert message.startswith(
        "Parameter('p') must be the same everywhere: the same default, type and enum_values, got "
    )
    assert message.endswith("; make one Parameter and use it in both places (Job)")


def test_one_parameter_may_be_used_in_several_places(declare, states):
    declare(arguments=[Parameter("p", default="a"), f"--x={Parameter('p', default='a')}"])

    assert states()["Prepare"]["Assign"]["declared"] == [{"name": "p", "type": "string", "default": "a"}]


# -- OnSuccessOf ------------------------------------------------------------------------------------------------------


def test_success_of_another_job_is_one_rule_for_its_own_events(declare, rule):
    upstream = declare(name="First")
    declare(OnSuccessOf(upstream), name="Second")
    found = rule()

    [machine] = found["EventPattern"]["detail"].pop("state_machine")
    assert machine["Ref"].startswith("FirstStateMachine")
    assert found["EventPattern"] == {
        "source": ["cdk-processing"],
        "detail-type": ["Processing Job Run Succeeded"],
        "detail": {},
    }
    assert found["Targets"][0]["Arn"]["Ref"].startswith("SecondStateMachine")
    assert "DeadLetterConfig" in found["Targets"][0]


def test_only_the_upstream_job_announces_and_on_the_default_bus_alone(declare, stack, synth, statements, states, flat):
    upstream = declare(name="First")
    declare(OnSuccessOf(upstream), name="Second")

    announce = statements(synth(stack), "FirstWorkflowRole")["Announce"]
    assert flat(announce.pop("Resource")) == (
        "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default"
    )
    assert announce == {"Sid": "Announce", "Effect": "Allow", "Action": "events:PutEvents"}
    assert "Announce" not in statements(synth(stack), "SecondWorkflowRole")
    assert states("First")["RunJob"]["Next"] == states("First")["Adopted"]["Next"] == "Announce"
    assert "Announce" not in states("Second")


def test_what_is_announced_matches_what_the_other_job_listens_to(declare, states, rule):
    upstream = declare(name="First", arguments=[Parameter("day", default="mon")])
    declare(
        OnSuccessOf(upstream, parameters={"day": EventField("$.detail.parameters.day")}),
        name="Second",
        arguments=[Parameter("day"), V.UPSTREAM_RUN_ID],
    )
    known = evaluate(states("First")["Prepare"]["Assign"], input={}, context=CONTEXT)
    outcome = {"run_id": "r" * 32, "job_name": "j", "outputs": {}}
    [entry] = evaluate(states("First")["Announce"]["Arguments"], known, input=outcome, context=CONTEXT)["Entries"]
    heard = rule()["EventPattern"]

    assert (heard["source"], heard["detail-type"]) == ([entry["Source"]], [entry["DetailType"]])
    assert set(heard["detail"]) <= set(entry["Detail"])
    # As it is delivered: the machine's ARN is a reference in this template.
    detail = {**entry["Detail"], "state_machine": f"<{heard['detail']['state_machine'][0]['Ref']}>"}
    run = run_of(states("Second"), {"source": entry["Source"], "time": "later", "detail": detail})
    assert run["key"] == f"upstream:{detail['state_machine']}@{'r' * 32}"
    assert run["parameters"] == {"day": "mon"}
    assert run["time"] == CONTEXT["Execution"]["StartTime"]


def test_a_job_announces_once_however_many_listen(declare, stack, synth, statements):
    upstream = declare(name="First")
    for name in ("Second", "Third"):
        declare(OnSuccessOf(upstream), name=name)

    assert list(statements(synth(stack), "FirstWorkflowRole")).count("Announce") == 1


def test_the_upstream_job_may_be_of_another_stack(app, stack, declare, synth, resources, statements, states):
    upstream = declare(name="First")
    other = Stack(app, "Other")
    declare(OnSuccessOf(upstream), name="Second", scope=other)

    [rule] = resources(synth(other), "AWS::Events::Rule").values()
    [machine] = rule["Properties"]["EventPattern"]["detail"]["state_machine"]
    assert machine["Fn::ImportValue"].startswith("Census:ExportsOutputRefFirstStateMachine")
    assert "Announce" in statements(synth(stack), "FirstWorkflowRole")
    assert "Announce" in states("First")
    assert "<Census:ExportsOutputRefFirstStateMachine" in json.dumps(states("Second", other)["Prepare"])


def test_jobs_that_would_launch_each_other_for_ever_are_refused(declare):
    first = declare(name="First")
    second = declare(OnSuccessOf(first), name="Second")
    third = declare(OnSuccessOf(second), name="Third")

    for upstream in (second, third):
        with pytest.raises(DeclarationError) as raised:
            first.add_trigger(OnSuccessOf(upstream))
        [problem] = raised.value.problems
        assert str(problem) == (
            f"job must be one that Census/First does not launch, however indirectly, got '{upstream.path}'; "
            "one of them must be launched by something else (First)"
        )


def test_a_job_that_would_launch_itself_is_refused_and_stays_as_it_was(declare, stack, synth):
    job = declare()
    before = synth(stack)

    with pytest.raises(DeclarationError, match=r"job must be one that Census/Job does not launch"):
        job.add_trigger(OnSuccessOf(job))

    assert synth(stack) == before


def test_two_ways_to_one_job_are_no_circle(declare, stack, synth, resources):
    first = declare(name="First")
    ways = [declare(OnSuccessOf(first), name=name) for name in ("Left", "Right")]
    declare(*(OnSuccessOf(way) for way in ways), name="Last")

    assert len(resources(synth(stack), "AWS::Events::Rule")) == 4


@pytest.mark.parametrize("upstream", ["Census/First", None, 5])
def test_what_is_no_job_is_told(refused, upstream):
    assert refused(OnSuccessOf(upstream)) == (
        f"triggers[0].job must be a ProcessingJob, got {upstream!r}; pass the upstream job itself (OnSuccessOf)"
    )


@pytest.mark.parametrize(
    "trigger", [OnSchedule("rate(1 day)"), OnDeploy(), OnEvent(PATTERN)], ids=lambda trigger: type(trigger).__name__
)
def test_only_an_upstream_job_has_a_run_id_to_give(refused, trigger):
    message = refused(trigger, arguments=[V.UPSTREAM_RUN_ID])

    assert message.startswith("ExecutionVariables.UPSTREAM_RUN_ID must be supplied by every trigger of the job, got ")


# -- OnDeploy ---------------------------------------------------------------------------------------------------------

DEPLOYED = {
    "id": "d-1",
    "source": "aws.cloudformation",
    "detail-type": "CloudFormation Stack Status Change",
    "detail": {},
}


def test_a_deployment_is_heard_when_the_whole_stack_is_complete(declare, rule):
    declare(OnDeploy())

    assert rule()["EventPattern"] == {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": {
            "stack-id": [{"Ref": "AWS::StackId"}],
            "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
        },
    }


@pytest.fixture
def deployed_as(request_for, synth, definition, tmp_path):
    """The run key of a deployment of a job of such a request, in an app of its own."""

    def key(trigger=None, *, code="print(1)", more=(), before=0, event=DEPLOYED, env=None, **change):
        stack = Stack(App(), "Census", env=env)
        for number in range(before):  # so that CDK's tokens have other numbers
            DataBucket(stack, f"Before{number}")
        script = tmp_path / "prep.py"
        script.write_text(code)
        request = request_for(
            DataBucket(stack, "Raw").at("in/"), DataBucket(stack, "Out").at("out/"), code=str(script), **change
        )
        ProcessingJob(stack, "Job", request, triggers=[trigger or OnDeploy(), *more])
        found = definition(synth(stack), "Job")
        assert problems_of(found) == []
        return run_of(found["States"], event)["key"]

    return key


def test_a_job_deployed_again_as_it_was_is_the_same_run(deployed_as):
    key = deployed_as()

    assert key.startswith("deployed:")
    assert deployed_as() == key
    assert deployed_as(before=3) == key
    assert deployed_as(event={**DEPLOYED, "id": "d-2"}) == key
    assert deployed_as(more=[OnSchedule("rate(1 day)")]) == key


@pytest.mark.parametrize(
    "change",
    [
        {"code": "print(2)"},
        {"arguments": ["--fast"]},
        {"arguments": [V.RUN_ID]},
        {"experiment_config": {"ExperimentName": "x"}},
    ],
    ids=str,
)
def test_a_job_deployed_with_a_change_is_another_run(deployed_as, change):
    assert deployed_as(**change) != deployed_as()


def test_an_image_or_size_that_changes_is_another_run(deployed_as):
    from cdk_processing import SKLearnProcessor

    keys = {
        deployed_as(processor=SKLearnProcessor(framework_version=version, instance_type=kind, instance_count=count))
        for version, kind, count in [
            ("1.4-2", "ml.m5.xlarge", 1),
            ("1.2-1", "ml.m5.xlarge", 1),
            ("1.4-2", "ml.m5.2xlarge", 1),
            ("1.4-2", "ml.m5.xlarge", 2),
        ]
    }

    assert len(keys) == 4


def test_other_values_given_at_deployment_are_another_run(deployed_as):
    arguments = [Parameter("n", default="1"), Parameter("m", default="1")]

    keys = [
        deployed_as(OnDeploy(parameters=given), arguments=arguments)
        for given in ({}, {"n": "2"}, {"n": "3"}, {"m": "2"}, {"n": "2", "m": "2"}, {"m": "2", "n": "2"})
    ]

    assert keys[-1] == keys[-2]
    assert len(set(keys)) == 5


def test_every_deployment_is_a_run_where_asked(deployed_as):
    every = OnDeploy(every_time=True)

    assert deployed_as(every) == "event:d-1"
    assert deployed_as(every, event={**DEPLOYED, "id": "d-2"}) == "event:d-2"


def test_every_time_is_told_when_it_is_neither(refused):
    assert refused(OnDeploy(every_time="yes")) == (
        "triggers[0].every_time must be True or False, got 'yes'; write one of those (OnDeploy)"
    )


# -- OnObjectCreated --------------------------------------------------------------------------------------------------


def arrival(bucket="raw-data", **thing):
    thing = {"key": "in/a.csv", "size": 3, "etag": "e", "version-id": "v", "sequencer": "0055", **thing}
    detail = {"bucket": {"name": bucket}, "object": thing}
    return {"id": "e-1", "source": "aws.s3", "detail-type": "Object Created", "time": "t", "detail": detail}


@pytest.mark.parametrize(("dedupe", "ending"), [("version", "@v"), ("content", "@etag:e"), ("event", "@event:e-1")])
@pytest.mark.parametrize("suffix", ["", ".csv"])
def test_what_makes_two_arrivals_the_same_is_chosen(declare, states, dedupe, ending, suffix):
    declare(OnObjectCreated(S3Location("raw-data", "in/"), suffix, dedupe=dedupe))

    assert run_of(states(), arrival())["key"] == f"s3://raw-data/in/a.csv{ending}"


@pytest.mark.parametrize("suffix", ["", ".csv"])
@pytest.mark.parametrize("key", ["in/", ""])
def test_it_is_chosen_for_a_bucket_whose_name_is_known_at_deployment_only(declare, states, raw, key, suffix):
    declare(OnObjectCreated(raw.at(key), suffix, dedupe="event"))

    assert run_of(states(), arrival("<Raw72517081>"))["key"].endswith("@event:e-1")
    assert run_of(states(), arrival("another"))["key"].endswith("@v")


def test_each_trigger_of_a_job_has_its_own_choice(declare, states):
    declare(
        OnObjectCreated(S3Location("raw-data", "in/"), dedupe="content"),
        OnObjectCreated(S3Location("raw-data", "late/"), dedupe="event"),
        OnObjectCreated(S3Location("raw-data", "plain/")),
    )
    keys = [run_of(states(), arrival(key=f"{folder}/x"))["key"] for folder in ("in", "late", "plain")]

    assert keys == ["s3://raw-data/in/x@etag:e", "s3://raw-data/late/x@event:e-1", "s3://raw-data/plain/x@v"]


def test_the_newest_of_a_key_is_remembered_in_a_table_of_the_platforms(
    declare, stack, synth, resources, statements, states, flat
):
    declare(OnObjectCreated(S3Location("raw-data", "in/"), newest_only=True))
    template = synth(stack)

    [table] = resources(template, "AWS::DynamoDB::Table").values()
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["Properties"]["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    keep = statements(template, "JobWorkflowRole")["KeepItems"]
    assert keep["Action"] == ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    assert flat(keep["Resource"]).startswith("<ProcessingPlatformTurns")
    assert keep["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["Census/Job#*"]}}
    assert resources(template, "AWS::IAM::Policy") == {}  # nobody is asked whether they still run
    known = evaluate(states()["Prepare"]["Assign"], input=arrival(), context=CONTEXT)
    assert choose(states()["Admit"], known) == "RecordNewest"
    item = evaluate(states()["RecordNewest"]["Arguments"]["Key"], known, context=CONTEXT)["id"]["S"]
    assert item.startswith("Census/Job#newest#")


@pytest.mark.parametrize(
    "encryption",
    [
        lambda stack: {"encryption_key": kms.Key(stack, "Key")},
        lambda _: {"encryption": s3.BucketEncryption.KMS_MANAGED},
        lambda _: {"encryption": s3.BucketEncryption.DSSE_MANAGED},
    ],
    ids=["key of its own", "key of S3", "twice"],
)
def test_contents_cannot_be_told_in_a_bucket_with_a_key(refused, stack, encryption):
    bucket = s3.Bucket(stack, "Secret", **encryption(stack))
    location = S3Location(bucket, "in/")

    assert refused(OnObjectCreated(location, dedupe="content")) == (
        "triggers[0].dedupe must be 'version' or 'event' where the bucket has a KMS key: each upload has another ETag "
        "there, got 'content'; drop the key from the bucket, or compare in the script (OnObjectCreated)"
    )


@pytest.mark.parametrize("dedupe", ["version", "event"])
def test_a_bucket_with_a_key_is_fine_otherwise(declare, stack, dedupe, states):
    bucket = DataBucket(stack, "Secret", encryption_key=kms.Key(stack, "Key"))
    declare(OnObjectCreated(bucket.at("in/"), dedupe=dedupe))

    assert states()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dedupe": "etag"},
            "triggers[0].dedupe must be 'version', 'content' or 'event', got 'etag'; write one of those",
        ),
        ({"dedupe": None}, "triggers[0].dedupe must be 'version', 'content' or 'event', got None; write one of those"),
        ({"newest_only": "yes"}, "triggers[0].newest_only must be True or False, got 'yes'; write one of those"),
    ],
)
def test_a_choice_that_there_is_not_is_told(refused, change, message):
    assert refused(OnObjectCreated(S3Location("raw-data", "in/"), **change)) == f"{message} (OnObjectCreated)"


# -- OnSchedule -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_runs_that_must_not_overlap_ask_the_table_and_step_functions(
    declare, stack, synth, resources, statements, states, flat, overlap
):
    declare(OnSchedule("rate(1 hour)", overlap=overlap))
    template = synth(stack)

    [schedule] = resources(template, "AWS::Scheduler::Schedule").values()
    given = json.loads(schedule["Properties"]["Target"]["Input"])
    assert given["overlap"] == overlap
    assert len(resources(template, "AWS::DynamoDB::Table")) == 1
    assert statements(template, "JobWorkflowRole")["KeepItems"]["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["Census/Job#*"]}
    }
    [policy] = resources(template, "AWS::IAM::Policy").values()
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Sid"], statement["Action"]) == ("DescribeRuns", "states:DescribeExecution")
    [machine] = resources(template, "AWS::StepFunctions::StateMachine")
    assert flat(statement["Resource"]).endswith(f":execution:<{machine}.Name>:*")
    [role] = policy["Properties"]["Roles"]
    assert role["Ref"].startswith("JobWorkflowRole")
    known = evaluate(states()["Prepare"]["Assign"], input=given, context=CONTEXT)
    assert choose(states()["Admit"], known) == {"skip": "TakeTurn", "queue": "JoinLine"}[overlap]
    key = evaluate(states()["TakeTurn"]["Arguments"]["Key"], known, context=CONTEXT)["id"]["S"]
    assert key.startswith("Census/Job#line#")


def test_two_jobs_share_the_table_and_reach_their_own_items_alone(declare, stack, synth, resources, statements):
    for name in ("One", "OneMore"):
        declare(OnSchedule("rate(1 hour)", overlap="skip"), name=name)
    template = synth(stack)

    assert len(resources(template, "AWS::DynamoDB::Table")) == 1
    keys = [
        statements(template, f"{name}WorkflowRole")["KeepItems"]["Condition"]["ForAllValues:StringLike"]
        for name in ("One", "OneMore")
    ]
    # The sign after the path keeps one job from the items of another whose path begins like its own.
    assert keys == [{"dynamodb:LeadingKeys": [f"Census/{name}#*"]} for name in ("One", "OneMore")]


def test_one_policy_serves_all_schedules_of_a_job(declare, stack, synth, resources):
    declare(OnSchedule("rate(1 hour)", overlap="skip"), OnSchedule("rate(2 hours)", overlap="queue"))

    assert len(resources(synth(stack), "AWS::IAM::Policy")) == 1


@pytest.mark.parametrize("overlap", ["wait", None, "Skip", True])
def test_an_overlap_that_there_is_not_is_told(refused, overlap):
    assert refused(OnSchedule("rate(1 hour)", overlap=overlap)) == (
        f"triggers[0].overlap must be 'allow', 'skip' or 'queue', got {overlap!r}; write one of those (OnSchedule)"
    )


# -- what is not asked for, and what is asked for later ---------------------------------------------------------------


def test_a_job_that_asks_for_none_of_it_has_none_of_it(declare, stack, synth, resources, statements, states):
    declare(OnSchedule("rate(1 hour)"), OnObjectCreated(S3Location("raw-data", "in/")), OnEvent(PATTERN))
    template = synth(stack)

    assert resources(template, "AWS::DynamoDB::Table") == {}
    assert resources(template, "AWS::IAM::Policy") == {}
    assert not {"KeepItems", "Announce"} & set(statements(template, "JobWorkflowRole"))
    assert states()["Prepare"]["Next"] == "RunJob"
    assert not {"Admit", "TakeTurn", "JoinLine", "RecordNewest", "Announce", "KeyReused", "NextInstanceType"} & set(
        states()
    )
    assert "overlap" not in json.dumps(resources(template, "AWS::Scheduler::Schedule"))


LATER = {
    "event": lambda stack: OnEvent(PATTERN, run_key=EventField("$.detail.id")),
    "plain event": lambda stack: OnEvent(PATTERN),
    "deploy": lambda stack: OnDeploy(),
    "content": lambda stack: OnObjectCreated(S3Location("raw-data", "in/"), dedupe="content"),
    "newest": lambda stack: OnObjectCreated(S3Location("raw-data", "in/"), newest_only=True),
    "skip": lambda stack: OnSchedule("rate(1 hour)", overlap="skip"),
    "queue": lambda stack: OnSchedule("rate(1 hour)", overlap="queue"),
    "success": lambda stack: OnSuccessOf(stack.node.find_child("First")),
}


def test_triggers_added_later_make_the_same_template_as_those_given_at_once(request_for, synth):
    def build(first):
        stack = Stack(App(), "Census")
        ProcessingJob(stack, "First", request_for())
        triggers = [make(stack) for make in LATER.values()]
        job = ProcessingJob(stack, "Job", request_for(), triggers=triggers[:first])
        for trigger in triggers[first:]:
            job.add_trigger(trigger)
        return synth(stack)

    assert build(0) == build(4) == build(len(LATER))


@pytest.mark.parametrize("kind", LATER)
def test_each_trigger_added_later_is_as_if_it_had_been_given_at_once(request_for, synth, kind):
    def build(first):
        stack = Stack(App(), "Census")
        ProcessingJob(stack, "First", request_for())
        job = ProcessingJob(stack, "Job", request_for(), triggers=[LATER[kind](stack)] if first else [])
        if not first:
            job.add_trigger(LATER[kind](stack))
        return synth(stack)

    assert build(first=False) == build(first=True)


def test_a_trigger_that_is_refused_later_leaves_the_job_as_it_was(declare, stack, synth):
    job = declare()
    before = synth(stack)

    with pytest.raises(DeclarationError, match=r"triggers\[0\]\.overlap must be"):
        job.add_trigger(OnSchedule("rate(1 hour)", overlap="wait"))

    assert synth(stack) == before


def test_a_success_that_is_listened_to_later_is_announced(declare, stack, synth, statements, states):
    first, second = declare(name="First"), declare(name="Second")

    second.add_trigger(OnSuccessOf(first))

    assert "Announce" in states("First")
    assert "Announce" not in states("Second")
    assert "Announce" in statements(synth(stack), "FirstWorkflowRole")


# -- LaunchPolicy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("provisioning_slack_seconds", 59, "from 60 to 86,400"),
        ("provisioning_slack_seconds", 86_401, "from 60 to 86,400"),
        ("retry_seconds", 0, "from 1 to 3,600"),
        ("retry_limit_seconds", 86_401, "from 1 to 86,400"),
        ("retries", -1, "from 0 to 1,000"),
        ("retries", 1_001, "from 0 to 1,000"),
        ("attempts", 0, "from 1 to 20"),
        ("attempts", 21, "from 1 to 20"),
        ("attempts", 1.5, "from 1 to 20"),
        ("attempts", True, "from 1 to 20"),
        ("attempts", "3", "from 1 to 20"),
    ],
)
def test_a_launch_policy_beyond_its_bounds_is_told(refused, field, value, allowed):
    assert refused(launch_policy=LaunchPolicy(**{field: value})) == (
        f"launch_policy.{field} must be a whole number {allowed}, got {value!r}; correct it (Job)"
    )


@pytest.mark.parametrize("policy", [5, {"retries": 3}, None])
def test_what_is_no_launch_policy_is_told(refused, policy):
    assert refused(launch_policy=policy) == (
        f"launch_policy must be a LaunchPolicy, got {policy!r}; write LaunchPolicy(retries=10) (Job)"
    )


def test_problems_of_policy_and_triggers_are_told_together(declare):
    with pytest.raises(DeclarationError) as raised:
        declare(OnSchedule("rate(1 hour)", overlap="wait"), launch_policy=LaunchPolicy(attempts=0, retries=-1))

    assert [problem.field for problem in raised.value.problems] == [
        "triggers[0].overlap",
        "launch_policy.retries",
        "launch_policy.attempts",
    ]


@pytest.mark.parametrize(
    "bounds",
    [
        {"provisioning_slack_seconds": 60, "retry_seconds": 1, "retry_limit_seconds": 1, "retries": 0, "attempts": 1},
        {"retry_seconds": 3_600, "retry_limit_seconds": 86_400, "retries": 1_000, "attempts": 20},
    ],
)
def test_a_launch_policy_at_its_bounds_is_taken(declare, states, bounds):
    declare(launch_policy=LaunchPolicy(**bounds))

    longest = evaluate(states()["Backoff"]["Seconds"].replace("$random()", "0.999999999"), {"tries": 50})
    assert longest <= bounds["retry_limit_seconds"]
    assert longest >= bounds["retry_limit_seconds"] - 1


def test_a_job_waits_for_its_own_limit_and_its_hosts(declare, states):
    declare(launch_policy=LaunchPolicy(provisioning_slack_seconds=600))

    assert states()["RunJob"]["TimeoutSeconds"] == 86_400 + 600


# -- the whole --------------------------------------------------------------------------------------------------------


def test_a_template_with_every_trigger_is_one_that_cfn_lint_finds_nothing_in(stack, request_for, synth, states, raw):
    first = ProcessingJob(
        stack,
        "First",
        request_for(V.OBJECT_URI, arguments=[Parameter("n", default=3, type=int)]),
        triggers=[OnObjectCreated(raw.at("in/"), ".csv", dedupe="content", newest_only=True)],
    )
    bus = events.EventBus(stack, "Bus")
    ProcessingJob(
        stack,
        "Second",
        request_for(arguments=[Parameter("day"), Parameter("mode", default="a", enum_values=["a", "b"])]),
        triggers=[
            OnSuccessOf(first, parameters={"day": EventField("$.detail.trigger_time")}),
            OnDeploy(parameters={"day": "first"}),
            OnEvent(PATTERN, parameters={"day": EventField("$.detail.day")}, run_key=EventField("$.detail.id")),
            OnEvent({"$or": [{"source": ["a"]}, {"source": ["b"]}]}, parameters={"day": "x"}, event_bus=bus),
            OnSchedule("rate(1 hour)", overlap="queue", parameters={"day": "<aws.scheduler.scheduled-time>"}),
            OnSchedule("rate(2 hours)", overlap="skip", parameters={"day": "y"}),
        ],
        launch_policy=LaunchPolicy(retry_seconds=1),
    )

    found = lint(json.dumps(synth(stack)), regions=["eu-central-1"])

    assert [f"{match.rule.id} {match.path} {match.message}" for match in found] == []
    assert {"Admit", "RecordNewest", "WriteManifest", "Announce", "KeyReused"} <= set(states("First"))
    assert {"Admit", "JoinLine", "TakeTurn", "WaitForTurn", "Skipped", "KeyReused"} <= set(states("Second"))

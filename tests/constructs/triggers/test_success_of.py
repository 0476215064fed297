"""``OnSuccessOf``: its rule, what the other job announces, and circles."""

import json
from itertools import pairwise

import pytest
from aws_cdk import Stack

from cdk_processing import (
    DeclarationError,
    EventField,
    ExecutionVariables,
    FeatureStoreOutput,
    OnDeploy,
    OnEvent,
    OnSchedule,
    OnSuccessOf,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    S3Location,
)
from cdk_processing.request.location import JobOutput
from tests.constructs.triggers.runs import CONTEXT, PATTERN, run_of
from tests.workflow.states_language import evaluate

V = ExecutionVariables


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

    for upstream, way in ((second, ["Second"]), (third, ["Second", "Third"])):
        with pytest.raises(DeclarationError) as raised:
            first.add_trigger(OnSuccessOf(upstream))
        [problem] = raised.value.problems
        steps = ["Census/First", *(f"Census/{name}" for name in way), "Census/First"]
        launches = "; ".join(f"the success of {one} launches {other}" for one, other in pairwise(steps))
        assert str(problem) == (
            f"triggers must be such that Census/First does not launch itself for ever: {launches}, "
            f"got '{' -> '.join(steps)}'; launch one of them by something else (First)"
        )


def test_a_job_that_would_launch_itself_is_refused_and_stays_as_it_was(declare, stack, synth):
    job = declare()
    before = synth(stack)

    with pytest.raises(
        DeclarationError,
        match=r"Census/Job does not launch itself for ever: the success of Census/Job launches Census/Job",
    ):
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


# -- an output that each run writes to a place of its own --------------------------------------------------------------


def success_of(upstream, outputs, machine):
    detail = {"state_machine": machine, "run_id": "r" * 32, "trigger_time": "2024-03-05T06:00:00Z", "outputs": outputs}
    return {"source": "cdk-processing", "detail-type": "Processing Job Run Succeeded", "detail": detail}


@pytest.fixture
def dated(stack, curated, request_for):
    """A job whose runs write to a folder a day."""
    destination = curated.at(f"clean/dt={V.TRIGGER_TIME:%Y-%m-%d}/")
    return ProcessingJob(stack, "Clean", request_for(destination=destination))


def test_an_output_is_what_the_run_wrote_that_launched_the_job(stack, dated, request_for, states, rule):
    request = request_for(dated.outputs["train"])
    ProcessingJob(stack, "Report", request, triggers=[OnSuccessOf(dated)])
    [machine] = rule()["EventPattern"]["detail"]["state_machine"]
    found = states("Report")

    uri = "s3://curated-bucket/clean/dt=2024-03-05/"
    known = evaluate(
        found["Prepare"]["Assign"],
        input=success_of(dated, {"train": uri}, f"<{machine['Ref']}>"),
        context=CONTEXT,
    )
    [channel] = [each for each in found["RunJob"]["Arguments"]["ProcessingInputs"] if each["InputName"] == "input-1"]
    assert evaluate(channel["S3Input"]["S3Uri"], known).endswith("/clean/dt=2024-03-05/")
    assert "problem" not in known["run"]


@pytest.mark.parametrize("outputs", [{}, {"train": None}, {"train": 5}, {"other": "s3://b/k"}, None])
def test_an_event_that_does_not_say_where_fails_the_run_with_the_reason(stack, dated, request_for, states, outputs):
    ProcessingJob(stack, "Report", request_for(dated.outputs["train"]), triggers=[OnSuccessOf(dated)])

    run = run_of(states("Report"), success_of(dated, outputs, "any"))

    assert run["problem"] == "the event that launched this run does not say where Census/Clean wrote its output train"


def test_an_output_of_each_run_is_refused_beside_a_trigger_that_cannot_supply_it(stack, dated, request_for):
    request = request_for(dated.outputs["train"])
    other = ProcessingJob(stack, "Other", request_for())

    with pytest.raises(DeclarationError) as raised:
        ProcessingJob(
            stack, "Report", request, triggers=[OnSuccessOf(dated), OnSchedule("rate(1 day)"), OnSuccessOf(other)]
        )

    assert [str(problem) for problem in raised.value.problems] == [
        f"outputs['train'] of Census/Clean must be supplied by every trigger of the job, got '{trigger}'; "
        "each run of Census/Clean writes to a place of its own: launch this job by OnSuccessOf that job alone, or read "
        "what all its runs wrote, outputs['train'].folder (Report)"
        for trigger in ("triggers[1]: schedule rate(1 day)", "triggers[2]: success of Census/Other")
    ]


def test_the_folder_of_an_output_is_what_all_runs_wrote_and_may_be_read_at_any_time(stack, dated, curated, request_for):
    folder = dated.outputs["train"].folder

    ProcessingJob(stack, "Report", request_for(folder), triggers=[OnSchedule("rate(1 day)")])

    assert folder == S3Location(curated, "clean/")


def test_a_job_that_reads_the_output_of_a_run_is_refused_as_a_state(stack, dated, request_for):
    job = ProcessingJob(stack, "Report", request_for(dated.outputs["train"]), triggers=[OnSuccessOf(dated)])

    with pytest.raises(DeclarationError) as raised:
        job.as_state(stack, "State")

    [problem] = raised.value.problems
    assert str(problem) == (
        "outputs['train'] of Census/Clean must be left out of a job that a state machine runs, which cannot supply it, "
        "got 'Census/Report'; read what all its runs wrote, outputs['train'].folder, or name the folder of one run by "
        "a Parameter of the job (as_state of Census/Report)"
    )


def test_a_job_that_reads_the_folder_of_all_runs_or_one_that_it_is_told_may_be_a_state(
    stack, dated, curated, request_for
):
    whole = ProcessingJob(stack, "Whole", request_for(dated.outputs["train"].folder))
    told = ProcessingJob(stack, "Told", request_for(curated.at(f"clean/dt={Parameter('day')}/")))

    whole.as_state(stack, "WholeState")
    told.as_state(stack, "ToldState", parameters={"day": "{% $states.input.day %}"})


def test_an_output_of_each_run_is_refused_for_a_trigger_that_is_added_later(stack, dated, request_for):
    job = ProcessingJob(stack, "Report", request_for(dated.outputs["train"]), triggers=[OnSuccessOf(dated)])

    with pytest.raises(DeclarationError, match=r"outputs\['train'\] of Census/Clean must be supplied by every trigger"):
        job.add_trigger(OnSchedule("rate(1 day)"))


def test_a_job_between_two_is_no_way_round_to_the_first_ones_output(stack, dated, request_for):
    between = ProcessingJob(stack, "Between", request_for(), triggers=[OnSuccessOf(dated)])

    with pytest.raises(
        DeclarationError, match="got 'triggers\\[0\\]: success of Census/Between'; each run of Census/Clean"
    ):
        ProcessingJob(stack, "Report", request_for(dated.outputs["train"]), triggers=[OnSuccessOf(between)])


def test_outputs_of_two_jobs_cannot_both_be_those_of_the_run_that_launched_the_job(stack, dated, curated, request_for):
    other = ProcessingJob(stack, "Load", request_for(destination=curated.at(f"load/{V.RUN_ID}/")))
    inputs = [
        ProcessingInput(job.outputs["train"], f"/opt/ml/processing/{number}")
        for number, job in enumerate((dated, other))
    ]

    with pytest.raises(DeclarationError) as raised:
        ProcessingJob(stack, "Join", request_for(inputs=inputs), triggers=[OnSuccessOf(dated), OnSuccessOf(other)])

    assert [(problem.field, problem.value) for problem in raised.value.problems] == [
        ("outputs['train'] of Census/Load", "triggers[0]: success of Census/Clean"),
        ("outputs['train'] of Census/Clean", "triggers[1]: success of Census/Load"),
    ]
    # One as the run wrote it, the other whole: one of the ways out that the errors name.
    inputs[1] = ProcessingInput(other.outputs["train"].folder, "/opt/ml/processing/1")
    ProcessingJob(stack, "Joined", request_for(inputs=inputs), triggers=[OnSuccessOf(dated)])


def test_an_output_in_one_place_may_be_read_after_any_trigger(stack, curated, request_for):
    fixed = ProcessingJob(stack, "Fixed", request_for(destination=curated.at("latest/")))
    request = request_for(fixed.outputs["train"])

    job = ProcessingJob(stack, "Report", request, triggers=[OnSuccessOf(fixed), OnSchedule("rate(1 day)")])
    job.as_state(stack, "State")

    assert fixed.outputs["train"] == JobOutput(curated, "latest/")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (f"clean/{V.RUN_ID}/", "clean/0123/"),
        (f"clean/{V.RUN_ID}", "clean/0123/"),
        (f"clean/run-{V.RUN_ID}/rows/", "clean/run-0123/rows/"),
        (f"{V.RUN_ID}/", "0123/"),
        (f"run-{V.RUN_ID}/", "run-0123/"),
    ],
)
def test_whatever_a_run_writes_to_is_read_as_a_folder(stack, curated, request_for, states, written, read):
    upstream = ProcessingJob(stack, "Clean", request_for(destination=curated.at(written)))
    ProcessingJob(stack, "Report", request_for(upstream.outputs["train"]), triggers=[OnSuccessOf(upstream)])
    found = states("Report")
    announced = f"s3://curated-bucket/{written.replace(str(V.RUN_ID), '0123')}"

    event = success_of(upstream, {"train": announced}, "any")
    known = evaluate(found["Prepare"]["Assign"], input=event, context=CONTEXT)
    [channel] = [each for each in found["RunJob"]["Arguments"]["ProcessingInputs"] if each["InputName"] == "input-1"]

    assert evaluate(channel["S3Input"]["S3Uri"], known).endswith(f">/{read}")


def test_a_redrive_reads_what_its_own_upstream_run_wrote(stack, dated, request_for, states):
    ProcessingJob(stack, "Report", request_for(dated.outputs["train"]), triggers=[OnSuccessOf(dated)])
    event = success_of(dated, {"train": "s3://curated-bucket/clean/dt=2024-03-05/"}, "any")

    run = run_of(states("Report"), {"redrive": {"event": event, "run_key": "k", "run_id": "0" * 32, "attempt": 2}})

    assert run["outputs"] == {"train": "dt=2024-03-05/"}
    assert (run["attempt"], run["redriven"]) == (2, True)


def test_an_upstream_job_of_another_stack_tells_where_it_wrote_as_well(
    app, dated, request_for, synth, definition, flat
):
    other = Stack(app, "Other")
    ProcessingJob(other, "Report", request_for(dated.outputs["train"]), triggers=[OnSuccessOf(dated)])

    template = synth(other)
    [channel] = [
        each
        for each in definition(template, "Report")["States"]["RunJob"]["Arguments"]["ProcessingInputs"]
        if each["InputName"] == "input-1"
    ]
    uri = channel["S3Input"]["S3Uri"]
    assert uri.startswith("{% 's3://<Census:ExportsOutputRefCurated")
    assert uri.endswith(">/clean/' & $lookup($run.outputs, 'train') %}")


@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_a_run_that_had_no_turn_announces_nothing(stack, dated, states, request_for, overlap):
    dated.add_trigger(OnSchedule("rate(1 hour)", overlap=overlap))
    ProcessingJob(stack, "Report", request_for(dated.outputs["train"]), triggers=[OnSuccessOf(dated)])

    found = states("Clean")
    leading = [name for name, state in found.items() if '"Next": "Announce"' in json.dumps(state)]
    assert sorted(leading) == ["Adopted", "RunJob"]
    assert found["Skipped" if overlap == "skip" else "Duplicate"]["Type"] == "Succeed"


@pytest.mark.parametrize("value", ["outputs['train'] of Census/Clean", "ExecutionVariables.UPSTREAM_RUN_ID"])
def test_what_only_an_upstream_run_knows_is_refused_at_synth_in_a_job_without_triggers(
    stack, dated, request_for, synth, value
):
    reads = value.startswith("outputs")
    request = request_for(dated.outputs["train"]) if reads else request_for(arguments=[V.UPSTREAM_RUN_ID])
    job = ProcessingJob(stack, "Report", request)

    with pytest.raises(RuntimeError) as raised:
        synth(stack)
    fix = (
        "OnSuccessOf that job, or read what all its runs wrote, outputs['train'].folder" if reads else "OnSuccessOf, or"
    )
    assert (
        f"{value} must be supplied by a trigger: the job has none, and a start by hand does not know it, got "
        f"'no triggers'; launch the job by {fix}"
    ) in str(raised.value)

    job.add_trigger(OnSuccessOf(dated))
    synth(stack)


def test_an_output_that_a_job_does_not_have_is_refused_with_those_it_has(stack, dated, request_for):
    with pytest.raises(DeclarationError) as raised:
        dated.outputs["trian"]
    assert str(raised.value.problems[0]) == (
        "outputs[...] must be one of 'train', got 'trian'; take one of those (Census/Clean)"
    )
    assert dated.outputs.get("trian") is None

    none = ProcessingJob(stack, "None", request_for())
    with pytest.raises(
        DeclarationError, match=r"must be left out: the job has no outputs, got 'train'; give its run\(\)"
    ):
        none.outputs["train"]

    features = ProcessingOutput(
        output_name="features", app_managed=True, feature_store_output=FeatureStoreOutput("customers")
    )
    store = ProcessingJob(stack, "Store", request_for(outputs=[features]))
    with pytest.raises(
        DeclarationError, match="must be an output that goes to S3, got 'features'; the feature store is"
    ):
        store.outputs["features"]


def test_the_role_may_read_what_any_run_wrote_below_the_shared_folder(
    stack, dated, request_for, synth, statements, flat
):
    ProcessingJob(stack, "Report", request_for(dated.outputs["train"]), triggers=[OnSuccessOf(dated)])

    read = statements(synth(stack), "ReportExecutionRole")["ReadInputs"]
    assert flat(read["Resource"][0]) == "<CuratedF137945A.Arn>/clean/*"

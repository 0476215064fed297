import json
import subprocess
import sys

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template
from statelint.linter import Linter

from cdk_processing import DeclarationError, ExecutionVariables, Parameter, ProcessingJob
from cdk_processing.contract.version import VERSION

JSONATA = sfn.QueryLanguage.JSONATA
STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
PLACE = "<AWS::Region>:<AWS::AccountId>"
RULE = f"arn:<AWS::Partition>:events:{PLACE}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"


@pytest.fixture
def job(stack, request_for):
    """A job with two parameters, one of which has a default."""
    arguments = [Parameter("day"), Parameter("ratio", default=0.2, type=float)]
    return ProcessingJob(stack, "Prepare", request_for(arguments=arguments))


class Theirs:
    """A user's own state machine, in a stack, with one state or a chain of them."""

    def __init__(self, stack, chain, flat, language=None):
        sfn.StateMachine(
            stack, "Theirs", definition_body=sfn.DefinitionBody.from_chainable(chain), query_language=language
        )
        self._resources = Template.from_stack(stack).to_json()["Resources"]
        self._flat = flat

    @property
    def definition(self):
        [found] = [
            resource["Properties"]["DefinitionString"]
            for name, resource in self._resources.items()
            if name.startswith("Theirs") and resource["Type"] == "AWS::StepFunctions::StateMachine"
        ]
        definition = json.loads(self._flat(found))
        assert Linter.validate(definition) == []
        return json.loads(self._flat(found))

    @property
    def state(self):
        [found] = self.definition["States"].values()
        return found

    @property
    def statements(self):
        """``(actions, resource)`` of everything that the role may do."""
        [policy] = [
            resource["Properties"]["PolicyDocument"]["Statement"]
            for name, resource in self._resources.items()
            if name.startswith("Theirs") and resource["Type"] == "AWS::IAM::Policy"
        ]
        return [(statement["Action"], self._flat(statement["Resource"])) for statement in policy]


@pytest.fixture
def theirs(stack, flat):
    def make(chain, language=None):
        return Theirs(stack, chain, flat, language)

    return make


def machine_of(stack):
    [name] = [
        name
        for name in Template.from_stack(stack).find_resources("AWS::StepFunctions::StateMachine")
        if name.startswith("Prepare")
    ]
    return name


def test_a_state_in_json_path(stack, job, theirs):
    state = job.as_state(stack, "Run", parameters={"day": sfn.JsonPath.string_at("$.day"), "ratio": 0.5})
    found = theirs(state).state

    assert found == {
        "Type": "Task",
        "Resource": "arn:<AWS::Partition>:states:::states:startExecution.sync:2",
        "Parameters": {
            "StateMachineArn": f"<{machine_of(stack)}>",
            "Input": {
                f"{STARTED_BY}.$": "$$.Execution.Id",
                "contract": VERSION,
                "parameters": {"day.$": "$.day", "ratio": 0.5},
            },
        },
        "OutputPath": "$.Output",
        "End": True,
    }


def test_a_state_in_jsonata(stack, job, theirs):
    state = job.as_state(
        stack, "Run", parameters={"day": "{% $states.input.day %}"}, run_key="{% $states.context.Execution.Name %}"
    )
    found = theirs(state, JSONATA).state

    assert found == {
        "Type": "Task",
        "Resource": "arn:<AWS::Partition>:states:::states:startExecution.sync:2",
        "Arguments": {
            "StateMachineArn": f"<{machine_of(stack)}>",
            "Input": {
                STARTED_BY: "{% $states.context.Execution.Id %}",
                "contract": VERSION,
                "run_key": "{% $states.context.Execution.Name %}",
                "parameters": {"day": "{% $states.input.day %}"},
            },
        },
        "Output": "{% $states.result.Output %}",
        "End": True,
    }


@pytest.mark.parametrize(
    "given",
    [
        {"parameters": {"day": "{% $states.input.day %}"}},
        {"parameters": {"day": "1"}, "run_key": "{% $states.input.id %}"},
        {"parameters": {"day": "1"}, "outputs": {}},
        {"parameters": {"day": "1"}, "query_language": JSONATA},
    ],
)
def test_a_state_in_jsonata_among_others_in_json_path(stack, job, theirs, given):
    state = job.as_state(stack, "Run", **given)
    found = theirs(sfn.Pass(stack, "First").next(state)).definition["States"]["Run"]

    assert found["QueryLanguage"] == "JSONata"
    assert found["Arguments"]["Input"]["parameters"] == given["parameters"]
    assert not {"Parameters", "OutputPath"} & set(found)


@pytest.mark.parametrize("language", [None, JSONATA])
def test_the_role_may_do_what_a_run_needs_and_nothing_else(stack, job, theirs, language):
    made = theirs(job.as_state(stack, "Run", parameters={"day": "1"}), language)
    machine = machine_of(stack)

    assert made.statements == [
        ("states:StartExecution", f"<{machine}>"),
        (
            ["states:DescribeExecution", "states:StopExecution"],
            f"arn:<AWS::Partition>:states:{PLACE}:execution:<{machine}.Name>:*",
        ),
        (["events:DescribeRule", "events:PutRule", "events:PutTargets"], RULE),
    ]


def test_without_waiting_the_role_may_start_and_no_more(stack, job, theirs):
    made = theirs(job.as_state(stack, "Run", parameters={"day": "1"}, wait=False))

    assert made.statements == [("states:StartExecution", f"<{machine_of(stack)}>")]
    assert made.state["Resource"] == "arn:<AWS::Partition>:states:::states:startExecution"
    assert "OutputPath" not in made.state


def test_without_waiting_the_output_is_what_step_functions_answers_in_jsonata_too(stack, job, theirs):
    made = theirs(job.as_state(stack, "Run", parameters={"day": "1"}, wait=False), JSONATA)

    assert "Output" not in made.state


def test_a_run_key_is_text_that_is_known_now_or_later(stack, job, theirs):
    first = job.as_state(stack, "First", parameters={"day": "1"}, run_key="nightly")
    second = job.as_state(stack, "Second", parameters={"day": "1"}, run_key=sfn.JsonPath.string_at("$.id"))
    found = theirs(first.next(second)).definition["States"]

    assert found["First"]["Parameters"]["Input"]["run_key"] == "nightly"
    assert found["Second"]["Parameters"]["Input"]["run_key.$"] == "$.id"


def test_without_parameters_and_run_key_the_input_has_neither(stack, request_for, theirs):
    job = ProcessingJob(stack, "Prepare", request_for(arguments=[Parameter("ratio", default="0.2")]))
    found = theirs(job.as_state(stack, "Run")).state

    assert found["Parameters"]["Input"] == {f"{STARTED_BY}.$": "$$.Execution.Id", "contract": VERSION}


def test_a_state_goes_on_tries_again_and_catches_like_any_other(stack, job, theirs):
    state = job.as_state(stack, "Run", parameters={"day": "1"}, timeout=Duration.hours(3), comment="Prepares")
    state.add_retry(errors=["StepFunctions.ExecutionLimitExceeded"], max_attempts=2)
    state.add_catch(sfn.Fail(stack, "Told"), result_path="$.error")
    found = theirs(state.next(sfn.Succeed(stack, "Done"))).definition["States"]["Run"]

    assert found["Next"] == "Done"
    assert (found["TimeoutSeconds"], found["Comment"]) == (10_800, "Prepares")
    assert found["Retry"] == [{"ErrorEquals": ["StepFunctions.ExecutionLimitExceeded"], "MaxAttempts": 2}]
    assert found["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Told", "ResultPath": "$.error"}]


def test_a_catch_in_jsonata_keeps_its_output(stack, job, theirs):
    state = job.as_state(stack, "Run", parameters={"day": "1"})
    state.add_catch(sfn.Fail(stack, "Told"), outputs="{% $states.errorOutput.Error %}")
    found = theirs(state, JSONATA).definition["States"]["Run"]

    assert found["Catch"][0]["Output"] == "{% $states.errorOutput.Error %}"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"result_path": "$.run"}, {"ResultPath": "$.run"}),
        ({"result_path": sfn.JsonPath.DISCARD}, {"ResultPath": None}),
        (
            {"result_selector": {"id": sfn.JsonPath.string_at("$.Output.run_id")}},
            {"ResultSelector": {"id.$": "$.Output.run_id"}},
        ),
        ({"output_path": "$.Output.run_id"}, {"OutputPath": "$.Output.run_id"}),
    ],
)
def test_what_becomes_of_the_output_can_be_said_in_json_path(stack, job, theirs, options, expected):
    found = theirs(job.as_state(stack, "Run", parameters={"day": "1"}, **options)).state

    keys = {"ResultPath", "ResultSelector", "OutputPath"}
    assert {key: value for key, value in found.items() if key in keys} == expected


def test_variables_can_be_set_in_json_path(stack, job):
    assign = {"id": sfn.JsonPath.string_at("$.Output.run_id")}
    found = job.as_state(stack, "Run", parameters={"day": "1"}, assign=assign).to_state_json()

    # statelint knows Assign in JSONata alone; AWS takes it in both.
    assert (found["Assign"], found["OutputPath"]) == ({"id.$": "$.Output.run_id"}, "$.Output")


def test_what_becomes_of_the_output_can_be_said_in_jsonata(stack, job, theirs):
    options = {"outputs": {"id": "{% $states.result.Output.run_id %}"}, "assign": {"day": "{% $states.input.day %}"}}
    found = theirs(job.as_state(stack, "Run", parameters={"day": "1"}, **options), JSONATA).state

    assert (found["Output"], found["Assign"]) == (options["outputs"], options["assign"])


@pytest.mark.parametrize(
    ("language", "items", "day", "work"),
    [
        (None, {"items_path": "$.days"}, sfn.JsonPath.string_at("$"), "Parameters"),
        (
            JSONATA,
            {"items": sfn.ProvideItems.jsonata("{% $states.input.days %}")},
            "{% $states.input %}",
            "Arguments",
        ),
    ],
    ids=["JSONPath", "JSONata"],
)
def test_a_state_inside_a_map_is_in_its_language_and_has_its_permissions(
    stack, job, theirs, language, items, day, work
):
    each = sfn.Map(stack, "Each", **items).item_processor(job.as_state(stack, "Run", parameters={"day": day}))
    made = theirs(each, language)
    inside = made.state["ItemProcessor"]["States"]["Run"]

    assert list(inside[work]["Input"]["parameters"].values()) == [day if language else "$"]
    assert next(actions for actions, _ in made.statements) == "states:StartExecution"
    assert len(made.statements) == 3


def test_two_states_of_one_job_need_no_more_permissions_than_one(stack, job, theirs):
    first, second = (job.as_state(stack, name, parameters={"day": "1"}) for name in ("First", "Second"))

    assert len(theirs(first.next(second)).statements) == 3


def test_a_job_can_be_a_state_in_another_stacks_machine(app, job, flat):
    other = Stack(app, "Other")
    made = Theirs(other, job.as_state(other, "Run", parameters={"day": "1"}), flat)

    assert [actions for actions, _ in made.statements] == [
        "states:StartExecution",
        ["states:DescribeExecution", "states:StopExecution"],
        ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "parameters['day'] must be given: it has no default"),
        (
            {"parameters": {"day": "1", "dya": "2"}},
            "parameters['dya'] must be one of the job's parameters (day, ratio), got '2'",
        ),
        ({"parameters": {"day": "1", "ratio": "half"}}, "parameters['ratio'] must be a number, got 'half'"),
        ({"parameters": {"day": ["1"]}}, "parameters['day'] must be text, a number, a truth value"),
        ({"parameters": {"day": str(ExecutionVariables.RUN_ID)}}, "parameters['day'] must be text, a number"),
        ({"parameters": {"day": "1"}, "run_key": ""}, "run_key must be text that is not empty, got ''"),
        ({"parameters": {"day": "1"}, "run_key": 7}, "run_key must be text that is not empty, got 7"),
        ({"parameters": {"day": "1"}, "tiemout": 7}, "tiemout must be one of assign, comment, output_path"),
        (
            {"parameters": {"day": "1"}, "query_language": JSONATA, "output_path": "$"},
            "output_path must be left out in a state in JSONata, got '$'; it belongs to JSONPath",
        ),
        (
            {"parameters": {"day": "{% $uuid() %}"}, "run_key": sfn.JsonPath.string_at("$.id")},
            "run_key must be in JSONata, as the state is",
        ),
        (
            {"parameters": {"day": "{% $uuid() %}"}, "result_path": "$.run"},
            "result_path must be left out in a state in JSONata, got '$.run'; it belongs to JSONPath",
        ),
        (
            {"parameters": {"day": "{% $uuid() %}"}, "query_language": sfn.QueryLanguage.JSON_PATH},
            "parameters['day'] must be in JSONPath, as the state is",
        ),
        (
            {"parameters": {"day": "1"}, "outputs": "{% 1 %}", "query_language": sfn.QueryLanguage.JSON_PATH},
            "outputs must be left out in a state in JSONPath",
        ),
        (
            {"parameters": {"day": sfn.JsonPath.string_at("$.day")}, "query_language": JSONATA},
            "parameters['day'] must be in JSONata, as the state is",
        ),
    ],
)
def test_what_does_not_fit_the_job_is_refused(stack, job, given, told):
    with pytest.raises(DeclarationError) as caught:
        job.as_state(stack, "Run", **given)

    assert told in str(caught.value)
    assert "(as_state of Census/Prepare)" in str(caught.value)


def test_every_problem_is_told_at_once(stack, job):
    with pytest.raises(DeclarationError) as caught:
        job.as_state(stack, "Run", parameters={"dya": "2"}, run_key="")

    assert [problem.field for problem in caught.value.problems] == ["parameters['dya']", "parameters['day']", "run_key"]


def test_a_job_that_needs_an_object_is_refused(stack, request_for, raw):
    job = ProcessingJob(stack, "Prepare", request_for(source=ExecutionVariables.OBJECT_URI))

    with pytest.raises(
        DeclarationError, match=r"ExecutionVariables\.OBJECT_URI must be left out of a job that a state"
    ):
        job.as_state(stack, "Run")


@pytest.mark.parametrize(
    ("language", "given", "told"),
    [
        (JSONATA, {"parameters": {"day": sfn.JsonPath.string_at("$.day")}}, "parameters['day'] must be in JSONata"),
        (JSONATA, {"parameters": {"day": "1"}, "result_path": "$.run"}, "result_path must be left out in a state in"),
        (
            JSONATA,
            {"parameters": {"day": "1"}, "query_language": sfn.QueryLanguage.JSON_PATH},
            "query_language must be left out: a state machine in JSONata has no state in JSONPath",
        ),
    ],
)
def test_a_value_in_the_state_machines_other_language_is_refused_at_synth(stack, job, theirs, language, given, told):
    state = job.as_state(stack, "Run", **given)

    # The state machine's language is known when it is made; the error comes back through Node, as its text.
    with pytest.raises(RuntimeError) as caught:
        theirs(state, language)
    assert told in str(caught.value)


def test_a_job_that_is_no_state_loads_no_step_functions():
    code = (
        "import sys, aws_cdk\n"
        "from cdk_processing import ProcessingJob, SKLearnProcessor\n"
        "stack = aws_cdk.Stack(aws_cdk.App(), 'Census')\n"
        "processor = SKLearnProcessor(framework_version='1.4-2', instance_type='ml.m5.xlarge', instance_count=1)\n"
        "job = ProcessingJob(stack, 'Job', processor.run('s3://code/prep.py'))\n"
        "assert 'aws_cdk.aws_stepfunctions' not in sys.modules\n"
        "job.as_state(stack, 'Run')\n"
        "assert 'aws_cdk.aws_stepfunctions' in sys.modules\n"
        "assert 'aws_cdk.aws_stepfunctions_tasks' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

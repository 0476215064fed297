"""A job as a state in a user's own state machine, run with the permissions that it is given."""

import json

import pytest

from tests.patience import until

SAY = """
import sys
from pathlib import Path

Path("/opt/ml/processing/output/said.txt").write_text(sys.argv[1])
if sys.argv[1] == "fail":
    sys.exit(3)
"""


@pytest.fixture(scope="module")
def machines(embedded, deploy, tmp_path_factory):
    """A stack with a job and a user's state machines that run it, in both query languages; starts one and waits."""
    script = tmp_path_factory.mktemp("code") / "say.py"
    script.write_text(SAY)

    def declare(stack):
        from aws_cdk import aws_stepfunctions as sfn

        from cdk_processing import DataBucket, Parameter, ProcessingJob, ProcessingOutput, SKLearnProcessor

        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        data = DataBucket(stack, "Data")
        output = ProcessingOutput(
            output_name="said", source="/opt/ml/processing/output", destination=data.at(f"said/{Parameter('word')}/")
        )
        job = ProcessingJob(stack, "Say", processor.run(script, outputs=[output], arguments=[Parameter("word")]))
        word, key = sfn.JsonPath.string_at("$.word"), sfn.JsonPath.string_at("$.key")
        states = {
            "Plain": job.as_state(stack, "RunPlain", parameters={"word": word}),
            "Keyed": job.as_state(stack, "RunKeyed", parameters={"word": word}, run_key=key),
            "Caught": job.as_state(stack, "RunCaught", parameters={"word": word}).add_catch(
                sfn.Pass(stack, "Told", result=sfn.Result.from_object({"told": True}))
            ),
            "Started": job.as_state(stack, "RunStarted", parameters={"word": word}, wait=False),
        }
        machines = [(name, state, None) for name, state in states.items()]
        jsonata = {"parameters": {"word": "{% $states.input.word %}"}, "run_key": "{% $states.input.key %}"}
        machines.append(("Jsonata", job.as_state(stack, "RunJsonata", **jsonata), sfn.QueryLanguage.JSONATA))
        for name, state, language in machines:
            body = sfn.DefinitionBody.from_chainable(state)
            sfn.StateMachine(stack, name, definition_body=body, query_language=language)

    return _Machines(embedded, deploy(declare))


class _Machines:
    def __init__(self, embedded, stack):
        self.name, self._embedded = stack, embedded
        self._sfn = embedded.client("stepfunctions")
        deployed = next(one for one in embedded.deployment.stacks if one.name == stack)
        self._physical = {
            path.removeprefix(f"{stack}/"): deployed.resources[key]
            for key, path in deployed.paths.items()
            if key in deployed.resources
        }

    def run(self, name, **given):
        """The ended execution."""
        arn = self._sfn.start_execution(stateMachineArn=self.arn(name), input=json.dumps(given))["executionArn"]
        return self.ended(arn)

    def ended(self, arn):
        return until(lambda: self._sfn.describe_execution(executionArn=arn), lambda found: found["status"] != "RUNNING")

    def arn(self, name):
        return self._physical[f"{name}/Resource"] if f"{name}/Resource" in self._physical else self._physical[name]

    def runs_of_the_job(self):
        arn = self._physical["Say/StateMachine"]
        return self._sfn.list_executions(stateMachineArn=arn)["executions"]

    def replace_policy(self, name, change):
        """Change the statements of a machine's role; returns what they were."""
        iam, role = self._embedded.client("iam"), self._physical[f"{name}/Role/Resource"]
        [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        changed = {**document, "Statement": change(document["Statement"])}
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(changed))
        return document["Statement"]


def output(execution):
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


@pytest.mark.parametrize(("name", "key"), [("Plain", None), ("Keyed", "one"), ("Jsonata", "two")])
def test_the_state_runs_the_job_and_ends_with_the_runs_own_output(embedded, machines, name, key):
    word = name.lower()
    found = output(machines.run(name, word=word, key=key))

    assert found["status"] == "Completed"
    assert found["job_name"].endswith(f"{found['run_id']}-1")
    assert found["outputs"] == {"said": f"s3://{embedded.bucket(f'{machines.name}/Data')}/said/{word}/"}
    assert embedded.get(f"{machines.name}/Data", f"said/{word}/said.txt") == word.encode()


def test_without_a_run_key_each_start_is_a_run(machines):
    first, second = (output(machines.run("Plain", word="again")) for _ in range(2))

    assert (first["status"], second["status"]) == ("Completed", "Completed")
    assert first["run_id"] != second["run_id"]


def test_with_a_run_key_the_second_start_is_a_duplicate_of_the_first(machines):
    first, second = (output(machines.run("Keyed", word="once", key="the-key")) for _ in range(2))

    assert (first["status"], second["status"]) == ("Completed", "Duplicate")
    assert first["run_id"] == second["run_id"]


def test_a_run_that_fails_fails_the_state(machines, dead_letters):
    found = machines.run("Plain", word="fail")

    assert (found["status"], found["error"]) == ("FAILED", "States.TaskFailed")
    [letter] = dead_letters(machines.name)
    assert letter["reason"] == "AlgorithmError: , exit code: 3"


def test_a_run_that_fails_can_be_caught(machines, dead_letters):
    assert output(machines.run("Caught", word="fail")) == {"told": True}
    dead_letters(machines.name)


def test_without_waiting_the_state_ends_with_the_start_of_the_run(machines):
    answer = output(machines.run("Started", word="later"))

    run = machines.ended(answer["ExecutionArn"])
    assert output(run)["status"] == "Completed"


def test_the_run_tells_which_execution_started_it(machines):
    answer = machines.run("Started", word="told")

    run = machines.ended(output(answer)["ExecutionArn"])
    assert json.loads(run["input"])["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"] == answer["executionArn"]


def test_without_the_permission_to_start_it_nothing_runs(machines):
    before = len(machines.runs_of_the_job())
    whole = machines.replace_policy(
        "Plain", lambda statements: [one for one in statements if one["Action"] != "states:StartExecution"]
    )
    try:
        found = machines.run("Plain", word="denied")
    finally:
        machines.replace_policy("Plain", lambda _: whole)

    assert found["status"] == "FAILED"
    assert "not authorized to perform: states:StartExecution" in found["cause"]
    assert len(machines.runs_of_the_job()) == before

"""Least privilege, shown: each statement of a job's execution role is needed, and nothing beyond it is allowed.

Runs without a statement of the launching roles are in tests/faults/test_missing_permissions.py, and the calls of each
kind of processor, channel and trigger in tests/least_privilege.
"""

import pytest

from tests.role_policies import put_statements, statements_of

from .conftest import SCRIPTS

EXECUTION = [
    "ReadInputs",
    "ListInputs",
    "ListInputs2",
    "ListInputs3",
    "WriteOutputs",
    "PullImage",
    "LogInToRegistry",
    "MakeLogs",
    "WriteMetrics",
    "DecryptInputs",
    "EncryptOutputs",
]
# The embedded AWS uploads in one part, which S3 need not read back.
EXECUTION_OF_LARGE_FILES = ["DecryptOutputParts"]
# The embedded AWS asks whether a role may write to the log group, not to one of its streams.
EXECUTION_OF_STREAMS = ["WriteLogs"]
WORKFLOW = [
    "RunJobs",
    "ListTags",
    "PassExecutionRole",
    "HearJobsEnd",
    "WriteManifests",
    "EncryptManifests",
    "DeliverLogs",
]
DEAD_LETTERS = ["SendDeadLetters", "EncryptDeadLetters"]


@pytest.fixture(scope="module")
def everything(deploy):
    """A stack with a job that needs every statement there is: encrypted buckets, a prefix, and one exact object."""

    def declare(stack):
        from aws_cdk import aws_kms as kms

        from cdk_processing import (
            DataBucket,
            ExecutionVariables,
            OnObjectCreated,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            SKLearnProcessor,
        )

        # Two keys, so that being allowed to write with one does not allow to read with the other.
        data = DataBucket(stack, "Data", encryption_key=kms.Key(stack, "DataKey"))
        reports = DataBucket(stack, "Reports", encryption_key=kms.Key(stack, "ReportsKey"))
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
        output = ProcessingOutput(
            output_name="report", source="/opt/ml/processing/output", destination=reports.at("reports/")
        )
        for name, script in (("Report", "report.py"), ("Fail", "fail.py")):
            ProcessingJob(
                stack,
                name,
                processor.run(
                    code=SCRIPTS / script,
                    inputs=[
                        ProcessingInput(
                            source=ExecutionVariables.OBJECT_URI, destination="/opt/ml/processing/input/one"
                        ),
                        ProcessingInput(source=data.at("shared/"), destination="/opt/ml/processing/input/shared"),
                    ],
                    outputs=[output],
                ),
                triggers=[OnObjectCreated(data.at(f"in/{name}/"))],
            )

    return deploy(declare)


@pytest.fixture(scope="module", autouse=True)
def shared_input(embedded, everything):
    embedded.put(f"{everything}/Data", "shared/table.csv", "a,b\n")


@pytest.fixture
def roles(embedded, everything):
    """``roles(job, "ExecutionRole")`` is the role's name; ``statements`` and ``replace`` read and write its policy."""
    stack = next(stack for stack in embedded.deployment.stacks if stack.name == everything)
    return _Roles(
        embedded.client("iam"),
        {path: stack.resources[key] for key, path in stack.paths.items() if key in stack.resources},
        everything,
    )


class _Roles:
    def __init__(self, iam, physical, stack):
        self._iam, self._physical, self._stack = iam, physical, stack

    def name(self, job, role):
        return self._physical[f"{self._stack}/{job}/{role}"]

    def statements(self, job, role):
        return statements_of(self._iam, self.name(job, role))

    def replace(self, job, role, statements):
        put_statements(self._iam, self.name(job, role), statements)


@pytest.fixture
def without(roles):
    """``without(job, role, sid)`` takes a statement away until the test ends."""
    undo = []

    def take_away(job, role, sid):
        whole = roles.statements(job, role)
        rest = [statement for statement in whole if statement["Sid"] != sid]
        assert len(rest) == len(whole) - 1, f"{role} has no statement {sid}"
        undo.append((job, role, whole))
        roles.replace(job, role, rest)

    yield take_away
    for job, role, whole in undo:
        roles.replace(job, role, whole)


def test_with_all_statements_the_run_succeeds(embedded, everything):
    embedded.put(f"{everything}/Data", "in/Report/whole.csv", "x")

    assert embedded.wait_for_run(f"{everything}/Report").succeeded


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("ExecutionRole", [*EXECUTION, *EXECUTION_OF_LARGE_FILES, *EXECUTION_OF_STREAMS]),
        ("WorkflowRole", [*WORKFLOW, *DEAD_LETTERS]),
    ],
)
def test_no_statement_is_left_out_of_these_tests(roles, role, expected):
    assert sorted(statement["Sid"] for statement in roles.statements("Report", role)) == sorted(expected)


@pytest.mark.parametrize("sid", EXECUTION)
def test_without_a_statement_of_the_execution_role_the_run_fails(embedded, everything, without, dead_letters, sid):
    without("Report", "ExecutionRole", sid)

    embedded.put(f"{everything}/Data", f"in/Report/{sid}.csv", "x")
    run = embedded.wait_for_run(f"{everything}/Report", must_succeed=False)

    assert not run.succeeded
    [letter] = dead_letters(everything)
    assert "not authorized to perform" in letter["reason"]
    assert letter["event"]["detail"]["object"]["key"] == f"in/Report/{sid}.csv"


def test_a_failed_run_leaves_its_event_and_the_reason(embedded, everything, dead_letters):
    embedded.put(f"{everything}/Data", "in/Fail/first.csv", "x")
    run = embedded.wait_for_run(f"{everything}/Fail", must_succeed=False)

    assert run.status == "FAILED"
    [letter] = dead_letters(everything)
    assert letter["job"] == f"{everything}/Fail"
    assert letter["event"]["detail"]["object"]["key"] == "in/Fail/first.csv"
    assert letter["attempt"] == 1
    assert letter["reason"].startswith("AlgorithmError")


def test_a_script_cannot_read_outside_its_input_prefix(embedded, deploy, processor):
    from dataclasses import replace

    from cdk_processing import DataBucket, NetworkConfig, Parameter, ProcessingInput, ProcessingJob, ProcessingOutput

    def declare(stack):
        data = DataBucket(stack, "Data")
        trespasser = replace(
            processor,
            network_config=NetworkConfig(),
            env={"BUCKET": Parameter("bucket"), "KEY": Parameter("key")},
        )
        ProcessingJob(
            stack,
            "Trespass",
            trespasser.run(
                code=SCRIPTS / "trespass.py",
                inputs=[ProcessingInput(source=data.at("mine/"), destination="/opt/ml/processing/input/mine")],
                outputs=[
                    ProcessingOutput(
                        output_name="said", source="/opt/ml/processing/output", destination=data.at("said/")
                    )
                ],
            ),
        )

    stack = deploy(declare)
    for key in ("mine/a.csv", "theirs/a.csv"):
        embedded.put(f"{stack}/Data", key, "x")
    said = {}
    for key in ("mine/a.csv", "theirs/a.csv"):
        embedded.start(f"{stack}/Trespass", {"bucket": embedded.bucket(f"{stack}/Data"), "key": key})
        embedded.wait_for_run(f"{stack}/Trespass")
        said[key] = embedded.get(f"{stack}/Data", "said/said.txt").decode()

    assert said == {"mine/a.csv": "allowed", "theirs/a.csv": "AccessDenied"}

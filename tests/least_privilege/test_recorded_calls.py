"""Least privilege as one table: each processor, channel and trigger has run, and each statement of its roles is needed.

Taken away from real runs are statements in tests/embedded/test_permissions.py and tests/faults. Here IAM decides again
on the calls that the runs made, without one statement at a time.
"""

import pytest

from tests.least_privilege.conftest import JOBS, ROLES
from tests.least_privilege.evaluation import is_allowed

#: What these runs do not call for, and where it is shown instead.
ELSEWHERE = {
    "DecryptOutputParts": "test_written_calls.py: the embedded AWS uploads in one part",
    "WriteLogs": "test_written_calls.py: the embedded AWS asks for the log group, not for its streams",
    "DescribeRuns": "tests/faults/test_missing_permissions.py: only while another run holds the turn",
}
#: What a run that succeeds does not call for. The job that has failed has these calls.
OF_FAILURES = ("SendDeadLetters", "EncryptDeadLetters")
SIDS = {
    "ExecutionRole": {
        "Arrival": {"ReadInputs", "WriteOutputs", "ListInputs", "ListInputs2", "ListInputs3", "DecryptInputs"},
        "Nightly": {"ReadInputs", "WriteOutputs", "ListInputs", "ListInputs2", "DecryptInputs"},
        "Follow": {"ReadInputs", "WriteOutputs", "ListInputs", "DecryptInputs"},
        "Event": {"ReadInputs", "WriteOutputs", "ListInputs"},
        "Spark": {"ReadInputs", "WriteOutputs", "ListInputs"},
        "Jar": {"ReadInputs", "WriteOutputs", "ListInputs"},
        "Marked": {"ReadInputs", "WriteOutputs", "ListInputs", "ListInputs2", "DecryptInputs"},
        "Joined": {"ReadInputs", "WriteOutputs", "ListInputs", "ListInputs2", "DecryptInputs"},
    },
    "WorkflowRole": {
        "Arrival": {"WriteManifests", "EncryptManifests", "KeepItems", "EncryptItems", "Announce"},
        "Nightly": {"KeepItems", "EncryptItems", "DescribeRuns"},
        "Follow": set(),
        "Event": set(),
        "Spark": set(),
        "Jar": {"KeepItems", "EncryptItems", "DescribeRuns"},
        "Marked": set(),
        "Joined": {"KeepItems", "EncryptItems"},
    },
    "StartRole": {
        "Nightly": {"SendDeadLetters", "EncryptDeadLetters"},
        "Jar": {"SendDeadLetters", "EncryptDeadLetters"},
    },
}
ALWAYS = {
    "ExecutionRole": {
        *("PullImage", "LogInToRegistry", "MakeLogs", "WriteLogs", "WriteMetrics", "EncryptOutputs"),
        "DecryptOutputParts",
    },
    "WorkflowRole": {
        *("RunJobs", "ListTags", "PassExecutionRole", "HearJobsEnd", "SendDeadLetters", "EncryptDeadLetters"),
        "DeliverLogs",
    },
    "StartRole": {"StartRuns"},
}
TABLE = [
    (job, role, sid) for job in JOBS for role in ROLES for sid in sorted(ALWAYS[role] | SIDS[role].get(job, set()))
]


def needed(table, job, role, sid):
    """The calls of a role that only one of its statements allows."""
    whole = table.policies[job, role]
    rest = [statement for statement in whole if statement["Sid"] != sid]
    return [call for call in table.calls[job, role] if is_allowed(whole, call) and not is_allowed(rest, call)]


def test_no_statement_is_left_out_of_the_table(recorded):
    found = {(job, role, statement["Sid"]) for (job, role), policy in recorded.policies.items() for statement in policy}

    assert found == set(TABLE)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("job", JOBS)
def test_what_a_run_calls_its_roles_allow(recorded, job, role):
    calls = recorded.calls[job, role]

    assert calls
    assert [call for call in calls if not is_allowed(recorded.policies[job, role], call)] == []


@pytest.mark.parametrize(("job", "role", "sid"), [row for row in TABLE if row[2] not in (*ELSEWHERE, *OF_FAILURES)])
def test_without_a_statement_a_call_of_the_run_is_denied(recorded, job, role, sid):
    assert needed(recorded, job, role, sid)


@pytest.mark.parametrize("sid", OF_FAILURES)
def test_without_a_statement_a_call_of_a_run_that_fails_is_denied(recorded, sid):
    assert needed(recorded, "Nightly", "WorkflowRole", sid)


#: What a call may not be about instead: by action, a change of the resource or of a condition key.
STRAYED = {
    "s3:GetObject": [("resource", "/", "/elsewhere/")],
    "s3:PutObject": [("resource", "/", "/elsewhere/")],
    "s3:ListBucket": [("s3:prefix", "", "elsewhere/")],
    "kms:Decrypt": [("resource", ":key/", ":key/other-"), ("kms:viaservice", "", "secretsmanager.")],
    "kms:GenerateDataKey": [("resource", ":key/", ":key/other-")],
    "ecr:BatchGetImage": [("resource", ":repository/", ":repository/other-")],
    "ecr:GetDownloadUrlForLayer": [("resource", ":repository/", ":repository/other-")],
    "logs:CreateLogStream": [("resource", ":log-group:/", ":log-group:/other/")],
    "cloudwatch:PutMetricData": [("cloudwatch:namespace", "", "Other/")],
    "iam:PassRole": [("resource", ":role/", ":role/Other-"), ("iam:passedtoservice", "", "other.")],
    "sagemaker:CreateProcessingJob": [("resource", ":processing-job/", ":processing-job/other-")],
    "sagemaker:StopProcessingJob": [("resource", ":processing-job/", ":processing-job/other-")],
    "dynamodb:UpdateItem": [("resource", ":table/", ":table/other-"), ("dynamodb:leadingkeys", "", "Other/")],
    "events:PutEvents": [("resource", ":event-bus/", ":event-bus/other-")],
    "events:PutRule": [("resource", ":rule/", ":rule/Other")],
    "sqs:SendMessage": [("resource", ":000000000000:", ":000000000000:other-")],
    "states:StartExecution": [("resource", ":stateMachine:", ":stateMachine:Other")],
}


def strayed(call, part, old, new):
    """The same call about something else."""
    if part == "resource":
        return {**call, "resource": call["resource"].replace(old, new, 1)}
    value = call["context"][part]
    other = [f"{new}{each}" for each in value] if isinstance(value, list) else f"{new}{value}"
    return {**call, "context": {**call["context"], part: other}}


@pytest.mark.parametrize("action", STRAYED)
def test_the_same_call_about_something_else_is_denied(recorded, action):
    """Other prefixes, keys, repositories, roles, jobs, machines: beside each of a run's calls."""
    tried = 0
    for (job, role), calls in recorded.calls.items():
        for call in calls:
            for part, old, new in STRAYED[action] if call["action"] == action else ():
                other = strayed(call, part, old, new)
                assert other != call
                assert not is_allowed(recorded.policies[job, role], other), (job, role, other)
                tried += 1
    assert tried


def test_the_role_of_a_job_allows_none_of_another_jobs_own_calls(recorded):
    """What two jobs both do is about the same image, the same logs, the platform's own queue, or both read it."""
    alike = {"ecr", "logs", "cloudwatch", "events", "sqs", "kms", "s3:GetObject", "s3:ListBucket", "sagemaker:ListTags"}
    for (job, role), calls in recorded.calls.items():
        for other in set(JOBS) - {job}:
            for call in calls:
                if not {call["action"], call["action"].partition(":")[0]} & alike:
                    assert not is_allowed(recorded.policies[other, role], call), (job, role, other, call)

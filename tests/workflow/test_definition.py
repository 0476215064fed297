import hashlib
import json
import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from jsonata.jsonata import Jsonata

from cdk_processing import ExecutionVariables, Parameter, ProcessingInput, ProcessingOutput, ScriptProcessor
from cdk_processing.contract.version import VERSION
from cdk_processing.request.request import Bindings
from cdk_processing.workflow.definition import Workflow, definition
from cdk_processing.workflow.launch_policy import LaunchPolicy
from tests.workflow.states_language import QueryEvaluationError, choose, evaluate, expressions, problems_of

V = ExecutionVariables
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Census"
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:Census:e1"
CONTEXT = {
    "Execution": {"Id": EXECUTION, "StartTime": "2024-03-05T07:08:09.123Z"},
    "StateMachine": {"Id": MACHINE},
}
JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")

PROCESSOR = ScriptProcessor(
    image_uri="img:tag",
    command=["python3"],
    instance_count=1,
    instance_type="ml.m5.xlarge",
    max_runtime_in_seconds=600,
    env={"MODE": "fast"},
    tags=[{"Key": "team", "Value": "data"}],
)


def workflow(source="s3://raw-data/in/", base_name="census-preprocess", **change):
    request = PROCESSOR.run(
        code="s3://code/prep.py",
        inputs=[ProcessingInput(source=source, destination="/opt/ml/processing/input")],
        outputs=[
            ProcessingOutput(
                source="/opt/ml/processing/train",
                destination=f"s3://curated/train/{V.TRIGGER_TIME:%Y/%m/%d}/",
                output_name="train",
            )
        ],
        arguments=["--ratio", Parameter("ratio", default="0.2"), "--run", V.RUN_ID],
    )
    rendered = request.render(
        Bindings("img:tag", "arn:aws:iam::111122223333:role/R", (str(source), "s3://code/prep.py"))
    )
    return Workflow(
        job="Census/Preprocess",
        base_name=base_name,
        request=rendered,
        partition="aws",
        queue_url="https://sqs.us-east-1.amazonaws.com/111122223333/DeadLetters",
        **change,
    )


def with_manifest():
    return workflow(V.OBJECT_URI, manifest_bucket="work", manifest_prefix="manifests/census-preprocess/")


SIMPLE = definition(workflow())
MANIFEST = definition(with_manifest())
BOTH = pytest.mark.parametrize("defined", [SIMPLE, MANIFEST], ids=["simple", "manifest"])


def prepared(event, defined=SIMPLE, **execution):
    """The variables after the first state."""
    return evaluate(defined["States"]["Prepare"]["Assign"], input=event, context=context_of(event, **execution))


def context_of(event, **execution):
    return {**CONTEXT, "Execution": {**CONTEXT["Execution"], "Input": event, **execution}}


def arguments(state, event, defined=SIMPLE, **variables):
    known = {**prepared(event, defined), **variables}
    return evaluate(defined["States"][state]["Arguments"], known, input=event, context=context_of(event))


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def run_id(key, machine=MACHINE):
    return md5(f"{machine}{key}")


def created(key="in/1.csv", version="v1", sequencer="0055"):
    thing = {"key": key, "size": 12, "sequencer": sequencer}
    if version is not None:
        thing["version-id"] = version
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2024-03-05T07:08:00Z",
        "detail": {"bucket": {"name": "raw-data"}, "object": thing},
    }


SCHEDULE = {
    "source": "aws.scheduler",
    "schedule": "arn:aws:scheduler:us-east-1:111122223333:schedule/default/Nightly",
    "time": "2024-03-05T06:00:00Z",
}


# -- the whole --------------------------------------------------------------------------------------------------------


def test_the_definitions_are_those_of_the_golden_file(golden):
    golden({"simple": SIMPLE, "manifest": MANIFEST}, Path(__file__).with_name("definition.json"))


@BOTH
def test_a_definition_is_valid_in_the_states_language(defined):
    assert problems_of(defined) == []


@BOTH
def test_the_linter_would_notice_a_dangling_next(defined):
    broken = deepcopy(defined)
    broken["States"]["RunJob"]["Catch"][0]["Next"] = "Triaje"

    assert any('No state found named "Triaje"' in problem for problem in problems_of(broken))


@BOTH
def test_every_expression_is_well_formed(defined):
    found = expressions(defined)

    assert len(found) > 20
    for text in found:
        assert text.startswith("{% ")
        assert text.endswith(" %}")
        assert "%}" not in text[2:-2]
        Jsonata.jsonata(text[2:-2])


@BOTH
def test_a_definition_survives_json(defined):
    assert json.loads(json.dumps(defined, ensure_ascii=False)) == defined


def test_the_happy_path_takes_two_states_and_three_with_a_manifest():
    def path(defined):
        state, names = defined["StartAt"], []
        while state is not None:
            names.append(state)
            state = defined["States"][state].get("Next")
        return names

    assert path(SIMPLE) == ["Prepare", "RunJob"]
    assert path(MANIFEST) == ["Prepare", "WriteManifest", "RunJob"]


@BOTH
def test_every_task_says_where_a_failure_goes(defined):
    for name, state in defined["States"].items():
        if state["Type"] == "Task":
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


# -- what makes a run the same run ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (created(), "s3://raw-data/in/1.csv@v1"),
        (created(version=None), "s3://raw-data/in/1.csv@0055"),
        (created(key="in/ü a+b'\"\\%}.csv"), "s3://raw-data/in/ü a+b'\"\\%}.csv@v1"),
        (SCHEDULE, "arn:aws:scheduler:us-east-1:111122223333:schedule/default/Nightly@2024-03-05T06:00:00Z"),
        ({"run_key": "2024-03"}, "manual:2024-03"),
        ({"run_key": 7}, "manual:7"),
        ({}, EXECUTION),
        ({"parameters": {"ratio": "0.3"}}, EXECUTION),
        ({"source": "my.app"}, EXECUTION),
        ({"redrive": {"event": created(), "run_key": "as it was", "attempt": 4}}, "as it was"),
    ],
    ids=[
        "version",
        "sequencer",
        "characters",
        "schedule",
        "manual",
        "number",
        "none",
        "parameters",
        "other",
        "redrive",
    ],
)
def test_the_run_key_is_what_makes_a_run_the_same_run(event, key):
    run = prepared(event)["run"]

    assert run["key"] == key
    assert run["id"] == run_id(key)


def test_the_run_id_is_the_same_for_a_second_execution_of_one_event():
    assert prepared(created(), Id=f"{EXECUTION}2")["run"]["id"] == prepared(created())["run"]["id"]


@pytest.mark.parametrize(
    "other",
    [created(key="in/2.csv"), created(version="v2"), created(version=None), {**SCHEDULE}, {"run_key": "x"}, {}],
    ids=str,
)
def test_the_run_id_is_another_for_another_event(other):
    assert prepared(other)["run"]["id"] != prepared(created())["run"]["id"]


def test_the_run_id_is_another_for_another_job_on_one_event():
    context = {**CONTEXT, "StateMachine": {"Id": f"{MACHINE}2"}}

    run = evaluate(SIMPLE["States"]["Prepare"]["Assign"], input=created(), context=context)["run"]

    assert run["id"] == run_id("s3://raw-data/in/1.csv@v1", f"{MACHINE}2")


def test_two_schedules_at_one_time_are_two_runs():
    assert prepared({**SCHEDULE, "schedule": "other"})["run"]["id"] != prepared(SCHEDULE)["run"]["id"]


@pytest.mark.parametrize(
    ("event", "time"),
    [
        (SCHEDULE, "2024-03-05T06:00:00Z"),
        (created(), "2024-03-05T07:08:00Z"),
        ({}, "2024-03-05T07:08:09.123Z"),
        ({"redrive": {"event": SCHEDULE, "run_key": "k", "attempt": 2}}, "2024-03-05T06:00:00Z"),
    ],
    ids=["scheduled", "arrived", "started", "redriven"],
)
def test_the_trigger_time_is_scheduled_arrived_or_started(event, time):
    assert prepared(event)["run"]["time"] == time


def test_a_first_run_is_attempt_one():
    assert prepared(created())["attempt"] == 1


def test_a_redriven_run_has_the_attempt_it_is_given():
    assert prepared({"redrive": {"event": created(), "run_key": "k", "attempt": 4}})["attempt"] == 4


def test_a_redriven_run_has_the_id_that_the_first_had():
    first = prepared(created())["run"]
    again = prepared({"redrive": {"event": created(), "run_key": first["key"], "attempt": 2}}, Id="another")["run"]

    assert again == {**first, "redriven": True, "attempt": 2}


# -- the job ----------------------------------------------------------------------------------------------------------


def test_the_job_is_named_by_its_run_and_attempt():
    event = {"redrive": {"event": created(), "run_key": "k", "attempt": 2}}

    assert arguments("RunJob", event)["ProcessingJobName"] == f"census-preprocess-{run_id('k')}-2"


@pytest.mark.parametrize("base_name", ["a", "a" * 24, "census-preprocess"])
@pytest.mark.parametrize("attempt", [1, 99_999])
def test_every_name_is_one_that_sagemaker_takes(base_name, attempt):
    defined = definition(workflow(base_name=base_name))
    name = arguments("RunJob", {"redrive": {"event": {}, "run_key": "k", "attempt": attempt}}, defined)[
        "ProcessingJobName"
    ]

    assert len(name) <= 63
    assert JOB_NAME.fullmatch(name)


def test_the_job_is_described_under_the_name_it_was_made_with():
    made = arguments("RunJob", created())["ProcessingJobName"]

    assert arguments("DescribeJob", created()) == {"ProcessingJobName": made}


def test_the_request_is_sent_with_its_run_time_values_filled_in():
    sent = arguments("RunJob", {**created(), "parameters": {"ratio": "0.3"}})
    run = run_id("s3://raw-data/in/1.csv@v1")

    assert sent["AppSpecification"]["ContainerArguments"] == ["--ratio", "0.3", "--run", run]
    assert sent["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == "s3://curated/train/2024/03/05/"


def test_the_request_is_otherwise_as_it_was_rendered():
    sent, rendered = arguments("RunJob", created()), workflow().request

    for key in ("ProcessingResources", "ProcessingInputs", "NetworkConfig", "RoleArn", "StoppingCondition"):
        assert sent[key] == rendered[key]
    assert sent.keys() - rendered.keys() == {"ProcessingJobName"}


def test_the_job_carries_the_execution_that_made_it_beside_the_users_environment():
    environment = arguments("RunJob", created())["Environment"]

    assert environment.pop("CDK_PROCESSING_PARAMETERS")
    assert environment == {"MODE": "fast", "CDK_PROCESSING_EXECUTION": EXECUTION}


def test_the_job_carries_its_path_beside_the_users_tags():
    assert arguments("RunJob", created())["Tags"] == [
        {"Key": "team", "Value": "data"},
        {"Key": "cdk-processing:job", "Value": "Census/Preprocess"},
    ]


def test_a_jobs_time_limit_and_its_hosts_slack_bound_the_task():
    assert SIMPLE["States"]["RunJob"]["TimeoutSeconds"] == 600 + 3600


def test_without_a_time_limit_the_services_bounds_the_task():
    plain = workflow()
    plain.request.pop("StoppingCondition")

    assert definition(plain)["States"]["RunJob"]["TimeoutSeconds"] == 86_400 + 3600


def test_a_launch_policy_is_followed():
    policy = LaunchPolicy(provisioning_slack_seconds=60, retry_seconds=5, retry_limit_seconds=50, retries=3)
    defined = definition(workflow(policy=policy))
    throttled = {"Error": "SageMaker.AmazonSageMakerException", "Cause": "Rate exceeded"}

    assert defined["States"]["RunJob"]["TimeoutSeconds"] == 660
    assert after_triage(throttled, defined, tries=2) == "Backoff"
    assert after_triage(throttled, defined, tries=3) == "SendDeadLetter"
    for tries, longest in ((0, 5), (1, 10), (3, 40), (4, 50), (1000, 50)):
        waits = {evaluate(defined["States"]["Backoff"]["Seconds"], {"tries": tries}) for _ in range(200)}
        assert min(waits) >= 0
        assert longest / 2 < max(waits) < longest
        assert len(waits) > 3


def test_the_service_is_never_asked_again_by_a_rule_that_sees_names_alone():
    assert "Retry" not in SIMPLE["States"]["RunJob"]


def test_the_partition_is_in_every_task():
    defined = definition(replace(with_manifest(), partition="aws-cn"))

    resources = [state["Resource"] for state in defined["States"].values() if state["Type"] == "Task"]

    assert len(resources) == 5
    assert all(resource.startswith("arn:aws-cn:states:::") for resource in resources)


# -- manifests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["in/1.csv", "in/a b+c'd\"e\\f%}ü😀.csv"])
def test_a_manifest_names_exactly_the_object_that_launched_the_run(key):
    event = created(key=key)
    run = run_id(f"s3://raw-data/{key}@v1")

    assert arguments("WriteManifest", event, MANIFEST) == {
        "Bucket": "work",
        "Key": f"manifests/census-preprocess/{run}.manifest",
        "Body": [{"prefix": "s3://raw-data/"}, key],
        "ContentType": "application/json",
    }


def test_the_job_reads_the_manifest_that_was_written():
    written = arguments("WriteManifest", created(), MANIFEST)
    channel = arguments("RunJob", created(), MANIFEST)["ProcessingInputs"][0]["S3Input"]

    assert channel["S3Uri"] == f"s3://work/{written['Key']}"
    assert channel["S3DataType"] == "ManifestFile"


def test_a_run_without_an_object_is_told_that_it_needs_one():
    with pytest.raises(QueryEvaluationError, match="start it with the event of one"):
        arguments("WriteManifest", {}, MANIFEST)


def test_the_script_is_not_read_through_the_manifest():
    channels = arguments("RunJob", created(), MANIFEST)["ProcessingInputs"]

    assert [channel["S3Input"]["S3Uri"] for channel in channels][1:] == ["s3://code/prep.py"]


# -- when something goes wrong ----------------------------------------------------------------------------------------


FAILED_JOB = {
    "Error": "States.TaskFailed",
    "Cause": '{"ProcessingJobName":"j","FailureReason":"AlgorithmError: \\"ResourceInUse\\" C:\\\\x","Other":"y"}',
}


def create_error(text, name="SageMaker.AmazonSageMakerException"):
    return {"Error": name, "Cause": text}


def job_failed(reason):
    return {"Error": "States.TaskFailed", "Cause": json.dumps({"ProcessingJobName": "j", "FailureReason": reason})}


QUOTA = (
    "The account-level service limit 'ml.m5.xlarge for processing job usage' is {} Instances, with current utilization "
    "of {} Instances and a request delta of {} Instances. Please use AWS Service Quotas to request an increase."
)


def after_catch(error, defined=SIMPLE):
    """The variables after RunJob has caught an error."""
    return evaluate(defined["States"]["RunJob"]["Catch"][0]["Assign"], errorOutput=error)


def after_triage(error, defined=SIMPLE, **variables):
    known = {"attempt": 1, "tries": 0, "run": {"attempt": 1}, **after_catch(error, defined), **variables}
    return choose(defined["States"]["Triage"], known, context=CONTEXT)


@pytest.mark.parametrize(
    ("error", "following"),
    [
        (create_error("exists", "SageMaker.ResourceInUseException"), "DescribeJob"),
        (create_error("exists", "SageMaker.ResourceInUse"), "DescribeJob"),
        (create_error("(Error Code: ResourceInUse)"), "DescribeJob"),
        (create_error("a job with this name already exists", "SageMaker.ValidationException"), "DescribeJob"),
        (create_error("Rate exceeded (Error Code: ThrottlingException)"), "Backoff"),
        (create_error("", "SageMaker.ThrottlingException"), "Backoff"),
        (create_error(QUOTA.format(4, 4, 1), "SageMaker.ResourceLimitExceededException"), "Backoff"),
        (create_error(QUOTA.format(4, 4, 1) + " (Error Code: ResourceLimitExceeded)"), "Backoff"),
        (create_error("quota", "SageMaker.ResourceLimitExceededException"), "Backoff"),
        (create_error(QUOTA.format(0, 0, 1), "SageMaker.ResourceLimitExceededException"), "SendDeadLetter"),
        (create_error(QUOTA.format(2, 0, 8) + " (ResourceLimitExceeded)"), "SendDeadLetter"),
        (create_error("(Status Code: 503; Error Code: ServiceUnavailable)"), "Backoff"),
        (create_error("Unable to execute HTTP request", "SageMaker.SdkClientException"), "Backoff"),
        (create_error("CapacityError: Unable to provision requested ML compute capacity"), "Backoff"),
        (create_error("not authorized to perform: iam:PassRole (AccessDeniedException)"), "Backoff"),
        (create_error("Could not assume role arn:aws:iam::1:role/R", "SageMaker.ValidationException"), "Backoff"),
        (create_error("2 validation errors detected", "SageMaker.ValidationException"), "SendDeadLetter"),
        ({"Error": "SageMaker.AmazonSageMakerException"}, "SendDeadLetter"),
        ({"Error": "States.Timeout"}, "StopJob"),
        ({"Error": "States.QueryEvaluationError", "Cause": "ThrottlingException"}, "SendDeadLetter"),
        (FAILED_JOB, "SendDeadLetter"),
        (job_failed("AlgorithmError: ThrottlingException, InternalServerError, CapacityError"), "SendDeadLetter"),
        (job_failed("ClientError: Please use an instance type with more memory"), "SendDeadLetter"),
        (job_failed("InternalServerError: We encountered an internal error. Please try again."), "NextAttempt"),
        (job_failed("CapacityError: Unable to provision requested ML compute capacity."), "NextAttempt"),
        ({"Error": "States.TaskFailed", "Cause": '{"ProcessingJobStatus":"Stopped"}'}, "SendDeadLetter"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value['Error']} {value.get('Cause', '')[:60]}",
)
def test_what_went_wrong_decides_what_is_done(error, following):
    assert after_triage(error) == following


def test_a_permission_that_is_missing_is_soon_given_up_and_a_throttle_late():
    denied, throttled = create_error("AccessDeniedException"), create_error("Rate exceeded")

    assert [after_triage(denied, tries=tries) for tries in (2, 3)] == ["Backoff", "SendDeadLetter"]
    assert [after_triage(throttled, tries=tries) for tries in (39, 40)] == ["Backoff", "SendDeadLetter"]


@pytest.mark.parametrize("first", [1, 7])
def test_one_execution_makes_three_jobs_at_most(first):
    broken = job_failed("InternalServerError: We encountered an internal error. Please try again.")

    after = [after_triage(broken, attempt=first + made, run={"attempt": first}) for made in range(3)]

    assert after == ["NextAttempt", "NextAttempt", "SendDeadLetter"]


def test_the_next_attempt_is_another_name_after_a_wait():
    state = SIMPLE["States"]["NextAttempt"]

    assert evaluate(state["Assign"], {"attempt": 4}) == {"attempt": 5, "tries": 0, "looks": 0}
    assert (state["Next"], SIMPLE["States"]["Backoff"]["Next"]) == ("Backoff", "RunJob")


def test_a_job_that_outlives_its_time_is_stopped_before_it_is_given_up():
    stop = SIMPLE["States"]["StopJob"]

    assert stop["Resource"].endswith(":aws-sdk:sagemaker:stopProcessingJob")
    assert arguments("StopJob", created()) == {"ProcessingJobName": arguments("RunJob", created())["ProcessingJobName"]}
    # One that has ended in the meantime cannot be stopped; what is told is still that it timed out.
    assert (stop["Next"], stop["Catch"]) == (
        "SendDeadLetter",
        [{"ErrorEquals": ["States.ALL"], "Next": "SendDeadLetter"}],
    )


ELSEWHERE = "arn:aws:states:us-east-1:111122223333:execution:Other:e1"


@pytest.mark.parametrize(
    ("environment", "status", "following"),
    [
        ({"CDK_PROCESSING_EXECUTION": EXECUTION}, "Completed", "Adopted"),
        ({"CDK_PROCESSING_EXECUTION": EXECUTION}, "InProgress", "WaitForJob"),
        ({"CDK_PROCESSING_EXECUTION": EXECUTION}, "Stopping", "WaitForJob"),
        ({"CDK_PROCESSING_EXECUTION": EXECUTION}, "Failed", "Triage"),
        ({"CDK_PROCESSING_EXECUTION": EXECUTION}, "Stopped", "Triage"),
        ({"CDK_PROCESSING_EXECUTION": f"{EXECUTION}2"}, "Completed", "Duplicate"),
        ({"CDK_PROCESSING_EXECUTION": f"{EXECUTION}2"}, "Failed", "Duplicate"),
        ({"CDK_PROCESSING_EXECUTION": f"{EXECUTION}2"}, "InProgress", "Duplicate"),
        ({"CDK_PROCESSING_EXECUTION": ELSEWHERE}, "Completed", "NextAttempt"),
        ({}, "InProgress", "NextAttempt"),
        (None, "InProgress", "NextAttempt"),
    ],
)
def test_a_name_in_use_is_adopted_a_duplicate_or_somebody_elses(environment, status, following):
    existing = {"ProcessingJobStatus": status}
    if environment is not None:
        existing["Environment"] = environment

    assert after_judge(existing) == following


def described(existing, event=None, defined=SIMPLE, **variables):
    """The variables after a job was looked at."""
    known = {**prepared(event or created(), defined), **variables}
    assigned = evaluate(defined["States"]["DescribeJob"]["Assign"], known, result=existing, context=CONTEXT)
    return {**known, **assigned}


def after_judge(existing, event=None, defined=SIMPLE, looks=0):
    return choose(defined["States"]["Judge"], described(existing, event, defined, looks=looks), context=CONTEXT)


@pytest.mark.parametrize(("status", "following"), [("Completed", "Adopted"), ("InProgress", "Duplicate")])
def test_a_redriven_run_whose_job_had_completed_goes_on_from_there(status, following):
    existing = {"ProcessingJobStatus": status, "Environment": {"CDK_PROCESSING_EXECUTION": f"{EXECUTION}2"}}
    redrive = {"redrive": {"event": created(), "run_key": "k", "attempt": 1}}

    assert after_judge(existing, redrive) == following


def test_an_adopted_job_that_never_ends_times_out():
    existing = {"ProcessingJobStatus": "InProgress", "Environment": {"CDK_PROCESSING_EXECUTION": EXECUTION}}
    wait, looks, waited = SIMPLE["States"]["WaitForJob"], 0, 0
    while after_judge(existing, looks=looks) == "WaitForJob":
        waited += evaluate(wait["Seconds"], {"looks": looks})
        looks = evaluate(wait["Assign"], {"looks": looks})["looks"]

    assert 600 + 3600 <= waited < 600 + 3600 + evaluate(wait["Seconds"], {"looks": looks})
    assert after_judge(existing, looks=looks) == "Triage"
    assert choose(SIMPLE["States"]["Triage"], described(existing, looks=looks)) == "StopJob"


@pytest.mark.parametrize("attempts", [1, 3, 20])
@pytest.mark.parametrize("seconds", [60, 600, 86_400, 777_600])
def test_looks_at_adopted_jobs_fit_into_an_executions_history_and_take_as_long_as_a_job_may(seconds, attempts):
    job = workflow(policy=LaunchPolicy(attempts=attempts, retries=1))
    job.request["StoppingCondition"] = {"MaxRuntimeInSeconds": seconds}
    states = definition(job)["States"]
    [condition] = [choice["Condition"] for choice in states["Judge"]["Choices"] if choice["Next"] == "WaitForJob"]
    looks = int(re.search(r"looks < (\d+)", condition)[1])
    waits = [evaluate(states["WaitForJob"]["Seconds"], {"looks": look}) for look in range(looks)]

    # A look is a wait, a task and a choice: nine events.
    assert looks * attempts * 9 <= 9_000
    assert sum(waits[:-1]) < seconds + 3600 <= sum(waits)


# -- parameters -------------------------------------------------------------------------------------------------------


def test_clients_read_the_parameters_in_the_definition():
    assert SIMPLE["States"]["Prepare"]["Comment"] == "parameters: ratio~1-256,line=0.2"


@pytest.mark.parametrize(
    ("given", "effective"),
    [({}, {"ratio": "0.2"}), ({"ratio": 'ü"1'}, {"ratio": 'ü"1'}), ({"ratio": 3}, {"ratio": "3"})],
)
def test_a_job_carries_the_digest_of_its_parameters(given, effective):
    sent = arguments("RunJob", {"run_key": "k", "parameters": given})
    text = ";".join(f"{name}={md5(value)}" for name, value in effective.items())

    assert sent["Environment"]["CDK_PROCESSING_PARAMETERS"] == md5(text)


def test_a_parameter_that_the_job_does_not_have_is_an_error():
    with pytest.raises(QueryEvaluationError, match="there is no parameter ration; the job has ratio"):
        arguments("RunJob", {"parameters": {"ration": "0.3"}})


@pytest.mark.parametrize(
    ("parameters", "following"),
    [({"ratio": "0.3"}, "Duplicate"), ({"ratio": "0.4"}, "SendDeadLetter"), ({}, "SendDeadLetter")],
)
def test_the_same_run_key_with_other_parameters_is_an_error(parameters, following):
    first = arguments("RunJob", {"run_key": "k", "parameters": {"ratio": "0.3"}})
    environment = {**first["Environment"], "CDK_PROCESSING_EXECUTION": f"{EXECUTION}2"}
    existing = {"ProcessingJobStatus": "Completed", "Environment": environment}

    assert after_judge(existing, {"run_key": "k", "parameters": parameters}) == following


def test_a_reused_run_key_is_told_with_what_to_do():
    environment = {"CDK_PROCESSING_EXECUTION": f"{EXECUTION}2", "CDK_PROCESSING_PARAMETERS": "other"}
    known = described({"ProcessingJobStatus": "Completed", "Environment": environment}, {"run_key": "k"})
    rule = SIMPLE["States"]["Judge"]["Choices"][0]

    assert evaluate(rule["Condition"], known, context=CONTEXT) is True
    assert rule["Next"] == "SendDeadLetter"
    assert evaluate(rule["Assign"], known) == {
        "failure": {"Error": "CdkProcessing.RunKeyReused"},
        "reason": (
            f"run_key manual:k was used before with other parameters, by {EXECUTION}2; "
            "take another key, or the same parameters"
        ),
    }


# -- what is told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("existing", "error", "reason"),
    [
        (
            {"ProcessingJobStatus": "Failed", "FailureReason": 'AlgorithmError: no "rows"'},
            "States.TaskFailed",
            'AlgorithmError: no "rows"',
        ),
        (
            {"ProcessingJobStatus": "Failed", "FailureReason": "exit code: 1", "ExitMessage": "bad"},
            "States.TaskFailed",
            "exit code: 1 (bad)",
        ),
        ({"ProcessingJobStatus": "Stopped"}, "States.TaskFailed", "the job was stopped"),
        (
            {
                "ProcessingJobStatus": "Stopped",
                "CreationTime": "2026-03-28T06:00:00.000Z",
                "ProcessingEndTime": "2026-03-28T07:00:01Z",
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
            "States.TaskFailed",
            "the job reached its time limit: max_runtime_in_seconds is 3600",
        ),
        ({"ProcessingJobStatus": "InProgress"}, "States.Timeout", "the job is InProgress beyond its time"),
    ],
)
def test_an_adopted_failure_is_told_by_the_jobs_own_reason(existing, error, reason):
    known = described({**existing, "Environment": {"CDK_PROCESSING_EXECUTION": EXECUTION}})

    assert known["failure"] == {"Error": error}
    assert evaluate(SIMPLE["States"]["Failed"]["Cause"], known) == reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FAILED_JOB, 'AlgorithmError: "ResourceInUse" C:\\x'),
        ({"Error": "E", "Cause": '{"FailureReason" : "spaced"}'}, "spaced"),
        (
            {"Error": "E", "Cause": '{"ExitMessage":"no \\"rows\\"","FailureReason":"exit code: 1"}'},
            'exit code: 1 (no "rows")',
        ),
        ({"Error": "E", "Cause": "not json"}, "not json"),
        ({"Error": "E", "Cause": '{"Status":"Stopped"}'}, '{"Status":"Stopped"}'),
        ({"Error": "E", "Cause": '{"ProcessingJobStatus": "Stopped"}'}, "the job was stopped"),
        ({"Error": "E"}, ""),
    ],
    ids=["escaped", "spaced", "message", "text", "no reason", "stopped", "no cause"],
)
def test_a_run_fails_with_the_reason_of_its_job(error, reason):
    failed = SIMPLE["States"]["Failed"]

    known = after_catch(error)

    assert evaluate(failed["Cause"], known) == reason
    assert evaluate(failed["Error"], known) == error["Error"]


@pytest.mark.parametrize(
    ("created", "ended", "limit", "reached"),
    [
        (1774677600000, 1774681200000, 3600, True),
        (1774677600000, 1774681199999, 3600, False),
        (1774677600.123, 1774681200.5, 3600, True),
        ("1.774677600123E9", "1.7746812005E9", 3600, True),
        ("2026-03-28T06:00:00.000Z", "2026-03-28T07:00:00Z", 3600, True),
        ("2026-03-28T06:00:00Z", "2026-03-28T06:59:59Z", 3600, False),
        ("Mar 28, 2026 6:00:00 AM", "Mar 29, 2026 6:00:00 AM", 60, False),
        (None, 1774681200000, 60, False),
        (1774677600000, 1774681200000, None, False),
    ],
)
def test_a_job_at_its_time_limit_is_told_from_a_stopped_one(created, ended, limit, reached):
    cause = {
        "ProcessingJobStatus": "Stopped",
        # What a user writes into an environment is no time.
        "Environment": {"NOTE": '"CreationTime":1, "ProcessingEndTime": 1774681200000, "MaxRuntimeInSeconds":1'},
        "CreationTime": created,
        "ProcessingEndTime": ended,
        "StoppingCondition": {"MaxRuntimeInSeconds": limit},
    }
    known = after_catch({"Error": "States.TaskFailed", "Cause": json.dumps(cause)})

    told = f"the job reached its time limit: max_runtime_in_seconds is {limit}" if reached else "the job was stopped"
    assert evaluate(SIMPLE["States"]["Failed"]["Cause"], known) == told


def test_a_dead_letter_holds_all_that_a_redrive_needs():
    event = created()
    sent = arguments("SendDeadLetter", event, **after_catch(FAILED_JOB))

    assert sent["QueueUrl"] == "https://sqs.us-east-1.amazonaws.com/111122223333/DeadLetters"
    assert sent["MessageBody"] == {
        "contract": 3,
        "job": "Census/Preprocess",
        "state_machine": MACHINE,
        "execution": EXECUTION,
        "run_id": run_id("s3://raw-data/in/1.csv@v1"),
        "run_key": "s3://raw-data/in/1.csv@v1",
        "attempt": 1,
        "job_name": f"census-preprocess-{run_id('s3://raw-data/in/1.csv@v1')}-1",
        "error": "States.TaskFailed",
        "reason": 'AlgorithmError: "ResourceInUse" C:\\x',
        "event": event,
    }


def test_a_dead_letter_of_a_redriven_run_holds_the_event_and_not_the_redrive():
    redrive = {"redrive": {"event": created(), "run_key": "k", "attempt": 4}}

    assert arguments("SendDeadLetter", redrive, **after_catch(FAILED_JOB))["MessageBody"]["event"] == created()


@pytest.mark.parametrize("character", ["x", "ü", "€", "😀", '"', "\0"])
def test_a_dead_letter_of_a_large_event_fits_into_a_message_and_says_where_the_event_is(character):
    def body(characters):
        event = {**created(), "parameters": {"ratio": character * characters}, "run_key": character * characters}
        cause = {"Error": "E", "Cause": "c" * 32_768}
        return arguments("SendDeadLetter", event, **after_catch(cause))["MessageBody"]

    large = body(40_000)

    assert large["event"] == "too large for this message; it is in the input of the execution"
    assert large["execution"] == EXECUTION
    assert isinstance(body(1_000)["event"], dict)
    for characters in (1_000, 5_000, 15_000, 40_000):
        assert len(json.dumps(body(characters), ensure_ascii=False).encode()) < 262_144


@pytest.mark.parametrize("character", ["x", "😀", "\0"])
@pytest.mark.parametrize("characters", [10, 9_000, 22_000, 43_000])
def test_whatever_an_event_brings_the_first_state_assigns_less_than_256_kib(character, characters):
    text = character * characters
    event = {**created(key=f"in/{text}"), "run_key": text, "parameters": {"ratio": text}, "time": text}

    assigned = prepared({"redrive": {"event": event, "run_key": text, "run_id": "a" * 32}}, MANIFEST)

    assert len(json.dumps(assigned, ensure_ascii=False).encode()) < 131_072
    assert ("too long" in assigned["run"].get("problem", "")) is (characters > 10)
    assert assigned["run"]["id"] == "a" * 32


def test_a_redrive_of_a_dead_letter_makes_the_next_name_of_the_same_run():
    letter = arguments("SendDeadLetter", created(), **after_catch(FAILED_JOB))["MessageBody"]
    redrive = {"redrive": {"event": letter["event"], "run_id": letter["run_id"], "attempt": letter["attempt"] + 1}}

    assert arguments("RunJob", redrive)["ProcessingJobName"] == f"census-preprocess-{letter['run_id']}-2"


def test_a_dead_letter_that_cannot_be_sent_does_not_hide_the_failure():
    catch = SIMPLE["States"]["SendDeadLetter"]["Catch"]

    assert catch == [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]


@pytest.mark.parametrize("state", ["RunJob", "Adopted", "Duplicate"])
def test_a_run_that_ends_well_says_what_it_made(state):
    run = run_id("s3://raw-data/in/1.csv@v1")
    existing = {"ProcessingJobStatus": "InProgress", "Environment": {"CDK_PROCESSING_EXECUTION": ELSEWHERE}}

    output = evaluate(SIMPLE["States"][state]["Output"], described(existing), input=created(), context=CONTEXT)

    whose = {"job_status": "InProgress", "made_by": ELSEWHERE} if state == "Duplicate" else {}
    assert output == {
        "contract": VERSION,
        "status": "Duplicate" if state == "Duplicate" else "Completed",
        "run_id": run,
        "job_name": f"census-preprocess-{run}-1",
        "outputs": {"train": "s3://curated/train/2024/03/05/"},
        **whose,
    }

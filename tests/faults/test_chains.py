"""The fault matrix, what launches besides arrivals and schedules: another job's success, a deployment, a person."""

import json
import tempfile
from pathlib import Path

import pytest

from cdk_processing.client.errors import NothingToRedriveError, RunKeyReusedError
from cdk_processing.local import faults
from cdk_processing.local.deployment.stacks import StackFailedError

from .conftest import World, reading_job

TELL = Path(__file__).parent / "scripts" / "tell.py"
BROKEN = "AlgorithmError: the job's own code failed"


def telling_job(stack, name, arguments, triggers=()):
    """Declare a job that writes its arguments down."""
    from cdk_processing import DataBucket, ExecutionVariables, ProcessingJob, ProcessingOutput, SKLearnProcessor

    results = stack.node.try_find_child("Results") or DataBucket(stack, "Results")
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)
    request = processor.run(
        code=TELL,
        outputs=[
            ProcessingOutput(
                output_name="told",
                source="/opt/ml/processing/output",
                destination=results.at(f"{name}/{ExecutionVariables.RUN_ID}/"),
            )
        ],
        arguments=arguments,
    )
    return ProcessingJob(stack, name, request, triggers=list(triggers))


def told(world, run_key, job):
    """What a run wrote down, and that it did so once."""
    key = world.output_of(run_key, job, "told.json")
    versions = world.client("s3").list_object_versions(Bucket=world.bucket("Results"), Prefix=key)["Versions"]
    assert len(versions) == 1
    return json.loads(world.embedded.get(world.bucket("Results"), key))


# -- OnSuccessOf ------------------------------------------------------------------------------------------------------


class Chain(World):
    """A stack whose ``Next`` runs after each run of ``Job`` that succeeds."""

    def next_key(self, run_key):
        """The run key downstream of an upstream run's."""
        return f"upstream:{self.machine()}@{self.run_id(run_key)}"

    def both(self, run_key, upstream="Completed", downstream="Completed"):
        """The jobs that are there after one upstream run."""
        assert self.jobs() == {self.job_name(run_key): upstream}
        assert self.jobs("Next") == {self.job_name(self.next_key(run_key), job="Next"): downstream}

    def wrote(self, run_key):
        """The outputs after one upstream run, each written once; what downstream was told of it."""
        following = self.next_key(run_key)
        assert self.outputs() == sorted([self.output_of(run_key), self.output_of(following, "Next", "told.json")])
        return told(self, following, "Next")


@pytest.fixture
def chain(deploy):
    """A job that reads what arrives, and one that is told of its success."""

    def declare(stack):
        from cdk_processing import EventField, ExecutionVariables, OnSuccessOf, Parameter

        upstream = reading_job(stack)
        telling_job(
            stack,
            "Next",
            [ExecutionVariables.UPSTREAM_RUN_ID, Parameter("where")],
            [OnSuccessOf(upstream, parameters={"where": EventField("$.detail.outputs.seen")})],
        )

    world = deploy(declare)
    return Chain(world.embedded, world.name)


def test_one_upstream_run_leads_to_one_downstream_run(chain):
    """OnSuccessOf: a run upstream makes one downstream, which knows its id and where it wrote."""
    key = chain.put("in/a.csv")

    [upstream], [downstream] = chain.runs(1), chain.runs(1, "Next")

    assert (upstream.end, downstream.end) == ("Completed", "Completed")
    chain.both(key)
    said = chain.wrote(key)
    assert said == [chain.run_id(key), f"s3://{chain.bucket('Results')}/Job/{chain.run_id(key)}/"]
    # Both write to the same day's folder, however late the second one is.
    assert downstream.event["detail"]["trigger_time"] == upstream.event["time"]
    chain.is_quiet()


def test_a_success_told_twice_makes_one_downstream_job(chain):
    """OnSuccessOf: the event of one upstream run makes one downstream job, however often it is delivered."""
    with chain.inject(faults.events_repeated(3, source="cdk-processing")) as repeated:
        key = chain.put("in/a.csv")
        chain.runs(1)
        downstream = chain.runs(3, "Next")

    assert repeated.hits == 1
    assert sorted(run.end for run in downstream) == ["Completed", "Duplicate", "Duplicate"]
    chain.both(key)
    chain.wrote(key)
    chain.is_quiet()


def test_an_announcement_whose_answer_is_lost_makes_one_downstream_job(chain):
    """OnSuccessOf: a success that is announced again, as another event, because the answer was lost, makes one job."""
    with chain.inject(faults.answer_lost("events:PutEvents", times=1)) as lost:
        key = chain.put("in/a.csv")
        [upstream] = chain.runs(1)
        downstream = chain.runs(2, "Next")

    assert lost.hits == 1
    assert upstream.end == "Completed"
    assert sorted(run.end for run in downstream) == ["Completed", "Duplicate"]
    assert len({run.event["id"] for run in downstream}) == 2
    chain.both(key)
    chain.wrote(key)
    chain.is_quiet()


def test_an_arrival_told_twice_runs_the_chain_once(chain):
    """OnSuccessOf: an upstream duplicate announces nothing, so a chain runs once for an event that came twice."""
    event = chain.put_untold("in/a.csv")
    key = chain.run_key(event)

    chain.start_at_once(event, copies=2)

    assert sorted(run.end for run in chain.runs(2)) == ["Completed", "Duplicate"]
    assert [run.end for run in chain.runs(1, "Next")] == ["Completed"]
    chain.both(key)
    chain.wrote(key)
    chain.is_quiet()


def test_a_failure_upstream_runs_nothing_downstream_until_it_is_redriven(chain):
    """OnSuccessOf: nothing follows a run that failed; once it is redriven with success, one run follows."""
    with chain.inject(faults.job_fails(BROKEN, times=1)):
        key = chain.put("in/a.csv")
        [failed] = chain.runs(1)
    assert failed.end == "FAILED"
    assert chain.executions("Next") == {}
    assert chain.jobs("Next") == {}
    assert chain.outputs() == []
    [letter] = chain.has_told()
    assert letter["execution"] == failed.arn

    client = chain.embedded.processing
    client.redrive(client.run(chain.machine(), failed.arn))

    assert [run.end for run in chain.runs(2)] == ["FAILED", "Completed"]
    assert [run.end for run in chain.runs(1, "Next")] == ["Completed"]
    assert chain.jobs() == {chain.job_name(key): "Failed", chain.job_name(key, 2): "Completed"}
    assert chain.jobs("Next") == {chain.job_name(chain.next_key(key), job="Next"): "Completed"}
    chain.wrote(key)


def test_23_redrive_of_a_run_whose_announcement_was_lost_only_announces(chain):
    """Row 23: a run that did its work but could not tell of it makes no second job; its redrive runs what follows."""
    # An answer of the bus that no SDK repeats by itself, as often as the state machine asks.
    with chain.inject(faults.call_fails("events:PutEvents", "ValidationError", "the bus is away")) as lost:
        key = chain.put("in/a.csv")
        [failed] = chain.runs(1)
    assert lost.hits == 7
    assert failed.end == "FAILED"
    assert chain.jobs() == {chain.job_name(key): "Completed"}
    assert chain.executions("Next") == {}
    [letter] = chain.has_told()
    assert (letter["execution"], letter["job_name"]) == (failed.arn, chain.job_name(key))

    client = chain.embedded.processing
    run = client.run(chain.machine(), failed.arn)
    client.redrive(run)

    redriven = chain.runs(2)[1]
    assert redriven.output["job_name"] == chain.job_name(key)
    assert redriven.end == "Completed"
    assert [each.end for each in chain.runs(1, "Next")] == ["Completed"]
    chain.both(key)
    said = chain.wrote(key)
    assert said == [chain.run_id(key), redriven.output["outputs"]["seen"]]
    with pytest.raises(NothingToRedriveError, match="already"):
        client.redrive(run)
    assert (len(chain.executions()), len(chain.executions("Next"))) == (2, 1)
    chain.has_told()


# -- OnDeploy ---------------------------------------------------------------------------------------------------------


class Deployed(World):
    """A stack whose ``Job`` runs when it is deployed."""

    def deployments(self):
        """Events of completed deployments so far."""
        events = self.client("cloudformation").describe_stack_events(StackName=self.name)["StackEvents"]
        return [
            event["ResourceStatus"]
            for event in reversed(events)
            if event["ResourceType"] == "AWS::CloudFormation::Stack"
            and not event["ResourceStatus"].endswith("IN_PROGRESS")
        ]

    def said(self):
        """What each run wrote down, in the order of their ends."""
        return sorted(json.loads(self.embedded.get(self.bucket("Results"), key)) for key in self.outputs())


@pytest.fixture
def on_deploy(embedded, deploy):
    """``on_deploy(arguments)`` deploys a job once more that is launched by that; the first call makes the stack."""
    made = []

    def declare(stack, arguments, extra=None, **options):
        from cdk_processing import OnDeploy

        telling_job(stack, "Job", arguments, [OnDeploy(**options)])
        if extra is not None:
            extra(stack)

    def deploy_job(arguments, extra=None, **options):
        import aws_cdk

        if not made:
            world = deploy(lambda stack: declare(stack, arguments, extra, **options))
            made.append(Deployed(world.embedded, world.name))
        else:
            with tempfile.TemporaryDirectory() as folder:
                app = aws_cdk.App(outdir=folder)
                declare(aws_cdk.Stack(app, made[0].name), arguments, extra, **options)
                embedded.deploy(app)
        return made[0]

    return deploy_job


def a_topic(stack):
    """Something else in the stack, so that a deployment has something to do."""
    from aws_cdk import CfnResource

    CfnResource(stack, "Topic", type="AWS::SNS::Topic")


def a_broken_alarm(stack):
    """A resource that cannot be made, after everything else: the deployment is rolled back."""
    from aws_cdk import CfnResource

    broken = CfnResource(stack, "Broken", type="AWS::CloudWatch::Alarm", properties={"EvaluationPeriods": 1})
    broken.node.add_dependency(stack.node.find_child("Job"))


def test_a_deployment_runs_the_job_once(on_deploy):
    """OnDeploy: one run when the stack is there, with what the trigger gives."""
    from cdk_processing import Parameter

    world = on_deploy(["hello", Parameter("day")], parameters={"day": "monday"})

    [run] = world.runs(1)
    assert run.end == "Completed"
    assert world.jobs() == {run.output["job_name"]: "Completed"}
    assert world.said() == [["hello", "monday"]]
    world.is_quiet()


def test_a_job_deployed_again_as_it_was_is_not_run_again(on_deploy):
    """OnDeploy: a deployment that changes something else makes no job, nor does one that changes nothing."""
    world = on_deploy(["hello"])
    [first] = world.runs(1)

    on_deploy(["hello"], extra=a_topic)
    second = world.runs(2)[1]

    assert second.end == "Duplicate"
    on_deploy(["hello"], extra=a_topic)
    assert world.deployments() == ["CREATE_COMPLETE", "UPDATE_COMPLETE"]
    assert world.jobs() == {first.output["job_name"]: "Completed"}
    assert world.said() == [["hello"]]
    world.is_quiet()


def test_a_changed_job_runs_again_and_one_that_comes_back_does_not(on_deploy):
    """OnDeploy: what has changed is run again, once; a deployment of the old version again is not."""
    world = on_deploy(["hello"])
    world.runs(1)
    on_deploy(["goodbye"])
    world.runs(2)
    on_deploy(["hello"])

    ends = [run.end for run in world.runs(3)]

    assert ends == ["Completed", "Completed", "Duplicate"]
    assert sorted(world.jobs().values()) == ["Completed", "Completed"]
    assert world.said() == [["goodbye"], ["hello"]]
    world.is_quiet()


def test_a_deployment_with_other_parameters_runs_the_job_again(on_deploy):
    """OnDeploy: the values that the trigger gives are part of what the job is: others make one more run."""
    from cdk_processing import Parameter

    arguments = [Parameter("day")]
    world = on_deploy(arguments, parameters={"day": "monday"})
    world.runs(1)
    on_deploy(arguments, parameters={"day": "tuesday"})
    world.runs(2)
    on_deploy(arguments, extra=a_topic, parameters={"day": "tuesday"})

    runs = world.runs(3)
    assert [run.end for run in runs] == ["Completed", "Completed", "Duplicate"]
    assert world.jobs() == {run.output["job_name"]: "Completed" for run in runs[:2]}
    assert world.said() == [["monday"], ["tuesday"]]
    world.is_quiet()


def test_a_job_that_is_to_run_every_time_runs_for_each_deployment_once(on_deploy):
    """OnDeploy, every_time: each deployment that does something makes one job, though the job is as it was."""
    world = on_deploy(["hello"], every_time=True)
    [first] = world.runs(1)
    on_deploy(["hello"], extra=a_topic, every_time=True)
    world.runs(2)

    world.start(first.event)

    runs = world.runs(3)
    assert [run.end for run in runs] == ["Completed", "Completed", "Duplicate"]
    assert world.jobs() == {run.output["job_name"]: "Completed" for run in runs[:2]}
    assert len(world.jobs()) == 2
    assert world.said() == [["hello"], ["hello"]]
    world.is_quiet()


def test_the_event_of_a_deployment_told_twice_makes_one_job(on_deploy):
    """OnDeploy: CloudFormation's event may come twice; the job is what the run is known by."""
    world = on_deploy(["hello"])
    [first] = world.runs(1)

    world.start(first.event)

    assert [run.end for run in world.runs(2)] == ["Completed", "Duplicate"]
    assert world.jobs() == {first.output["job_name"]: "Completed"}
    assert world.said() == [["hello"]]
    world.is_quiet()


def test_a_deployment_that_is_rolled_back_launches_nothing(on_deploy):
    """OnDeploy: no run comes of a change that was rolled back; the next good deployment runs the job once."""
    world = on_deploy(["hello"])
    [first] = world.runs(1)

    with pytest.raises(StackFailedError):
        on_deploy(["goodbye"], extra=a_broken_alarm)
    assert world.deployments() == ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]
    assert list(world.executions()) == [first.arn]
    on_deploy(["welcome"])

    # Had the one that was rolled back launched anything, its event would have come before this one's.
    assert [run.end for run in world.runs(2)] == ["Completed", "Completed"]
    assert len(world.jobs()) == 2
    assert world.said() == [["hello"], ["welcome"]]
    world.is_quiet()


def test_a_first_deployment_that_is_rolled_back_launches_nothing(embedded, tmp_path):
    """OnDeploy: a stack that could not be made has run nothing; when it is made at last, its job runs once."""
    import aws_cdk

    from cdk_processing import OnDeploy

    def app(folder, extra):
        made = aws_cdk.App(outdir=str(tmp_path / folder))
        stack = aws_cdk.Stack(made, "AtFirstBroken")
        telling_job(stack, "Job", ["hello"], [OnDeploy()])
        extra(stack)
        return made

    with pytest.raises(StackFailedError, match="ROLLBACK_COMPLETE"):
        embedded.deploy(app("broken", a_broken_alarm))
    embedded.deploy(app("mended", a_topic))

    world = Deployed(embedded, "AtFirstBroken")
    [run] = world.runs(1)
    assert run.end == "Completed"
    # Of both state machines: their jobs have the same base name.
    assert world.jobs() == {run.output["job_name"]: "Completed"}
    assert world.said() == [["hello"]]
    world.is_quiet()


# -- by hand, with a run key ------------------------------------------------------------------------------------------


@pytest.fixture
def by_hand(deploy):
    """A stack whose job is started by hand."""

    def declare(stack):
        from cdk_processing import Parameter

        telling_job(stack, "Job", [Parameter("day"), Parameter("tries", default=3, type=int)])

    return deploy(declare)


def test_a_run_key_given_twice_with_the_same_parameters_makes_one_job(by_hand):
    """By hand: a start with a run key that was used before does nothing where its parameters are the same."""
    client, key = by_hand.embedded.processing, "manual:batch-7"

    client.start(by_hand.machine(), {"day": "monday"}, run_key="batch-7")
    by_hand.runs(1)
    client.start(by_hand.machine(), {"day": "monday", "tries": 3}, run_key="batch-7")
    assert len(by_hand.executions()) == 1
    by_hand.start({"run_key": "batch-7", "parameters": {"day": "monday", "tries": "3"}})

    assert [run.end for run in by_hand.runs(2)] == ["Completed", "Duplicate"]
    assert by_hand.jobs() == {by_hand.job_name(key): "Completed"}
    assert told(by_hand, key, "Job") == ["monday", "3"]
    by_hand.is_quiet()


def test_a_run_key_given_twice_with_other_parameters_is_an_error(by_hand):
    """By hand: a run key stands for its parameters; with others it is refused, by the client and by the run."""
    client, key = by_hand.embedded.processing, "manual:batch-7"
    client.start(by_hand.machine(), {"day": "monday"}, run_key="batch-7")
    by_hand.runs(1)

    with pytest.raises(RunKeyReusedError, match="batch-7"):
        client.start(by_hand.machine(), {"day": "tuesday"}, run_key="batch-7")
    assert len(by_hand.executions()) == 1
    by_hand.is_quiet()
    by_hand.start({"run_key": "batch-7", "parameters": {"day": "tuesday"}})

    refused = by_hand.runs(2)[1]
    assert (refused.end, refused.error) == ("FAILED", "CdkProcessing.RunKeyReused")
    assert by_hand.jobs() == {by_hand.job_name(key): "Completed"}
    assert told(by_hand, key, "Job") == ["monday", "3"]
    [letter] = by_hand.has_told()
    assert (letter["error"], letter["run_key"]) == ("CdkProcessing.RunKeyReused", key)


def test_starts_at_once_with_one_run_key_make_one_job(by_hand):
    """By hand: of starts at the same instant with the same run key and parameters one makes the job."""
    by_hand.start_at_once({"run_key": "batch-7", "parameters": {"day": "monday"}}, copies=4)

    assert sorted(run.end for run in by_hand.runs(4)) == ["Completed"] + ["Duplicate"] * 3
    assert by_hand.jobs() == {by_hand.job_name("manual:batch-7"): "Completed"}
    assert told(by_hand, "manual:batch-7", "Job") == ["monday", "3"]
    by_hand.is_quiet()


def test_starts_without_a_run_key_are_runs_of_their_own(by_hand):
    """By hand: without a run key each start makes a job, and a start that lacks a parameter makes none but a letter."""
    for _ in range(2):
        by_hand.embedded.processing.start(by_hand.machine(), {"day": "monday"})
    ends = [run.end for run in by_hand.runs(2)]
    names = {by_hand.job_name(arn): "Completed" for arn in by_hand.executions()}
    assert ends == ["Completed", "Completed"]
    assert by_hand.jobs() == names
    by_hand.is_quiet()

    lacking = by_hand.start({})
    assert by_hand.runs(3)[2].end == "FAILED"
    assert by_hand.jobs() == names
    [letter] = by_hand.has_told()
    assert letter["execution"] == lacking
    assert "day" in letter["reason"]
    assert len(by_hand.outputs()) == 2

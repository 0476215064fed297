"""The fault matrix, limits on how much works at once: bursts, aborted runs, two jobs of one platform."""

import pytest

from cdk_processing.local import faults
from cdk_processing.views.reading import read_runs, read_waiting_text

from .conftest import SCRIPTS, World


class Limited(World):
    """A stack with a platform of 3 instances: ``One`` runs one at a time on 1 instance, ``Pair`` needs 2 each time."""

    def may_end(self, key):
        """Let the processing job of a run key end."""
        self.put(f"open/{key}")

    def begin(self, key, job="One"):
        """Start a run that is held until :meth:`may_end`; returns its execution's ARN."""
        return self.start({"run_key": key, "parameters": {"key": key}}, job)

    def working(self):
        """Run keys of the processing jobs that work now."""
        bases = tuple(f"{self.base_name(job)}-" for job in ("One", "Pair"))
        names = [
            run["name"]
            for run in self.embedded.aws.runs()
            if run["name"].startswith(bases) and run["status"] == "InProgress" and "working" in run["last_lines"]
        ]
        return {self.describe(name)["AppSpecification"]["ContainerArguments"][1] for name in names}

    def works(self, *keys):
        """Wait until just these work."""
        self.until(self.working, lambda found: found == {f"open/{key}" for key in keys})

    def listed(self):
        """The runs of ``One`` that have not ended, as they are listed, the latest first."""
        return read_runs(self.embedded.processing, f"{self.name}/One", status="RUNNING", limit=5)

    def waits(self, arn):
        """Wait until a run waits; returns what it says that it waits for."""
        client = self.embedded.processing
        run = client.run(arn)
        return self.until(lambda: read_waiting_text(client, run), lambda text: "before it" in text)


@pytest.fixture(scope="module")
def limited(deploy):
    def declare(stack):
        from cdk_processing import (
            DataBucket,
            NetworkConfig,
            Parameter,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            ProcessingPlatform,
            SKLearnProcessor,
        )

        platform = ProcessingPlatform(stack, "Platform", max_instances=3)
        data = DataBucket(stack, "Data")

        def job(name, instances, **options):
            processor = SKLearnProcessor(
                framework_version="1.4-2",
                instance_type="ml.m5.large",
                instance_count=instances,
                network_config=NetworkConfig(),
            )
            request = processor.run(
                code=SCRIPTS / "hold.py",
                inputs=[ProcessingInput(source=data.at("open/"), destination="/opt/ml/processing/input/open")],
                outputs=[
                    ProcessingOutput(
                        output_name="report", source="/opt/ml/processing/output", destination=data.at(f"out/{name}/")
                    )
                ],
                arguments=[data.bucket_name, "open/" + Parameter("key")],
            )
            ProcessingJob(stack, name, request, platform=platform, **options)

        job("One", 1, max_concurrency=1)
        job("Pair", 2)

    world = deploy(declare)
    world.put("open/none")
    return Limited(world.embedded, world.name)


def test_runs_wait_in_the_order_of_arrival_past_aborted_ones_and_say_how_many_come_first(limited):
    first = limited.begin("a")
    limited.works("a")
    second = limited.begin("b")
    assert limited.waits(second) == "waiting for its turn: 1 before it, 1 of them running"
    third = limited.begin("c")
    assert limited.waits(third) == "waiting for its turn: 2 before it, 1 of them running"

    limited.until(
        lambda: [view.progress and view.progress.doing for view in limited.listed()],
        lambda shown: (
            shown
            == ["for its turn: 2 before it, 1 of them running", "for its turn: 1 before it, 1 of them running", None]
        ),
    )

    limited.client("stepfunctions").stop_execution(executionArn=second)
    limited.may_end("c")
    limited.may_end("a")

    limited.until(lambda: limited.read(third).end, lambda end: end == "Completed")
    assert limited.read(first).end == "Completed"
    assert limited.jobs("One") == dict.fromkeys(limited.jobs("One"), "Completed")
    assert len(limited.jobs("One")) == 2


def test_jobs_of_one_platform_share_its_instances_and_a_large_run_is_not_passed(limited):
    limited.begin("large", "Pair")
    limited.works("large")
    large = limited.begin("larger", "Pair")
    limited.waits(large)
    small = limited.begin("small")
    assert limited.waits(small) == "waiting for its turn: 2 before it, 1 of them running"

    limited.may_end("large")

    limited.works("larger", "small")
    limited.may_end("larger")
    limited.may_end("small")
    limited.until(lambda: {limited.read(arn).end for arn in (large, small)}, lambda ends: ends == {"Completed"})


def test_a_burst_with_a_duplicate_and_a_table_that_fails_is_served(limited):
    keys = [f"burst{number}" for number in range(4)]
    for key in keys:
        limited.may_end(key)

    with limited.inject(faults.call_fails("dynamodb:UpdateItem", "ThrottlingException", times=3)) as failed:
        arns = [limited.begin(key) for key in [*keys, keys[0]]]
        limited.until(lambda: failed.hits, lambda hits: hits == 3)

    ends = limited.until(lambda: [limited.read(arn).end for arn in arns], lambda found: "RUNNING" not in found)
    assert sorted(ends) == ["Completed"] * 4 + ["Duplicate"]
    assert limited.dead_letters() == []

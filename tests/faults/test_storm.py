"""The fault matrix: many arrivals at once, while SageMaker lets few requests through."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdk_processing.local import faults

from .conftest import deployer, reading_job

ARRIVALS = 500
PER_SECOND = 50


@pytest.fixture(scope="module")
def deploy(tmp_path_factory):
    """As elsewhere, but jobs only write down that they were, so that 500 of them take no machine's time."""
    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    with pytest.MonkeyPatch.context() as patch:
        root = str(Path(__file__).parents[2])
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])))
        aws = LocalAws(runner="tests.faults.scripts.instant:run", wait_scale=0.01)
        with aws, DeployedAws(aws) as deployed:
            yield deployer(deployed, tmp_path_factory)


def test_a_throttle_storm_with_500_arrivals(deploy):
    """Row 12. However often requests are throttled, each arrival has one run and one job; none is lost or doubled."""
    world = deploy(reading_job)

    # First nothing passes, until each arrival has been refused once on average; then a share of what is asked for.
    with world.inject(faults.throttling()) as storm, ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(world.put, [f"in/{number}.csv" for number in range(ARRIVALS)]))
        world.until(lambda: storm.hits, lambda hits: hits >= ARRIVALS)
        assert world.jobs() == {}
    with world.inject(faults.throttling(per_second=PER_SECOND)):
        runs = world.until(
            world.executions, lambda seen: len(seen) >= ARRIVALS and "RUNNING" not in seen.values(), 120, every=0.5
        )

    assert Counter(runs.values()) == {"SUCCEEDED": ARRIVALS}
    assert world.jobs() == {world.job_name(key): "Completed" for key in keys}
    assert world.outputs() == sorted(world.output_of(key, file="done") for key in keys)
    world.is_quiet()

"""A run that was launched before a deployment finishes with what it was launched with."""

import json
from functools import partial

import pytest

from cdk_processing.local import faults

from .conftest import reading_job

TELL = """
from pathlib import Path
Path("/opt/ml/processing/output/seen.json").write_text('"{version}"')
"""


def written(folder, version, name="tell.py"):
    folder.mkdir(exist_ok=True)
    script = folder / name
    script.write_text(TELL.format(version=version), encoding="utf-8")
    return script


def said(world, run_key):
    return json.loads(world.embedded.get(world.bucket("Results"), world.output_of(run_key)))


@pytest.mark.parametrize("change", ["content", "name"])
@pytest.mark.parametrize("trouble", [faults.throttling(), faults.quota_exceeded()], ids=["throttled", "no quota"])
def test_a_run_that_waits_while_another_script_is_deployed_runs_its_own(deploy, redeploy, tmp_path, trouble, change):
    """Deployment: the run that waited has run the old script, the next arrival runs the new one, nothing is lost."""
    world = deploy(partial(reading_job, script=written(tmp_path / "old", "old")))
    with world.inject(trouble) as struck:
        early = world.put("in/early.csv")
        world.until(lambda: struck.hits, bool)
        name = "tell.py" if change == "content" else "renamed.py"
        redeploy(world, partial(reading_job, script=written(tmp_path / "new", "new", name)))
    [run] = world.runs(1)
    late = world.put("in/late.csv")
    world.runs(2)

    assert run.end == "Completed"
    assert (said(world, early), said(world, late)) == ("old", "new")
    world.is_quiet()

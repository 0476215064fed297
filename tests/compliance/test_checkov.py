"""checkov finds nothing in the templates but what is acknowledged, with a reason, in the way that it documents.

It runs in an environment of its own, because it brings a hundred packages.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.compliance.declared import APPS, acknowledged_in

CHECKOV = "checkov==3.3.30"


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """The folder of all templates, and what is acknowledged in them as rule and logical id."""
    folder = tmp_path_factory.mktemp("templates")
    acknowledged = set()
    for name, build in APPS.items():
        app = build(tmp_path_factory.mktemp(name))
        for file in Path(app.synth().directory).glob("*.template.json"):
            shutil.copy(file, folder)
        for each in acknowledged_in(app):
            if each.is_for_checkov:
                stack = each.made.stack
                acknowledged.add((each.rule, f"{stack.stack_name}/{stack.resolve(each.made.logical_id)}"))
    return folder, acknowledged


def checked(folder):
    """``failed`` and ``skipped``: rule, and stack and logical id of the resource."""
    import uv

    files = [word for file in sorted(folder.iterdir()) for word in ("-f", str(file))]
    command = [uv.find_uv_bin(), "--quiet", "tool", "run", "--from", CHECKOV, "checkov", *files]
    command += ["--framework", "cloudformation", "--skip-download", "--output", "json", "--compact", "--soft-fail"]
    environment = {**os.environ, "UV_SYSTEM_CERTS": "true"}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout)["results"]
    assert len(results["passed_checks"]) > 100
    return {
        outcome: {
            (
                each["check_id"],
                f"{each['file_path'].rpartition('/')[2].split('.')[0]}/{each['resource'].split('.')[-1]}",
            )
            for each in results[f"{outcome}_checks"]
        }
        for outcome in ("failed", "skipped")
    }


@pytest.mark.slow
def test_every_finding_is_acknowledged_with_its_reason(templates):
    folder, acknowledged = templates
    found = checked(folder)

    assert found["failed"] == set()
    assert found["skipped"] == acknowledged


@pytest.mark.slow
def test_everything_that_is_acknowledged_is_there_to_be_found(templates, tmp_path):
    """Without the metadata checkov reports each of them, and nothing else."""
    folder, acknowledged = templates
    for file in folder.iterdir():
        template = json.loads(file.read_text(encoding="utf-8"))
        for resource in template["Resources"].values():
            resource.get("Metadata", {}).pop("checkov", None)
        (tmp_path / file.name).write_text(json.dumps(template), encoding="utf-8")

    assert checked(tmp_path) == {"failed": acknowledged, "skipped": set()}

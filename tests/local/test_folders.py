import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cdk_processing.local import folders
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.folders import OwnedFolder, owned_folder
from tests.patience import until

LEFT = """
    import os, sys
    from cdk_processing.local.folders import OwnedFolder
    folder = OwnedFolder("out-")
    (folder.path / "locked").mkdir()
    (folder.path / "locked" / "file").write_text("x")
    (folder.path / "locked").chmod(0)
    print(folder.path, flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def killed(code):
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    return Path(run.stdout.strip())


def test_a_folder_is_there_for_its_block_and_for_nobody_else(temporary):
    with owned_folder("out-") as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_by_the_next(temporary):
    left = killed(LEFT)
    assert left.exists()
    with owned_folder():
        assert not left.exists()


def test_a_folder_in_use_is_left_alone(temporary):
    with owned_folder() as first, owned_folder() as second:
        assert first.exists()
        assert second.exists()


def test_a_folder_is_in_use_as_long_as_a_child_has_its_lock(temporary):
    folder = OwnedFolder()
    with subprocess.Popen(["sleep", "600"], pass_fds=[folder.lock]) as child:
        os.close(folder.lock)
        with owned_folder():
            assert folder.path.exists()
        child.kill()
    with owned_folder():
        assert not folder.path.exists()


@pytest.mark.parametrize("name", ["cdk-processing-foreign", "something-else"])
def test_a_folder_that_has_no_owner_file_is_nobodys_to_remove(temporary, name):
    (temporary / name).mkdir()
    with owned_folder():
        assert (temporary / name).exists()


def test_a_link_is_not_followed(temporary, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".owner").write_text("")
    (temporary / "cdk-processing-link").symlink_to(elsewhere)
    with owned_folder():
        assert (elsewhere / ".owner").exists()


def is_locked(folder):
    with (folder / ".owner").open("rb") as owner:
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


SESSION = """
    import json, sys, time
    from cdk_processing.local.engine import LocalAws
    from tests.local.control_plane import World
    aws = LocalAws.start(python=sys.executable)
    world = World(aws)
    code = "import os, time; print('sandboxed', flush=True); time.sleep(900.25)"
    request = world.request(world.execution_role(), NetworkConfig={"EnableNetworkIsolation": True})
    request["AppSpecification"]["ContainerEntrypoint"] = ["python3", "-c", code]
    aws.client("sagemaker").create_processing_job(**request)
    world.until(lambda: [line for run in aws.runs() for line in run["last_lines"]], lambda lines: "sandboxed" in lines)
    print(json.dumps([aws._process.pid, str(aws._work_dir)]), flush=True)
    time.sleep(600)
"""


def sleepers():
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"time.sleep(900.25)" in each.read_bytes() and alive(each.parent.name):
                found.append(each.parent.name)
        except OSError:
            continue
    return found


def test_after_the_command_and_the_server_were_killed_the_next_start_leaves_nothing_of_them(temporary):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", textwrap.dedent(SESSION)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        server, work_dir = json.loads(parent.stdout.readline())
        # The session's own program text holds the same words; it is no sandbox.
        assert len(sleepers()) > 1
        os.kill(server, signal.SIGKILL)
        parent.kill()
    until(lambda: alive(server), lambda living: not living)
    until(sleepers, lambda left: not left)
    # A process whose first thread has ended may have others that end a moment later, and hold its files until then.
    until(lambda: is_locked(Path(work_dir)), lambda locked: not locked)
    assert Path(work_dir).exists()
    with LocalAws() as aws:
        assert not Path(work_dir).exists()
        assert aws.runs() == []
    # Other tests mount things of their own at the same time, such as those with a Docker engine.
    assert str(temporary) not in Path("/proc/self/mounts").read_text()
    assert list(temporary.glob("cdk-processing-*")) == []

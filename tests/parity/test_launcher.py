"""``runproc.sh`` of the framework processors: another text here than the SDK's, which runs the same."""

import base64
import io
import re
import subprocess
import tarfile

import pytest

from tests.parity.calls import CALLS

CODE_FOLDER = "/opt/ml/processing/input/code/"
BUNDLES = [call for call in CALLS if "source_dir" in call.run or "dependencies" in call.run]
# Whatever is run says with which words, and does nothing.
STUB = '#!/bin/sh\necho "$(basename "$0") $*" >> "$LOG"\n'


@pytest.mark.parametrize("call", BUNDLES, ids=lambda call: call.name)
def test_a_bundle_is_installed_and_run_as_the_sdk_does_it(call, sdk, here, tmp_path):
    theirs, ours = sdk[call.name], here[call.name]
    if theirs.request is None or ours.request is None:
        return  # test_parity.py says whether it may be refused

    ran_there = [_installing(words) for words in _run(theirs, tmp_path / "theirs") if "pip uninstall" not in words]
    ran_here = [_installing(words) for words in _run(ours, tmp_path / "ours")]

    assert ran_here == ran_there
    assert len(ran_here) >= 1


def _installing(words):
    return re.sub(r"^python3? -m pip install (-r|--requirement) requirements.txt$", "pip install", words)


def _run(answer, folder):
    """What the launcher of a request runs, in order."""
    stubs, code = folder / "bin", folder / "code"
    code.mkdir(parents=True)
    stubs.mkdir()
    for name in ("python", "python3", "pip", "aws"):
        (stubs / name).write_text(STUB)
        (stubs / name).chmod(0o755)
    archive, launcher = (channel["S3Input"]["S3Uri"] for channel in answer.request["ProcessingInputs"][-2:])
    _pack(answer.files.get(archive, {"requirements.txt": ""}), code / "sourcedir.tar.gz")
    text = base64.b64decode(answer.files[launcher]).decode().replace(CODE_FOLDER, f"{code}/")
    log = folder / "log"
    done = subprocess.run(
        ["/bin/bash", "-s", "--", "--first", "second"],
        input=text,
        env={"PATH": f"{stubs}:/usr/bin:/bin", "LOG": str(log)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return log.read_text().splitlines()


def _pack(files, place):
    with tarfile.open(place, "w:gz") as archive:
        for name, content in files.items():
            data = base64.b64decode(content)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))

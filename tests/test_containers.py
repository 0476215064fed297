"""The image and the dev container: what the files say fits together, and fits the documents."""

import fnmatch
import itertools
import json
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
DOCUMENT = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
DEV_CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
RUN = shlex.split(next(line for line in DOCUMENT.splitlines() if line.startswith("docker run")))


def instructions(name):
    return [line.partition(" ")[2].strip() for line in DOCKERFILE.splitlines() if line.startswith(f"{name} ")]


def after(option):
    return [word for before, word in itertools.pairwise(RUN) if before == option]


def test_the_image_ends_as_an_ordinary_user_whom_the_dev_container_uses_too():
    (user,) = instructions("USER")
    assert any(re.search(rf"useradd .*\b{user}\b", line) for line in instructions("RUN"))
    assert DEV_CONTAINER["remoteUser"] == user


def test_every_copied_file_is_there_and_reaches_the_engine():
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]
    for line in instructions("COPY"):
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists()
            assert any(fnmatch.fnmatch(source, pattern) for pattern in let_in)


def test_the_documented_command_and_the_dev_container_have_the_same_options():
    security = [option.partition("=")[2] for option in DEV_CONTAINER["runArgs"] if option.startswith("--security-opt=")]
    assert after("--security-opt") == security
    assert "--privileged" not in RUN
    assert ("--init" in RUN) == ("--init" in DEV_CONTAINER["runArgs"])
    assert dict(pair.split("=") for pair in after("-e")) == DEV_CONTAINER["containerEnv"]


def test_the_cache_of_environments_is_the_same_volume_everywhere():
    (volume,) = instructions("VOLUME")
    assert f"cdk-processing-cache:{volume}" in after("-v")
    assert DEV_CONTAINER["mounts"] == [f"source=cdk-processing-cache,target={volume},type=volume"]


def test_the_dev_container_is_built_from_the_image_of_the_repository():
    folder = ROOT / ".devcontainer"
    build = DEV_CONTAINER["build"]
    assert (folder / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (folder / build["context"]).resolve() == ROOT
    target = DEV_CONTAINER["postCreateCommand"].removeprefix("make ")
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

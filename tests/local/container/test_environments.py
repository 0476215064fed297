from __future__ import annotations

import os
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uv

from cdk_processing.local.container import environments
from cdk_processing.local.container.environments import SKLEARN_IMAGES, cache_folder, environment_for, sklearn_image
from cdk_processing.local.container.failures import JobFailedError
from tests.local.container.data_plane import SKLEARN_IMAGE

BROKEN_UV = """#!/bin/sh
echo "$@" >> "$UV_CALLS"
case "$1" in
python) echo /usr/bin/python3 ;;
venv) for last; do :; done; mkdir -p "$last/bin" ;;
*) i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo "line $i" >&2; done; exit 2 ;;
esac
"""


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CDK_PROCESSING_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def broken_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "uv"
    program.write_text(BROKEN_UV)
    program.chmod(0o755)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(program))
    monkeypatch.setenv("UV_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


@pytest.mark.parametrize(
    ("tag", "release"),
    [
        ("0.20.0-cpu-py3", "0.20.0"),
        ("0.23-1-cpu-py3", "0.23.2"),
        ("1.0-1-cpu-py3", "1.0.2"),
        ("1.2-1-cpu-py3", "1.2.1"),
        ("1.4-2-cpu-py3", "1.4.2"),
        ("1.4-2-py312-cpu-py3", "1.4.2"),
        ("1.4-2-py312", "1.4.2"),
        ("1.9-0-cpu-py3", "1.9.0"),
    ],
)
@pytest.mark.parametrize("suffix", ["amazonaws.com", "amazonaws.com.cn", "c2s.ic.gov"])
def test_each_tag_of_awss_images_is_an_exact_release(tag: str, release: str, suffix: str) -> None:
    known = sklearn_image(f"141502667606.dkr.ecr.eu-west-1.{suffix}/sagemaker-scikit-learn:{tag}")
    assert known is not None
    assert known.scikit_learn == release


@pytest.mark.parametrize(
    "image",
    [
        "python:3.11",
        "x/sagemaker-scikit-learn:1.4-2-cpu-py3",
        SKLEARN_IMAGE.replace("1.4-2", "9.9-9"),
        SKLEARN_IMAGE + "x",
    ],
)
def test_no_other_image_is_taken_for_one(image: str) -> None:
    assert sklearn_image(image) is None


def test_the_python_of_the_py312_image_comes_first() -> None:
    assert SKLEARN_IMAGES["1.4-2-py312"].pythons[0] == "3.12"
    assert SKLEARN_IMAGES["1.4-2"].pythons[0] == "3.10"
    assert SKLEARN_IMAGES["1.2-1"].pythons[0] == "3.9"


def test_a_real_environment_is_built_once(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda _: environment_for(SKLEARN_IMAGE), range(4)))
    assert len(set(built)) == 1
    (folder,) = (each for each in (empty_cache / "environments").iterdir() if each.is_dir())
    assert built[0].python == folder / "bin" / "python"
    assert built[0].path == (str(folder / "bin"), "/usr/local/bin", "/usr/bin", "/bin")
    code = (
        "import sklearn, numpy, pandas, scipy, joblib, pyarrow, boto3, requests, psutil, tqdm, yaml, dateutil, flask; "
        "print(sklearn.__version__, boto3.__version__)"
    )
    done = subprocess.run([built[0].python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1.4.2", "1.28.57"]
    assert any(folder.glob("lib/python3*/site-packages/sklearn/__pycache__/*.pyc"))
    monkeypatch.setattr(uv, "find_uv_bin", lambda: "/nowhere/uv")  # nothing is left for it to do
    assert environment_for(SKLEARN_IMAGE) == built[0]


def test_processes_that_need_the_same_environment_build_it_once(empty_cache: Path, broken_uv: Path) -> None:
    uv_program = broken_uv.parent / "uv"
    uv_program.write_text(
        BROKEN_UV.replace(
            'mkdir -p "$last/bin"', f'sleep 0.5; mkdir -p "$last/bin"; ln -s {sys.executable} "$last/bin/python"'
        ).replace("i=0;", "exit 0;")
    )
    code = (
        "import uv, sys; uv.find_uv_bin = lambda: sys.argv[1]\n"
        "from cdk_processing.local.container import environments as e\n"
        f"print(e._built(e.sklearn_image({SKLEARN_IMAGE!r})))"
    )
    command = [sys.executable, "-c", code, str(uv_program)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({each.communicate()[0] for each in running}) == 1
    assert [line.split()[0] for line in broken_uv.read_text().splitlines()].count("venv") == 1


def test_a_failed_build_tells_uvs_words_leaves_nothing_and_is_tried_again(empty_cache: Path, broken_uv: Path) -> None:
    for attempt in (1, 2):
        with pytest.raises(JobFailedError) as failure:
            environment_for(SKLEARN_IMAGE)
        assert "could not be built (uv pip): line 19\n" in failure.value.reason
        assert failure.value.reason.endswith("line 30")
        assert [each for each in (empty_cache / "environments").iterdir() if each.is_dir()] == []
        assert [line.split()[0] for line in broken_uv.read_text().splitlines()].count("venv") == attempt


def test_an_environment_that_has_to_be_built_is_announced(empty_cache: Path, broken_uv: Path) -> None:
    said: list[str] = []
    with pytest.raises(JobFailedError):
        environment_for(SKLEARN_IMAGE, tell=said.append)
    assert said == ["building an environment with scikit-learn 1.4.2; this is done once and may take minutes"]
    environment_for("any:1", sys.executable, said.append)
    assert len(said) == 1


def test_without_a_fitting_python_the_error_names_one(empty_cache: Path, broken_uv: Path) -> None:
    (broken_uv.parent / "uv").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(JobFailedError, match=r"runs on Python 3\.10, 3\.11, .*uv python install 3\.10"):
        environment_for(SKLEARN_IMAGE)


def test_a_given_interpreter_stands_in_for_every_image() -> None:
    environment = environment_for("any:1", sys.executable)
    assert environment.python == Path(sys.executable)
    assert Path(sys.base_prefix) in environment.folders


def test_an_interpreter_of_another_name_answers_to_python(tmp_path: Path, empty_cache: Path) -> None:
    own = tmp_path / "it's own"
    venv.create(own, symlinks=True)
    binaries = own / "bin"
    for name in binaries.glob("python*"):
        name.unlink()
    (binaries / "python3.99").symlink_to(os.path.realpath(sys.executable))
    environment = environment_for("any:1", str(binaries / "python3.99"))
    assert environment.path[0].startswith(str(empty_cache))
    for name in ("python", "python3"):
        done = subprocess.run(
            [f"{environment.path[0]}/{name}", "-c", "import sys; print(sys.prefix, sys.argv)", "a b"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{own} ['-c', 'a b']\n"


def test_the_home_folder_is_never_shown_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "users" / "me")
    needed = environments._needed([tmp_path, tmp_path / "users", tmp_path / "users/me", tmp_path / "users/me/.venv"])
    assert needed == [tmp_path / "users/me/.venv"]


@pytest.mark.parametrize("python", ["/no/such/python", "no-such-python"])
def test_an_interpreter_that_is_not_there_is_named(python: str) -> None:
    with pytest.raises(JobFailedError, match=f'ClientError: The interpreter "{python}" is not there'):
        environment_for("any:1", python)


def test_something_that_is_no_interpreter_is_named() -> None:
    with pytest.raises(JobFailedError, match=r'ClientError: The interpreter "/bin/false" does not run'):
        environment_for("any:1", "/bin/false")


def test_the_cache_is_the_users_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CDK_PROCESSING_CACHE", raising=False)
    assert cache_folder().name == "cdk-processing"
    monkeypatch.setenv("CDK_PROCESSING_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path

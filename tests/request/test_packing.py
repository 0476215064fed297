"""Local folders as one archive each: which of them, and what the container makes of it."""

import json
import os
import subprocess
import sys

import pytest

from cdk_processing import (
    ProcessingInput,
    Processor,
    PySparkProcessor,
    S3Location,
    SKLearnProcessor,
)
from cdk_processing.request.files import Archive
from cdk_processing.request.packing import ARCHIVE, packed, unpacked_problems, unpacking

HOSTS = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}
SKLEARN = SKLearnProcessor("1.4-2", **HOSTS)
CODE = "s3://code/prep.py"
NAMES = ["labels.csv", ".hidden", "with space.txt", "ünï-日本語-🎉.csv", "deep/er/more.tar.gz", "ends.", "-x"]


def folder_of(path, count):
    path.mkdir(exist_ok=True)
    for number in range(count):
        (path / f"{number}.csv").write_text(str(number))
    return path


def channel(folder, **given):
    return ProcessingInput(str(folder), "/opt/ml/processing/input/rows", **given)


def test_a_folder_is_one_archive_that_is_unpacked_before_the_script_starts(tmp_path):
    request = packed(SKLEARN.run(CODE, inputs=[channel(folder_of(tmp_path / "rows", 120))]))

    assert request.inputs[0].source == Archive(ARCHIVE, folder=str(tmp_path / "rows"))
    assert request.program.entrypoint == (
        *unpacking(["/opt/ml/processing/input/rows"]),
        "python3",
        "/opt/ml/processing/input/code/prep.py",
    )


def test_what_unpacks_is_short_enough_for_an_entrypoint():
    words = unpacking([f"/opt/ml/processing/{'x' * 237}"] * 10)

    assert max(map(len, words)) <= 256


def test_files_for_spark_are_one_archive(tmp_path):
    names = [tmp_path / "a.py", tmp_path / "b.py"]
    for name in names:
        name.write_text("x = 1")
    processor = PySparkProcessor(framework_version="3.5", **HOSTS)

    request = packed(processor.run(CODE, submit_py_files=list(map(str, names))))

    [files, _] = request.program.inputs
    assert files.source == Archive(ARCHIVE, paths=tuple(map(str, names)))
    assert request.program.entrypoint[:6] == unpacking(["/opt/ml/processing/input/py-files"])
    assert request.program.entrypoint[6] == "smspark-submit"


@pytest.mark.parametrize(
    ("processor", "change"),
    [
        (SKLEARN, {"s3_input_mode": "Pipe"}),
        (SKLEARN, {"s3_data_distribution_type": "ShardedByS3Key"}),
        (Processor(image_uri="img:1", **HOSTS), {}),
    ],
    ids=["pipe", "sharded", "own entrypoint"],
)
def test_a_folder_that_cannot_be_unpacked_stays_as_it_is_and_has_few_files(tmp_path, processor, change):
    def request(count):
        inputs = [channel(folder_of(tmp_path / str(count), count), **change)]
        return processor.run(inputs=inputs) if isinstance(processor, Processor) else processor.run(CODE, inputs=inputs)

    assert packed(request(20)) == request(20)
    assert unpacked_problems(request(20)) == []
    [problem] = unpacked_problems(request(21))
    assert str(problem).startswith("inputs[0].source must be a folder of at most 20 files ")
    assert str(problem).endswith("put the files into the image, or copy them to a bucket and name it")
    assert ("entrypoint" in str(problem)) == isinstance(processor, Processor)


def test_a_folder_for_an_image_whose_entrypoint_is_given_is_unpacked(tmp_path):
    processor = Processor(image_uri="img:1", entrypoint=["run"], **HOSTS)

    request = packed(processor.run(inputs=[channel(folder_of(tmp_path / "rows", 21))]))

    assert request.program.entrypoint == (*unpacking(["/opt/ml/processing/input/rows"]), "run")
    assert unpacked_problems(processor.run(inputs=[channel(tmp_path / "rows")])) == []


@pytest.mark.parametrize("source", ["file", "folder", "s3", "place"])
def test_what_is_one_object_already_stays_as_it_is(tmp_path, source):
    folder = folder_of(tmp_path / "rows", 1)
    given = {"file": folder / "0.csv", "folder": folder, "s3": "s3://raw/in/", "place": S3Location("raw", "in/")}
    request = SKLEARN.run(CODE, inputs=[ProcessingInput(given[source], "/opt/ml/processing/input/rows")])

    assert packed(request) == request


# -- in the container -------------------------------------------------------------------------------------------------


@pytest.fixture
def unpacked(tmp_path):
    """Run a program in the place of a container's, after its folders were unpacked; its output."""

    def run(folders, program, path=None):
        paths = []
        for name, files in folders.items():
            source, place = tmp_path / "here" / name, tmp_path / "there" / name
            for file in files:
                (source / file).parent.mkdir(parents=True, exist_ok=True)
                (source / file).write_text(f"content of {file}", encoding="utf-8")
            place.mkdir(parents=True)
            (place / ARCHIVE).write_bytes(Archive(ARCHIVE, folder=str(source)).content())
            paths.append(str(place))
        done = subprocess.run(
            [*unpacking(paths), *program],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **({} if path is None else {"PATH": str(path)})},
        )
        return done, tmp_path / "there"

    return run


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()
    }


ECHO = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))"]


def test_every_file_is_found_under_its_own_name_and_nothing_else_is_there(unpacked):
    done, there = unpacked({"a": NAMES, "b b": ["one.csv", "two.csv"]}, [*ECHO, "", "it's $HOME", "*"])

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == ["", "it's $HOME", "*"]
    assert files_of(there) == {
        **{f"a/{name}": f"content of {name}" for name in NAMES},
        "b b/one.csv": "content of one.csv",
        "b b/two.csv": "content of two.csv",
    }


def test_python_unpacks_where_there_is_no_tar(unpacked, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    (tools / "rm").symlink_to("/bin/rm")

    done, there = unpacked({"a": ["one.csv", "two.csv"]}, ECHO, path=tools)

    assert done.returncode == 0, done.stderr
    assert files_of(there) == {"a/one.csv": "content of one.csv", "a/two.csv": "content of two.csv"}


def test_the_program_ends_the_container_with_its_own_exit_code(unpacked):
    done, _ = unpacked({"a": ["one.csv", "two.csv"]}, ["sh", "-c", "exit 7"])

    assert done.returncode == 7


def test_a_program_never_starts_without_its_files(unpacked, tmp_path):
    (tmp_path / "tools").mkdir()

    done, _ = unpacked({"a": ["one.csv", "two.csv"]}, ECHO, path=tmp_path / "tools")

    assert done.returncode != 0
    assert done.stdout == ""
    assert "tar" in done.stderr

"""What of a local folder takes part: not what nobody means, nor what the user leaves out."""

import os
import shutil
import socket
import subprocess
import tempfile
from enum import Enum

import pytest

from cdk_processing import DeclarationError, LocalFolder, ProcessingInput, PySparkProcessor, ScriptProcessor
from cdk_processing.request.files import Archive, LocalFiles

KEPT = ["data/a.csv", "docs/README.md", "docs/deep/guide.md", "main.py"]
NOBODY_MEANS = [
    "__pycache__/main.cpython-311.pyc",
    "stale.pyc",
    ".env",
    ".env.local",
    "deep/.env",
    ".venv/bin/python",
    ".git/config",
    ".mypy_cache/x",
    "node_modules/left/index.js",
    "any-name/pyvenv.cfg",
    "any-name/lib/site.py",
]


@pytest.fixture
def folder(tmp_path):
    for name in (*KEPT, *NOBODY_MEANS):
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_text(name, encoding="utf-8")
    return tmp_path / "src"


def names(folder):
    return [name for name, _ in LocalFiles(folder=folder).members()]


def test_secrets_environments_and_caches_are_left_out_of_every_folder(folder):
    assert names(str(folder)) == KEPT
    assert names(LocalFolder(folder)) == KEPT


def test_what_is_named_by_itself_takes_part(folder):
    assert [name for name, _ in LocalFiles((str(folder / ".env"),)).members()] == [".env"]


@pytest.mark.parametrize(
    ("exclude", "mode", "left"),
    [
        (["*.csv"], "glob", ["docs/README.md", "docs/deep/guide.md", "main.py"]),
        (["docs"], "glob", ["data/a.csv", "main.py"]),
        (["docs/", "!docs/README.md"], "git", ["data/a.csv", "docs/README.md", "main.py"]),
        (["*.md"], "git", ["data/a.csv", "main.py"]),
        (["*.md"], "docker", KEPT),
        (["**/*.md"], "docker", ["data/a.csv", "main.py"]),
        (["docs", "!docs/deep"], "docker", ["data/a.csv", "docs/deep/guide.md", "main.py"]),
        (["!.env"], "glob", [".env", *KEPT[:1], "deep/.env", *KEPT[1:]]),
        (["# a comment", ""], "docker", KEPT),
    ],
)
def test_patterns_are_left_out_as_the_mode_reads_them(folder, exclude, mode, left):
    assert names(LocalFolder(folder, exclude=exclude, ignore_mode=mode)) == sorted(left)


def test_a_docker_ignore_file_is_honoured_and_patterns_come_after_it(folder):
    (folder / ".dockerignore").write_text("# notes\ndocs\n!docs/README.md\n", encoding="utf-8")

    assert names(str(folder)) == [".dockerignore", "data/a.csv", "docs/README.md", "main.py"]
    assert names(LocalFolder(folder, exclude=[".dockerignore", "!docs/deep/guide.md"])) == KEPT


def test_git_leaves_out_the_same_files(folder, tmp_path):
    shutil.rmtree(folder / ".git")
    patterns = ["*.csv", "docs/deep", "/main.py"]
    (folder / ".gitignore").write_text("\n".join([*patterns, *("any-name", ".git")]), encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(folder)], check=True, capture_output=True)
    command = ["git", "-C", str(folder), "check-ignore", *KEPT]
    ignored = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    found = names(LocalFolder(folder, exclude=[*patterns, ".gitignore"], ignore_mode="git"))

    assert found == [name for name in KEPT if name not in ignored]


class IgnoreMode(Enum):
    """As the CDK's own."""

    GLOB = "GLOB"
    DOCKER = "DOCKER"


def test_the_mode_may_be_the_cdks_own():
    from aws_cdk import IgnoreMode as Theirs

    assert LocalFolder("src", ignore_mode=Theirs.DOCKER).ignore_mode == "docker"
    assert LocalFolder("src", ignore_mode=IgnoreMode.GLOB) == LocalFolder("src")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": ""}, "path must be the path of a folder, got ''; write LocalFolder('src')"),
        ({"path": 5}, "path must be the path of a folder, got 5; write LocalFolder('src')"),
        ({"exclude": "*.csv"}, "exclude must be a list of patterns, got '*.csv'; write exclude=['*.csv']"),
        ({"exclude": [5]}, "exclude must be a list of patterns, got [5]; write exclude=['*.csv']"),
        (
            {"ignore_mode": "regex"},
            "ignore_mode must be 'glob', 'git' or 'docker', got 'regex'; leave it out, or pick one",
        ),
    ],
)
def test_what_is_no_folder_of_left_out_files_is_refused(given, message):
    with pytest.raises(DeclarationError, match="LocalFolder: 1 problem") as raised:
        LocalFolder(**{"path": "src", **given})

    assert [str(problem) for problem in raised.value.problems] == [message]


def test_a_folder_of_left_out_files_is_taken_wherever_a_local_path_is(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    source = LocalFolder("src", exclude=["docs", "data"])
    script = ScriptProcessor(image_uri="img:1", command=["python3"], instance_count=1, instance_type="ml.m5.xlarge")
    request = script.run("main.py", source_dir=source)

    assert os.fspath(source) == "src"
    assert request.problems() == []
    assert request.program.inputs[0].source == Archive("sourcedir.tar.gz", folder=source)
    assert [name for name, _ in ProcessingInput(source, "/opt/ml/processing/in").files.members()] == ["main.py"]
    beside = script.run("src/main.py", dependencies=[LocalFolder("src/docs", exclude=["deep"])])
    assert beside.problems() == []
    assert [name for name, _ in LocalFiles(beside.program.inputs[0].source.paths).members()] == [
        "docs/README.md",
        "main.py",
    ]


def test_a_folder_of_left_out_files_is_taken_by_spark(folder):
    spark = PySparkProcessor(framework_version="3.5", instance_type="ml.m5.xlarge", instance_count=1)
    request = spark.run(
        "s3://code/app.py",
        submit_files=[LocalFolder(folder, exclude=["*.md"])],
        submit_py_files=[LocalFolder(folder, exclude=["data", "docs"])],
    )

    assert request.problems() == []
    files = {channel.input_name: channel.source for channel in request.channels}
    assert [name for name, _ in files["files"].members()] == ["a.csv", "main.py"]
    assert [name for name, _ in LocalFiles(files["py-files-packages"].paths).members()] == ["main.py"]


@pytest.mark.parametrize("way", ["exclude", ".dockerignore"])
def test_a_script_that_its_own_folder_leaves_out_is_refused(folder, told, way):
    source = LocalFolder(folder, exclude=["main.py"] if way == "exclude" else [])
    if way == ".dockerignore":
        (folder / ".dockerignore").write_text("*\n!docs\n", encoding="utf-8")
    script = ScriptProcessor(image_uri="img:1", command=["python3"], instance_count=1, instance_type="ml.m5.xlarge")

    assert told(script.run("main.py", source_dir=source).problems()) == (
        "code must be a script that is not left out of source_dir, got 'main.py'; "
        "change the pattern in exclude= or .dockerignore, or add '!' and its path to exclude="
    )
    kept = LocalFolder(folder, exclude=["!main.py"])
    assert script.run("./main.py", source_dir=kept).problems() == []


def test_what_is_no_file_is_left_out_and_a_link_to_nothing_too(folder):
    with socket.socket(socket.AF_UNIX) as listening:
        # A path of a socket holds about a hundred characters.
        (folder / "s").symlink_to(tempfile.mkdtemp(dir="/tmp"))
        listening.bind(str((folder / "s").resolve() / "x.sock"))
        os.mkfifo(folder / "pipe")
        (folder / "gone").symlink_to("/nope/nothing")
        (folder / "self").symlink_to(".")

        assert names(str(folder)) == KEPT
    shutil.rmtree((folder / "s").resolve())


def test_a_link_to_a_folder_brings_what_lies_there(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)

    assert names(str(tmp_path / "link")) == KEPT


def test_a_docker_ignore_file_may_name_files_in_any_encoding(folder):
    (folder / ".dockerignore").write_bytes(b"\xff.csv\ndocs\n.dockerignore\n")

    assert names(str(folder)) == ["data/a.csv", "main.py"]


def test_a_folder_that_cannot_be_read_is_told(folder):
    (folder / "closed").mkdir(mode=0o000)
    user = os.geteuid()
    if user == 0:  # whoever root becomes below must reach the folder
        for each in (folder, *folder.parents):
            if each.stat().st_uid == 0 and each.stat().st_mode & 0o005 != 0o005:
                each.chmod(0o755)
    try:
        if user == 0:  # root can read everything
            os.seteuid(65534)
        with pytest.raises(DeclarationError) as raised:
            names(str(folder))
    finally:
        os.seteuid(user)

    [problem] = raised.value.problems
    assert str(problem) == (
        f"folder must be one that this user can read (Permission denied), got {str(folder / 'closed')!r}; "
        "change its mode, or leave it out: LocalFolder(..., exclude=[...])"
    )


MEANT = {
    "file://{here}/src": "write '{here}/src'",
    "scr": "there is no folder at {here}/scr; correct the path",
    "srcc": "there is no folder at {here}/srcc; write 'src'",
}


@pytest.mark.parametrize("given", MEANT)
def test_the_folder_that_was_probably_meant_is_offered(folder, told, monkeypatch, given):
    monkeypatch.chdir(folder.parent)
    here = str(folder.parent.resolve())
    script = ScriptProcessor(image_uri="img:1", command=["python3"], instance_count=1, instance_type="ml.m5.xlarge")

    message = told(script.run("main.py", source_dir=given.replace("{here}", here)).problems())

    assert message.endswith(MEANT[given].replace("{here}", here))


@pytest.mark.parametrize("code", ["src/main.py", "maim.py"])
def test_the_script_that_was_probably_meant_is_offered(folder, told, monkeypatch, code):
    monkeypatch.chdir(folder.parent)
    script = ScriptProcessor(image_uri="img:1", command=["python3"], instance_count=1, instance_type="ml.m5.xlarge")

    message = told(script.run(code, source_dir="src").problems())

    assert message == f"code must be a script within source_dir, got {code!r}; there is no src/{code}; write 'main.py'"


def test_the_path_in_a_file_uri_is_offered_for_inputs_dependencies_and_files_for_spark(told, folder):
    uri, fix = f"file://{folder}/main.py", f"write '{folder}/main.py'"
    script = ScriptProcessor(image_uri="img:1", command=["python3"], instance_count=1, instance_type="ml.m5.xlarge")
    spark = PySparkProcessor(framework_version="3.5", instance_type="ml.m5.xlarge", instance_count=1)

    assert told(ProcessingInput(uri, "/opt/ml/processing/in").problems()).endswith(fix)
    assert told(script.run(str(folder / "main.py"), dependencies=[uri]).problems()).endswith(fix)
    assert told(spark.run("s3://code/app.py", submit_files=[uri]).problems()).endswith(fix)
    assert told(spark.run("s3://code/app.py", submit_py_files=["S3://code/a.py"]).problems()).endswith(
        "'s3://code/a.py'"
    )

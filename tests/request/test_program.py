"""A bundle of code: what is wrong with one, what a request makes of it, and its launcher, run by a real bash."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from cdk_processing import NetworkConfig, Parameter, ProcessingInput, S3Location
from cdk_processing.request.files import Archive, TextFile
from cdk_processing.request.limits import CHANNEL_LIMIT
from cdk_processing.request.program import bundle_program

REPOSITORY = "arn:aws:codeartifact:us-west-2:111122223333:repository/dom/repo"
CODE = "/opt/ml/processing/input/code"
ENTRYPOINT = "/opt/ml/processing/input/entrypoint"


@pytest.fixture(autouse=True)
def source(tmp_path, monkeypatch):
    """A folder of code, in the current folder."""
    for name in ("src/main.py", "src/jobs/prep.py", "lib/util.py", "extra.py", "other.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "src"


def launcher(program):
    [text] = [channel.source.text for channel in program.inputs if isinstance(channel.source, TextFile)]
    return text


# -- what a bundle becomes --------------------------------------------------------------------------------------------


def test_a_bundle_is_an_archive_and_a_launcher():
    program = bundle_program(["python3"], "main.py", "src", ["lib", "extra.py"])

    assert program.mistakes == ()
    assert program.entrypoint == ("/bin/bash", f"{ENTRYPOINT}/runproc.sh")
    assert program.inputs == (
        ProcessingInput(
            source=Archive("sourcedir.tar.gz", folder="src", paths=("lib", "extra.py")),
            destination=f"{CODE}/",
            input_name="code",
        ),
        ProcessingInput(
            source=TextFile("runproc.sh", launcher(program)), destination=ENTRYPOINT, input_name="entrypoint"
        ),
    )
    assert (program.outputs, program.reads, program.needs_network, program.codeartifact) == ((), (), False, None)


def test_a_script_alone_is_bundled_without_what_lies_beside_it():
    program = bundle_program(["python3"], "src/jobs/prep.py", dependencies=["lib"])

    assert program.inputs[0].source == Archive("sourcedir.tar.gz", paths=("src/jobs/prep.py", "lib"))
    assert [name for name, _ in members(program)] == ["lib/util.py", "prep.py"]
    assert launcher(program).endswith('exec python3 prep.py "$@"\n')


def members(program):
    with tarfile.open(fileobj=io.BytesIO(program.inputs[0].source.content())) as archive:
        return [(entry.name, entry.mode) for entry in archive.getmembers()]


def test_the_same_code_is_the_same_program_and_paths_may_be_paths(source):
    texts = bundle_program(["python3"], "main.py", str(source), [str(source.parent / "lib")])
    paths = bundle_program(["python3"], source.parent.joinpath("src", "main.py").relative_to(source), source,
                           [source.parent / "lib"])  # fmt: skip

    assert texts == paths
    assert hash(texts) == hash(paths)


def test_the_launcher_is_what_it_should_be():
    assert launcher(bundle_program(["python3", "-u"], "jobs/prep.py", "src")) == (
        "#!/bin/bash\n"
        "# Unpack the code, install what it requires, and run it.\n"
        "set -euo pipefail\n"
        f"cd {CODE}/\n"
        "tar -xzf sourcedir.tar.gz\n"
        "if [[ -f requirements.txt ]]; then\n"
        "    python3 -m pip install --requirement requirements.txt\n"
        "fi\n"
        'exec python3 -u jobs/prep.py "$@"\n'
    )


def test_a_codeartifact_repository_is_logged_in_to_before_anything_is_installed(source):
    (source / "requirements.txt").touch()
    program = bundle_program(["python3"], "main.py", "src", codeartifact_repo_arn=REPOSITORY)

    lines = launcher(program).splitlines()
    assert program.codeartifact == REPOSITORY
    assert lines[6:8] == [
        "    aws codeartifact login --tool pip --domain dom --domain-owner 111122223333 --repository repo "
        "--region us-west-2",
        "    python3 -m pip install --requirement requirements.txt",
    ]


def test_what_no_python_runs_still_installs_requirements_with_one():
    assert "    python3 -m pip install " in launcher(bundle_program(["Rscript"], "main.py", "src"))


def test_an_archive_in_s3_is_taken_as_it_is():
    uri = f"s3://code/{Parameter('version', default='1')}/sourcedir.tar.gz"
    program = bundle_program(["python3"], "main.py", uri)

    assert program.mistakes == ()
    assert program.inputs[0].source == uri
    assert launcher(program).endswith('exec python3 main.py "$@"\n')


def test_a_script_in_s3_is_run_by_bash_as_it_is():
    program = bundle_program(["python3"], "s3://code/run.sh")

    assert program.mistakes == ()
    assert program.entrypoint == ("/bin/bash", f"{ENTRYPOINT}/run.sh")
    assert program.inputs == (
        ProcessingInput(source="s3://code/run.sh", destination=ENTRYPOINT, input_name="entrypoint"),
    )


# -- the network ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "given", "isolated"),
    [
        ([], {"source_dir": "src"}, True),
        (["src/requirements.txt"], {"source_dir": "src"}, False),
        (["requirements.txt"], {"source_dir": "src"}, True),
        (["src/jobs/requirements.txt"], {"source_dir": "src"}, True),
        (["requirements.txt"], {"source_dir": "src", "dependencies": ["requirements.txt"]}, False),
        (["lib/requirements.txt"], {"source_dir": "src", "dependencies": ["lib"]}, True),
        ([], {"source_dir": "s3://code/sourcedir.tar.gz"}, False),
        ([], {"dependencies": ["lib"]}, True),
    ],
)
def test_only_what_installs_requirements_reaches_the_network_by_default(processor, source, files, given, isolated):
    for name in files:
        (source.parent / name).touch()
    request = processor.run("main.py" if "source_dir" in given else "other.py", **given)

    assert request.problems() == []
    assert request.network == NetworkConfig(enable_network_isolation=isolated)


@pytest.mark.parametrize("isolated", [True, False])
def test_network_options_that_are_given_win_over_what_requirements_need(source, isolated):
    from cdk_processing import ScriptProcessor

    (source / "requirements.txt").touch()
    given = NetworkConfig(enable_network_isolation=isolated)
    processor = ScriptProcessor(None, "img:tag", ["python3"], 1, "ml.m5.xlarge", network_config=given)

    assert processor.run("main.py", source_dir="src").network is given


# -- what is wrong with one -------------------------------------------------------------------------------------------


MISTAKES = [
    (
        {"code": "main.py", "source_dir": "nowhere"},
        "source_dir must be an existing folder, got 'nowhere'; there is no folder at {cwd}/nowhere; correct the path",
    ),
    (
        {"code": "main.py", "source_dir": "src/main.py"},
        "source_dir must be an existing folder, got 'src/main.py'; there is no folder at {cwd}/src/main.py; "
        "correct the path",
    ),
    *(
        (
            {"code": "main.py", "source_dir": wrong},
            f"source_dir must be a local folder, or the s3:// URI of a sourcedir.tar.gz, got {wrong!r}; "
            "name a folder, or s3://bucket/prefix/sourcedir.tar.gz",
        )
        for wrong in (
            "s3://code/src/",
            "s3://code/src.tar.gz",
            "s3://code/mysourcedir.tar.gz",
            "s3:///sourcedir.tar.gz",
            "https://code/sourcedir.tar.gz",
            "",
            5,
        )
    ),
    (
        {"code": "main.py", "source_dir": "s3://my bucket/sourcedir.tar.gz"},
        "source_dir.bucket must be letters, digits, '.', '-' and '_', got 'my bucket'; "
        "use the bucket's name as S3 shows it",
    ),
    (
        {"code": "nothing.py", "source_dir": "src"},
        "code must be a script within source_dir, got 'nothing.py'; there is no src/nothing.py; "
        "name the script by its path within src",
    ),
    (
        {"code": "src/main.py", "source_dir": "src"},
        "code must be a script within source_dir, got 'src/main.py'; there is no src/src/main.py; write 'main.py'",
    ),
    (
        {"code": "jobs", "source_dir": "src"},
        "code must be a script within source_dir, got 'jobs'; there is no src/jobs; "
        "name the script by its path within src",
    ),
    (
        {"code": "../other.py", "source_dir": "src"},
        "code must be a script within source_dir, got '../other.py'; there is no src/../other.py; "
        "name the script by its path within src",
    ),
    (
        {"code": "{cwd}/src/main.py", "source_dir": "src"},
        "code must be a script within source_dir, got '{cwd}/src/main.py'; there is no {cwd}/src/main.py; "
        "write 'main.py'",
    ),
    (
        {"code": None, "source_dir": "src"},
        "code must be the path of a script within source_dir, got None; pass code='main.py'",
    ),
    (
        {"code": "nowhere.py", "dependencies": ["lib"]},
        "code must be the path of an existing script, or an s3:// URI, got 'nowhere.py'; there is nothing at "
        "{cwd}/nowhere.py; correct the path, it is relative to where cdk runs",
    ),
    (
        {"code": "s3://code/run.sh", "source_dir": "src"},
        "source_dir must be left out if code is in S3, got 'src'; "
        "name a local script, or leave it out: a script in S3 runs without a folder",
    ),
    (
        {"code": "s3://code/run.sh", "dependencies": ["lib"]},
        "dependencies must be left out if code is in S3, got ['lib']; "
        "name a local script, or leave it out: a script in S3 runs without a folder",
    ),
    (
        {"code": "s3://code/run.sh", "codeartifact_repo_arn": REPOSITORY},
        f"codeartifact_repo_arn must be left out if code is in S3, got '{REPOSITORY}'; "
        "name a local script, or leave it out: a script in S3 runs without a folder",
    ),
    (
        {"code": "main.py", "source_dir": "src", "dependencies": "lib"},
        "dependencies must be a list of local paths, got 'lib'; write ['lib']",
    ),
    (
        {"code": "main.py", "source_dir": "src", "dependencies": ["lib", "nowhere"]},
        "dependencies[1] must be an existing file or folder, got 'nowhere'; there is nothing at {cwd}/nowhere; "
        "correct the path",
    ),
    *(
        (
            {"code": "main.py", "source_dir": "src", "dependencies": [wrong]},
            f"dependencies[0] must be a local path, got {wrong!r}; name a file or folder here",
        )
        for wrong in ("s3://code/lib.py", 5, None)
    ),
    (
        {"code": "main.py", "source_dir": "s3://code/sourcedir.tar.gz", "dependencies": ["lib"]},
        "dependencies must be left out if source_dir is in S3, got ['lib']; put them into the archive",
    ),
    (
        {"code": "main.py", "source_dir": "src", "dependencies": ["src/jobs/prep.py", "src/main.py"]},
        "dependencies must be different from the others', got 'main.py'; rename one, or leave one out",
    ),
    (
        {"code": "other.py", "dependencies": ["lib", "src/../lib"]},
        "dependencies must be different from the others', got 'lib/util.py'; rename one, or leave one out",
    ),
    *(
        (
            {"code": "main.py", "source_dir": "src", "codeartifact_repo_arn": wrong},
            f"codeartifact_repo_arn must be the ARN of a CodeArtifact repository, got {wrong!r}; "
            "write arn:aws:codeartifact:REGION:ACCOUNT:repository/DOMAIN/NAME",
        )
        for wrong in ("repo", "arn:aws:codeartifact:us-west-2:111122223333:domain/dom", 5, "")
    ),
]


@pytest.mark.parametrize(("given", "message"), MISTAKES, ids=lambda value: str(value)[:60])
def test_a_bundle_that_cannot_be_is_told(processor, told, source, given, message):
    given = {
        name: value.replace("{cwd}", str(source.parent)) if isinstance(value, str) else value
        for name, value in given.items()
    }

    assert told(processor.run(**given).problems()) == message.replace("{cwd}", str(source.parent.resolve()))


def test_all_mistakes_of_a_bundle_are_told_at_once(processor):
    request = processor.run("a.py", source_dir="src", dependencies=["b", "c"], codeartifact_repo_arn="d")

    assert [problem.field for problem in request.problems()] == [
        "code",
        "dependencies[0]",
        "dependencies[1]",
        "codeartifact_repo_arn",
    ]


def test_an_archive_in_s3_may_be_named_by_its_bucket(processor, told):
    place = S3Location("code", "sourcedir.tar.gz")
    request = processor.run("main.py", source_dir=place)

    assert request.problems() == []
    assert request.channels[0].source == place
    assert told(processor.run("main.py", source_dir=S3Location("code", "code.zip")).problems()).startswith(
        "source_dir must be a local folder, or the s3:// URI of a sourcedir.tar.gz, got S3Location("
    )


@pytest.mark.parametrize("word", [f"-X{Parameter('option', default='dev')}", "-X${Token[TOKEN.1]}"])
def test_a_command_that_is_not_known_yet_cannot_stand_in_the_launcher(told, word):
    [problem] = bundle_program(["python3", word], "main.py", "src").mistakes

    assert str(problem) == (
        f"command must be known at synth, which writes it into a file, got {word!r}; pass it in arguments or env"
    )


def test_a_bundle_leaves_room_for_eight_inputs(processor, told):
    def inputs(count):
        return [ProcessingInput(f"s3://raw-data/{n}/", f"/opt/ml/processing/in/{n}") for n in range(count)]

    assert CHANNEL_LIMIT == 10
    assert processor.run("main.py", inputs(8), source_dir="src").problems() == []
    assert told(processor.run("main.py", inputs(9), source_dir="src").problems()) == (
        "inputs must be at most 8 beside the program's 2, got 9; put several prefixes under one, or use a manifest"
    )


@pytest.mark.parametrize(
    ("name", "folder"), [("code", "/opt/ml/processing/x"), ("entrypoint", "/opt/ml/processing/x"), ("x", CODE)]
)
def test_an_input_may_take_neither_name_nor_folder_of_the_bundle(processor, told, name, folder):
    channel = ProcessingInput("s3://raw-data/in/", folder, name)

    assert "must be different from the others'" in told(
        processor.run("main.py", [channel], source_dir="src").problems()
    )


# -- the launcher, run ------------------------------------------------------------------------------------------------


class Container:
    """A folder that the launcher takes for the container's."""

    def __init__(self, root):
        self.root = root
        self.installed = root / "site-packages"

    def run(self, program, *arguments, **environment):
        for channel in program.inputs:
            folder = self.root / channel.destination.strip("/")
            folder.mkdir(parents=True, exist_ok=True)
            source = channel.source
            if isinstance(source, TextFile):
                text = source.text.replace("/opt/ml/", f"{self.root}/opt/ml/")
                (folder / source.name).write_text(text, encoding="utf-8")
            else:
                (folder / source.name).write_bytes(source.content())
        shell, script = program.entrypoint
        return subprocess.run(
            [shell, f"{self.root}{script}", *arguments],
            cwd="/",
            env={
                "PATH": os.defpath,
                "HOME": str(self.root),
                "PYTHONPATH": str(self.installed),
                "PIP_TARGET": str(self.installed),
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "PIP_NO_INDEX": "1",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def container(tmp_path):
    return Container(tmp_path / "container")


def bundle(source, script, code="main.py", command=(sys.executable,), **given):
    (source / code).write_text(script, encoding="utf-8")
    program = bundle_program(list(command), code, source, **given)
    assert program.mistakes == ()
    return program


WORDS = [
    "plain",
    "",
    "with space",
    'it\'s "quoted"',
    "$HOME `id` $(id)",
    "*",
    "-x",
    "--a=b c",
    "back\\slash",
    "ü🎉",
    "a\nb",
]


def test_arguments_reach_the_program_exactly(source, container):
    done = container.run(bundle(source, "import json, sys; print(json.dumps(sys.argv))"), *WORDS)

    assert (done.stderr, done.returncode) == ("", 0)
    assert json.loads(done.stdout) == ["main.py", *WORDS]


def test_a_program_without_arguments_has_none(source, container):
    assert container.run(bundle(source, "import sys; print(sys.argv)")).stdout == "['main.py']\n"


@pytest.mark.parametrize("code", ["with space.py", "it's.py", "$HOME.py", "jobs/deep.py", "ü.py"])
def test_a_script_is_run_whatever_its_name_is(source, container, code):
    done = container.run(bundle(source, "import sys; print(sys.argv[0])", code))

    assert (done.stdout, done.stderr) == (f"{code}\n", "")


def test_a_command_is_run_word_by_word(source, container):
    done = container.run(bundle(source, "", command=[sys.executable, "-c", "import sys; print(sys.argv[1:])"]), "a b")

    assert done.stdout == "['main.py', 'a b']\n"


def test_the_code_lies_where_it_is_run_with_its_dependencies(source, container):
    (source / "jobs" / "prep.py").write_text("NAME = 'prep'", encoding="utf-8")
    (source.parent / "lib" / "util.py").write_text("NAME = 'util'", encoding="utf-8")
    script = "import os; from jobs import prep; from lib import util; print(prep.NAME, util.NAME, os.getcwd())"

    done = container.run(bundle(source, script, dependencies=["lib"]))

    assert done.stdout == f"prep util {container.root}{CODE}\n", done.stderr


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_programs_exit_code_is_the_containers(source, container, code):
    assert container.run(bundle(source, f"raise SystemExit({code})")).returncode == code


def test_a_signal_reaches_the_program_itself_because_the_shell_has_become_it(source, container):
    done = container.run(bundle(source, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))

    assert done.returncode == -9


def test_requirements_are_installed_before_the_program_runs(source, container):
    wheel(source / "wheels", "tiny", "VALUE = 'installed'")
    (source / "requirements.txt").write_text("--find-links wheels\ntiny==1.0\n", encoding="utf-8")

    done = container.run(bundle(source, "import tiny; print(tiny.VALUE)"))

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "installed"
    assert (container.installed / "tiny.py").is_file()


def test_requirements_that_cannot_be_installed_end_the_job_before_the_program_runs(source, container):
    (source / "requirements.txt").write_text("no-such-package-anywhere==1.0\n", encoding="utf-8")

    done = container.run(bundle(source, "print('ran')"))

    assert done.returncode == 1
    assert "no-such-package-anywhere" in done.stderr
    assert "ran" not in done.stdout


def test_a_login_that_fails_ends_the_job_before_anything_is_installed(source, container):
    (source / "requirements.txt").touch()
    program = bundle(source, "print('ran')", codeartifact_repo_arn=REPOSITORY)

    done = container.run(program, PATH=str(commands(container.root / "bin", aws="echo $* >&2; exit 7")))

    assert done.returncode == 7
    assert done.stderr == (
        "codeartifact login --tool pip --domain dom --domain-owner 111122223333 --repository repo --region us-west-2\n"
    )
    assert done.stdout == ""


def test_an_archive_that_is_broken_ends_the_job(source, container):
    program = bundle(source, "print('ran')")
    folder = container.root / CODE.strip("/")
    done = container.run(program)
    assert done.stdout == "ran\n"

    (folder / "sourcedir.tar.gz").write_bytes(b"no archive")
    shell, script = program.entrypoint
    again = subprocess.run([shell, f"{container.root}{script}"], capture_output=True, text=True, check=False)

    assert again.returncode != 0
    assert again.stdout == ""


def commands(folder, **scripts):
    """A folder of programs, with what the launcher itself needs."""
    folder.mkdir(parents=True)
    for name in ("tar", "gzip"):
        (folder / name).symlink_to(shutil.which(name))
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def wheel(folder, name, code):
    """A package of one module, which pip installs without a network."""
    folder.mkdir()
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", code)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")

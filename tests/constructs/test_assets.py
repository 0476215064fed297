"""Local files as the CDK publishes them: each under its own name, below a hash of the content."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from aws_cdk import App, CliCredentialsStackSynthesizer, DefaultStackSynthesizer, NestedStack, Stack

from cdk_processing.constructs.assets import publish
from cdk_processing.request.files import Archive, LocalFile, LocalFiles, TextFile

BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
NAMES = [
    "prep.py",
    "Makefile",
    ".env",
    ".config.json",
    "data.tar.gz",
    "with space.txt",
    "ünï-日本語-🎉.csv",
    "UPPER.CSV",
    "a.b.c",
    "ends.",
    "-x",
    "plus+and&=#?.csv",
]


@pytest.fixture
def files(app, stack):
    """``files()`` is what the CDK publishes beside the template: its key and what it holds."""

    def published():
        folder = Path(app.synth().directory)
        manifest = json.loads((folder / f"{stack.stack_name}.assets.json").read_text(encoding="utf-8"))
        found = {}
        for file in manifest["files"].values():
            if "Template" in file["displayName"]:
                continue
            assert file["source"]["packaging"] == "file"
            [destination] = file["destinations"].values()
            assert destination["bucketName"] == BUCKET
            found[destination["objectKey"]] = (folder / file["source"]["path"]).read_bytes()
        return found

    return published


def write(folder, *names, text="content"):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text} of {name}", encoding="utf-8")
    return folder


def digest(location):
    found = re.fullmatch("([0-9a-f]{64})/.*", location.key)
    return found[1]


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_file_keeps_its_name_exactly(stack, files, tmp_path, name):
    write(tmp_path, name)

    location = publish(LocalFile(str(tmp_path / name)), stack)

    assert location.key == f"{digest(location)}/{name}"
    assert files() == {location.key: f"content of {name}".encode()}


def test_every_file_of_a_folder_keeps_its_path_exactly(stack, files, tmp_path):
    names = [*NAMES, *(f"deep/er.d/{name}" for name in NAMES)]
    write(tmp_path / "in", *names)

    location = publish(LocalFiles(folder=str(tmp_path / "in")), stack)

    assert location.key == f"{digest(location)}/"
    assert files() == {f"{location.key}{name}": f"content of {name}".encode() for name in names}


def test_files_and_folders_come_to_lie_side_by_side(stack, files, tmp_path):
    write(tmp_path, "a/one.jar", "b/two", "lib/deep/three.py")
    paths = tuple(str(tmp_path / name) for name in ("a/one.jar", "b/two", "lib"))

    location = publish(LocalFiles(paths), stack)

    assert set(files()) == {f"{location.key}{name}" for name in ("one.jar", "two", "lib/deep/three.py")}


def test_what_is_made_at_synth_is_published_too(stack, files, tmp_path):
    write(tmp_path, "main.py")
    text = publish(TextFile("runproc.sh", "echo ü\n"), stack)
    archive = publish(Archive("sourcedir.tar.gz", folder=str(tmp_path)), stack)

    found = files()
    assert text.key.endswith("/runproc.sh")
    assert archive.key.endswith("/sourcedir.tar.gz")
    assert found[text.key] == "echo ü\n".encode()
    assert found[archive.key] == Archive("sourcedir.tar.gz", folder=str(tmp_path)).content()


def test_a_link_is_published_as_what_it_leads_to_under_its_own_name(stack, files, tmp_path):
    write(tmp_path, "store/8f3a", "store/deep/b.csv")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "rows.csv").symlink_to(tmp_path / "store" / "8f3a")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "store" / "deep")

    one = publish(LocalFile(str(tmp_path / "in" / "rows.csv")), stack)
    folder = publish(LocalFiles(folder=str(tmp_path / "in")), stack)

    assert files() == {
        f"{digest(one)}/rows.csv": b"content of store/8f3a",
        f"{folder.key}rows.csv": b"content of store/8f3a",
        f"{folder.key}more/b.csv": b"content of store/deep/b.csv",
    }


def test_a_file_called_as_what_folders_leave_out_is_published_when_it_is_named(stack, files, tmp_path):
    write(tmp_path, ".DS_Store")

    location = publish(LocalFile(str(tmp_path / ".DS_Store")), stack)

    assert list(files()) == [location.key]


def test_a_synthesizer_with_a_prefix_of_its_own_is_followed(tmp_path):
    write(tmp_path, "a.csv")
    stack = Stack(App(), "Census", synthesizer=DefaultStackSynthesizer(bucket_prefix="team/"))

    assert re.fullmatch("team/[0-9a-f]{64}/", publish(LocalFiles(folder=str(tmp_path)), stack).key)
    assert re.fullmatch("team/[0-9a-f]{64}/a.csv", publish(LocalFile(str(tmp_path / "a.csv")), stack).key)


@pytest.mark.parametrize("kind", [DefaultStackSynthesizer, CliCredentialsStackSynthesizer])
def test_a_synthesizer_that_is_given_to_the_app_serves_each_of_its_stacks(tmp_path, kind):
    write(tmp_path, "one.csv", "two.csv")
    app = App(default_stack_synthesizer=kind(qualifier="team"))

    for name in ("one", "two"):
        publish(LocalFile(str(tmp_path / f"{name}.csv")), Stack(app, name.title()))

    folder = Path(app.synth().directory)
    for name in ("one", "two"):
        files = json.loads((folder / f"{name.title()}.assets.json").read_text(encoding="utf-8"))["files"].values()
        [file] = [file for file in files if file["displayName"] == f"{name}.csv"]
        [destination] = file["destinations"].values()
        assert destination["bucketName"] == "cdk-team-assets-${AWS::AccountId}-${AWS::Region}"


def test_a_nested_stack_publishes_through_the_stack_it_is_in(stack, files, tmp_path):
    write(tmp_path, "rows.csv")
    nested = NestedStack(stack, "Nested")

    location = publish(LocalFile(str(tmp_path / "rows.csv")), nested)

    assert files()[location.key] == b"content of rows.csv"


def test_publishing_leaves_no_resource_and_no_stack_behind(stack, files, synth, tmp_path):
    before = synth(stack)
    write(tmp_path, "rows.csv")
    other = Stack(App(), "Census")
    publish(LocalFile(str(tmp_path / "rows.csv")), other)

    assert synth(other) == before
    assert [child.node.id for child in other.node.children if child.node.id.startswith("Processing")] == [
        "ProcessingFiles"
    ]


# -- content ----------------------------------------------------------------------------------------------------------


def sources(folder):
    write(folder, "main.py", "lib/util.py", "lib/Makefile")
    return [
        LocalFile(str(folder / "main.py")),
        LocalFiles(folder=str(folder)),
        LocalFiles((str(folder / "lib"),)),
        Archive("sourcedir.tar.gz", folder=str(folder / "lib")),
    ]


KINDS = pytest.mark.parametrize("kind", range(4), ids=["file", "folder", "files", "archive"])


@KINDS
def test_the_same_content_is_the_same_key_wherever_it_lies(tmp_path, kind):
    here = publish(sources(tmp_path / "a")[kind], Stack(App(), "Census"))
    there = publish(sources(tmp_path / "b" / "c")[kind], Stack(App(), "Other"))

    assert here.key == there.key


@KINDS
def test_a_changed_byte_is_another_key(tmp_path, kind):
    before = publish(sources(tmp_path / "a")[kind], Stack(App(), "Census"))
    changed = sources(tmp_path / "b")[kind]
    write(tmp_path / "b", "main.py", "lib/util.py", text="Content")

    assert digest(publish(changed, Stack(App(), "Census"))) != digest(before)


@KINDS
def test_the_same_source_twice_is_published_once(stack, files, tmp_path, kind):
    assert publish(sources(tmp_path)[kind], stack) == publish(sources(tmp_path)[kind], stack)

    keys = files()
    assert len(keys) == {0: 1, 1: 3, 2: 2, 3: 1}[kind]


def test_one_file_by_two_paths_is_published_once(stack, files, tmp_path, monkeypatch):
    write(tmp_path, "main.py")
    monkeypatch.chdir(tmp_path)

    places = [publish(LocalFile(path), stack) for path in ("main.py", str(tmp_path / "main.py"))]

    assert places[0].key == places[1].key
    assert len(files()) == 1


def test_two_files_of_the_same_content_keep_their_names(stack, files, tmp_path):
    write(tmp_path, "one.py")
    shutil.copyfile(tmp_path / "one.py", tmp_path / "two.py")

    places = {publish(LocalFile(str(tmp_path / name)), stack).key for name in ("one.py", "two.py")}

    assert set(files()) == places
    assert {key.rpartition("/")[2] for key in places} == {"one.py", "two.py"}


def test_the_assembly_is_whole_without_the_files_it_was_made_from(app, stack, files, tmp_path):
    folder = write(tmp_path / "in", "main.py", "deep/er.csv")
    location = publish(LocalFiles(folder=str(folder)), stack)
    archive = publish(Archive("sourcedir.tar.gz", folder=str(folder)), stack)
    shutil.rmtree(folder)

    found = files()
    assert found[f"{location.key}deep/er.csv"] == b"content of deep/er.csv"
    [packed] = Path(app.synth().directory).glob("*/sourcedir.tar.gz")
    with tarfile.open(packed) as opened:
        assert opened.getnames() == ["deep/er.csv", "main.py"]
    assert found[archive.key] == packed.read_bytes()

"""Local files as the CDK publishes them: each under its own name, below a hash of the content."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from aws_cdk import (
    App,
    BootstraplessSynthesizer,
    CliCredentialsStackSynthesizer,
    DefaultStackSynthesizer,
    LegacyStackSynthesizer,
    NestedStack,
    Stack,
    Stage,
)
from constructs import Construct

from cdk_processing.constructs import assets
from cdk_processing.errors import DeclarationError
from cdk_processing.request.files import Archive, LocalFile, LocalFiles, TextFile

BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
NAMES = [
    "prep.py",
    "Makefile",
    ".hidden",
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


def publish(source, scope):
    return assets.publish(source, scope).location


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


FOLDER = "census-[0-9a-f]{8}"


def digest(location):
    found = re.fullmatch(f"{FOLDER}/([0-9a-f]{{32}})/.*", location.key)
    return found[1]


def place(location):
    return re.match(f"{FOLDER}/[0-9a-f]{{32}}/", location.key)[0]


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_file_keeps_its_name_exactly(stack, files, tmp_path, name):
    write(tmp_path, name)

    location = publish(LocalFile(str(tmp_path / name)), stack)

    assert location.key == f"{place(location)}{name}"
    assert files() == {location.key: f"content of {name}".encode()}


def test_every_file_of_a_folder_keeps_its_path_exactly(stack, files, tmp_path):
    names = [*NAMES, *(f"deep/er.d/{name}" for name in NAMES)]
    write(tmp_path / "in", *names)

    location = publish(LocalFiles(folder=str(tmp_path / "in")), stack)

    assert location.key == place(location)
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
        f"{place(one)}rows.csv": b"content of store/8f3a",
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

    assert re.fullmatch(f"team/{FOLDER}/[0-9a-f]{{32}}/", publish(LocalFiles(folder=str(tmp_path)), stack).key)
    assert re.fullmatch(f"team/{FOLDER}/[0-9a-f]{{32}}/a.csv", publish(LocalFile(str(tmp_path / "a.csv")), stack).key)


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


@pytest.mark.parametrize("kind", [LegacyStackSynthesizer, BootstraplessSynthesizer])
@pytest.mark.parametrize("of", ["stack", "app"])
def test_a_synthesizer_that_publishes_no_files_or_renames_them_is_refused(tmp_path, kind, of):
    write(tmp_path, "rows.csv")
    app = App(default_stack_synthesizer=kind() if of == "app" else None)
    stack = Stack(app, "Census", synthesizer=kind() if of == "stack" else None)

    with pytest.raises(DeclarationError) as raised:
        publish(LocalFile(str(tmp_path / "rows.csv")), Construct(stack, "Job"))

    [problem] = raised.value.problems
    assert str(problem).startswith(
        "synthesizer must be one that publishes files under their own names, such as DefaultStackSynthesizer, got "
        f"{kind.__name__!r}; give the stack another, or name code and inputs by their s3:// URIs ("
    )


def test_files_are_beside_the_template_when_the_cdk_stages_none(tmp_path):
    """``cdk deploy --no-staging`` runs the app with this context, and ends before it publishes."""
    write(tmp_path, "main.py")
    app = App(context={"aws:cdk:disable-asset-staging": True}, outdir=str(tmp_path / "cdk.out"))
    stack = Stack(app, "Census")
    publish(Archive("sourcedir.tar.gz", folder=str(tmp_path)), stack)
    app.synth()

    manifest = json.loads((tmp_path / "cdk.out" / "Census.assets.json").read_text(encoding="utf-8"))
    [path] = [file["source"]["path"] for file in manifest["files"].values() if "Template" not in file["displayName"]]
    assert not Path(path).is_absolute()
    assert (tmp_path / "cdk.out" / path).is_file()


def test_a_stage_publishes_from_the_apps_own_folder(tmp_path):
    write(tmp_path, "main.py")
    app = App(outdir=str(tmp_path / "cdk.out"))
    publish(LocalFile(str(tmp_path / "main.py")), Stack(Stage(app, "Prod"), "Census"))
    app.synth()

    folder = tmp_path / "cdk.out" / "assembly-Prod"
    [manifest] = folder.glob("*.assets.json")
    files = json.loads(manifest.read_text(encoding="utf-8"))["files"].values()
    [path] = [file["source"]["path"] for file in files if "Template" not in file["displayName"]]
    assert path.startswith("../asset.")
    assert (folder / path).read_text() == "content of main.py"


def test_synthesizing_again_into_the_same_folder_leaves_what_is_there(tmp_path):
    write(tmp_path, "main.py")
    for _ in range(2):
        app = App(outdir=str(tmp_path / "cdk.out"))
        publish(LocalFile(str(tmp_path / "main.py")), Stack(app, "Census"))
        app.synth()

    [staged] = (tmp_path / "cdk.out").glob("asset.*")
    assert [file.name for file in staged.iterdir()] == ["main.py"]
    assert list((tmp_path / "cdk.out").glob(".cdk-processing*")) == []


def test_publishing_leaves_no_resource_and_no_stack_behind(stack, files, synth, tmp_path):
    before = synth(stack)
    write(tmp_path, "rows.csv")
    other = Stack(App(), "Census")
    publish(LocalFile(str(tmp_path / "rows.csv")), other)

    assert synth(other) == before
    assert [child.node.id for child in other.node.children if child.node.id.startswith("Processing")] == []


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
    there = publish(sources(tmp_path / "b" / "c")[kind], Stack(App(), "Census"))

    assert here.key == there.key


@KINDS
def test_two_jobs_have_the_same_content_in_folders_of_their_own(stack, tmp_path, kind):
    one, other = (publish(sources(tmp_path / "a")[kind], Construct(stack, name)) for name in ("One", "Other"))

    assert re.match("census-one-[0-9a-f]{8}/", one.key)
    assert re.match("census-other-[0-9a-f]{8}/", other.key)
    assert one.key.partition("/")[2] == other.key.partition("/")[2]


def test_a_job_of_two_stages_has_one_folder(tmp_path):
    app = App()
    places = []
    for name in ("Dev", "Prod"):
        stack = Stack(Stage(app, name), "Census")
        places.append(publish(sources(tmp_path)[0], Construct(stack, "Job")).key)

    assert places[0] == places[1]


def test_jobs_that_are_called_alike_have_folders_of_their_own(stack, tmp_path):
    keys = {publish(sources(tmp_path)[0], Construct(stack, name)).key for name in ("Job", "job", "Job-", "JOB")}

    assert len(keys) == 4


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


def test_a_file_that_cannot_be_read_is_told(stack, tmp_path):
    with pytest.raises(DeclarationError) as raised:
        publish(LocalFile(str(tmp_path)), stack)

    [problem] = raised.value.problems
    assert str(problem).startswith(
        f"file must be one that this user can read (Is a directory), got {str(tmp_path)!r}; "
    )

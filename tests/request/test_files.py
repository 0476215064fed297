import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk_processing import ExecutionVariables, S3Location
from cdk_processing.request.files import Archive, LocalFile, LocalFiles, TextFile, is_local_path, local_source

NAMES = [
    "main.py",
    "Makefile",
    ".hidden",
    "with space.txt",
    "ünï-日本語-🎉.csv",
    "data.tar.gz",
    "sub/deep/er.py",
    "a.b/c",
]


def write(folder, *names, text="content"):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text} of {name}", encoding="utf-8")
    return folder


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "src", *NAMES)


def packed(folder=None, paths=()):
    return Archive("sourcedir.tar.gz", folder=folder and str(folder), paths=tuple(map(str, paths))).content()


def unpacked(content):
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {entry.name: archive.extractfile(entry).read().decode() for entry in archive.getmembers()}


def members(**given):
    return [name for name, _ in LocalFiles(**given).members()]


# -- archives ---------------------------------------------------------------------------------------------------------


def test_an_archive_holds_every_file_of_a_folder_under_its_own_name(source):
    assert unpacked(packed(source)) == {name: f"content of {name}" for name in NAMES}


def test_the_same_content_is_the_same_bytes_whenever_and_wherever_it_was_written(source, tmp_path):
    other = tmp_path / "elsewhere" / "checkout"
    for name in reversed(NAMES):  # a folder lists its files in the order in which they came, on some file systems
        write(other, name)
        os.utime(other / name, (0, 86400 * 365 * 30))
    assert packed(other) == packed(source)


def test_the_same_content_is_the_same_bytes_whoever_owns_it(source):
    before = packed(source)
    for path in source.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o077)  # another umask
        if os.geteuid() == 0:
            os.chown(path, 1234, 5678)

    assert packed(source) == before
    with tarfile.open(fileobj=io.BytesIO(before)) as archive:
        owners = {(e.uid, e.gid, e.uname, e.gname, e.mtime) for e in archive.getmembers()}
    assert owners == {(0, 0, "", "", 0)}


def test_the_order_of_dependencies_and_where_they_lie_make_no_difference(tmp_path):
    here = write(tmp_path / "a", "lib/one.py", "extra.py")
    there = write(tmp_path / "z", "extra.py")
    shutil.copytree(here / "lib", tmp_path / "b" / "lib")

    assert packed(paths=[here / "lib", here / "extra.py"]) == packed(paths=[there / "extra.py", tmp_path / "b" / "lib"])


def test_a_changed_byte_a_new_name_and_a_further_file_are_each_another_archive(source):
    contents = {packed(source)}
    (source / "main.py").write_text("contenT of main.py", encoding="utf-8")
    contents.add(packed(source))
    (source / "main.py").rename(source / "Main.py")
    contents.add(packed(source))
    (source / "empty.py").touch()
    contents.add(packed(source))

    assert len(contents) == 4


def test_what_python_git_and_the_cdk_leave_in_a_folder_is_left_out(source):
    before = packed(source)
    write(source, "__pycache__/main.cpython-311.pyc", "sub/__pycache__/x.pyc", ".git/HEAD", ".DS_Store")
    write(source, "sub/.ipynb_checkpoints/n.ipynb", "cdk.out/manifest.json")

    assert packed(source) == before


def test_what_can_be_executed_can_still_be_executed(source):
    (source / "Makefile").chmod(0o755)
    (source / "main.py").chmod(0o611)  # by others, but not by whom it belongs to

    with tarfile.open(fileobj=io.BytesIO(packed(source))) as archive:
        modes = {entry.name: entry.mode for entry in archive.getmembers()}
    assert modes == {**dict.fromkeys(NAMES, 0o644), "Makefile": 0o755}


def test_a_link_is_what_it_leads_to(source, tmp_path):
    write(tmp_path, "shared/util.py")
    (source / "shared").symlink_to(tmp_path / "shared")
    (source / "alias.py").symlink_to("main.py")
    (source / "dangling.py").symlink_to("nowhere.py")

    found = unpacked(packed(source))

    assert found["shared/util.py"] == "content of shared/util.py"
    assert found["alias.py"] == "content of main.py"
    assert "dangling.py" not in found


def test_a_link_back_to_a_folder_that_it_lies_in_ends(source):
    (source / "sub" / "up").symlink_to(source)
    (source / "sub" / "self").symlink_to(".")

    assert sorted(unpacked(packed(source))) == sorted(NAMES)


def test_dependencies_lie_beside_the_code_under_their_own_names(source, tmp_path):
    write(tmp_path, "lib/a.py", "lib/sub/b.py", "lib/__pycache__/a.pyc", "extra.py")

    found = unpacked(packed(source, [tmp_path / "lib", tmp_path / "extra.py"]))

    assert found.keys() - set(NAMES) == {"lib/a.py", "lib/sub/b.py", "extra.py"}


def test_a_dependency_named_by_a_relative_path_has_its_folders_real_name(tmp_path, monkeypatch):
    write(tmp_path, "lib/a.py")
    monkeypatch.chdir(tmp_path / "lib")

    assert members(paths=(".",)) == ["lib/a.py"]


def test_a_path_of_more_than_a_hundred_characters_is_kept(tmp_path):
    name = "/".join(["folder" * 5] * 7) + "/main.py"
    write(tmp_path, name)

    assert list(unpacked(packed(tmp_path))) == [name]


# -- files side by side -----------------------------------------------------------------------------------------------


def test_the_members_of_a_folder_are_sorted_by_their_names(source):
    assert members(folder=str(source)) == sorted(NAMES)


def test_files_lie_side_by_side_and_folders_keep_their_names(tmp_path):
    write(tmp_path, "z/a.jar", "y/b.jar", "lib/c.jar")

    paths = tuple(str(tmp_path / name) for name in ("z/a.jar", "y/b.jar", "lib"))
    assert members(paths=paths) == ["a.jar", "b.jar", "lib/c.jar"]


def test_an_empty_folder_has_no_members(tmp_path):
    (tmp_path / "sub").mkdir()

    assert members(folder=str(tmp_path)) == []


# -- what is local ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["p.py", "./p.py", "/abs/p.py", "a b/ü.py", "..", "s3:/p.py", Path("p.py"), Path()])
def test_a_path_is_local(value):
    assert is_local_path(value)


REMOTE = ["s3://c/p.py", "https://x/p.py", "file:///p.py", "", None, 5, "${Token[TOKEN.1]}", S3Location("c", "p.py")]


@pytest.mark.parametrize("value", [*REMOTE, ExecutionVariables.OBJECT_URI, f"a/{ExecutionVariables.RUN_ID}.py"])
def test_what_is_no_path_of_this_machine_is_not_local(value):
    assert not is_local_path(value)
    assert local_source(value) is None


def test_a_file_is_one_file_and_a_folder_is_what_lies_in_it(source):
    assert local_source(source / "main.py") == LocalFile(str(source / "main.py"))
    assert local_source(str(source)) == LocalFiles(folder=str(source))
    assert local_source("not/there.csv") == LocalFile("not/there.csv")


@pytest.mark.parametrize(
    "made", [LocalFile("p.py"), LocalFiles(("p.py",)), Archive("a.tar.gz"), TextFile("a.sh", "echo")], ids=repr
)
def test_what_a_program_made_stays_what_it_is(made):
    assert local_source(made) is made


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1))
def test_a_file_keeps_whatever_name_it_has(name):
    assert LocalFile(f"folder/{name}").name == (name if name != "." else "folder")

import json
from pathlib import Path

import pytest

from cdk_processing.local.session.sources import SourceFilter, Sources
from tests.patience import until


@pytest.fixture
def app(tmp_path):
    (tmp_path / "jobs").mkdir()
    for name in ("app.py", "jobs/prep.py", "jobs/data.csv"):
        (tmp_path / name).write_text("first")
    (tmp_path / "cdk.json").write_text('{"app": "python app.py"}')
    return tmp_path


def told(sources, wanted):
    """Everything that is told until the wanted files are."""
    found = set()

    def look():
        found.update(sources.changed())
        return found

    return until(look, lambda names: wanted <= names)


@pytest.mark.parametrize(
    "path",
    ["app.py", "cdk.json", "jobs/prep.py", "jobs/data.csv", "infra/stacks/census.py", "README.md", "jobs/Dockerfile"],
)
def test_what_an_app_is_made_of_counts(tmp_path, path):
    assert SourceFilter(tmp_path).admits(Path(path), is_folder=False)


@pytest.mark.parametrize(
    "path",
    [
        "cdk.out/manifest.json",
        "out/manifest.json",
        ".venv/lib/python3.12/site-packages/x.py",
        "venv/lib/x.py",
        ".git/index",
        ".mypy_cache/x.json",
        "node_modules/aws-cdk/index.js",
        "jobs/__pycache__/prep.cpython-312.pyc",
        "jobs/prep.pyc",
        "jobs/.prep.py.swp",
        "jobs/prep.py~",
        "jobs/4913",
        ".env",
    ],
)
def test_what_an_app_is_not_made_of_does_not_count(tmp_path, path):
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "cdk.json").write_text('{"app": "python app.py", "output": "out"}')
    assert not SourceFilter(tmp_path).admits(Path(path), is_folder=False)


def test_include_and_exclude_of_cdk_json_hold_as_for_cdk_watch(tmp_path):
    watch = {"include": ["app.py", "jobs/**"], "exclude": ["**/*.csv", "jobs/old"]}
    (tmp_path / "cdk.json").write_text(json.dumps({"app": "python app.py", "watch": watch}))
    files = ["app.py", "setup.py", "jobs/prep.py", "jobs/a.csv", "jobs/old/prep.py"]
    assert [each for each in files if SourceFilter(tmp_path).admits(Path(each), is_folder=False)] == [
        "app.py",
        "jobs/prep.py",
    ]


def test_changed_new_moved_and_deleted_files_are_told_once(app):
    with Sources(app) as sources:
        until(lambda: (app / "app.py").write_text(f"{app}") and sources.changed())  # from now on it watches
        (app / "jobs" / "prep.py").write_text("second")
        (app / "new.py").write_text("new")
        (app / "jobs" / "data.csv").rename(app / "jobs" / "moved.csv")
        told(sources, {"jobs/prep.py", "new.py", "jobs/data.csv", "jobs/moved.csv"})
        (app / "jobs" / "moved.csv").unlink()
        assert told(sources, {"jobs/moved.csv"}) == {"jobs/moved.csv"}


def test_a_file_that_is_written_with_the_same_content_is_told_once_at_most(app):
    with Sources(app) as sources:
        until(lambda: (app / "app.py").write_text("same") and sources.changed())
        (app / "app.py").write_text("same")
        (app / "jobs" / "prep.py").write_text("other")
        assert told(sources, {"jobs/prep.py"}) == {"jobs/prep.py"}


def test_a_folder_that_is_new_is_watched_with_what_came_with_it(app, tmp_path_factory):
    made = tmp_path_factory.mktemp("elsewhere") / "more"
    made.mkdir()
    (made / "inside.py").write_text("first")
    with Sources(app) as sources:
        until(lambda: (app / "app.py").write_text("other") and sources.changed())
        made.rename(app / "more")
        told(sources, {"more/inside.py"})

        def second():
            (app / "more" / "later.py").write_text("second")
            return "more/later.py" in sources.changed()

        until(second, every=0.2)

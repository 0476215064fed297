import pytest

from tests.declarations import files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with all files, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return files.write(tmp_path)

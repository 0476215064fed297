"""The table of AWS's images: that nobody edited it, and that it is what a release of the SDK says.

The two comparisons download a release, so they belong to `make upstream`: a new release must not turn the tests red.
"""

import json

import filelock
import pytest

from scripts.make_images import TABLE, IndexUnreachableError, dump, fingerprint, tables_of, wheel

COMMITTED = json.loads(TABLE.read_text(encoding="utf-8"))
RELEASE = COMMITTED["sagemaker_core"]


@pytest.fixture
def tables(pytestconfig):
    """The tables of a release of the SDK, which is downloaded once."""
    folder = pytestconfig.cache.mkdir("sagemaker-core")

    def read(version):
        with filelock.FileLock(f"{folder}.lock"):
            return tables_of(wheel(folder, version))

    return read


def differences(ours, theirs):
    names = [(kind, name) for kind in ("families", "registries") for name in {**ours[kind], **theirs[kind]}]
    return [f"{kind}.{name}" for kind, name in names if ours[kind].get(name) != theirs[kind].get(name)]


def test_the_table_is_as_the_script_wrote_it():
    assert TABLE.read_text(encoding="utf-8") == dump(COMMITTED)
    assert fingerprint(COMMITTED) == COMMITTED["sha256"], "images.json was edited; `make images` writes it anew"


@pytest.mark.upstream
def test_the_table_is_what_its_own_release_of_the_sdk_says(tables):
    theirs = tables(RELEASE)

    changed = differences(COMMITTED, theirs)
    assert changed == [], (
        f"images.json is not what scripts/make_images.py makes of sagemaker-core {RELEASE}; "
        f"run `make images ARGS={RELEASE}`"
    )
    assert dump(theirs) == dump(COMMITTED)


@pytest.mark.upstream
def test_the_newest_release_of_the_sdk_knows_no_other_images(tables):
    theirs = tables(None)

    changed = differences(COMMITTED, theirs)
    assert changed == [], (
        f"sagemaker-core {theirs['sagemaker_core']} has other images than {RELEASE}; run `make images`"
    )


def test_a_table_that_lags_behind_is_noticed():
    older = json.loads(json.dumps(COMMITTED))
    del older["families"]["sklearn"]["versions"]["1.9-0"]
    older["registries"]["spark"]["eu-west-1"] = "111122223333"

    assert differences(older, COMMITTED) == ["families.sklearn", "registries.spark"]
    assert fingerprint(older) != COMMITTED["sha256"]


def test_a_release_that_the_index_does_not_have_is_an_error_and_not_an_unreachable_index(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(RuntimeError, match=r"sagemaker-core==0\.0\.0\.1"):
        wheel(tmp_path, "0.0.0.1")


def test_an_index_that_does_not_answer_is_told_apart(tmp_path, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "PIP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    with pytest.raises(IndexUnreachableError):
        wheel(tmp_path, RELEASE)

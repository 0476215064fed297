"""Both sides' answers to all calls, worked out once: the SDK takes seconds to import, and one app is one synthesis."""

import pytest

from tests.parity.answers import answers_here, answers_of_the_sdk
from tests.parity.random_calls import EVERY


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """A folder for each call, with the files that it needs."""
    made = {}
    for number, call in enumerate(EVERY):
        made[call.name] = tmp_path_factory.mktemp("calls") / f"call{number}"
        for name, text in {".": "", **call.files}.items():
            path = made[call.name] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name == ".":
                path.mkdir()
            else:
                path.write_text(text)
    return made


@pytest.fixture(scope="session")
def sdk(folders):
    """What the SDK makes of each call."""
    return answers_of_the_sdk(EVERY, folders)


@pytest.fixture(scope="session")
def here(folders, tmp_path_factory):
    """What this library makes of each call."""
    return answers_here(EVERY, folders, tmp_path_factory.mktemp("cdk.out"))

"""uv.lock: what everybody installs, from wherever they install it."""

import re
from pathlib import Path

LOCK = (Path(__file__).parents[1] / "uv.lock").read_text(encoding="utf-8")
PUBLIC = {"https://pypi.org/simple", "https://files.pythonhosted.org"}


def test_the_lock_names_no_index_but_the_public_one():
    """Whoever writes it behind a mirror of their own would put that mirror's address into it."""
    indexes = set(re.findall(r'registry = "([^"]+)"', LOCK))
    hosts = set(re.findall(r'url = "(https?://[^/"]+)', LOCK))

    assert indexes | hosts == PUBLIC


def test_the_lock_has_a_hash_for_every_file():
    files = re.findall(r"\{ url = .*", LOCK)

    assert files
    assert [line for line in files if 'hash = "sha256:' not in line] == []

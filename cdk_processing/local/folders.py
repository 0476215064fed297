"""Temporary folders that do not outlive their owners. The next start removes the folders of killed processes.

Each folder contains a file that its owners keep locked. When the last owner ends, the kernel unlocks the file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["OwnedFolder", "owned_folder", "remove_tree"]

_PREFIX = "cdk-processing-"
_OWNER = ".owner"


class OwnedFolder:
    """A temporary folder and the lock that marks it as in use.

    Attributes:
        path: The folder. Other users of the machine cannot access it.
        lock: File descriptor of the lock. A child process that inherits it owns the folder too.
    """

    def __init__(self, purpose: str = "") -> None:
        _remove_orphans(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{purpose}"))
        # Lock the file before it gets its name, so that no other process treats the folder as an orphan.
        unnamed = self.path / f"{_OWNER}.new"
        self.lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        _locked(self.lock)
        unnamed.rename(self.path / _OWNER)

    def remove(self) -> None:
        """Remove the folder and release the lock."""
        remove_tree(self.path)
        os.close(self.lock)


@contextmanager
def owned_folder(purpose: str = "") -> Iterator[Path]:
    """A temporary folder for a ``with`` block."""
    folder = OwnedFolder(purpose)
    try:
        yield folder.path
    finally:
        folder.remove()


def remove_tree(folder: Path) -> None:
    """Remove a folder, whatever permissions a job left in it."""
    if not folder.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        # A job may have removed the permissions of its folders. Restore them before the walk descends into each folder.
        for parent, names, _ in os.walk(folder):
            for inner in (Path(parent, name) for name in names):
                if not inner.is_symlink():
                    with contextlib.suppress(OSError):
                        inner.chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)


def _remove_orphans(temporary: Path) -> None:
    """Remove the folders of this user whose owners have all ended."""
    for folder in temporary.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or (hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()):
                continue
            descriptor = os.open(folder / _OWNER, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if _locked(descriptor):
                    remove_tree(folder)
            finally:
                os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Lock a file, unless another process has locked it. Return whether this process has the lock."""
    try:
        import fcntl
    except ImportError:  # Windows, which only runs the part for Docker
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

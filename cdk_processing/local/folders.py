"""Temporary folders that do not outlive their owners: what a killed process left, the next start removes.

Each folder holds a file that its owners keep locked. When the last of them ends, the kernel unlocks it.
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
    """A temporary folder and the lock that says that it is in use.

    Attributes:
        path: The folder; other users of the machine cannot look into it.
        lock: File descriptor; a child process that inherits it owns the folder too.
    """

    def __init__(self, purpose: str = "") -> None:
        _remove_orphans(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{purpose}"))
        # Locked before it has its name: until then nobody takes the folder for an orphan.
        unnamed = self.path / f"{_OWNER}.new"
        self.lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        _locked(self.lock)
        unnamed.rename(self.path / _OWNER)

    def remove(self) -> None:
        """Remove the folder and let go of it."""
        remove_tree(self.path)
        os.close(self.lock)


@contextmanager
def owned_folder(purpose: str = "") -> Iterator[Path]:
    """A temporary folder for the time of a ``with`` block."""
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
        # An ordinary user cannot look into what the job has locked: open each folder before the walk descends into it.
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
    """Lock a file unless somebody else has; says whether it is locked now."""
    try:
        import fcntl
    except ImportError:  # Windows, where nothing of this runs but Docker's part
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

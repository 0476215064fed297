"""Gives the files that a job leaves back to the user who runs the embedded AWS."""

from __future__ import annotations

import os
import stat


def reclaim(folders: list[str]) -> None:
    """Make root the owner of everything below folders, and let it read and write.

    Root is the host's ordinary user. Without that user's capabilities in here, the embedded AWS could neither upload
    nor remove the files of other users, and files whose mode is 000.
    """
    for folder in folders:
        for parent, names, files, descriptor in os.fwalk(folder, onerror=None):
            del parent
            if os.fstatvfs(descriptor).f_flag & os.ST_RDONLY:
                names.clear()  # a folder of the environment, mounted below root's home
                continue
            for name in (*names, *files):
                _reclaim(name, descriptor)


def _reclaim(name: str, folder: int) -> None:
    try:
        status = os.lstat(name, dir_fd=folder)
        if (status.st_uid, status.st_gid) != (0, 0):
            os.chown(name, 0, 0, dir_fd=folder, follow_symlinks=False)
        needed = stat.S_IRWXU if stat.S_ISDIR(status.st_mode) else stat.S_IRUSR | stat.S_IWUSR
        if not stat.S_ISLNK(status.st_mode) and status.st_mode & needed != needed:
            os.chmod(name, stat.S_IMODE(status.st_mode) | needed, dir_fd=folder)
    except OSError:
        pass  # what cannot be changed is left as it is

"""What a container uses: memory, disk and processes, each summed over the whole container.

PID 1 of the sandbox measures it, and ends the container when it exceeds a limit. That works for root and for an
ordinary user alike; a control group needs an administrator's permission. A container can exceed a limit for the time
between two measurements.
"""

# ruff: noqa: PTH116, PTH123, PTH208

from __future__ import annotations

import os
import stat
import time
from typing import Any, NamedTuple

LOOK_SECONDS = 0.2
# Large folders are measured less often, so that it takes at most this share of a core.
DISK_SHARE = 0.05
# The job ends when the file system has less than this free, but not because it had less when the job began.
RESERVED_BYTES = 1 << 30
KILLED = 137
FAILED = 1
PAGE = os.sysconf("SC_PAGE_SIZE")


class Exceeded(NamedTuple):
    """A limit that the container exceeds: the exit code of the container, and the last line of its log."""

    code: int
    text: str


class Usage:
    """Measures a container from within its PID namespace."""

    def __init__(self, specification: dict[str, Any]) -> None:
        self.memory: int = specification["memory"]
        self.disk: int | None = specification["disk"]
        self.processes: int = specification["processes"]
        self.folders: list[str] = specification["writable"]
        self.disk_due = 0.0
        self.reserved = min([RESERVED_BYTES, *(free_bytes(each) // 2 for each in self.folders)])

    def next_look(self) -> float:
        """Seconds until the next measurement."""
        return LOOK_SECONDS

    def exceeded(self) -> Exceeded | None:
        """The limit that the container exceeds, if any."""
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return self._processes(numbers) or self._memory(numbers) or self._disk(numbers)

    def _processes(self, numbers: list[int]) -> Exceeded | None:
        running = len(numbers) if len(numbers) > self.processes else sum(threads(number) for number in numbers)
        if running <= self.processes:
            return None
        return Exceeded(KILLED, f"Killed: the container has {running:,} processes and threads of {self.processes:,}.")

    def _memory(self, numbers: list[int]) -> Exceeded | None:
        # Quick to read, and never less than the memory in use, as it counts shared pages several times.
        if sum(map(resident_bytes, numbers)) + filled_bytes("/dev/shm") + filled_bytes("/") <= self.memory:
            return None
        used = memory_bytes(numbers)
        if used <= self.memory:
            return None
        return Exceeded(KILLED, f"Killed: the container's processes use {size(used)} of {size(self.memory)} of memory.")

    def _disk(self, numbers: list[int]) -> Exceeded | None:
        started = time.monotonic()
        if started < self.disk_due:
            return None
        used = sum(map(disk_bytes, self.folders)) + unlinked_bytes(numbers)
        ended = time.monotonic()
        self.disk_due = ended + max(LOOK_SECONDS, (ended - started) / DISK_SHARE)
        if self.disk is not None and used > self.disk:
            text = f"the container's files take {size(used)} of VolumeSizeInGB, {size(self.disk)}"
        elif used and any(free_bytes(folder) < self.reserved for folder in self.folders):
            text = f"the machine's disk is nearly full; the container's files take {size(used)} of it"
        else:
            return None
        return Exceeded(FAILED, f"No space left on device: {text}.")


def threads(number: int) -> int:
    """Count the threads of a process."""
    try:
        return len(os.listdir(f"/proc/{number}/task"))
    except OSError:
        return 0  # it has ended


def resident_bytes(number: int) -> int:
    """Memory of a process, including what it shares."""
    try:
        with open(f"/proc/{number}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return 0


def memory_bytes(numbers: list[int]) -> int:
    """Memory of processes that the kernel cannot reclaim. Shared memory counts once."""
    own = shared = 0
    for number in numbers:
        try:
            with open(f"/proc/{number}/smaps_rollup", "rb") as file:
                fields = dict(line.split(b":", 1) for line in file.read().splitlines()[1:])
        except OSError:
            continue
        values = {name: int(value.split()[0]) << 10 for name, value in fields.items()}
        if b"Pss_Anon" in values:
            own += values[b"Pss_Anon"] + values[b"SwapPss"]
            shared += values[b"Pss_Shmem"]
        else:  # before Linux 5.4
            own += values[b"Pss"] + values[b"SwapPss"]
    return own + max(shared, filled_bytes("/dev/shm") + filled_bytes("/"))


def filled_bytes(folder: str) -> int:
    """Bytes in use in a file system of its own, such as a tmpfs."""
    status = os.statvfs(folder)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def free_bytes(folder: str) -> int:
    """Bytes that an ordinary user can still write."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def disk_bytes(folder: str) -> int:
    """Bytes on disk of all files below a folder. Links are not followed; a file with several names counts once."""
    total = 0
    seen: set[int] = set()
    for _, names, files, descriptor in os.fwalk(folder):
        if os.fstatvfs(descriptor).f_flag & os.ST_RDONLY:
            names.clear()  # a folder of the environment, mounted below root's home
            continue
        for name in (*names, *files):
            try:
                status = os.lstat(name, dir_fd=descriptor)
            except OSError:
                continue  # removed since
            if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
                if status.st_ino in seen:
                    continue
                seen.add(status.st_ino)
            total += status.st_blocks * 512
    return total


def unlinked_bytes(numbers: list[int]) -> int:
    """Bytes on disk of files that have no name any more, but are open."""
    sizes: dict[tuple[int, int], int] = {}
    for number in numbers:
        try:
            names = os.listdir(f"/proc/{number}/fd")
        except OSError:
            continue
        for name in names:
            try:
                status = os.stat(f"/proc/{number}/fd/{name}")
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def size(count: int) -> str:
    """Bytes for a human reader."""
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MB"

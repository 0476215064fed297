"""Copy logs out of the container while the job runs: executor logs and Spark's event logs."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

__all__ = ["Repeated", "copy_event_logs", "executor_lines"]

_IN_PROGRESS = ".inprogress"


class Repeated:
    """A context manager that calls a function every few seconds, and once more at the end."""

    def __init__(self, step: Callable[[], None], seconds: float) -> None:
        self._step = step
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Repeated:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._step()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            self._step()


def copy_event_logs(source: Path, destination: Path) -> None:
    """Copy event logs to the folder that the service uploads, under their final names."""
    destination.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.rglob("*")):
        target = destination / str(path.relative_to(source)).replace(_IN_PROGRESS, "")
        if path.name.startswith(".") or not path.is_file():
            continue  # Hadoop's checksums
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # renamed a moment ago; the next round copies it
            shutil.copyfile(path, target)


def executor_lines(folder: Path) -> Callable[[], None]:
    """Return a function that copies new lines of the executors to the job's log at each call."""
    read: dict[Path, int] = {}

    def step() -> None:
        for path in sorted(folder.glob("*/*/*/std*")):
            with path.open("rb") as file:
                file.seek(read.get(path, 0))
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            read[path] = read.get(path, 0) + len(whole)
            for line in whole.splitlines(keepends=True):
                if not line.startswith(b"Spark Executor Command") and line.strip(b"=\n"):
                    os.write(1, f"[{path}] ".encode() + line)

    return step

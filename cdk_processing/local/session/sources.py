"""Watch the files of an app, and report which have changed since the last call.

It watches the same files as ``cdk watch``: the folder of cdk.json, filtered by ``watch.include`` and ``watch.exclude``
in that file. It always ignores names that begin with a dot, virtual environments, ``node_modules``, caches and the
CDK's output.

https://docs.aws.amazon.com/cdk/v2/guide/ref-cli-cmd-watch.html
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import pathspec
import watchfiles

from cdk_processing.errors import CdkProcessingError

__all__ = ["SourceFilter", "Sources", "WatchingError"]

# In milliseconds: report changes after a pause this long, and collect them for at most this long.
_QUIET = 200
_AT_MOST = 2_000
# A larger file is compared by its modification time, not by its content.
_HASHED_BYTES = 4 << 20
_ALWAYS_EXCLUDED = [".*", "cdk.out", "node_modules", "__pycache__", "*.egg-info", "*.py[cod]"]
# Temporary files that editors create while they save a file.
_OF_EDITORS = ["*~", "*.sw?", "*.tmp", "4913"]


class WatchingError(CdkProcessingError):
    """The files cannot be watched."""


class SourceFilter:
    """Decides which files to watch.

    Args:
        folder: The folder of cdk.json.

    Example:
        >>> SourceFilter(Path.cwd()).admits(Path("jobs/prep.py"), is_folder=False)
        True
        >>> SourceFilter(Path.cwd()).admits(Path(".venv/bin/python"), is_folder=False)
        False
    """

    def __init__(self, folder: Path) -> None:
        settings = _settings(folder)
        watch: Any = settings.get("watch")
        watch = watch if isinstance(watch, dict) else {}
        excluded = [*_ALWAYS_EXCLUDED, *_OF_EDITORS, *_texts(watch.get("exclude")), *_texts(settings.get("output"))]
        self._folder = folder
        self._included = pathspec.PathSpec.from_lines("gitignore", _texts(watch.get("include")) or ["**"])
        self._excluded = pathspec.PathSpec.from_lines("gitignore", excluded)

    def admits(self, path: Path, *, is_folder: bool) -> bool:
        """Whether to watch a path relative to the folder. For a folder: whether it may contain files to watch."""
        text = f"{path.as_posix()}/" if is_folder else path.as_posix()
        if self._excluded.match_file(text):
            return False
        parents = [self._folder / parent for parent in path.parents[:-1]] + ([self._folder / path] if is_folder else [])
        if any((parent / "pyvenv.cfg").is_file() for parent in parents):
            return False
        return is_folder or self._included.match_file(text)


class Sources:
    """Watches the files of an app in background threads.

    Args:
        folder: The folder of cdk.json.
    """

    def __init__(self, folder: Path) -> None:
        # Resolve links: watchfiles reports resolved paths.
        self._folder = folder.resolve()
        self._filter = SourceFilter(self._folder)
        self._lock = threading.Lock()
        self._touched: set[Path] = set()
        self._contents: dict[Path, str | None] = {}
        self._stop = threading.Event()
        self._renewed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failure: str | None = None

    def __enter__(self) -> Sources:
        """Begin."""
        for name, watch in (("top", self._watch_top), ("folders", self._watch_folders)):
            thread = threading.Thread(target=watch, name=f"sources-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self._stop.set()
        self._renewed.set()
        for thread in self._threads:
            thread.join(5)

    @property
    def folder(self) -> Path:
        """The watched folder."""
        return self._folder

    def changed(self) -> tuple[str, ...]:
        """The files whose content has changed since the last call, relative to the folder, sorted.

        Raises:
            WatchingError: The operating system's limit for watched files is reached.
        """
        if self._failure is not None:
            raise WatchingError(
                f"The files in {self._folder} cannot be watched ({self._failure}); start with --no-watch, or raise "
                "the machine's limit: sysctl fs.inotify.max_user_watches"
            )
        with self._lock:
            touched, self._touched = self._touched, set()
        return tuple(sorted(path.as_posix() for path in touched if self._is_new(path)))

    def _is_new(self, path: Path) -> bool:
        """Whether the content differs from the last report. Editors often rewrite a file without changing it."""
        now = _content(self._folder / path)
        if path in self._contents and self._contents[path] == now:
            return False
        self._contents[path] = now
        return True

    def _note(self, changes: Iterable[tuple[watchfiles.Change, str]]) -> None:
        for change, name in changes:
            path = Path(name)
            if path.is_dir():
                if change is watchfiles.Change.added and path.parent == self._folder:
                    self._renewed.set()
                self._note_all_in(path)
            elif self._counts(path):
                with self._lock:
                    self._touched.add(path.relative_to(self._folder))

    def _note_all_in(self, folder: Path) -> None:
        """Note the files in a new folder: they were created before the folder was watched."""
        files = [path for path in folder.rglob("*") if path.is_file() and self._counts(path)]
        with self._lock:
            self._touched.update(path.relative_to(self._folder) for path in files)

    def _counts(self, path: Path) -> bool:
        return self._filter.admits(path.relative_to(self._folder), is_folder=False)

    def _watch_top(self) -> None:
        """Watch the top folder, without its subfolders."""
        self._watch([self._folder], recursive=False, stop=self._stop)

    def _watch_folders(self) -> None:
        """Watch the subfolders, except ignored ones: a virtual environment has thousands of folders."""
        while not self._stop.is_set():
            self._renewed.clear()
            folders = [
                path
                for path in self._folder.iterdir()
                if path.is_dir() and self._filter.admits(path.relative_to(self._folder), is_folder=True)
            ]
            if folders:
                self._watch(folders, recursive=True, stop=self._renewed)
            if self._failure is not None:
                return
            self._renewed.wait()

    def _watch(self, paths: list[Path], *, recursive: bool, stop: threading.Event) -> None:
        try:
            for changes in watchfiles.watch(
                *paths,
                watch_filter=None,
                debounce=_AT_MOST,
                step=_QUIET,
                stop_event=stop,
                rust_timeout=500,
                raise_interrupt=False,
                recursive=recursive,
                ignore_permission_denied=True,
            ):
                self._note(changes)
        except OSError as error:
            self._failure = str(error)


def _content(file: Path) -> str | None:
    """Return a fingerprint that changes with the file's content; None if the file does not exist."""
    try:
        stat = file.stat()
        if stat.st_size > _HASHED_BYTES:
            return f"{stat.st_size} {stat.st_mtime_ns}"
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def _settings(folder: Path) -> dict[str, Any]:
    try:
        content: Any = json.loads((folder / "cdk.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # There is no cdk.json, or it is being written. Synthesis reports that.
        return {}
    return content if isinstance(content, dict) else {}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []

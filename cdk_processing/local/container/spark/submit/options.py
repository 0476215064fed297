"""The command line of ``smspark-submit``. Like AWS's, it refuses unknown options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

from .failures import SubmitError

__all__ = ["Options", "read_options"]

_VALUES = ("class", "jars", "py-files", "files", "spark-event-logs-s3-uri", "local-spark-event-logs-dir")
_LISTS = ("jars", "py-files", "files")


@dataclass
class Options:
    """The options of a command line.

    Attributes:
        app: The application, a Python file or a jar.
        arguments: The application's arguments, unchanged.
        values: The other options, by name.
        verbose: Whether to pass on ``--verbose``.
    """

    app: str = ""
    arguments: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    verbose: bool = False

    def for_spark(self, local: Callable[[str], str]) -> list[str]:
        """Render the arguments of ``spark-submit``.

        Args:
            local: Turns an ``s3://`` URI into a local file.
        """
        rendered = ["--verbose"] if self.verbose else []
        for name, value in self.values.items():
            if name in _LISTS:
                rendered += [f"--{name}", ",".join(local(each) for each in _files(value))]
            elif name == "class":
                rendered += ["--class", value]
        return [*rendered, local(self.app), *self.arguments]


def read_options(arguments: Sequence[str]) -> Options:
    """Parse a command line. The options end at the application.

    Raises:
        SubmitError: The command line is invalid.
    """
    options = Options()
    rest = list(arguments)
    while rest:
        given = rest.pop(0)
        if given in ("-v", "--verbose"):
            options.verbose = True
        elif given == "--" or not given.startswith("-"):
            app = given if given != "--" else (rest.pop(0) if rest else "")
            options.app, options.arguments = app, rest
            break
        else:
            name, equals, value = given[2:].partition("=")
            if not given.startswith("--") or name not in _VALUES:
                allowed = ", ".join(f"--{each}" for each in _VALUES)
                hint = f"(smspark-submit has {allowed}; other settings go into the processor's configuration)"
                raise SubmitError(
                    "NoSuchOption", "Couldn't parse input.", f"No such option: {given.partition('=')[0]}", hint=hint
                )
            if not equals:
                if not rest:
                    raise SubmitError(
                        "BadOptionUsage", "error running Spark job", f"Option '{given}' requires an argument."
                    )
                value = rest.pop(0)
            options.values[name] = value
    if not options.app:
        raise SubmitError("MissingParameter", "Couldn't parse input.", "Missing parameter: app")
    return options


def _files(value: str) -> list[str]:
    """Replace folders by the files directly in them: ``spark-submit`` accepts only files."""
    files: list[str] = []
    for each in value.split(","):
        parsed = urlparse(each)
        if parsed.scheme in ("s3", "s3a"):
            files.append(each)
            continue
        path = Path(parsed.path if parsed.scheme == "file" else each)
        if not path.is_absolute():
            raise _input_error(f"file path {each} must be an absolute path to a file or directory")
        if not path.exists():
            raise _input_error(f"file path {each} does not exist")
        if path.is_dir():
            within = sorted(str(child.resolve()) for child in path.iterdir() if child.is_file())
            if not within:
                raise _input_error(f"Found zero files in {each}")
            files += within
        else:
            files.append(str(path.resolve()))
    return files


def _input_error(text: str) -> SubmitError:
    return SubmitError("ValueError", "error preparing for spark submit", text)

"""The folder of the object that launched a run, and the ``key=value`` folders of its path, as JSONata.

The first state computes them once. A start by hand may name a folder in place of an event's object: ``folder``, or
``folders`` for the sources of ``OnAll``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cdk_processing.contract.start import FOLDER_FIELD, FOLDERS_FIELD
from cdk_processing.workflow.jsonata import quoted

__all__ = ["FOLDER", "FOLDERS", "NO_PATH_VALUES", "PARTITION", "PathValues", "part", "path_statements"]

#: The folder with its slash, ``s3://bucket/.../``; empty if the event names none.
FOLDER = "$folder"
#: The fields of ``$run`` with the values of ``key=value`` folders, and with the folder of each source of ``OnAll``.
PARTITION, FOLDERS = "partition", "folders"

_KEY = "$event.detail.object.key"
_GIVEN, _ALL_GIVEN = f"$event.{FOLDER_FIELD}", f"$event.{FOLDERS_FIELD}"
# All that is behind the last slash is no folder. A folder that is given has a slash at its end, or is refused.
_PATH = f"""$type({_KEY}) = 'string' ? 's3://' & $event.detail.bucket.name & '/' & {_KEY}
  : $type({_GIVEN}) = 'string' ? {_GIVEN}
  : $type({_ALL_GIVEN}) = 'object' ? $join($each({_ALL_GIVEN}, function($v) {{ $v & '' }})) : ''"""
# Not a regular expression: JSONata fails if one matches an empty text, and escapes in it depend on the engine.
_PART = """function($name) {(
    $value := $substringAfter($parts[$substring($, 0, $length($name)) = $name][-1], '=');
    $value != '' ? $value
)}"""
_ALLOWED = "s3://bucket/.../ with a slash at its end"


def path_statements() -> list[str]:
    """Statements of the first state. They do not fail for any event."""
    return [
        f"$path := {_PATH}",
        f"{FOLDER} := $substring($path, 0, $length($path) - $length($split($path, '/')[-1]))",
        f"$parts := $split({FOLDER}, '/')",
        f"$part := {_PART}",
    ]


def part(name: str) -> str:
    """The value of the last folder ``name=value``, as JSONata; no value if there is none, or if it is empty."""
    return f"$part({quoted(f'{name}=')})"


@dataclass(frozen=True, slots=True)
class PathValues:
    """The values of a run that come from paths.

    Attributes:
        folder: Whether the job uses ``FOLDER_URI``.
        sources: The names in ``FOLDER_URI[...]``, without duplicates.
        partitions: The names in ``PARTITION[...]``, without duplicates.
    """

    folder: bool = False
    sources: Sequence[str] = field(default=())
    partitions: Sequence[str] = field(default=())

    def __bool__(self) -> bool:
        return self.folder or bool(self.sources) or bool(self.partitions)

    def fields(self) -> Iterator[tuple[str, str]]:
        """The fields of ``$run``, each with its expression."""
        if self.folder:
            yield "FOLDER_URI", f"{FOLDER} != '' ? {FOLDER}"
        if self.sources:
            yield FOLDERS, f"$type({_ALL_GIVEN}) = 'object' ? {_ALL_GIVEN}"
        if self.partitions:
            yield PARTITION, f"{{{', '.join(f'{quoted(name)}: {part(name)}' for name in self.partitions)}}}"

    def problems(self, joined: str) -> Iterator[str]:
        """The possible problems, each as an expression that has no value if there is none.

        Args:
            joined: Whether the run gets its folders from :mod:`~cdk_processing.workflow.joins`, as JSONata.
        """
        if self.folder:
            example = quoted(f'start it with {{"{FOLDER_FIELD}": "s3://bucket/.../"}}')
            told = f"'the event that launched this run names no object, so there is no folder to read; ' & {example}"
            yield f"$not($exists($run.FOLDER_URI)) ? {told}"
            yield f"$exists({_GIVEN}) and $not({_is_folder(_GIVEN)}) ? {_refused(FOLDER_FIELD, _GIVEN)}"
        for name in self.sources:
            given = f"$lookup($run.{FOLDERS}, {quoted(name)})"
            example = f'start it with {{"{FOLDERS_FIELD}": {{"{name}": "s3://bucket/.../"}}}}'
            told = quoted(f"the event that launched this run does not bring the folder of {name}; {example}")
            yield f"$not({joined} or $exists({given})) ? {told}"
            yield f"$exists({given}) and $not({_is_folder(given)}) ? {_refused(f'{FOLDERS_FIELD}.{name}', given)}"
        for name in self.partitions:
            told = quoted(f"the path must have a folder {name}=VALUE, got ")
            yield f"$not($exists($lookup($run.{PARTITION}, {quoted(name)}))) ? {told} & $path"


#: The values of a job that uses none.
NO_PATH_VALUES = PathValues()


def _is_folder(value: str) -> str:
    return f"($type({value}) = 'string' and $substring({value}, 0, 5) = 's3://' and $substring({value}, -1) = '/')"


def _refused(field: str, value: str) -> str:
    return f"{quoted(f'{field} must be {_ALLOWED}, got ')} & $string({value})"

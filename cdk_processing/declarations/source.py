"""The text of a file, or what is wrong with the file as a whole."""

from __future__ import annotations

import codecs
from pathlib import Path

from cdk_processing.declarations.problems import FileProblem, Plain, shown_path

__all__ = ["MOST_BYTES", "read_text"]

#: No declaration is longer, and a longer file is likely a mistake.
MOST_BYTES = 1_000_000
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_text(file: Path, *, most_bytes: int = MOST_BYTES) -> str | FileProblem:
    """The text of a file, which is UTF-8.

    Args:
        file: The file.
        most_bytes: The longest file that is read.
    """
    shown = shown_path(file)
    try:
        if file.is_dir():
            return FileProblem("path", Plain("a folder"), "a file", "name the file in it", file=shown)
        if not file.exists():
            return FileProblem("path", Plain("nothing"), "a file that exists", "correct the path", file=shown)
        if not file.is_file():
            return FileProblem("path", Plain("a device"), "a regular file", "name a file", file=shown)
        with file.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return FileProblem(
            "path", Plain(reason), "a file that can be read", "correct the path or its rights", file=shown
        )
    if len(content) > most_bytes:
        allowed = f"at most {most_bytes:,} bytes long"
        return FileProblem("file", Plain("more"), allowed, "split it, or name the right file", file=shown)
    return _decoded(content, shown)


def _decoded(content: bytes, shown: str) -> str | FileProblem:
    for mark, name in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            return FileProblem("encoding", Plain(name), "UTF-8", "save the file as UTF-8", file=shown, line=1, column=1)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1
        got = Plain(f"the byte 0x{content[error.start]:02x}")
        line = before.count(b"\n") + 1
        return FileProblem("encoding", got, "UTF-8", "save the file as UTF-8", file=shown, line=line, column=column)

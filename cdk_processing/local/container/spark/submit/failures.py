"""Failures of ``smspark-submit``: a message that the service reads, and an exit code."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SubmitError"]

_MESSAGE_BYTES = 1024


class SubmitError(Exception):
    """The job cannot be run, or has failed.

    Args:
        cause: Name of the underlying error; AWS's image uses the names of click's and Python's errors.
        message: What the command was doing.
        detail: The error's text.
        code: The exit code.
        hint: How to fix it; AWS's image gives no hints.
    """

    def __init__(self, cause: str, message: str, detail: str, code: int = 1, hint: str = "") -> None:
        told = f" {hint}" if hint else ""
        text = f"Algorithm Error: (caused by {cause}): {message}: {detail}"
        # Cut the command, not the hint, because the hint helps the user.
        kept = text.encode()[: _MESSAGE_BYTES - len(told.encode())].decode(errors="ignore")
        super().__init__(f"{kept}{told}")
        self.code = code

    def write(self, path: Path) -> None:
        """Write the message to the file that the service reads."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(self), encoding="utf-8")

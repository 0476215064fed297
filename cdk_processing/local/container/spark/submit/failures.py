"""How ``smspark-submit`` fails: a message that the service picks up, and an exit code."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SubmitError"]

_MESSAGE_BYTES = 1024


class SubmitError(Exception):
    """The job cannot be run, or has failed.

    Args:
        cause: Name of the error behind it; AWS's image gives those of click and Python.
        message: What was done when it arose.
        detail: The error's own text.
        code: The exit code.
        hint: What to do about it; AWS's image gives none.
    """

    def __init__(self, cause: str, message: str, detail: str, code: int = 1, hint: str = "") -> None:
        told = f" {hint}" if hint else ""
        text = f"Algorithm Error: (caused by {cause}): {message}: {detail}"
        # The hint is what helps, so it is the command that is cut.
        kept = text.encode()[: _MESSAGE_BYTES - len(told.encode())].decode(errors="ignore")
        super().__init__(f"{kept}{told}")
        self.code = code

    def write(self, path: Path) -> None:
        """Leave the message where the service looks for it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(self), encoding="utf-8")

"""The secrets of one embedded AWS, new at each start.

The process that starts the server sends them over the server's standard input. Other processes could read them from a
command line or inherit them with an environment.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

__all__ = ["ServerSecrets"]


@dataclass(frozen=True, slots=True)
class ServerSecrets:
    """Secrets that prove that a request comes from the process that started the embedded AWS.

    Attributes:
        root: The secret access key of the account's root.
        admin: The secret for the admin door, and for nothing else.
    """

    root: str = field(repr=False)
    admin: str = field(repr=False)

    @classmethod
    def make(cls) -> ServerSecrets:
        """Make new random secrets of 240 bits each."""
        return cls(secrets.token_urlsafe(30), secrets.token_urlsafe(30))

    def to_line(self) -> bytes:
        """The secrets as one line of JSON."""
        return json.dumps({"root": self.root, "admin": self.admin}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> ServerSecrets:
        """Read what :meth:`to_line` wrote.

        Raises:
            ValueError: The line is not such JSON.
        """
        try:
            fields = json.loads(line)
            return cls(fields["root"], fields["admin"])
        except (KeyError, TypeError, ValueError):
            raise ValueError("the first line of the standard input must be the server's secrets, as JSON") from None

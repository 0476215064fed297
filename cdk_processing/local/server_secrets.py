"""The secrets of one embedded AWS, new at each start.

The process that starts it gives them to the server by its standard input: other processes can read a command line, and
inherit an environment.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

__all__ = ["ServerSecrets"]


@dataclass(frozen=True, slots=True)
class ServerSecrets:
    """What proves that a request comes from whoever started the embedded AWS.

    Attributes:
        root: The secret access key of the account's root.
        admin: Opens the admin door, and nothing else.
    """

    root: str = field(repr=False)
    admin: str = field(repr=False)

    @classmethod
    def make(cls) -> ServerSecrets:
        """New random secrets: 240 bits each."""
        return cls(secrets.token_urlsafe(30), secrets.token_urlsafe(30))

    def to_line(self) -> bytes:
        """Themselves as one line of JSON."""
        return json.dumps({"root": self.root, "admin": self.admin}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> ServerSecrets:
        """Read what :meth:`to_line` wrote.

        Raises:
            ValueError: It is something else.
        """
        try:
            fields = json.loads(line)
            return cls(fields["root"], fields["admin"])
        except (KeyError, TypeError, ValueError):
            raise ValueError("the first line of the standard input must be the server's secrets, as JSON") from None

"""Which user ids a sandbox has, and which ids of the host they are.

Root in a sandbox is the user who runs the embedded AWS. The host's root can map other ids freely. An ordinary user can
map those that ``/etc/subuid`` and ``/etc/subgid`` grant, with ``newuidmap`` and ``newgidmap`` (Debian's package
``uidmap``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["UserIds", "possible_user_ids"]

_IDS = 65_536
# Root maps all other ids to this range, far from the ids of the host's users.
_FIRST_ID = 2_000_000_000

_Range = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class UserIds:
    """The ids of a user namespace.

    Attributes:
        uid_map: Ranges of user ids: first id inside, first id on the host, number of ids.
        gid_map: Ranges of group ids.
        programs: The programs that write the maps, if the user may not.
    """

    uid_map: tuple[_Range, ...]
    gid_map: tuple[_Range, ...]
    programs: dict[str, str] = field(default_factory=dict)

    def specification(self) -> dict[str, Any]:
        """Return the ids in the format that the sandbox's first process reads."""
        return dataclasses.asdict(self)


def possible_user_ids() -> list[UserIds | None]:
    """Return what this user may map, from many ids to one. The last one, None, means no user namespace: only root."""
    if os.geteuid() == 0:
        ranges = ((0, 0, 1), (1, _FIRST_ID, _IDS - 1))
        return [UserIds(ranges, ranges), None]
    own, group = (0, os.geteuid(), 1), (0, os.getegid(), 1)
    one = UserIds((own,), (group,))
    programs = {"uid_map": shutil.which("newuidmap"), "gid_map": shutil.which("newgidmap")}
    found = {name: path for name, path in programs.items() if path is not None}
    granted = [_granted(Path(path)) for path in ("/etc/subuid", "/etc/subgid")]
    if len(found) < len(programs) or None in granted:
        return [one]
    users, groups = ((1, *each) for each in granted if each is not None)
    return [UserIds((own, users), (group, groups), found), one]


def _granted(path: Path) -> tuple[int, int] | None:
    """Read the first range of this user: first id and number of ids."""
    names = {str(os.getuid())}
    with contextlib.suppress(KeyError):  # a user without a name
        names.add(pwd.getpwuid(os.getuid()).pw_name)
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, ids = line.partition(":")
        first, _, count = ids.partition(":")
        if name in names and first.isdigit() and count.isdigit() and int(count):
            return int(first), min(int(count), _IDS - 1)
    return None

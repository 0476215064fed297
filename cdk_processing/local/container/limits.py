"""How much of the machine one container may use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a container. Each applies to the sum of all its processes and files.

    A container that exceeds one is killed. ``sandbox_init/usage.py`` measures it several times a second. In addition,
    the kernel limits each process and each file.

    Attributes:
        memory_bytes: Memory; by default, and at most, the machine's memory.
        volume_bytes: Size of all files that it writes, and of its inputs; by default, limited by the disk.
        processes: Processes and threads.
    """

    memory_bytes: int | None = None
    volume_bytes: int | None = None
    processes: int = 16_384

    def specification(self) -> dict[str, Any]:
        """Return the limits in the format that the sandbox's first process reads."""
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return {
            "memory": min(self.memory_bytes or machine, machine),
            "disk": self.volume_bytes,
            "processes": self.processes,
            "limits": {
                "DATA": machine,
                "NPROC": self.processes,
                "CORE": 0,
                **({"FSIZE": self.volume_bytes} if self.volume_bytes else {}),
            },
        }

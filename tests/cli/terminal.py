"""A real terminal of 120 columns, and what it shows of a program."""

import contextlib
import os
import re

import pexpect
import pyte

from tests.patience import until

ROWS, COLUMNS = 50, 120


class Terminal:
    """A program on a pseudo-terminal; its screen is what a person would see."""

    def __init__(self, command, folder, **environment):
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        self._process = pexpect.spawn(
            command[0],
            command[1:],
            cwd=str(folder),
            env={**kept, "TERM": "xterm-256color", **environment},
            dimensions=(ROWS, COLUMNS),
            timeout=None,
        )

    def _look(self):
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            self._stream.feed(self._process.read_nonblocking(65536, timeout=0.05))
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def until(self, pattern):
        """Wait until the screen shows a pattern; return what it shows, and the match."""
        shown = until(self._look, lambda shown: re.search(pattern, shown))
        return shown, re.search(pattern, shown)

    def interrupt(self):
        """Press Ctrl-C, and wait for the end; return what the screen shows then, and the exit code."""
        self._process.sendintr()
        until(lambda: (self._look(), self._process.isalive())[1], lambda alive: not alive)
        return self._look(), self._process.exitstatus

    def close(self):
        """End the program, if it has not ended."""
        self._process.close(force=True)


def without_changing(text):
    """A screen without what differs from run to run: ids, times, spinners, the names of buckets."""
    for pattern, instead in (
        (r"[\u2800-\u28ff]", "*"),
        (r"\b[0-9a-f]{8}\b", "8456984e"),
        (r"\b\d\d:\d\d:\d\d\b", "12:00:00"),
        (r"\b\d+\.\d s\b|\b\d+ min \d+ s\b", "1.0 s"),
        (r"three-(raw|results)\S*?-[a-z0-9]{8,}", r"three-\1"),
    ):
        text = re.sub(pattern, instead, text)
    return text

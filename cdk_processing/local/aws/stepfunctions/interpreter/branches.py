"""Runs the branches of a Parallel or the iterations of a Map at once.

AWS's histories show a branch up to its first wait for a task or a time before the next branch. So here the next branch
starts when the one before it waits or ends, and the order of a history does not depend on the machine's speed.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cdk_processing.local.aws.stepfunctions.history import Branch, BranchEndedError, begin_branch, current_branch

__all__ = ["park", "run_branches"]


def park() -> None:
    """Say that the branch of this thread waits for something."""
    branch = current_branch()
    if branch is not None:
        branch.parked.set()


class _Runs:
    """The threads of the branches of one state."""

    def __init__(self, jobs: Sequence[Callable[[], Any]], at_once: int) -> None:
        self._jobs = jobs
        self._places = threading.Semaphore(at_once or max(1, len(jobs)))
        self._outer = current_branch() or Branch()
        self._settled = threading.Event()
        self._unfinished = len(jobs)
        self._lock = threading.Lock()
        self._branches: dict[int, Branch] = {}
        self.results: list[Any] = [None] * len(jobs)
        self.error: BaseException | None = None
        if not jobs:
            self._settled.set()

    def start(self, number: int) -> None:
        """Start a branch when there is a place for it, and wait until it waits."""
        if not self._places.acquire(blocking=False):
            park()
            self._places.acquire()
        if self.error is not None:
            return
        branch = Branch(last=self._outer.last)
        self._outer.ended.on_set(branch.ended.set)
        self._branches[number] = branch
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run, number, branch), daemon=True).start()
        branch.parked.wait()

    def _run(self, number: int, branch: Branch) -> None:
        begin_branch(branch)
        try:
            self.results[number] = self._jobs[number]()
        except BaseException as error:  # the thread of the state raises it
            with self._lock:
                self.error = self.error or error
        finally:
            with self._lock:
                self._branches.pop(number, None)
                self._unfinished -= 1
                if self.error is not None or not self._unfinished:
                    self._settled.set()
            self._places.release()
            branch.parked.set()

    def wait(self) -> None:
        """Wait until every branch has ended, or one has failed."""
        if not self._settled.is_set():
            park()
        self._settled.wait()

    def end_others(self) -> list[int]:
        """End the branches that still run; their threads end at their next event."""
        with self._lock:
            others = sorted(self._branches)
            for branch in self._branches.values():
                branch.ended.set()
        return others


def run_branches(
    jobs: Sequence[Callable[[], Any]], at_once: int = 0, aborted: Callable[[int], object] | None = None
) -> list[Any]:
    """Run each job in a thread of its own, and return their results in order.

    Args:
        jobs: What each branch runs.
        at_once: How many may run at once; 0: all.
        aborted: Called with the number of each branch that was running when another one failed.

    Raises:
        BaseException: The error of the first branch that failed.
    """
    runs = _Runs(jobs, at_once)
    for number in range(len(jobs)):
        if runs.error is not None:
            break
        runs.start(number)
    runs.wait()
    if runs.error is None:
        return runs.results
    others = runs.end_others()
    if aborted is not None and not isinstance(runs.error, BranchEndedError):
        for number in others:
            aborted(number)
    raise runs.error

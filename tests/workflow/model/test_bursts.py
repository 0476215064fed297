"""A burst of arrivals at a job with a limit, in the model's time: all are served, in order, and each looks rarely."""

import os

import pytest

from tests.workflow.model.machine import Execution
from tests.workflow.model.runs import MACHINE
from tests.workflow.model.world import World

ARRIVALS = int(os.environ.get("ARRIVALS", "200"))
JOB_SECONDS = 300


class Burst:
    """Executions that all come at once, each a second of calls apart at most, and jobs of five minutes."""

    def __init__(self, subject, arrivals):
        self.world, self.ends, self.began, self.most_at_once = World(), {}, [], 0
        self.world.machines[subject.line_machine] = subject.line
        self.world.on_job = self._job_began
        self.waiting = [
            Execution(subject.definition, MACHINE, f"e{number}", subject.event(f"{number}", 1)[0], self.world)
            for number in range(arrivals)
        ]

    def _job_began(self, job):
        self.began.append(job.maker)
        self.ends[job.name] = self.world.clock.now + JOB_SECONDS
        working = [each for each in self.world.jobs.values() if not each.ended]
        self.most_at_once = max(self.most_at_once, len(working))

    def run(self):
        """Until all have ended; whoever can act does, then time goes on to what is due next."""
        while any(each.running for each in self.waiting):
            self.waiting = [each for each in self.waiting if each.running]
            acted = False
            for execution in [*self.waiting, *(each for each in self.world.called if each.running)]:
                while execution.running and not execution.blocked and self._is_due(execution):
                    execution.step()
                    acted = True
            self.world.called = [each for each in self.world.called if each.running]
            if not acted:
                self._wait()

    def _is_due(self, execution):
        return execution.deadline is None or execution.deadline <= self.world.clock.now or not self._sleeps(execution)

    @staticmethod
    def _sleeps(execution):
        return execution.definition.states[execution.state]["Type"] == "Wait"

    def _wait(self):
        due = [each.deadline for each in self.waiting if self._sleeps(each) and each.deadline is not None]
        self.world.clock.reach(min([*due, *self.ends.values()]))
        for name, end in list(self.ends.items()):
            if end <= self.world.clock.now:
                self.world.jobs[name].end("Completed")
                del self.ends[name]


@pytest.mark.slow
def test_a_burst_is_served_in_order_within_its_limit(subject):
    burst = Burst(subject("Limited"), ARRIVALS)
    executions = list(burst.waiting)

    burst.run()

    looks = sum(each.entered.count("AskForPlace") for each in executions) / ARRIVALS
    hours, least = burst.world.clock.now / 3_600, ARRIVALS / 2 * JOB_SECONDS / 3_600
    print(f"\n{ARRIVALS} arrivals, 2 at once: {looks:.1f} looks each, {hours:.1f} h, at least {least:.1f} h")
    assert {each.output["status"] for each in executions} == {"Completed"}
    assert burst.began == executions
    assert burst.most_at_once == 2

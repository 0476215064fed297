"""Runs of one job in every order that hypothesis thinks of, and what must never come of it."""

import re
import sys
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.workflow.model.machine import Definition, Execution
from tests.workflow.model.world import FAULTS, ViolationError, World

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Census-Preprocess"
SCHEDULE = "arn:aws:scheduler:us-east-1:111122223333:schedule/default/Nightly"
#: So many executions are started in one example, and so many steps are taken to end all of them.
MOST_EXECUTIONS = 10
MOST_STEPS_TO_THE_END = 2_000
#: How a job may end that nobody stops.
ENDINGS = [
    ("Completed", None),
    ("Failed", "AlgorithmError: exit code 1"),
    ("Failed", "InternalServerError: We encountered an internal error. Please try again."),
    ("Failed", "CapacityError: Unable to provision requested ML compute capacity. Please retry."),
    ("Stopped", None),
]
_WHICH = st.integers(0, 7)


@dataclass(frozen=True)
class Subject:
    """What is checked: a definition, what launches it, and what it promises beyond what all of them do.

    Attributes:
        definition: The state machine's.
        overlap: What its schedule asks for, None where objects launch it.
        newest_only: Whether what is older than the newest arrival of its key is superseded.
        announces: Whether it tells of its success.
        by_hand: Whether it is started with a run key and a parameter, ``ratio``.
        sources: The sources whose markers launch a run together.
        bucket: Where objects arrive.
        line: The definition of the state machine that keeps lines; None where nothing is limited.
        line_machine: ARN of that.
        weights: What a run of each definition takes of the limit.
        limit: How much runs may take together.
        several_lines: Whether runs stand in one line after another. Who is first in one may come second to the next:
            each line has its own order.
        others: Further jobs that share the limit: their definitions.
        services: Whose calls it makes, as far as faults go.
    """

    definition: Definition
    overlap: str | None = None
    newest_only: bool = False
    announces: bool = False
    by_hand: bool = False
    sources: tuple[str, ...] = ()
    bucket: str = "raw-data"
    line: Definition | None = None
    line_machine: str = ""
    weights: tuple[int, ...] = (1,)
    limit: int | None = None
    several_lines: bool = False
    others: tuple[Definition, ...] = ()
    services: tuple[str, ...] = field(init=False)

    def __post_init__(self):
        states = [*self.definition.states.values(), *(self.line.states.values() if self.line else ())]
        used = " ".join(state.get("Resource", "") for state in states)
        words = {
            "create": "createProcessingJob",
            "describe": "describeProcessingJob",
            "stop": "stopProcessingJob",
            "s3": ":s3:",
            "sqs": "sqs:",
            "dynamodb": "dynamodb:",
            "sfn": ":sfn:describeExecution",
            "sync": ":sfn:startSyncExecution",
            "events": "events:",
        }
        services = [service for service, word in words.items() if word in used]
        # More often where more can go wrong: where a name, a turn or a place in a queue is taken.
        takes = [service for service in services if service in ("create", "dynamodb")]
        object.__setattr__(self, "services", (*services, *takes, *takes))

    def job_of(self, label):
        """Which of the jobs an event launches."""
        return sum(map(ord, f"{label[0]}")) % (1 + len(self.others))

    def event(self, thing, version):
        """An event, and what is delivered at most once however often the event is: the label of its run."""
        if self.overlap is not None:
            number = thing * 3 + version
            time = f"2024-03-{number + 1:02}T06:00:00Z"
            event = {"source": "aws.scheduler", "schedule": SCHEDULE, "time": time, "overlap": self.overlap}
            return event, ("tick", number)
        if self.by_hand:
            return {"run_key": thing, "parameters": {"ratio": f"0.{version}"}}, ("by hand", thing)
        if self.sources:
            # Of the second day, one source alone comes: most events are of one day, so that it mostly gets complete.
            day = thing if version == 0 else 0
            return self._marker(day, self.sources[version]), ("day", day)
        told = {"key": f"in/{thing}.csv", "size": 12, "version-id": f"v{version}", "sequencer": f"00{version:02X}"}
        event = {
            "source": "aws.s3",
            "id": f"event-{thing}-{version}",
            "detail-type": "Object Created",
            "time": "2024-03-05T07:08:00Z",
            "detail": {"bucket": {"name": self.bucket}, "object": {**told, "etag": f"{thing}{version}"}},
        }
        return event, (thing, version)

    def folder(self, source, day):
        """The folder of one source and day."""
        return f"s3://{self.bucket}/{source}/day={day}/"

    def _marker(self, day, source):
        key = f"{source}/day={day}/_SUCCESS"
        marker = {"key": key, "size": 0, "version-id": "v1", "sequencer": "00"}
        return {
            "source": "aws.s3",
            "id": f"event-{key}",
            "detail-type": "Object Created",
            "time": "2024-03-05T07:08:00Z",
            "detail": {"bucket": {"name": self.bucket}, "object": marker},
        }


class Statistics(Counter):
    """How much was checked: ``interleavings``, ``executions``, ``steps``, ``jobs``, and each state and fault met."""


class Runs(RuleBasedStateMachine):
    """Events, jobs, faults and people in any order; derive with a ``subject``."""

    subject: Subject
    statistics = Statistics()

    def __init__(self):
        super().__init__()
        self.world = World()
        self.world.machines[self.subject.line_machine] = self.subject.line
        self.world.on_job, self.world.on_letter = self._job_made, self._letter_sent
        self.started, self.labels, self.envelopes = [], {}, []
        # Who has had an answer from the table, and who had when another one began: those are before it in a queue.
        self.placed, self.ahead = [], {}
        self.aborted, self._anew = set(), True

    @initialize(anew=st.booleans(), cancels=st.booleans())
    def nobody_says_how_a_retry_and_a_cancelled_task_are_done(self, anew, cancels):
        self._anew, self.world.cancels = anew, cancels

    # -- what happens

    def _room(self):
        return len(self.started) < MOST_EXECUTIONS

    def _able(self):
        going = [*self.started, *self.world.called] if self.world.called else self.started
        return [execution for execution in going if execution.running and not execution.blocked]

    def _running(self):
        return [execution for execution in self.started if execution.running]

    def _jobs(self):
        return [job for job in self.world.jobs.values() if not job.ended and job.maker is not None]

    @precondition(_room)
    @rule(thing=st.integers(0, 1), version=st.integers(0, 2), steps=st.integers(0, 4))
    def an_event_is_delivered(self, thing, version, steps):
        """For the first time or again, early or late, in order or not."""
        event, label = self.subject.event(thing, version)
        self._go(self._start(event, label), steps)

    @precondition(_able)
    @rule(which=_WHICH, steps=st.sampled_from([1, 2, 3, 6, 20]))
    def an_execution_goes_on(self, which, steps):
        self._go(_pick(self._able(), which), steps)

    @precondition(_able)
    @rule(which=_WHICH, fault=st.sampled_from(["throttled", "server_error", "lost"]))
    def an_execution_meets_nothing_but_faults(self, which, fault):
        """For as long as a task is patient, and longer."""
        self.world.storm = fault
        self._go(_pick(self._able(), which), 18)
        self.world.storm = None

    @precondition(_able)
    @rule(order=st.lists(_WHICH, min_size=2, max_size=12))
    def executions_go_on_in_turns(self, order):
        for which in order:
            if able := self._able():
                self._go(_pick(able, which), 1)

    @precondition(_jobs)
    @rule(which=_WHICH, how=st.sampled_from(ENDINGS))
    def a_job_ends(self, which, how):
        job = _pick(self._jobs(), which)
        job.end(*(("Stopped", None) if job.status == "Stopping" and how[0] == "Failed" else how))

    @rule(data=st.data(), times=st.integers(1, 3))
    def a_fault_waits(self, data, times):
        service = data.draw(st.sampled_from(self.subject.services))
        self.world.faults[service].extend([data.draw(st.sampled_from(FAULTS[service]))] * times)

    @precondition(_running)
    @rule(which=_WHICH)
    def time_passes_until_something_is_due(self, which):
        due = [execution.deadline for execution in self._running() if execution.deadline is not None]
        if due:
            self.world.clock.reach(_pick(sorted(due), which))

    @precondition(_running)
    @rule(which=_WHICH)
    def somebody_aborts_an_execution(self, which):
        execution = _pick(self._running(), which)
        execution.abort()
        self.aborted.add(self.labels[execution])

    @rule()
    def the_queue_goes_down_or_comes_back(self):
        self.world.queue_is_down = not self.world.queue_is_down

    def _redrivable(self):
        return [execution for execution in self.started if execution.status in ("FAILED", "ABORTED")]

    @precondition(_redrivable)
    @rule(which=_WHICH, now=st.booleans())
    def somebody_looks_whether_to_redrive(self, which, now):
        """As cdk_processing/client/redrive.py does; between the look and the start anything may happen."""
        execution = _pick(self._redrivable(), which)
        envelope = self._redrive(execution)
        if envelope is not None:
            self.envelopes.append((envelope, self.labels[execution]))
            if now and self._room():
                self._start(*self.envelopes[-1])

    @precondition(lambda self: self.envelopes and self._room())
    @rule(which=_WHICH, steps=st.integers(0, 4))
    def somebody_redrives(self, which, steps):
        self._go(self._start(*_pick(self.envelopes, which)), steps)

    # -- how

    def _start(self, event, label):
        name = f"e{len(self.started) + 1}"
        which = self.subject.job_of(label)
        definition, machine = (self.subject.definition, *self.subject.others)[which], MACHINE + "2" * which
        execution = Execution(definition, machine, name, event, self.world, self._anew)
        self.labels[execution], self.ahead[execution] = label, tuple(self.placed)
        self.started.append(execution)
        self.statistics["executions"] += 1
        return execution

    def _go(self, execution, steps):
        for _ in range(steps):
            execution.step()
            if execution.caller is None and execution not in self.placed and self._has_come(execution):
                self.placed.append(execution)
            self.statistics["steps"] += 1

    def _has_come(self, execution):
        """Whether an execution knows that it stands in a line, or that the table has its place."""
        if self.subject.limit is None:
            return bool(execution.answers)
        answer = execution.variables.get("answer", {})
        return bool(answer.get("place") or answer.get("joined"))

    def _redrive(self, execution):
        """The input of the execution that goes on with a failed one's run; None where there is nothing to redrive."""
        if "run" not in execution.variables:
            return None
        run = execution.variables["run"]
        event = execution.input["redrive"]["event"] if "redrive" in execution.input else execution.input
        latest, number = None, 1
        while (job := self.world.jobs.get(self._job_name(execution, number))) is not None:
            latest, number = job, number + 1
        if latest is not None and latest.maker is not None:
            if latest.maker.running or not latest.ended:
                return None
            if latest.status == "Completed":
                if latest.maker.status == "SUCCEEDED":
                    return None
                # The job did its work and the run failed after it: the job is adopted, not done again.
                number -= 1
        return {"redrive": {"event": event, "run_key": run["key"], "run_id": run["id"], "attempt": number}}

    def _job_name(self, execution, attempt):
        template = execution.definition.states["RunJob"]["Arguments"]["ProcessingJobName"]
        variables = {**execution.variables, "attempt": attempt}
        context = {"Execution": {"Id": execution.arn}, "StateMachine": {"Id": MACHINE}}
        return execution.definition.evaluate(template, variables, {"input": {}, "context": context})

    # -- what must never be

    def _label(self, job):
        return None if job.maker is None else self.labels[job.maker]

    def _job_made(self, job):
        label = self._label(job)
        job.attempt = job.maker.variables["attempt"]
        self.statistics["jobs"] += 1
        before = [other for other in self.world.jobs.values() if other is not job and self._label(other) == label]
        for other in before:
            _never(
                other.attempt == job.attempt, f"two jobs of {label}, attempt {job.attempt}: {other.name}, {job.name}"
            )
            _never(not other.ended, f"{job.name} begins while {other.name} of the same run is {other.status}")
            _never(other.status == "Completed", f"{job.name} begins though {other.name} of the same run completed")
        for channel in job.request.get("ProcessingInputs", []):
            if channel.get("S3Input", {}).get("S3DataType") == "ManifestFile":
                self._check_manifest(job, channel["S3Input"]["S3Uri"])
        if self.subject.overlap in ("skip", "queue"):
            self._check_overlap(job)
        if self.subject.sources:
            self._check_folders(job)
        if self.subject.limit is not None:
            self._check_limit(job)

    def _check_manifest(self, job, uri):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        thing, _ = self._label(job)
        body = [{"prefix": f"s3://{self.subject.bucket}/"}, f"in/{thing}.csv"]
        _never(self.world.objects.get((bucket, key)) != body, f"{job.name} reads another manifest than its own: {uri}")

    def _check_folders(self, job):
        label = self._label(job)
        missing = set(self.subject.sources) - self._come(label)
        _never(missing, f"{job.name} of {label} begins though {missing} have not come")
        read = [channel["S3Input"]["S3Uri"] for channel in job.request["ProcessingInputs"]]
        wanted = [self.subject.folder(source, label[1]) for source in self.subject.sources]
        _never(read[: len(wanted)] != wanted, f"{job.name} of {label} reads {read}")

    def _come(self, label):
        """The sources whose markers have been delivered for a day."""
        events = [execution.input for execution, its in self.labels.items() if its == label]
        events = [event["redrive"]["event"] if "redrive" in event else event for event in events]
        return {event["detail"]["object"]["key"].partition("/")[0] for event in events}

    def _check_overlap(self, job):
        for other in self._jobs():
            # A turn is its execution's. Where that was aborted, or failed, just when the answer to its request for a
            # job had been lost, the job goes on without anybody who knows of it.
            _never(
                other is not job and other.status == "InProgress" and other.maker.running,
                f"{job.name} of {self._label(job)} begins while {other.name} of {self._label(other)} runs",
            )
        if self.subject.overlap == "queue":
            for other in self.ahead[job.maker]:
                _never(other.running, f"{_name(job.maker)} makes its job before {_name(other)}, which came before it")

    def _weight(self, execution):
        return self.subject.weights[self.subject.job_of(self.labels[execution])]

    def _check_limit(self, job):
        told = f"{job.name} of {self._label(job)} begins"
        working = [other.maker for other in self._jobs() if other is job or other.maker.running]
        _never(
            sum(map(self._weight, working)) > self.subject.limit,
            f"{told} while {len(working) - 1} others work: more than the limit of {self.subject.limit}",
        )
        line = self._line()
        _never(job.maker not in line, f"{told}, and {_name(job.maker)} has no place in the line")
        if self.subject.several_lines:
            return
        before = line[: line.index(job.maker)]
        for other in self.ahead[job.maker]:
            _never(other.running and other not in before, f"{told} before {_name(other)}, which came before it")

    def _line(self):
        """The executions in the last line before the job, in order."""
        arns = MACHINE.replace(":stateMachine:", ":execution:").rpartition(":")[0]
        keys = [key for key, item in self.world.table.items.items() if "line" in item]
        shared = [key for key in keys if "#line#platform" in key]
        item = self.world.table.items[(shared or keys)[0]]
        return [self.world.executions[f"{arns}:{each['S'].partition(' ')[2]}"] for each in item["line"]["L"]]

    def _letter_sent(self, execution, body):
        told = f"{_name(execution)} of {self.labels.get(execution)} sends a dead letter ({body['error']}) though"
        _never(execution.job_completed and not self.subject.announces, f"{told} it has seen its job complete")
        reused = body["error"] == "CdkProcessing.RunKeyReused"
        _never(reused and not self.subject.by_hand, f"{told} nobody used a key twice")
        _never(not execution.troubled and not reused, f"{told} nothing has gone wrong for it")

    def teardown(self):
        if sys.exc_info()[0] is not None:
            return
        self._end_everything()
        for execution in self.started:
            self._check_end(execution)
        for label in set(self.labels.values()):
            self._check_run(label)
        self.statistics["interleavings"] += 1
        self.statistics.update(self.world.met)
        for execution in [*self.started, *self.world.called]:
            self.statistics.update(execution.entered)

    def _end_everything(self):
        """Nothing goes wrong any more: whatever has begun comes to its end."""
        self.world.queue_is_down = False
        for waiting in self.world.faults.values():
            waiting.clear()
        taken = 0
        while running := [*self._running(), *(each for each in self.world.called if each.running)]:
            for job in self._jobs():
                job.end("Stopped" if job.status == "Stopping" else "Completed")
            for execution in running:
                self._go(execution, 1)
                taken += 1
            _never(
                taken > MOST_STEPS_TO_THE_END,
                "nothing is in the way any more, and yet do not end: "
                + ", ".join(f"{_name(each)} ({' > '.join(each.entered[-6:])})" for each in running),
            )

    def _check_end(self, execution):
        told = f"{_name(execution)} of {self.labels[execution]} ({' > '.join(execution.entered)})"
        if execution.status == "FAILED":
            _never(
                not self._has_letter(execution) and execution not in self.world.refused_letters,
                f"{told} failed and nobody was told: {execution.error} {execution.cause}",
            )
        elif execution.status == "SUCCEEDED":
            check = getattr(self, f"_check_{execution.output['status'].lower()}")
            check(execution, told)

    def _check_completed(self, execution, told):
        mine = self.labels[execution]
        job = self.world.jobs.get(execution.output["job_name"])
        _never(job is None or job.status != "Completed", f"{told} says Completed, its job is {job and job.status}")
        # A run that is redriven takes what an earlier execution has made of it.
        others = job.maker is not execution and not ("redrive" in execution.input and self._label(job) == mine)
        _never(others, f"{told} says Completed of a job that it did not make")
        if self.subject.announces:
            _never(not any(by is execution for by, _ in self.world.published), f"{told} did not tell of its success")

    def _check_duplicate(self, execution, told):
        job = self.world.jobs.get(execution.output["job_name"])
        _never(job is None, f"{told} is called a duplicate, and there is no job")
        mine = self.labels[execution]
        _never(self._label(job) != mine or job.maker is execution, f"{told} is called a duplicate of another run")

    def _check_superseded(self, execution, told):
        thing, version = self.labels[execution]
        newer = [label for label in self.labels.values() if label[0] == thing and label[1] > version]
        _never(not self.subject.newest_only or not newer, f"{told} is called superseded, and nothing newer came")

    def _check_skipped(self, execution, told):
        _never(self.subject.overlap != "skip", f"{told} was skipped, which nobody asked for")
        _never(len(self.started) == 1, f"{told} was skipped, and it is alone")

    def _check_waiting(self, execution, told):
        missing = set(execution.output["missing"])
        _never(not missing or not missing < set(self.subject.sources), f"{told} waits for {missing}")

    def _check_run(self, label):
        executions = [execution for execution, its in self.labels.items() if its == label]
        if label in self.aborted or any(execution.status == "FAILED" for execution in executions):
            return  # somebody knows: whoever did it, or the reader of the letter that _check_end has seen
        made = [job.status for job in self.world.jobs.values() if self._label(job) == label]
        ends = {execution.output["status"] for execution in executions}
        if self.subject.sources and self._come(label) < set(self.subject.sources):
            _never(made or ends != {"Waiting"}, f"{label} has {self._come(label)}, jobs {made} and ends {ends}")
            return
        _never(
            made.count("Completed") != 1 and not ends & {"Superseded", "Skipped"},
            f"{label} was delivered {len(executions)} times and its jobs are {made}; the executions say {ends}",
        )

    def _has_letter(self, execution):
        return any(sender is execution for sender, _ in self.world.letters)


def _pick(things, which):
    return things[which % len(things)]


def _name(execution):
    return execution.arn.rpartition(":")[2]


def _never(it_is, told):
    if it_is:
        raise ViolationError(re.sub(r"[0-9a-f]{32}", "<run>", told))

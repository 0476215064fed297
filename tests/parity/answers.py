"""Both sides' answers to calls: what the SDK sends, and what this library's state machines would send."""

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.parity.calls import Call
from tests.parity.sdk_environment import sdk_python
from tests.parity.sdk_worker import content_of, decoded

__all__ = ["Answer", "answers_here", "answers_of_the_sdk"]

JOBS_A_STACK = 60  # CloudFormation takes 500 resources a template
ACCOUNT, REGION = "111122223333", "us-west-2"
_PSEUDO = {"Partition": "aws", "AccountId": ACCOUNT, "Region": REGION, "URLSuffix": "amazonaws.com"}


@dataclass(frozen=True)
class Answer:
    """What comes of a call.

    Attributes:
        request: CreateProcessingJob; None where the call is refused.
        refusal: Why it is.
        files: What is put into S3 for it, by URI.
        job: The construct's path; here only.
    """

    request: dict[str, Any] | None = None
    refusal: str = ""
    files: dict[str, Any] = field(default_factory=dict)
    job: str = ""


def answers_of_the_sdk(calls: Iterable[Call], folders: dict[str, Path]) -> dict[str, Answer]:
    """What the SDK sends for each call; one process for all of them, as it takes seconds to import."""
    calls = list(calls)
    lines = "".join(json.dumps({**asdict(call), "folder": str(folders[call.name])}) + "\n" for call in calls)
    # Nothing of the machine's own configuration is read.
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.devnull,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
    }
    worker = str(Path(__file__).with_name("sdk_worker.py"))
    done = subprocess.run(
        [str(sdk_python()), "-I", worker], input=lines, env=environment, capture_output=True, text=True, check=False
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(calls), f"the SDK ended early: {done.stderr[-2000:]}"
    return {
        call.name: Answer(answer.get("request"), answer.get("error", ""), answer.get("uploads", {}))
        for call, answer in zip(calls, answers, strict=True)
    }


def answers_here(calls: Iterable[Call], folders: dict[str, Path], out: Path) -> dict[str, Answer]:
    """What the jobs of some apps send, read from their templates."""
    from aws_cdk import App, Environment, Stack

    answers, places = {}, {}
    stacks: list[tuple[Stack, list[Call]]] = []
    for number, call in enumerate(calls):
        room = [
            each for each in stacks if len(each[1]) < JOBS_A_STACK and not any(_conflict(call, it) for it in each[1])
        ]
        if not room:
            # An app for each stack: two jobs of one app may not have one base name, and many calls give the same.
            app = App(outdir=str(out / str(len(stacks))), analytics_reporting=False)
            environment = Environment(account=ACCOUNT, region=REGION)
            room = [(Stack(app, f"Parity{len(stacks)}", env=environment), [])]
            stacks += room
        stack, beside = room[0]
        beside.append(call)
        try:
            with _working_in(folders[call.name]):
                path = _declare(call, stack, f"Call{number}")
        except Exception as error:  # a crash is told of its own call, not of all
            answers[call.name] = Answer(refusal=f"{type(error).__name__}: {error}")
        else:
            places[call.name] = path
    for stack, _ in stacks:
        stack.node.root.synth()
    requests = {path: request for template in out.glob("*/*.template.json") for path, request in _requests(template)}
    files = {uri: content for manifest in out.glob("*/*.assets.json") for uri, content in _published(manifest)}
    return answers | {name: Answer(requests[path], files=files, job=path) for name, path in places.items()}


def _conflict(one: Call, other: Call) -> bool:
    """Whether two calls cannot be in one app: they give one base name, or one path is another file in each."""
    if base_job_name(one) is not None and base_job_name(one) == base_job_name(other):
        return True
    return any(_tree(one, name) != _tree(other, name) for name in _tops(one) & _tops(other))


def base_job_name(call: Call) -> Any:
    """The base name that a call gives, by name or by position; None where it gives none."""
    positional = call.processor["args"]
    given = call.processor["kwargs"].get("base_job_name")
    return given or (positional[9] if len(positional) > 9 else None)


def _tops(call: Call) -> set[str]:
    return {path.partition("/")[0] for path in call.files}


def _tree(call: Call, top: str) -> dict[str, str]:
    return {path: text for path, text in call.files.items() if path.partition("/")[0] == top}


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _declare(call: Call, stack: Any, construct_id: str) -> str:
    import cdk_processing

    classes = {name: getattr(cdk_processing, name) for name in cdk_processing.__all__}
    request = decoded(call.processor, classes).run(*decoded(list(call.run_args), classes), **decoded(call.run, classes))
    return cdk_processing.ProcessingJob(stack, construct_id, request).node.path


def _requests(template: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """The request of each state machine of a template, by its job."""
    whole = json.loads(template.read_text(encoding="utf-8"))
    for resource in whole.get("Resources", {}).values():
        if resource["Type"] != "AWS::StepFunctions::StateMachine":
            continue
        states = json.loads(_resolved(resource["Properties"]["DefinitionString"], whole.get("Mappings", {})))["States"]
        arguments = _evaluated(states["RunJob"]["Arguments"])
        [base] = re.findall(r"'name': ('[^']*') & \$id", states["Prepare"]["Assign"]["run"])
        name = arguments["ProcessingJobName"].replace("$run.name", f"{base} & $run.id & '-'")
        yield resource["Metadata"]["cdk-processing"]["job"], {**arguments, "ProcessingJobName": name}


def _published(manifest: Path) -> Iterable[tuple[str, Any]]:
    """What lies in S3 after deployment, by URI."""
    for each in json.loads(manifest.read_text(encoding="utf-8"))["files"].values():
        source = manifest.parent / each["source"]["path"]
        for place in each["destinations"].values():
            uri = f"s3://{place['bucketName']}/{place['objectKey']}"
            for name, value in _PSEUDO.items():
                uri = uri.replace(f"${{AWS::{name}}}", value)
            if source.is_dir():
                yield uri, {str(it.relative_to(source)): _bytes(it) for it in source.rglob("*") if it.is_file()}
            else:
                yield uri, content_of(source.read_bytes(), uri)


def _bytes(file: Path) -> Any:
    return content_of(file.read_bytes(), file.name)


def _resolved(value: Any, mappings: Mapping[str, Any]) -> str:
    """A template's text as CloudFormation fills it in; ``<Name>`` where that is known only at deployment."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return argument[0].join(_resolved(part, mappings) for part in argument[1])
    if function == "Fn::Sub":
        text, values = argument if isinstance(argument, list) else (argument, {})
        known = {f"AWS::{name}": value for name, value in _PSEUDO.items()}
        known |= {name: _resolved(value, mappings) for name, value in values.items()}
        for name, found in known.items():
            text = text.replace(f"${{{name}}}", found)
        return str(text.replace("${!", "${"))
    if function == "Fn::FindInMap" and all(isinstance(each, str) for each in argument):
        # What the definitions of a stack of many jobs share.
        return str(mappings[argument[0]][argument[1]][argument[2]])
    if function == "Ref" and argument.startswith("AWS::"):
        return _PSEUDO[argument.removeprefix("AWS::")]
    return f"<{argument if isinstance(argument, str) else '.'.join(map(str, argument))}>"


def _evaluated(value: Any) -> Any:
    """Arguments with each JSONata expression that is but a text replaced by that text."""
    if isinstance(value, dict):
        return {key: _evaluated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_evaluated(item) for item in value]
    if isinstance(value, str) and value.startswith("{% '") and value.endswith("' %}") and value.count("'") == 2:
        return json.loads(f'"{value[4:-4]}"'.replace("\n", "\\n"))
    return value

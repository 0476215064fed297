"""How long a parameter's value may be follows from where it stands in the request."""

import pytest

from cdk_processing import ExecutionVariables, Parameter, ProcessingInput, ProcessingOutput, ScriptProcessor
from cdk_processing.request.run_time_value import Room

V = ExecutionVariables
DAY = Parameter("day")


def processor(**change):
    hosts = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}
    return ScriptProcessor(**{"image_uri": "img:tag", "command": ["python3"], **hosts, **change})


def room_of(request):
    assert request.problems() == []
    [parameter] = request.parameters()
    return parameter.room


def run(*, env=None, **given):
    return processor(env=env).run("s3://code/p.py", **given)


def reads(source):
    return run(inputs=[ProcessingInput(source, "/opt/ml/processing/in")])


def writes(destination):
    return run(outputs=[ProcessingOutput("/opt/ml/processing/out", destination)])


ROOMS = {
    "an argument is a word on one line": (run(arguments=[DAY]), Room(1, 256, True)),
    "beside other text it may be empty": (run(arguments=[f"--day={DAY}"]), Room(0, 250, True)),
    "twice in one text it has half the room": (run(arguments=[f"{DAY}..{DAY}"]), Room(0, 127, True)),
    "a run id takes its part": (run(arguments=[f"{DAY}-{V.RUN_ID}"]), Room(0, 223, True)),
    "an environment variable takes any text": (run(env={"DAY": DAY}), Room(0, 256, False)),
    "the narrowest place counts": (run(env={"DAY": DAY}, arguments=[f"-d{DAY}"]), Room(0, 254, True)),
    "an input's prefix is part of a URI": (reads(f"s3://raw/{DAY}/"), Room(0, 1014, True)),
    "an output's prefix is part of a URI": (writes(f"s3://raw/{DAY}/"), Room(0, 1014, True)),
    "a word of the command": (processor(command=["python3", f"{DAY}"]).run("s3://code/p.py"), Room(1, 256, True)),
}


@pytest.mark.parametrize("name", ROOMS)
def test_the_room_of_a_value_is_what_its_field_leaves(name):
    request, room = ROOMS[name]

    assert room_of(request) == room


DEFAULTS = [
    ("", "text that is not empty: SageMaker refuses empty arguments", "write the word that the script expects"),
    ("a\nb", "on one line where the job uses it", "take the line breaks out"),
    ("x" * 257, "at most 256 characters, which is what SageMaker takes where the job uses it", "pass long values in a"),
]


@pytest.mark.parametrize(("default", "allowed", "fix"), DEFAULTS)
def test_a_default_that_does_not_fit_is_told(told, default, allowed, fix):
    message = told(run(arguments=[Parameter("day", default=default)]).problems())

    assert message.startswith(f"Parameter('day').default must be {allowed}, got ")
    assert f"; {fix}" in message


def test_a_value_of_a_list_that_does_not_fit_is_told(told):
    mode = Parameter("mode", enum_values=["fast", ""])

    assert told(run(arguments=[mode]).problems()).startswith("Parameter('mode').enum_values must be text that is not")


@pytest.mark.parametrize("default", ["", "a\nb"])
def test_what_an_argument_cannot_be_an_environment_variable_can(default):
    assert run(env={"DAY": Parameter("day", default=default)}).problems() == []

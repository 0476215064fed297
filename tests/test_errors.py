import subprocess
import sys
import textwrap

import pytest

from cdk_processing.errors import CdkProcessingError, DeclarationError, Problem, RunTimeValueError

PROGRAM = """
from cdk_processing.errors import DeclarationError, Problem

def declare():
    raise {raised}

declare()
"""
DECLARATION = "DeclarationError('Census/Preprocess', [Problem('code', 'p.py', 'a script', 'correct the path')])"


def run(tmp_path, source):
    # In a folder of this library's own name: the user's line is the user's all the same.
    folder = tmp_path / "cdk_processing"
    folder.mkdir()
    program = folder / "app.py"
    program.write_text(textwrap.dedent(source), encoding="utf-8")
    return program, subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)


def test_a_problem_says_field_value_what_is_allowed_the_fix_and_where():
    problem = Problem("instance_count", 0, "1-100", "raise instance_count on SKLearnProcessor").on("Preprocess")

    assert str(problem) == (
        "instance_count must be 1-100, got 0; raise instance_count on SKLearnProcessor (Preprocess)"
    )


def test_a_problem_keeps_its_first_owner():
    assert Problem("a", 1, "b", "c").on("inner").on("outer").where == "inner"


def test_a_problem_seen_from_outside_is_named_by_its_path():
    assert Problem("key", 1, "b", "c").inside("destination").inside("outputs[1]").field == "outputs[1].destination.key"


def test_a_long_value_is_cut_and_its_length_told():
    text = str(Problem("arguments[0]", "x" * 300, "short", "shorten it"))

    assert "(302 characters)" in text
    assert "x" * 101 not in text


def test_an_error_lists_every_problem():
    error = DeclarationError("Census/Preprocess", [Problem("a", 1, "x", "fix a"), Problem("b", 2, "y", "fix b")])

    assert str(error) == ("Census/Preprocess: 2 problems\n  - a must be x, got 1; fix a\n  - b must be y, got 2; fix b")


def test_a_single_problem_is_not_told_in_the_plural():
    assert str(DeclarationError("J", [Problem("a", 1, "x", "fix a")])).startswith("J: 1 problem\n")


@pytest.mark.parametrize("kind", [DeclarationError, RunTimeValueError])
def test_every_error_is_the_librarys_own_and_a_value_error(kind):
    assert issubclass(kind, CdkProcessingError)
    assert issubclass(kind, ValueError)


def test_an_uncaught_declaration_error_prints_the_message_and_the_users_line_and_no_traceback(tmp_path):
    program, ended = run(tmp_path, PROGRAM.format(raised=DECLARATION))

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        "error: Census/Preprocess: 1 problem\n"
        "  - code must be a script, got 'p.py'; correct the path\n"
        f"declared at {program}:5\n"
    )


def test_an_uncaught_mistake_in_a_run_time_value_prints_no_traceback_either(tmp_path):
    program, ended = run(tmp_path, "from cdk_processing import Parameter\n\nParameter('split-ratio')\n")

    assert ended.returncode == 1
    assert ended.stderr == (
        "error: name must be 1-64 letters, digits and underscores, not beginning with a digit, got 'split-ratio'; "
        f"rename the Parameter\ndeclared at {program}:3\n"
    )


def test_any_other_uncaught_error_keeps_its_traceback(tmp_path):
    source = f"""
        from cdk_processing.errors import DeclarationError, Problem

        try:
            raise {DECLARATION}
        except DeclarationError:
            1 / 0
    """

    _, ended = run(tmp_path, source)

    assert ended.returncode == 1
    assert "Traceback (most recent call last)" in ended.stderr
    assert "ZeroDivisionError" in ended.stderr


def test_a_programs_own_excepthook_stays(tmp_path):
    own = "import sys\nsys.excepthook = lambda kind, error, traceback: print('mine:', kind.__name__)\n"

    _, ended = run(tmp_path, own + PROGRAM.format(raised=DECLARATION))

    assert ended.stdout == "mine: DeclarationError\n"
    assert ended.stderr == ""


def test_a_mistake_in_a_cdk_app_is_told_without_a_traceback(tmp_path):
    program, ended = run(
        tmp_path,
        """
        from aws_cdk import App, Stack
        from cdk_processing import ProcessingJob, SKLearnProcessor

        stack = Stack(App(), "Census")
        processor = SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=0)
        ProcessingJob(
            stack,
            "Preprocess",
            processor.run(code="s3://code/prep.py"),
        )
        """,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "error: Census/Preprocess: 1 problem\n"
        "  - instance_count must be 1-100, got 0; raise instance_count on SKLearnProcessor (SKLearnProcessor)\n"
        f"declared at {program}:"
    )
    assert "Traceback" not in ended.stderr


def test_where_an_object_is_in_memory_is_not_shown():
    assert "got <object object>; " in str(Problem("a", object(), "b", "c"))

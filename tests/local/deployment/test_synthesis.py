import json
import sys
from pathlib import Path

import pytest

from cdk_processing.local.deployment.synthesis import SynthesisError, synthesize
from tests.patience import FOREVER, until

MANIFEST = 'import json, os, pathlib; pathlib.Path(os.environ["CDK_OUTDIR"], "manifest.json").write_text("{}")'


def run(folder, program=None, **options):
    if program is not None:
        (folder / "app.py").write_text(program)
        (folder / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py", "context": {"a": 1, "b": 1}}))
    return synthesize(folder, folder / "out", account_id="111122223333", region="eu-west-1", **options)


def test_the_app_gets_what_the_cdk_s_command_line_gives_it(tmp_path):
    (tmp_path / "cdk.context.json").write_text('{"b": 2}')
    run(tmp_path, f'{MANIFEST}; json.dump(dict(os.environ), open("said.json", "w"))')
    said = json.loads((tmp_path / "said.json").read_text())
    context = json.loads(said["CDK_CONTEXT_JSON"])
    assert (context["a"], context["b"]) == (1, 2)
    assert context["aws:cdk:enable-path-metadata"] is True
    assert said["CDK_DEFAULT_ACCOUNT"] == "111122223333"
    assert said["CDK_DEFAULT_REGION"] == "eu-west-1"
    assert said["CDK_VALIDATION"] == "false"


def test_validation_stays_as_the_user_has_set_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CDK_VALIDATION", "true")
    run(tmp_path, f'{MANIFEST}; pathlib.Path("said").write_text(os.environ["CDK_VALIDATION"])')
    assert (tmp_path / "said").read_text() == "true"


def test_an_app_that_fails_is_told_in_its_own_last_lines(tmp_path):
    program = "import sys\nfor i in range(50): print('line', i)\nsys.exit('error: instance_count must be 1-100, got 0')"
    with pytest.raises(SynthesisError) as failed:
        run(tmp_path, program)
    text = str(failed.value)
    assert "exit code 1" in text
    assert text.endswith("error: instance_count must be 1-100, got 0")
    assert "line 49" in text
    assert "line 3\n" not in text


def test_an_app_that_writes_nothing_is_told_what_is_missing(tmp_path):
    with pytest.raises(SynthesisError, match=r"add app\.synth\(\) at its end"):
        run(tmp_path, "pass")


def test_an_app_that_hangs_is_ended_with_what_it_started(tmp_path):
    program = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep({FOREVER})'])\n"
        "open('pid.new', 'w').write(str(child.pid))\nos.rename('pid.new', 'pid')\n"
        f"time.sleep({FOREVER})"
    )
    for seconds in (1, 10, 100):  # enough for the app to come as far as starting its child
        with pytest.raises(SynthesisError, match=f"still runs after {seconds} s, so it was ended"):
            run(tmp_path, program, timeout=seconds)
        if (tmp_path / "pid").exists():
            break
    status = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    # It is killed before run() returns; when it is gone is the kernel's business.
    until(lambda: not status.exists() or status.read_text().split()[2] == "Z")


def test_look_ups_in_an_account_are_refused_with_what_to_do(tmp_path):
    manifest = '{"missing": [{"provider": "vpc-provider", "key": "vpc"}]}'
    with pytest.raises(SynthesisError, match=r"vpc-provider vpc.*cdk\.context\.json"):
        run(tmp_path, MANIFEST.replace('"{}"', f"'{manifest}'"))


def test_a_folder_without_cdk_json_says_so(tmp_path):
    with pytest.raises(SynthesisError, match=r"no cdk\.json in"):
        run(tmp_path)


@pytest.mark.parametrize(("content", "said"), [("{", "is not JSON"), ("{}", 'has no "app"')])
def test_a_cdk_json_that_cannot_be_used_says_why(tmp_path, content, said):
    (tmp_path / "cdk.json").write_text(content)
    with pytest.raises(SynthesisError, match=said):
        run(tmp_path)


def test_a_cloud_assembly_that_is_there_is_read_and_nothing_is_run(tmp_path):
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out" / "manifest.json").write_text("{}")
    assert run(tmp_path, app="cdk.out").stacks == ()

"""One script under every processor that runs scripts, and local files that arrive under their own names."""

import json

import pytest

from .conftest import SCRIPTS

PREPROCESS = SCRIPTS / "preprocess"
NAMES = ["labels.csv", "no-extension", ".hidden", "with space.txt", "ünï-日本語-🎉.csv", "deep/er/more.tar.gz", "ends."]
ARGUMENTS = ["--factor", "2", 'it\'s "quoted" $HOME `id`', " ", "*"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    for name in (*NAMES, "__pycache__/left-out.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"content of {name}", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def stack(deploy, reference, tmp_path_factory):
    def declare(stack):
        from cdk_processing import (
            DataBucket,
            FrameworkProcessor,
            ProcessingInput,
            ProcessingJob,
            ProcessingOutput,
            ScriptProcessor,
            SKLearn,
            SKLearnProcessor,
        )

        hosts = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}
        data = DataBucket(stack, "Data")
        results = DataBucket(stack, "Results")

        def job(name, processor, code, **run):
            output = ProcessingOutput("/opt/ml/processing/output", results.at(f"{name}/"), "result")
            inputs = [
                ProcessingInput(data.at("in/"), "/opt/ml/processing/input/data"),
                ProcessingInput(reference, "/opt/ml/processing/input/reference"),
            ]
            request = processor.run(code, inputs=inputs, outputs=[output], arguments=ARGUMENTS, **run)
            ProcessingJob(stack, name, request)

        script = PREPROCESS / "preprocess.py"
        job("SKLearn", SKLearnProcessor("1.4-2", **hosts), script)
        job("Script", ScriptProcessor(image_uri="my-image:1", command=["python3"], **hosts), script)
        framework = FrameworkProcessor(SKLearn, "1.4-2", **hosts)
        job("Framework", framework, "preprocess.py", source_dir=PREPROCESS)
        job("FrameworkScript", framework, script)
        job("Bundle", SKLearnProcessor("1.4-2", **hosts), "preprocess.py", source_dir=PREPROCESS)
        impossible = tmp_path_factory.mktemp("impossible")
        (impossible / "main.py").write_text("print('it ran')", encoding="utf-8")
        (impossible / "requirements.txt").write_text("--no-index\nno-such-package-anywhere\n", encoding="utf-8")
        job("Impossible", framework, "main.py", source_dir=impossible)

    return deploy(declare)


@pytest.fixture(scope="module", autouse=True)
def values(embedded, stack):
    embedded.put(f"{stack}/Data", "in/values.txt", "1\n2\n3.5\n")


@pytest.mark.parametrize("job", ["SKLearn", "Script", "Framework", "FrameworkScript", "Bundle"])
def test_the_same_script_gives_the_same_result_under_every_processor(embedded, stack, job):
    embedded.start(f"{stack}/{job}")
    embedded.wait_for_run(f"{stack}/{job}")

    assert json.loads(embedded.get(f"{stack}/Results", f"{job}/result.json")) == {
        "values": [2.0, 4.0, 7.0],
        "reference": {name: f"content of {name}" for name in NAMES},
        "arguments": ARGUMENTS,
    }


def test_requirements_are_looked_at_before_the_script_runs(embedded, stack):
    embedded.start(f"{stack}/Framework")
    run = embedded.wait_for_run(f"{stack}/Framework")

    lines = [line.message for line in embedded.processing.logs(run)]
    assert "Requirement already satisfied: packaging" in "\n".join(lines)
    assert lines[-1] == "preprocessed 3 values with preprocess.py"


def test_requirements_that_cannot_be_met_fail_the_run_and_are_named(embedded, stack):
    embedded.start(f"{stack}/Impossible")

    run = embedded.wait_for_run(f"{stack}/Impossible", must_succeed=False)

    assert not run.succeeded
    said = "\n".join(line.message for line in embedded.processing.explain(run).log_lines)
    assert "no-such-package-anywhere" in said
    assert "it ran" not in said

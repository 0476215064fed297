"""The example's scripts, run by the interpreter that stands in for their image, with their folders moved."""

import json
import subprocess
from pathlib import Path

import pytest

from cdk_processing.local.container.environments import environment_for

ROOT = Path(__file__).parent.parent.parent
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
DRIVER = """
import importlib.util, pathlib, sys
root, sys.argv = pathlib.Path(sys.argv[1]), sys.argv[2:]
spec = importlib.util.spec_from_file_location("job", sys.argv[0])
job = importlib.util.module_from_spec(spec)
spec.loader.exec_module(job)
job.PROCESSING, job.MESSAGE = root / "processing", root / "output" / "message"
sys.exit(job.main())
"""


@pytest.fixture(scope="session")
def python():
    return environment_for(IMAGE).python


@pytest.fixture(scope="session")
def dataset(python, tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "cancer.csv"
    subprocess.run([python, ROOT / "examples" / "make_dataset.py", file], check=True, stdout=subprocess.DEVNULL)
    return file.read_text()


@pytest.fixture
def job(python, tmp_path):
    """Runs a script on files given by their channel and name; returns its exit code and what it printed."""

    def run(script, *arguments, **files):
        for name, text in files.items():
            file = tmp_path / "processing" / f"{name.replace('__', '/')}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        command = [python, "-c", DRIVER, tmp_path, ROOT / "jobs" / script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    run.folder = tmp_path
    return run


def rows(file):
    return [line.split(",") for line in file.read_text().splitlines()]


def message(job):
    return (job.folder / "output" / "message").read_text()


def test_rows_are_split_by_the_ratio_labels_in_proportion_and_features_scaled(job, dataset):
    assert job("preprocessing.py", "--train-test-split-ratio", "0.25", input__raw=dataset)[0] == 0
    train, test = (rows(job.folder / "processing" / name / f"{name}.csv") for name in ("train", "test"))
    assert train[0] == test[0] == dataset.splitlines()[0].split(",")
    assert (len(train) - 1, len(test) - 1) == (426, 143)
    shares = [sum(row[-1] == "1" for row in part[1:]) / (len(part) - 1) for part in (train, test)]
    assert shares == pytest.approx([0.627, 0.629], abs=0.002)
    first = [float(row[0]) for row in train[1:]]
    assert sum(first) / len(first) == pytest.approx(0, abs=1e-9)
    assert sum(value**2 for value in first) / len(first) == pytest.approx(1)


def test_the_same_input_gives_the_same_output(job, dataset):
    job("preprocessing.py", input__raw=dataset)
    once = (job.folder / "processing" / "train" / "train.csv").read_bytes()
    job("preprocessing.py", input__raw=dataset)
    assert (job.folder / "processing" / "train" / "train.csv").read_bytes() == once


def test_several_files_are_read_as_one(job, dataset):
    header, *lines = dataset.splitlines()
    halves = {"input__a": lines[:300], "input__b": lines[300:]}
    code, said = job("preprocessing.py", **{name: "\n".join([header, *half]) for name, half in halves.items()})
    assert code == 0, said
    assert "read b.csv: 269 rows, 30 features" in said
    assert len(rows(job.folder / "processing" / "train" / "train.csv")) == 456


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no CSV file below"),
        ({"input__raw": ""}, "raw.csv is not a CSV file"),
        ({"input__raw": "a,b\n1,2\n"}, "raw.csv: the last column must be 'target', it is 'b'"),
        ({"input__raw": "a,target\nx,0\ny,1\n"}, "raw.csv: features must be numbers, these are not: a"),
        ({"input__raw": "a,target\n1,0\n2,0\n"}, "target must have at least two values, it has 1"),
        ({"input__raw": "a,target\n1,0\n2,1\n"}, "cannot split 2 rows by 0.2"),
        ({"input__a": "a,target\n1,0\n", "input__b": "b,target\n1,0\n"}, "b.csv has other columns than a.csv"),
    ],
)
def test_bad_input_ends_the_job_with_an_exit_message(job, files, why):
    code, said = job("preprocessing.py", **files)
    assert code == 1
    assert why in message(job)
    assert "Traceback" not in said


@pytest.mark.parametrize("ratio", ["0", "1", "some"])
def test_a_ratio_that_leaves_a_side_empty_is_refused(job, dataset, ratio):
    code, said = job("preprocessing.py", "--train-test-split-ratio", ratio, input__raw=dataset)
    assert code == 2
    assert "--train-test-split-ratio" in said


def test_the_evaluation_has_the_shape_that_sagemaker_documents(job, dataset):
    job("preprocessing.py", input__raw=dataset)
    assert job("evaluation.py")[0] == 0
    report = json.loads((job.folder / "processing" / "evaluation" / "evaluation.json").read_text())
    assert list(report) == ["binary_classification_metrics"]
    metrics = report["binary_classification_metrics"]
    assert {"accuracy", "precision", "recall", "auc"} <= set(metrics)
    assert all(0.9 < metric["value"] <= 1 for metric in metrics.values())


def test_an_evaluation_without_a_test_set_ends_with_an_exit_message(job):
    assert job("evaluation.py", train__train="a,target\n1,0\n2,1\n")[0] == 1
    assert message(job) == "no CSV file in the test channel"

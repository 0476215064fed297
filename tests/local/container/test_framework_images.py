"""AWS's XGBoost, PyTorch, TensorFlow and Hugging Face images run in environments of their own releases."""

import json
import subprocess
from pathlib import Path

import pytest
import uv

from cdk_processing.local.container.environments import environment_for, environment_problem
from cdk_processing.local.container.failures import JobFailedError
from cdk_processing.local.container.framework_images import FRAMEWORK_IMAGES, framework_image

ECR = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = f"{ECR}/sagemaker-xgboost:1.7-1"
TABLE = json.loads(Path("cdk_processing/request/images.json").read_text())["families"]

RECORDING_UV = """#!/bin/sh
echo "$@" >> "$UV_CALLS"
case "$1" in
python) echo /usr/bin/python3 ;;
venv) for last; do :; done; mkdir -p "$last/bin" ;;
*) exit 2 ;;
esac
"""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """What uv is called with; it finds every Python, and installs nothing."""
    program = tmp_path / "uv"
    program.write_text(RECORDING_UV)
    program.chmod(0o755)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(program))
    monkeypatch.setenv("UV_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("CDK_PROCESSING_CACHE", str(tmp_path / "cache"))
    return lambda: [line.split() for line in (tmp_path / "calls").read_text().splitlines()]


@pytest.mark.parametrize(
    ("image", "name", "release", "python"),
    [
        ("sagemaker-xgboost:1.7-1", "xgboost", "1.7.4", "3.9"),
        ("sagemaker-xgboost:3.0-5-cpu-py3", "xgboost", "3.0.5", "3.10"),
        ("pytorch-training:2.3.0-cpu-py311", "torch", "2.3.0", "3.11"),
        ("pytorch-training:2.3.0-gpu-py311-cu121-ubuntu20.04-sagemaker", "torch", "2.3.0", "3.11"),
        ("tensorflow-training:2.18.0-cpu-py310", "tensorflow-cpu", "2.18.0", "3.10"),
        ("huggingface-pytorch-training:2.5.1-transformers4.49.0-gpu-py311-cu124-ubuntu22.04", "torch", "2.5.1", "3.11"),
    ],
)
def test_a_tag_is_the_images_own_framework_and_python(image, name, release, python):
    known = framework_image(f"{ECR}/{image}")

    assert (known.name, known.release, known.pythons[0]) == (name, release, python)
    assert len(set(known.pythons)) == len(known.pythons)


@pytest.mark.parametrize(
    "image",
    [
        f"{ECR}/sagemaker-xgboost:9.9-9",
        f"{ECR}/pytorch-training:1.0.0-cpu-py3",
        f"{ECR}/pytorch-inference:2.3.0-cpu-py311",
        f"{ECR}/tensorflow-training:1.15.5-cpu-py37",
        f"{ECR}/huggingface-tensorflow-training:2.6.3-transformers4.17.0-gpu-py38-cu112-ubuntu20.04",
        "own/pytorch-training:2.3.0-cpu-py311",
    ],
)
def test_other_images_are_not_taken_for_one(image):
    assert framework_image(image) is None
    assert "Docker" in environment_problem(image, has_entrypoint=True)


def test_every_release_of_the_tables_is_one_of_awss():
    def known(family):
        return TABLE[family]["versions"]

    assert set(FRAMEWORK_IMAGES["XGBoost"]) <= set(known("xgboost"))
    assert set(FRAMEWORK_IMAGES["PyTorch"]) <= set(known("pytorch"))
    assert set(FRAMEWORK_IMAGES["TensorFlow"]) <= set(known("tensorflow"))
    assert set(FRAMEWORK_IMAGES["Hugging Face with PyTorch"]) <= set(known("huggingface"))


def test_the_image_that_the_sdk_picks_for_each_release_is_known():
    for family, repository in (("pytorch", "pytorch-training"), ("tensorflow", "tensorflow-training")):
        releases = FRAMEWORK_IMAGES["PyTorch" if family == "pytorch" else "TensorFlow"]
        for release in releases:
            for python in TABLE[family]["versions"][release]["py_versions"]:
                assert framework_image(f"{ECR}/{repository}:{release}-cpu-{python}") is not None
    for release in FRAMEWORK_IMAGES["Hugging Face with PyTorch"]:
        for base, row in TABLE["huggingface"]["versions"][release]["bases"].items():
            if base.startswith("pytorch"):
                tag = f"{base.removeprefix('pytorch')}-transformers{release}-gpu-{row['py_versions'][0]}"
                assert framework_image(f"{ECR}/huggingface-pytorch-training:{tag}-cu1-ubuntu20.04") is not None


def test_pytorch_without_cuda_is_tried_first_and_then_what_the_index_has(calls):
    with pytest.raises(JobFailedError, match="could not be built"):
        environment_for(f"{ECR}/pytorch-training:2.3.0-cpu-py311")

    first, second = (call for call in calls() if call[0] == "pip")
    assert first[first.index("--torch-backend") + 1] == "cpu"
    assert "--torch-backend" not in second
    for call in (first, second):
        assert {"torch==2.3.0", "torchvision==0.18.0", "torchaudio==2.3.0"} <= set(call)


def test_the_pinned_releases_are_tried_before_those_that_fit(calls):
    with pytest.raises(JobFailedError, match="could not be built"):
        environment_for(XGBOOST)

    first, second = (call for call in calls() if call[0] == "pip")
    assert {"xgboost==1.7.4", "pandas==1.2.4", "scikit-learn==0.24.1"} <= set(first)
    assert {"xgboost==1.7.4", "pandas<2"} <= set(second)


def test_an_image_needs_an_entrypoint_and_a_python_that_fits(calls, tmp_path):
    assert environment_problem(XGBOOST, has_entrypoint=True) is None
    assert "give ContainerEntrypoint" in environment_problem(XGBOOST, has_entrypoint=False)

    (tmp_path / "uv").write_text("#!/bin/sh\nexit 1\n")
    found = environment_problem(XGBOOST, has_entrypoint=True)
    assert "uv python install 3.9" in found
    assert "--python /path/to/python" in found


@pytest.mark.slow
def test_the_environment_of_the_xgboost_image_trains_a_model(tmp_path, monkeypatch):
    monkeypatch.setenv("CDK_PROCESSING_CACHE", str(tmp_path / "cache"))
    code = (
        "import numpy, xgboost, pandas, sklearn, pyarrow, dask, boto3, requests; "
        "x = numpy.arange(20.0).reshape(-1, 1); model = xgboost.XGBRegressor(n_estimators=3).fit(x, x[:, 0]); "
        "print(xgboost.__version__, len(model.predict(x)))"
    )

    python = environment_for(XGBOOST).python

    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1.7.4", "20"]

"""The contents of AWS's XGBoost, PyTorch, TensorFlow and Hugging Face images, as data.

``environments.py`` builds environments from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["FRAMEWORK_IMAGES", "FrameworkImage", "framework_image"]


@dataclass(frozen=True, slots=True)
class FrameworkImage:
    """The contents of one of AWS's framework images.

    Attributes:
        name: The framework's name in the package index.
        release: The framework's exact release.
        pythons: The image's Python version, then the other versions that the release has wheels for.
        exact: Other requirements, pinned as in the image, for the image's Python version.
        loose: The same requirements for other Python versions, for which the pinned releases may have no wheels.
        uses_torch: Whether it contains PyTorch, whose wheels without CUDA are in an index of their own.
    """

    name: str
    release: str
    pythons: tuple[str, ...]
    exact: tuple[str, ...]
    loose: tuple[str, ...]
    uses_torch: bool = False

    @property
    def from_source(self) -> bool:
        """Whether the framework has no wheels."""
        return False


# Releases as in the public sources of the images: requirements.txt and docker/*/base of each branch of
# https://github.com/aws/sagemaker-xgboost-container, and */training/docker/*/Dockerfile.cpu (Hugging Face: .gpu) of
# https://github.com/aws/deep-learning-containers. What these install without a release has none here. Left out:
# packages for training and serving models (sagemaker-training, multi-model-server ...), for GPUs and several machines
# (dask-cuda, flash-attn, deepspeed, mpi4py ...), the SageMaker SDK, MLIO, spaCy, fastai, torchtext, torchdata,
# tensorflow-io, tensorflow-text, tensorflow-datasets and tf-models-official. boto3 is at least 1.28.57: older releases
# ignore AWS_ENDPOINT_URL and would call the real AWS. opencv-python-headless is opencv-python (cv2) without windows.
_BOTO3 = "boto3>=1.28.57"
_SCIENCE = ("numpy", "pandas", "scipy", "scikit-learn", "Pillow", "h5py", "numba")
_PLOTS = ("matplotlib", "seaborn", "plotly", "bokeh", "imageio", "shap", "opencv-python-headless")
_TOOLS = (_BOTO3, "cloudpickle", "cryptography", "packaging", "psutil", "python-dateutil", "PyYAML", "requests", "tqdm")
_DEEP_LEARNING = (*_SCIENCE, *_PLOTS, *_TOOLS)

#: The newest first, in the order in which they are tried after the image's own.
_PYTHONS = ("3.13", "3.12", "3.11", "3.10", "3.9", "3.8")


def _pythons(own: str, oldest: str, newest: str) -> tuple[str, ...]:
    fitting = _PYTHONS[_PYTHONS.index(newest) : _PYTHONS.index(oldest) + 1]
    return (own, *(each for each in fitting if each != own))


_XGBOOST_LOOSE = (
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "Pillow",
    "pyarrow",
    "protobuf",
    "Flask",
    "gevent",
    "gunicorn",
    "retrying",
    "urllib3",
    *_TOOLS,
)
_XGBOOST_1 = (
    "Pillow==9.1.1",
    "matplotlib==3.4.1",
    "protobuf==3.20.1",
    "scikit-learn==0.24.1",
    "itsdangerous==2.0.1",
    "jinja2==2.11.3",
    "MarkupSafe==1.1.1",
    "Flask==1.1.1",
    "Werkzeug==0.15.6",
    "gevent==23.9.1",
    "certifi",
    "retrying",
    "urllib3==1.26.5",
    *_TOOLS,
)
_XGBOOST = {
    "1.5-1": FrameworkImage(
        "xgboost",
        "1.5.2",
        _pythons("3.8", "3.8", "3.10"),
        ("numpy==1.24.4", "pandas==1.5.3", "scipy==1.8.0", "pyarrow==14.0.1", "dask==2022.11.1", *_XGBOOST_1),
        ("numpy<1.25", "pandas<2", "scipy<1.11", "scikit-learn<1.2", "dask", *_XGBOOST_LOOSE),
    ),
    "1.7-1": FrameworkImage(
        "xgboost",
        "1.7.4",
        _pythons("3.9", "3.8", "3.11"),
        (
            "numpy==1.24.1",
            "pandas==1.2.4",
            "scipy==1.8.0",
            "pyarrow==14.0.1",
            "dask==2022.11.1",
            "numba==0.58.1",
            "gunicorn==23.0.0",
            *_XGBOOST_1,
        ),
        ("numpy<1.25", "pandas<2", "scipy<1.11", "scikit-learn<1.2", "numba", "dask", *_XGBOOST_LOOSE),
    ),
    "3.0-5": FrameworkImage(
        "xgboost",
        "3.0.5",
        _pythons("3.10", "3.10", "3.13"),
        (
            "numpy==2.1.0",
            "pandas==2.2.3",
            "scipy==1.15.0",
            "scikit-learn==1.5.2",
            "matplotlib==3.9.2",
            "Pillow==9.1.1",
            "pyarrow==22.0.0",
            "dask[dataframe]==2024.11.2",
            "numba==0.61.0",
            "cryptography==45.0.5",
            "PyYAML==6.0.1",
            "python-dateutil==2.8.2",
            "requests==2.32.3",
            "gevent==23.9.1",
            "gunicorn==23.0.0",
            "Flask",
            "retrying",
            "setuptools<81",
            "urllib3<2",
            *_TOOLS,
        ),
        ("numpy>=2,<2.4", "pandas<3", "numba", "dask[dataframe]", "setuptools<81", *_XGBOOST_LOOSE),
    ),
    "3.2-0": FrameworkImage(
        "xgboost",
        "3.2.0",
        _pythons("3.12", "3.10", "3.13"),
        (
            "numpy==2.1.0",
            "pandas==2.2.3",
            "scipy==1.15.0",
            "scikit-learn==1.8.0",
            "matplotlib==3.10.9",
            "Pillow==12.2.0",
            "pyarrow==22.0.0",
            "dask[dataframe]==2026.1.1",
            "numba==0.65.1",
            "cryptography==46.0.7",
            "PyYAML",
            "python-dateutil==2.9.0",
            "requests==2.32.3",
            "gevent==26.4.0",
            "gunicorn==25.3.0",
            "Flask==3.1.3",
            "Werkzeug==3.1.8",
            "retrying",
            "setuptools<81",
            "urllib3==2.4.0",
            *_TOOLS,
        ),
        ("numpy>=2,<2.4", "pandas<3", "numba", "dask[dataframe]", "setuptools<81", *_XGBOOST_LOOSE),
    ),
}

#: PyTorch's releases: torchvision and torchaudio of the same release, and the Python versions that have wheels.
_TORCH = {
    "1.13.1": ("0.14.1", "0.13.1", "3.8", "3.10"),
    "2.0.0": ("0.15.1", "2.0.1", "3.8", "3.11"),
    "2.0.1": ("0.15.2", "2.0.2", "3.8", "3.11"),
    "2.1.0": ("0.16.0", "2.1.0", "3.8", "3.11"),
    "2.2.0": ("0.17.0", "2.2.0", "3.8", "3.12"),
    "2.3.0": ("0.18.0", "2.3.0", "3.8", "3.12"),
    "2.4.0": ("0.19.0", "2.4.0", "3.8", "3.12"),
    "2.5.1": ("0.20.1", "2.5.1", "3.9", "3.12"),
    "2.6.0": ("0.21.0", "2.6.0", "3.9", "3.13"),
    "2.7.1": ("0.22.1", "2.7.1", "3.9", "3.13"),
    "2.8.0": ("0.23.0", "2.8.0", "3.9", "3.13"),
    "2.9.0": ("0.24.0", "2.9.0", "3.10", "3.13"),
    "2.10.0": ("0.25.0", "2.10.0", "3.10", "3.13"),
}
#: Built against NumPy 1.
_BEFORE_NUMPY_2 = ("1.13.1", "2.0.0", "2.0.1", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.1")

#: TensorFlow's releases: the Python versions that have wheels.
_TENSORFLOW = {
    "2.8.0": ("3.8", "3.10"),
    "2.9.2": ("3.8", "3.10"),
    "2.10.1": ("3.8", "3.10"),
    "2.11.0": ("3.8", "3.10"),
    "2.12.0": ("3.9", "3.11"),
    "2.13.0": ("3.8", "3.11"),
    "2.14.1": ("3.9", "3.11"),
    "2.16.2": ("3.9", "3.12"),
    "2.18.0": ("3.9", "3.12"),
    "2.19.0": ("3.9", "3.12"),
    "2.21.0": ("3.10", "3.13"),
}

#: Releases of transformers: what the image has besides it.
_TRANSFORMERS = {
    "4.26.0": ("datasets==2.9.0", "diffusers==0.27.2", "huggingface_hub<0.26"),
    "4.28.1": ("diffusers==0.16.1", "evaluate==0.4.0", "accelerate==0.19.0", "datasets", "huggingface_hub<0.26"),
    "4.36.0": (
        "datasets",
        "diffusers==0.24.0",
        "evaluate==0.4.3",
        "accelerate==0.26.0",
        "trl==0.7.4",
        "peft==0.7.1",
        "huggingface_hub==0.25.2",
    ),
    "4.46.1": (
        "datasets",
        "diffusers==0.31.0",
        "evaluate==0.4.3",
        "accelerate==1.1.0",
        "trl==0.11.4",
        "peft==0.13.2",
        "huggingface_hub==0.25.1",
    ),
    "4.48.0": ("datasets", "diffusers==0.31.0", "evaluate==0.4.3", "accelerate==1.1.0", "trl", "peft==0.13.2"),
    "4.49.0": (
        "datasets==3.3.2",
        "diffusers==0.32.2",
        "evaluate==0.4.3",
        "accelerate==1.4.0",
        "trl==0.15.2",
        "peft==0.14.0",
        "huggingface_hub==0.29.1",
    ),
    "4.55.0": (
        "datasets==4.0.0",
        "diffusers==0.34.0",
        "evaluate==0.4.3",
        "accelerate==1.4.0",
        "trl==0.21.0",
        "peft==0.17.0",
        "huggingface_hub==0.34.0",
    ),
    "4.56.2": (
        "datasets==4.1.0",
        "diffusers==0.35.1",
        "evaluate==0.4.3",
        "accelerate==1.10.1",
        "trl==0.23.0",
        "peft==0.17.1",
        "huggingface_hub==0.35.3",
    ),
    "5.3.0": (
        "datasets==4.5.0",
        "diffusers==0.38.0",
        "evaluate==0.4.6",
        "accelerate==1.12.0",
        "trl==0.28.0",
        "peft==0.18.1",
        "huggingface_hub==1.10.0",
    ),
}

FRAMEWORK_IMAGES = {
    "XGBoost": tuple(_XGBOOST),
    "PyTorch": tuple(_TORCH),
    "TensorFlow": tuple(_TENSORFLOW),
    "Hugging Face with PyTorch": tuple(_TRANSFORMERS),
}
"""The known releases of each family."""

_URI = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.-]+/(?P<repository>[a-z-]+):(?P<tag>.+)")
_RELEASE = r"(?P<release>\d+\.\d+\.\d+)"
# A job runs on the processor here, so the image for GPUs is the same.
_REST = r"-(?:cpu|gpu)-py3(?P<minor>\d+)(?:-.*)?"
_TAGS = {
    "sagemaker-xgboost": re.compile(r"(?P<release>\d+\.\d+-\d+)(?:-cpu-py3)?"),
    "pytorch-training": re.compile(_RELEASE + _REST),
    "tensorflow-training": re.compile(_RELEASE + _REST),
    "huggingface-pytorch-training": re.compile(_RELEASE + r"-transformers(?P<transformers>\d+\.\d+\.\d+)" + _REST),
}


def framework_image(image: str) -> FrameworkImage | None:
    """Return the contents of an image; None if it is not a known image of these frameworks.

    >>> framework_image("763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.3.0-cpu-py311").pythons[0]
    '3.11'
    """
    found = _URI.fullmatch(image)
    tag = _TAGS.get(found["repository"]) if found else None
    fields = tag.fullmatch(found["tag"]) if found and tag else None
    return _CONTENTS[found["repository"]](fields) if found and fields else None


def _of_xgboost(tag: re.Match[str]) -> FrameworkImage | None:
    return _XGBOOST.get(tag["release"])


def _of_pytorch(tag: re.Match[str]) -> FrameworkImage | None:
    if tag["release"] not in _TORCH:
        return None
    vision, audio, oldest, newest = _TORCH[tag["release"]]
    numpy = ("numpy<2",) if tag["release"] in _BEFORE_NUMPY_2 else ()
    packages = (f"torchvision=={vision}", f"torchaudio=={audio}", *numpy, *_DEEP_LEARNING)
    return _of("torch", tag, (oldest, newest), packages, uses_torch=True)


def _of_tensorflow(tag: re.Match[str]) -> FrameworkImage | None:
    pythons = _TENSORFLOW.get(tag["release"])
    return None if pythons is None else _of("tensorflow-cpu", tag, pythons, _DEEP_LEARNING)


def _of_hugging_face(tag: re.Match[str]) -> FrameworkImage | None:
    packages, base = _TRANSFORMERS.get(tag["transformers"]), _of_pytorch(tag)
    if packages is None or base is None:
        return None
    transformers = f"transformers[sentencepiece]=={tag['transformers']}"
    return FrameworkImage(
        base.name,
        base.release,
        base.pythons,
        (transformers, *packages, *base.exact),
        (transformers, *(package.partition("==")[0] for package in packages), *base.loose),
        uses_torch=True,
    )


def _of(
    name: str, tag: re.Match[str], pythons: tuple[str, str], packages: tuple[str, ...], *, uses_torch: bool = False
) -> FrameworkImage | None:
    own = f"3.{tag['minor']}"
    if own not in _PYTHONS:
        return None
    return FrameworkImage(name, tag["release"], _pythons(own, *pythons), packages, packages, uses_torch)


_CONTENTS: dict[str, Callable[[re.Match[str]], FrameworkImage | None]] = {
    "sagemaker-xgboost": _of_xgboost,
    "pytorch-training": _of_pytorch,
    "tensorflow-training": _of_tensorflow,
    "huggingface-pytorch-training": _of_hugging_face,
}

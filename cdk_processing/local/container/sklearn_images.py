"""The contents of AWS's scikit-learn images, as data. ``environments.py`` builds environments from it."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["SKLEARN_IMAGES", "SklearnImage", "sklearn_image"]

_SKLEARN_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)"
    r"/sagemaker-scikit-learn:(?P<version>.+?)(?:-cpu-py3)?"
)


@dataclass(frozen=True, slots=True)
class SklearnImage:
    """The contents of one of AWS's scikit-learn images.

    Attributes:
        scikit_learn: The exact release.
        pythons: The image's Python version, then the other versions that the release has wheels for.
        exact: Other requirements, pinned as in the image, for the image's Python version.
        loose: The same requirements for other Python versions, for which the pinned releases may have no wheels.
    """

    scikit_learn: str
    pythons: tuple[str, ...]
    exact: tuple[str, ...]
    loose: tuple[str, ...]

    @property
    def name(self) -> str:
        """The framework's name in the package index."""
        return "scikit-learn"

    @property
    def release(self) -> str:
        """The framework's exact release."""
        return self.scikit_learn

    @property
    def uses_torch(self) -> bool:
        """Whether it contains PyTorch."""
        return False

    @property
    def from_source(self) -> bool:
        """Whether the framework has no wheels."""
        return False


# Releases as in https://github.com/aws/sagemaker-scikit-learn-container: requirements.txt and the Dockerfiles of the
# branch or tag of each version. Packages for training and serving (sagemaker-training, sagemaker-containers,
# sagemaker-inference, multi-model-server, model-archiver) and MLIO are left out: a processing job does not need them,
# and they have no wheels. psutil and retrying, and Flask on Python 3.12, have no wheels of the image's release, so the
# newest compatible release is used. boto3 is at least 1.28.57: older releases ignore AWS_ENDPOINT_URL and would call
# the real AWS.
_BOTO3 = "boto3==1.28.57"
#: Other packages of every image. requests and tqdm come with conda.
_BESIDES: tuple[str, ...] = (
    "certifi",
    "cryptography",
    "Flask",
    "gevent",
    "gunicorn",
    "itsdangerous",
    "Jinja2",
    "MarkupSafe",
    "protobuf",
    "psutil",
    "python-dateutil",
    "PyYAML",
    "requests",
    "retrying",
    "six",
    "tqdm",
    "urllib3",
    "Werkzeug",
)
_WITHOUT_RELEASE: tuple[str, ...] = ("certifi", "cryptography", "psutil", "requests", "retrying", "tqdm")
_CONDA: tuple[str, ...] = (
    *_WITHOUT_RELEASE,
    "itsdangerous==2.0.1",
    "Jinja2==3.0.3",
    "MarkupSafe==2.1.1",
    "protobuf==3.20.2",
    "python-dateutil==2.8.1",
    "PyYAML",
    "six==1.15.0",
)
_FLASK_1: tuple[str, ...] = (
    "Flask==1.1.1",
    "Werkzeug==2.0.3",
    "gunicorn==23.0.0",
    "gevent==23.9.1",
    "urllib3==1.26.17",
)
_OF_1_4: tuple[str, ...] = (
    *_WITHOUT_RELEASE,
    "gunicorn==23.0.0",
    "gevent==23.9.1",
    "urllib3==1.26.17",
    "itsdangerous==2.0.1",
    "protobuf==3.20.2",
    "python-dateutil",
    "PyYAML==6.0.1",
)
_NUMPY_1: tuple[str, ...] = ("numpy<2", "pandas<2.3", "scipy<1.14", "joblib", "pyarrow<18", _BOTO3, *_BESIDES)
SKLEARN_IMAGES: dict[str, SklearnImage] = {
    "0.20.0": SklearnImage(
        "0.20.0",
        ("3.7", "3.6"),
        ("numpy==1.19.5", "pandas==0.25.*", "scipy<1.6", "joblib<1", "pyarrow<1", _BOTO3, *_BESIDES),
        ("numpy<1.20", "pandas<1", "scipy<1.6", "joblib<1", "pyarrow<1", "boto3", *_BESIDES),
    ),
    "0.23-1": SklearnImage(
        "0.23.2",
        ("3.7", "3.8", "3.6"),
        (
            "numpy==1.19.2",
            "pandas==1.1.3",
            "scipy==1.5.3",
            "joblib<1.2",
            "pyarrow==1.0.0",
            _BOTO3,
            *_CONDA,
            "Flask==1.1.1",
            "Werkzeug==0.15.6",
            "gunicorn==20.0.4",
            "gevent",
            "urllib3",
        ),
        ("numpy<1.20", "pandas<1.2", "scipy<1.6", "joblib<1.2", "pyarrow<7", "boto3", *_BESIDES),
    ),
    "1.0-1": SklearnImage(
        "1.0.2",
        ("3.8", "3.9", "3.10", "3.7"),
        (
            "numpy==1.24.1",
            "pandas==1.1.3",
            "scipy==1.8.0",
            "joblib<1.4",
            "pyarrow==14.0.1",
            _BOTO3,
            *_CONDA,
            "Flask==1.1.1",
            "Werkzeug==0.15.6",
            "gunicorn==20.0.4",
            "gevent==23.9.1",
            "urllib3",
        ),
        ("numpy<1.24", "pandas<2", "scipy<1.10", "joblib<1.4", "pyarrow<15", _BOTO3, *_BESIDES),
    ),
    "1.2-1": SklearnImage(
        "1.2.1",
        ("3.9", "3.10", "3.11", "3.8"),
        ("numpy==1.24.1", "pandas==1.1.3", "scipy==1.8.0", "joblib<1.4", "pyarrow==14.0.1", _BOTO3, *_CONDA, *_FLASK_1),
        ("numpy<1.25", "pandas<2", "scipy<1.11", "joblib<1.4", "pyarrow<15", _BOTO3, *_BESIDES),
    ),
    "1.4-2": SklearnImage(
        "1.4.2",
        ("3.10", "3.11", "3.12", "3.9"),
        (
            "numpy==2.1.0",
            "pandas>=2.2.2,<2.4",
            "scipy>=1.13,<1.16",
            "joblib",
            "pyarrow==17.0.0",
            _BOTO3,
            *_OF_1_4,
            "six==1.15.0",
            "Flask==1.1.1",
            "Werkzeug==2.0.3",
            "Jinja2<3",
            "MarkupSafe<2.1",
        ),
        _NUMPY_1,
    ),
    "1.4-2-py312": SklearnImage(
        "1.4.2",
        ("3.12", "3.11", "3.10", "3.9"),
        (
            "numpy==2.1.0",
            "pandas==2.3.2",
            "scipy>=1.13,<1.17",
            "joblib",
            "pyarrow==17.0.0",
            _BOTO3,
            *_OF_1_4,
            "six==1.16.0",
            "Flask",
            "Werkzeug",
            "Jinja2",
            "MarkupSafe",
        ),
        _NUMPY_1,
    ),
    "1.9-0": SklearnImage(
        "1.9.0",
        ("3.12", "3.13", "3.14", "3.11"),
        (
            "numpy==2.5.1",
            "pandas==2.2.3",
            "scipy==1.18.0",
            "joblib>=1.4.0",
            "pyarrow==25.0.0",
            "boto3==1.43.46",
            "certifi==2026.6.17",
            "cryptography==49.0.0",
            "Flask==3.1.3",
            "gevent==26.5.0",
            "gunicorn==26.0.0",
            "protobuf==3.20.2",
            "psutil==7.2.2",
            "python-dateutil==2.9.0.post0",
            "PyYAML==6.0.3",
            "requests",
            "tqdm",
            "retrying",
            "six>=1.16.0,<2",
            "urllib3==2.7.0",
            "Werkzeug==3.1.8",
        ),
        ("numpy>=2,<3", "pandas>=2.2,<4", "scipy>=1.14", "joblib>=1.4.0", "pyarrow>=17", "boto3>=1.43", *_BESIDES),
    ),
}


def sklearn_image(image: str) -> SklearnImage | None:
    """Return the contents of an image; None if it is not one of AWS's scikit-learn images.

    >>> sklearn_image("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3").scikit_learn
    '1.4.2'
    """
    matched = _SKLEARN_URI.fullmatch(image)
    return SKLEARN_IMAGES.get(matched["version"]) if matched else None

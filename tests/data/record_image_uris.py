"""Record what the SDK itself answers: which URI it picks for an image, or that it picks none.

    python -m tests.data.record_image_uris OLDER NEWER

writes ``image_uris.json`` beside this file; OLDER is an interpreter with sagemaker==2.257.7, NEWER one with
sagemaker-core==2.27.0. Each case is asked of both, as the SDK's estimators and Spark processors ask; the newer is
listened to only where the older has no answer, because its tables do not know the image yet. It is not asked of short
versions of transformers, which it writes in full beside a short version of PyTorch: no image is published so.
"""

import importlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest.mock
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

OUTPUT = Path(__file__).with_name("image_uris.json")
COLUMNS = (
    *("framework", "framework_version", "py_version", "instance_type", "base_framework_version", "container_version"),
    *("region", "uri"),
)
ESTIMATORS = {
    "pytorch": "sagemaker.pytorch.PyTorch",
    "tensorflow": "sagemaker.tensorflow.TensorFlow",
    "mxnet": "sagemaker.mxnet.MXNet",
    "chainer": "sagemaker.chainer.Chainer",
    "sklearn": "sagemaker.sklearn.SKLearn",
    "xgboost": "sagemaker.xgboost.XGBoost",
    "huggingface": "sagemaker.huggingface.HuggingFace",
}
CPU, GPU, P2 = "ml.m5.xlarge", "ml.g4dn.xlarge", "ml.p2.xlarge"
REGIONS_OF = [
    ("sklearn", "1.2-1", "py3", CPU),
    ("pytorch", "2.1.0", "py310", GPU),
    ("spark", "3.3", None, CPU),
    ("xgboost", "1.7-1", "py3", CPU),
]


def cases(configurations):
    """Every version of every family with every Python, on a CPU and on a GPU, each in another region; then the rest."""
    regions = sorted({region for config in configurations.values() for region in _regions(config)})
    places = itertools.cycle(regions)
    for family, whole in configurations.items():
        config = whole if "versions" in whole else whole.get("training") or next(iter(whole.values()))
        aliases = {alias: config["versions"][version] for alias, version in config.get("version_aliases", {}).items()}
        for version, row in {**config["versions"], **aliases}.items():
            suitable = CPU if (config.get("processors") or row.get("processors")) == ["cpu"] else GPU
            for py_version, base in _variants(family, version, row):
                for instance_type in (CPU, GPU):
                    yield [family, version, py_version, instance_type, base, None, next(places)]
                yield [family, version, py_version, suitable, base, None, "us-west-2"]
    for case in REGIONS_OF:
        yield from ([*case, None, None, region] for region in [*regions, "xx-north-1"])
    for version in ("1.12.1", "1.13.1", "2.1"):
        yield ["pytorch", version, None, P2, None, None, "us-east-1"]
        yield ["pytorch", version, "py38", P2, None, None, "us-east-1"]
        yield ["pytorch", version, "py27", CPU, None, None, "us-east-1"]
        yield ["pytorch", version, "py38", CPU, None, "v1", "us-east-1"]
    for version, container in (("2.4.0", "cu121"), ("2.5.1", "cu124")):
        yield ["pytorch-smp", version, "py311", "ml.p5.48xlarge", None, container, "us-east-1"]
    for py_version, container in (("py37", "1"), ("py39", "1"), ("py39", None), (None, "1"), ("py312", "1.2")):
        for version in ("2.4", "3.1", "3.3", "3.5", "3.4"):
            yield ["spark", version, py_version, CPU, None, container, "eu-west-1"]
            yield ["spark", version, py_version, GPU, None, container, "eu-west-1"]


def _regions(config):
    for key, value in config.items():
        if key == "registries":
            yield from value
        elif isinstance(value, dict):
            yield from _regions(value)


def _variants(family, version, row):
    if family == "huggingface":
        aliases = row["version_aliases"]
        short = version.count(".") < 2
        for base in aliases if short else (name for name in row if name != "version_aliases"):
            yield from ((python, base) for python in row[aliases.get(base, base)]["py_versions"])
    elif family == "sagemaker-base-python":
        yield from ((python, None) for python in ("310", "38"))
    elif family == "spark":
        yield None, None  # its Python goes with a container version: below
    else:
        pythons = row.get("py_versions") or ([] if "repository" in row else list(row))
        yield from ((python, None) for python in pythons or (["py3"] if family == "xgboost" else [None]))


def answer(file):
    """What the SDK of this interpreter says to each case of a file; None where it raises."""
    os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_EC2_METADATA_DISABLED="true")
    try:
        ask = _ask_estimators(importlib.import_module("sagemaker.image_uris"))
    except ModuleNotFoundError:
        ask = _ask_functions(importlib.import_module("sagemaker.core.image_uris"), {})
    return [_or_none(ask, case) for case in json.loads(Path(file).read_text(encoding="utf-8"))]


def _or_none(ask, case):
    try:
        return ask(*case)
    except Exception:
        return None


def _ask_estimators(image_uris):
    classes = {}
    for family, path in ESTIMATORS.items():
        module, name = path.rsplit(".", 1)
        classes[family] = getattr(importlib.import_module(module), name)
    base = importlib.import_module("sagemaker.spark.processing")._SparkProcessorBase
    return _ask_functions(image_uris, classes, base)


def _ask_functions(image_uris, classes, spark=None):
    if spark is None:
        spark = importlib.import_module("sagemaker.core.spark.processing")._SparkProcessorBase

    def ask(family, version, py_version, instance_type, base, container, region):
        if family == "sagemaker-base-python":
            return image_uris.get_base_python_image_uri(region, py_version)
        if family == "spark":
            return spark._retrieve_image_uri(None, None, version, py_version, container, region, instance_type)
        framework = {}
        if base is not None:
            name, number = re.fullmatch("([a-z]+)(.+)", base).groups()
            framework[f"{name}_version"] = number
        if container is None and family in classes:
            return _estimator_answer(classes[family], family, version, py_version, instance_type, framework, region)
        if container is None and family in ESTIMATORS:
            return image_uris.get_training_image_uri(
                region, family, version, py_version, instance_type=instance_type, **framework
            )
        return image_uris.retrieve(
            family,
            region,
            version=version,
            py_version=py_version,
            instance_type=instance_type,
            image_scope="training",
            container_version=container,
        )

    return ask


def _estimator_answer(kind, family, version, py_version, instance_type, framework, region):
    session = unittest.mock.MagicMock(boto_region_name=region, local_mode=False, sagemaker_config={}, config=None)
    named = {"transformers_version" if family == "huggingface" else "framework_version": version}
    estimator = kind(
        entry_point="p.py",
        py_version=py_version,
        role="arn:aws:iam::111122223333:role/R",
        instance_count=1,
        instance_type=instance_type,
        sagemaker_session=session,
        debugger_hook_config=False,
        **named,
        **framework,
    )
    return estimator.training_image_uri()


def record(older, newer):
    """Ask both releases and write what they say."""
    from cdk_processing.request.images import image_families
    from scripts.make_images import wheel

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel(Path(folder), "2.27.0")) as archive:
            names = {family: f"sagemaker/core/image_uri_config/{family}.json" for family in image_families()}
            asked = list(cases({family: json.loads(archive.read(name)) for family, name in names.items()}))
        file = Path(folder) / "cases.json"
        file.write_text(json.dumps(asked), encoding="utf-8")
        with ThreadPoolExecutor() as pool:
            said = list(pool.map(_answers, (older, newer), (file, file)))
    differing = [(case, old, new) for case, old, new in zip(asked, *said, strict=True) if old and new and old != new]
    heard = [
        [*case, old or new]
        for case, old, new in zip(asked, *said, strict=True)
        if old or not (new and case[0] == "huggingface" and case[1].count(".") < 2)
    ]
    rows = dict.fromkeys(json.dumps(row) for row in heard)
    about = (
        "What the SageMaker Python SDK 2.257.7 picks, and sagemaker-core 2.27.0 where that has no answer; null: none."
        " Made by tests/data/record_image_uris.py."
    )
    lines = ",\n".join(f"  {row}" for row in rows)
    OUTPUT.write_text(
        f'{{\n "_about": {json.dumps(about)},\n "columns": {json.dumps(COLUMNS)},\n "cases": [\n{lines}\n ]\n}}\n',
        encoding="utf-8",
    )
    print(f"{len(rows)} cases; where the two differ:", *differing, sep="\n")


def _answers(python, file):
    # -I: what lies in this folder is not for the SDK to import.
    command = [python, "-I", __file__, "--answer", str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    if sys.argv[1] == "--answer":
        print(json.dumps(answer(sys.argv[2])))
    else:
        record(*sys.argv[1:3])

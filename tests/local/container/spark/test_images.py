from __future__ import annotations

import sys
from pathlib import Path

import pytest
import uv

from cdk_processing.local.container.environments import environment_for
from cdk_processing.local.container.failures import JobFailedError
from cdk_processing.local.container.spark import java
from cdk_processing.local.container.spark.images import SPARK_IMAGES, spark_image
from cdk_processing.local.container.spark.java import java_home, version_of

REPOSITORY = "153931337802.dkr.ecr.us-west-2.amazonaws.com/sagemaker-spark-processing"


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CDK_PROCESSING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(java, "_FOLDERS", ())


def fake_java(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\n")
    (home / "bin" / "java").chmod(0o755)
    (home / "release").write_text(f'IMPLEMENTOR="X"\nJAVA_VERSION="{version}"\n')
    return home


@pytest.mark.parametrize(
    ("tag", "release", "python"),
    [
        ("3.5-cpu-py39-v1", "3.5.0", "3.9"),
        ("3.5-cpu-py312-v1.0", "3.5.6", "3.12"),
        ("3.5-cpu", "3.5.0", "3.9"),
        ("3.3-cpu", "3.3.1", "3.9"),
        ("3.2-cpu-py39-v1", "3.2.1", "3.9"),
        ("3.1-cpu-py37-v1.2", "3.1.1", "3.7"),
        ("3.0-cpu", "3.0.1", "3.7"),
        ("2.4-cpu-py37-v1", "2.4.6", "3.7"),
    ],
)
def test_each_tag_of_awss_images_is_an_exact_release(tag: str, release: str, python: str) -> None:
    known = spark_image(f"{REPOSITORY}:{tag}")
    assert known is not None
    assert (known.release, known.pythons[0]) == (release, python)


@pytest.mark.parametrize("image", ["spark:3.5", f"{REPOSITORY}:9.9-cpu-py39-v1", f"{REPOSITORY}:3.5-gpu-py39-v1"])
def test_an_unknown_line_is_refused_with_the_known_ones(image: str) -> None:
    assert spark_image(image) is None
    with pytest.raises(JobFailedError, match=r"Spark 2\.4-py37, .*3\.5-py39, 3\.5-py312;"):
        environment_for(image)


def test_an_interpreter_without_pyspark_cannot_stand_in() -> None:
    with pytest.raises(JobFailedError, match="as it has no pyspark: install it there, or leave out --python"):
        environment_for(f"{REPOSITORY}:3.5-cpu-py39-v1", sys.executable)


def test_the_preferred_java_of_the_machine_is_taken(
    no_java: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "_FOLDERS", (str(tmp_path / "jvm"),))
    for version in ("1.8.0_402", "11.0.2", "17.0.1", "25"):
        fake_java(tmp_path / "jvm" / version, version)
    assert [version_of(tmp_path / "jvm" / name) for name in ("1.8.0_402", "11.0.2", "25")] == [8, 11, 25]
    assert java_home("3.5.0", (17, 11, 8)) == tmp_path / "jvm" / "17.0.1"
    assert java_home("3.1.1", (11, 8)) == tmp_path / "jvm" / "11.0.2"
    assert java_home("2.4.6", (8,)) == tmp_path / "jvm" / "1.8.0_402"


def test_where_the_machine_has_no_java_one_is_installed_from_pypi(no_java: None, tmp_path: Path) -> None:
    home = java_home("3.5.0", (17, 11, 8))
    assert home.is_relative_to(tmp_path / "cache")
    assert version_of(home) == 17
    assert java_home("3.5.0", (17, 11, 8)) == home


def test_without_any_java_the_error_says_what_to_install(
    no_java: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\necho no network >&2\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(program))
    fake_java(tmp_path / "nothing", "25")
    with pytest.raises(JobFailedError) as failure:
        environment_for(f"{REPOSITORY}:3.5-cpu-py39-v1")
    assert failure.value.reason == (
        "ClientError: Spark 3.5.0 runs on Java 8 or 11 or 17; on this machine: 25. Install one, for example "
        "openjdk-17-jre-headless, or set JAVA_HOME to it. (ClientError: The environment of the image could not be "
        "built (uv pip): no network)"
    )
    assert not (tmp_path / "cache" / "environments").exists()


def test_a_java_that_only_old_lines_take_is_not_on_pypi(no_java: None) -> None:
    with pytest.raises(JobFailedError, match=r"Spark 2\.4\.6 runs on Java 8; on this machine: none\. .*PyPI has no"):
        java_home("2.4.6", (8,))


def test_every_line_has_a_python_and_a_java() -> None:
    assert {line for line, _ in SPARK_IMAGES} == {"2.4", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5"}
    assert all(each.pythons and each.javas for each in SPARK_IMAGES.values())


def test_the_real_java_of_this_machine_is_told_from_its_program(tmp_path: Path) -> None:
    home = tmp_path / "java"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.22\" 2024-01-16' >&2\n")
    (home / "bin" / "java").chmod(0o755)
    assert version_of(home) == 11

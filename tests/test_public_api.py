import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest

import cdk_processing

STUB = Path(cdk_processing.__file__).with_suffix(".pyi")
DOCUMENTED = ("request", "access", "workflow", "constructs")


def modules():
    yield "cdk_processing.errors"
    for folder in DOCUMENTED:
        package = Path(cdk_processing.__file__).parent / folder
        found = pkgutil.walk_packages([str(package)], prefix=f"cdk_processing.{folder}.")
        yield from sorted(module.name for module in found)


def stub_names():
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    return [alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]


def test_all_is_sorted_and_names_what_the_stub_names():
    assert cdk_processing.__all__ == sorted(stub_names())


def test_dir_offers_the_public_names():
    assert set(cdk_processing.__all__) <= set(dir(cdk_processing))


@pytest.mark.parametrize("name", stub_names())
def test_every_public_name_loads_and_says_what_it_is(name):
    public = getattr(cdk_processing, name)

    assert public.__name__ == name
    # A dataclass without a docstring is given its signature as one.
    assert public.__doc__
    assert not public.__doc__.startswith(f"{name}(")


@pytest.mark.parametrize("name", stub_names())
def test_every_public_member_says_what_it_does(name):
    public = getattr(cdk_processing, name)
    members = {
        key: member
        for key, member in vars(public).items()
        if not key.startswith("_") and (inspect.isroutine(member) or isinstance(member, property))
    }

    assert [key for key, member in members.items() if not inspect.getdoc(member)] == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="SKLearnProcesor"):
        cdk_processing.SKLearnProcesor  # noqa: B018


def test_the_version_is_that_of_the_distribution():
    assert cdk_processing.__version__ == version("cdk-processing")


def test_importing_the_library_and_declaring_a_job_starts_no_process_and_loads_no_cdk():
    program = (
        "import subprocess, sys\n"
        "def refuse(*args, **kwargs): raise AssertionError('a process was started')\n"
        "subprocess.Popen.__init__ = refuse\n"
        "import cdk_processing\n"
        "processor = cdk_processing.SKLearnProcessor('1.4-2', None, 1, 'ml.m5.xlarge')\n"
        "assert not processor.run(code='s3://code/prep.py').problems()\n"
        "loaded = {'aws_cdk', 'jsii', 'constructs', 'boto3', 'botocore'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


@pytest.mark.parametrize("name", list(modules()))
def test_examples_in_docstrings_do_what_they_say(name):
    module = importlib.import_module(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        failed, _ = doctest.testmod(module, verbose=False)

    assert failed == 0


def test_the_constructs_that_users_begin_with_have_examples():
    finder = doctest.DocTestFinder(recurse=False)
    begun_with = ["DataBucket", "ProcessingJob", "ProcessingPlatform", "SKLearnProcessor", "S3Location"]

    without = [
        name for name in begun_with if not any(t.examples for t in finder.find(getattr(cdk_processing, name), name))
    ]

    assert without == []

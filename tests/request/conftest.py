import pytest

from cdk_processing.request.processors import ScriptProcessor


@pytest.fixture
def processor():
    """A processor with nothing wrong with it."""
    return ScriptProcessor(image_uri="img:tag", command=["python3"], instance_count=1, instance_type="ml.m5.xlarge")


@pytest.fixture
def told():
    """The text of the one problem there is."""

    def one(problems):
        assert len(problems) == 1, "\n".join(str(problem) for problem in problems)
        return str(problems[0])

    return one

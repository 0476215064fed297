"""Whatever a file holds, it is read, or an error tells what is wrong with it. There is never another exception."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdk_processing.declarations.building import Built
from cdk_processing.declarations.prices import price_list_table, read_prices
from cdk_processing.declarations.problems import FileProblem
from cdk_processing.declarations.reading import read_environments
from cdk_processing.declarations.reading_jobs import read_jobs
from cdk_processing.errors import DeclarationError
from tests.declarations import files
from tests.declarations.test_jobs import Surroundings

pytestmark = pytest.mark.drawn
TEXTS = {"environments": files.ENVIRONMENTS, "jobs": files.JOBS}
PIECES = st.sampled_from(
    [
        *(
            "\t",
            "\n",
            "  ",
            ": ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!!binary ",
            "<<: ",
            "---\n",
            "...\n",
            "%YAML 1.2",
        ),
        *(
            "null",
            "~",
            "yes",
            "0o17",
            "0x1f",
            "1e999",
            "-.inf",
            ".nan",
            "9" * 50,
            "2027-01-01",
            "1:30",
            "''",
            '"\\ud800"',
        ),
        *(
            '"\\UFFFFFFFF"',
            "\x00",
            "\u2028",
            "\ufeff",
            "? ",
            "| ",
            "> ",
            "#",
            "@",
            "`",
            "{RUN_ID",
            "{{",
            "{variables.x}",
        ),
        *(
            "{TRIGGER_TIME + 999999999 weeks:%Y}",
            "{TRIGGER_TIME in ../x:%Y}",
            "{jobs.A}",
            "{buckets.raw.x}",
            "{0}",
            "\\",
        ),
    ]
)


@st.composite
def mutated(draw, text):
    """A text with some cuts, repetitions, swaps of lines and foreign pieces."""
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["insert", "cut", "repeat", "swap", "replace"]))
        start = draw(st.integers(0, max(len(text) - 1, 0)))
        end = min(start + draw(st.integers(1, 40)), len(text))
        lines = text.split("\n")
        if kind == "insert":
            text = text[:start] + draw(PIECES) + text[start:]
        elif kind == "cut":
            text = text[:start] + text[end:]
        elif kind == "repeat":
            text = text[:end] + text[start:]
        elif kind == "replace":
            text = text[:start] + draw(PIECES) + text[end:]
        else:
            one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
            lines[one], lines[other] = lines[other], lines[one]
            text = "\n".join(lines)
    return text


def read(kind, folder):
    """Read a file as far as it goes without the CDK; returns the problems."""
    try:
        if kind == "environments":
            read_environments(folder / "environments.yaml")
        elif kind == "prices":
            return read_prices(folder / "prices.yaml")[1]
        else:
            declared = read_jobs(folder / "jobs.yaml", files.VARIABLES)
            return [problem for job in declared.jobs for problem in built(declared, job)]
    except DeclarationError as error:
        return list(error.problems) or pytest.fail("an error without a problem")
    return []


def built(declared, job):
    made = Built(declared.document, job, Surroundings())
    try:
        request = made.request()
    except NotImplementedError:  # the test has no ECR
        return made.problems
    if request is not None and not made.problems:
        request.problems()
    return made.problems


def check(kind, folder):
    for problem in read(kind, folder):
        assert isinstance(problem, FileProblem)
        assert problem.allowed
        assert problem.fix
        assert problem.file
        assert problem.line >= 0
        # It can be printed anywhere.
        str(problem).encode()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return files.write(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("kind", TEXTS)
def test_a_changed_file_is_read_or_told(written, kind):
    @settings(max_examples=30)
    @given(mutated(TEXTS[kind]))
    def changed(text):
        (written / f"{kind}.yaml").write_bytes(text.encode(errors="surrogatepass"))
        check(kind, written)

    changed()


@pytest.mark.parametrize("kind", TEXTS)
def test_changed_bytes_are_read_or_told(written, kind):
    content = TEXTS[kind].encode()

    @settings(max_examples=20)
    @given(st.integers(0, len(content)), st.integers(0, 60), st.binary(max_size=12))
    def changed(start, length, piece):
        (written / f"{kind}.yaml").write_bytes(content[:start] + piece + content[start + length :])
        check(kind, written)

    changed()


@pytest.mark.parametrize("kind", [*TEXTS, "prices"])
def test_any_bytes_and_any_data_are_read_or_told(written, kind):
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    keys = st.text(max_size=8) | st.sampled_from(
        ["environments", "defaults", "jobs", "buckets", "processors", "prices"]
    )
    data = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))

    @settings(max_examples=30)
    @given(st.binary(max_size=60) | data.map(lambda value: json.dumps(value).encode()))
    @example(b"[" * 500)
    @example(b"- " * 500)
    @example(b"{a: " * 500)
    @example(b'"\\x' + b"9" * 5_000)
    @example(b"a: " + b"9" * 5_000)
    def anything(content):
        (written / f"{kind}.yaml").write_bytes(content)
        check(kind, written)

    anything()


def test_a_price_list_that_is_none_is_told(written):
    leaves = st.none() | st.integers() | st.text(max_size=8)
    data = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))
    product = st.fixed_dictionaries(
        {"attributes": st.fixed_dictionaries({"usagetype": st.just("Processing:ml.m5.large")})}
    )
    lists = st.fixed_dictionaries(
        {
            "offerCode": st.just("AmazonSageMaker"),
            "products": st.dictionaries(st.just("A"), product | data),
            "terms": st.fixed_dictionaries(
                {"OnDemand": st.dictionaries(st.just("A"), st.dictionaries(st.text(), data))}
            ),
        }
    )
    file = written / "list.json"

    @settings(max_examples=12)
    @given(st.binary(max_size=30) | (data | lists).map(lambda value: json.dumps(value).encode()))
    def anything(content):
        file.write_bytes(content)
        with pytest.raises(DeclarationError) as told:
            price_list_table(file)
        assert told.value.problems

    anything()

"""Jobs that launch each other for ever: by what they write, by their success, and by both."""

from collections import Counter

import pytest
from aws_cdk import App, Stack, Stage
from aws_cdk.assertions import Annotations, Match
from aws_cdk.aws_s3 import Bucket

from cdk_processing import (
    DataBucket,
    DeclarationError,
    ExecutionVariables,
    OnEvent,
    OnObjectCreated,
    OnSuccessOf,
    Parameter,
    ProcessingJob,
    ProcessingOutput,
    S3Location,
)
from cdk_processing.constructs.circles import _Launches


@pytest.fixture
def declare(stack, raw, request_for):
    """Declare a job that writes to one key of Raw and is launched by triggers."""

    def make(name, destination=None, *triggers, scope=stack):
        return ProcessingJob(scope, name, request_for(destination=destination), triggers=triggers)

    return make


@pytest.fixture
def warnings():
    """The texts of the warnings of a possible circle in a stack."""

    def find(stack):
        found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("launch each other for ever"))
        return [each.entry.data for each in found]

    return find


def test_two_jobs_that_write_where_the_other_watches_are_refused_with_both_paths(declare, raw):
    declare("First", raw.at("b/"), OnObjectCreated(raw.at("a/")))

    with pytest.raises(DeclarationError) as refused:
        declare("Second", raw.at("a/"), OnObjectCreated(raw.at("b/")))
    [problem] = refused.value.problems
    assert str(problem) == (
        "triggers must be such that Census/Second does not launch itself for ever: Census/Second writes to "
        "s3://<Census/Raw>/a/, which launches Census/First; Census/First writes to s3://<Census/Raw>/b/, which "
        "launches Census/Second, got 'Census/Second -> Census/First -> Census/Second'; write to another prefix or "
        "bucket, or launch one of them by something else; for a circle that you mean to have, launch one by OnEvent "
        "with a pattern of your own, and acknowledge the warning (Second)"
    )


def test_a_circle_of_arrivals_and_success_is_refused(declare, raw):
    first = declare("First", raw.at("x/"), OnObjectCreated(raw.at("in/")))
    second = declare("Second", raw.at("y/"), OnSuccessOf(first))

    with pytest.raises(DeclarationError, match="/in/daily/, which launches Census/First; the success of Cen"):
        declare("Third", raw.at("in/daily/"), OnSuccessOf(second))


def test_a_circle_that_a_trigger_added_later_closes_is_refused_and_nothing_is_added(declare, raw, stack, synth):
    first = declare("First", raw.at("b/"))
    declare("Second", raw.at("a/"), OnObjectCreated(raw.at("b/")))
    before = synth(stack)

    with pytest.raises(DeclarationError, match="Census/First -> Census/Second -> Census/First"):
        first.add_trigger(OnObjectCreated(raw.at("a/")))
    assert synth(stack) == before
    first.add_trigger(OnObjectCreated(raw.at("c/")))


def test_what_launched_a_removed_job_closes_no_circle(declare, raw, stack, warnings):
    first = declare("First", raw.at("b/"), OnObjectCreated(raw.at("a/")))
    declare("Second", raw.at("x/"), OnSuccessOf(first))
    stack.node.try_remove_child("Second")
    declare("Second", raw.at("a/"), OnObjectCreated(raw.at("c/")))

    assert warnings(stack) == []


def test_a_circle_over_several_stacks_is_refused(app, declare, raw):
    other = Stack(app, "Other")
    declare("First", raw.at("b/"), OnObjectCreated(raw.at("a/")))

    with pytest.raises(DeclarationError, match="Other/Second -> Census/First -> Other/Second"):
        declare("Second", raw.at("a/"), OnObjectCreated(raw.at("b/")), scope=other)


def test_the_whole_bucket_and_a_bucket_by_its_name_close_a_circle_too(declare):
    declare("First", "s3://pond/b", OnObjectCreated("s3://lake/a/"))

    with pytest.raises(DeclarationError, match="Census/Second -> Census/First -> Census/Second"):
        declare("Second", "s3://lake/a", OnObjectCreated("s3://pond"))


@pytest.mark.parametrize("written", ["by its name", "imported"])
def test_a_bucket_that_the_app_names_is_known_by_that_name_too(stack, declare, written):
    lake = DataBucket(stack, "Lake", bucket_name="the-lake")
    imported = S3Location(Bucket.from_bucket_name(stack, "Imported", "the-lake"), "a/")
    place = "s3://the-lake/a/" if written == "by its name" else imported

    with pytest.raises(DeclarationError, match=r"outputs\[0\].destination must be outside"):
        declare("Own", place, OnObjectCreated(lake.at("a/")))
    declare("First", lake.at("b/"), OnObjectCreated(lake.at("a/")))
    with pytest.raises(DeclarationError, match="Census/Second -> Census/First -> Census/Second"):
        declare("Second", place, OnObjectCreated("s3://the-lake/b/"))


@pytest.mark.parametrize("run_time", [f"a/{ExecutionVariables.RUN_ID}/", f"a/{ExecutionVariables.TRIGGER_TIME:%Y}/"])
def test_a_run_time_value_after_the_watched_prefix_makes_the_circle_no_less_certain(declare, raw, run_time):
    declare("First", raw.at("b/"), OnObjectCreated(raw.at("a/")))

    with pytest.raises(DeclarationError, match="does not launch itself"):
        declare("Second", raw.at(run_time), OnObjectCreated(raw.at("b/")))


def test_neighbours_that_are_no_circle_are_taken_without_a_word(declare, raw, curated, stack, warnings):
    declare("First", raw.at("b/"), OnObjectCreated(raw.at("a/")))
    declare("Side", curated.at("a/"), OnObjectCreated(raw.at("b/")))
    declare("Longer", raw.at("a-old/"), OnObjectCreated(raw.at("b/")))
    declare("Id", raw.at(f"{ExecutionVariables.RUN_ID}/a/"), OnObjectCreated(raw.at("b/")))

    assert warnings(stack) == []


@pytest.mark.parametrize(
    "key",
    [f"{Parameter('where', default='x')}/", f"{ExecutionVariables.OBJECT_KEY}", f"a{Parameter('w', default='')}"],
    ids=["parameter", "object's key", "parameter after text"],
)
def test_a_circle_that_depends_on_a_value_of_a_run_is_a_warning(declare, raw, curated, stack, warnings, key):
    declare("First", curated.at("b/"), OnObjectCreated(raw.at("a/")))
    declare("Second", raw.at(key), OnObjectCreated(curated.at("b/")), scope=Stack(stack, "Inner"))

    [text] = warnings(stack.node.find_child("Inner"))
    assert text.startswith("jobs may launch each other for ever: Census/Inner/Second writes to s3://<Census/Raw>/")
    assert 'acknowledge_warning("cdk-processing:possible-circle", "why")' in text


def test_a_circle_through_an_event_of_a_pattern_is_a_warning(declare, stack, warnings):
    detail = {"bucket": {"name": ["lake"]}, "object": {"key": [{"prefix": "a/"}]}}
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    declare("Own", "s3://lake/a/out/", OnEvent(pattern))
    declare("Other", "s3://lake/c/", OnEvent({**pattern, "detail-type": ["Object Deleted"]}))

    [text] = warnings(stack)
    assert "Census/Own writes to s3://lake/a/out/, which launches Census/Own" in text


def test_the_same_names_in_two_stages_are_two_circles_or_none(request_for):
    app = App()
    for name in ("Test", "Prod"):
        stack = Stack(Stage(app, name), "Census")
        raw = DataBucket(stack, "Raw")
        there, back = ("a/", "b/") if name == "Test" else ("b/", "a/")
        ProcessingJob(stack, "Job", request_for(destination=raw.at(back)), triggers=[OnObjectCreated(raw.at(there))])


def test_each_job_is_visited_once_a_search_though_many_ways_lead_to_it(declare, raw, monkeypatch):
    first = declare("First", raw.at("0/"))
    layer = [first]
    for number in range(1, 15):  # 2**14 ways lead from the first to the last
        layer = [declare(f"Job{number}{side}", None, *map(OnSuccessOf, layer)) for side in "LR"]
    visited = []

    def launched_by(self, path, written):
        visited.append((id(self), path))
        return original(self, path, written)

    original = _Launches.launched_by
    monkeypatch.setattr(_Launches, "launched_by", launched_by)
    first.add_trigger(OnObjectCreated(raw.at("in/")))

    assert max(Counter(visited).values()) == 2  # one search for certain circles, one for others
    assert len({path for _, path in visited}) == 29


def test_each_output_of_a_job_counts(stack, raw, curated, request_for, declare):
    outputs = [
        ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}", destination=place)
        for name, place in (("one", curated.at("x/")), ("two", raw.at("b/")))
    ]
    ProcessingJob(stack, "First", request_for(outputs=outputs), triggers=[OnObjectCreated(raw.at("a/"))])

    with pytest.raises(DeclarationError, match="Census/First writes to s3://<Census/Raw>/b/"):
        declare("Second", raw.at("a/"), OnObjectCreated(raw.at("b/")))

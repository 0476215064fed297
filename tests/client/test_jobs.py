import pytest

from cdk_processing.client import AmbiguousJobError, Job, UnknownJobError
from cdk_processing.client import jobs as jobs_module
from cdk_processing.client.errors import nearest
from cdk_processing.client.jobs import find_job

ARN = "arn:aws:states:eu-west-1:111122223333:stateMachine:"
JOBS = [
    Job("Census/Preprocess", "census-preprocess", f"{ARN}A"),
    Job("Census/Evaluate", "census-evaluate", f"{ARN}B"),
    Job("Prod/Census/Preprocess", "prod-census-preprocess", f"{ARN}C"),
    Job("Prod/Census/Report", "report", f"{ARN}D"),
]


@pytest.fixture(autouse=True)
def deployed(monkeypatch):
    monkeypatch.setattr(jobs_module, "list_jobs", lambda account: JOBS)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Census/Preprocess", JOBS[0]),  # although Prod/Census/Preprocess ends the same
        ("prod-census-preprocess", JOBS[2]),
        ("Evaluate", JOBS[1]),
        (f"{ARN}C", JOBS[2]),
        ("report", JOBS[3]),
    ],
)
def test_a_job_is_found_by_its_path_its_end_its_base_name_and_its_arn(name, found):
    assert find_job("account", name) == found


def test_a_name_that_fits_several_jobs_is_refused_with_their_arns():
    with pytest.raises(AmbiguousJobError) as refused:
        find_job("account", "Preprocess")
    assert f"{ARN}A" in str(refused.value)
    assert f"{ARN}C" in str(refused.value)


def test_an_unknown_job_names_the_nearest():
    with pytest.raises(UnknownJobError, match=r"no job 'Census/Preproces' in eu-west-1: did you mean Census/Preproc"):
        find_job("eu-west-1", "Census/Preproces")


def test_an_unknown_job_where_none_is_near_lists_all():
    with pytest.raises(UnknownJobError, match=r"the jobs are Census/Evaluate, Census/Preprocess"):
        find_job("eu-west-1", "xyz")


def test_an_unknown_job_where_there_are_none_says_where_to_look(monkeypatch):
    monkeypatch.setattr(jobs_module, "list_jobs", lambda account: [])
    with pytest.raises(UnknownJobError, match="no jobs are deployed there; check the region"):
        find_job("eu-west-1", "xyz")


@pytest.mark.parametrize(
    ("typed", "meant"), [("census/preprocess", "Census/Preprocess"), ("Evalate", "Census/Evaluate"), ("q", None)]
)
def test_the_nearest_name_is_found_in_spite_of_case_and_a_missing_letter(typed, meant):
    assert next(iter(nearest(typed, [job.name for job in JOBS[:2]])), None) == meant

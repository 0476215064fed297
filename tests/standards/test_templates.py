"""A stack as it is deployed, as standards and the checks of overrides read it."""

from cdk_processing.standards.templates import SynthesizedStack, jobs_of


class Counted(dict):
    """Counts how often it is listed."""

    listed = 0

    def items(self):
        self.listed += 1
        return super().items()


def test_resources_are_listed_once_and_not_again_for_each_resource():
    resources = Counted({f"Job{number}": {"Type": "AWS::SageMaker::ProcessingJob"} for number in range(5)})

    jobs = list(jobs_of(SynthesizedStack("Jobs", {"Resources": resources})))

    assert len(jobs) == 5
    assert resources.listed == 1


def test_what_is_no_resource_is_left_out():
    assert SynthesizedStack("Jobs", {"Resources": {"Job": None}}).resources == {}
    assert SynthesizedStack("Jobs", {}).resources == {}

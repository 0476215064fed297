"""A data plane that has no capacity of some instance types: those that the job's environment names."""

from cdk_processing.local.job_runner import JobResult


def run(description, session, observer, stop, settings):
    wanted = description["ProcessingResources"]["ClusterConfig"]["InstanceType"]
    if wanted in description["Environment"]["LACKING"].split():
        return JobResult("Failed", "CapacityError: Unable to provision requested ML compute capacity.")
    return JobResult("Completed")

"""A runner for storms: what a job does is to write one object to each of its outputs, as its own role, at once."""

from cdk_processing.local.job_runner import JobResult


def run(description, session, observer, stop, settings):
    observer.phase("Processing")
    for output in description.get("ProcessingOutputConfig", {}).get("Outputs", []):
        bucket, _, prefix = output["S3Output"]["S3Uri"].removeprefix("s3://").partition("/")
        body = description["ProcessingJobName"].encode()
        session.client("s3").put_object(Bucket=bucket, Key=f"{prefix.rstrip('/')}/done", Body=body)
    return JobResult("Completed")

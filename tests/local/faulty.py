"""An embedded AWS of a test module's own, so that faults in it disturb nobody else, and clients that repeat nothing."""

import contextlib
import os
import threading
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from cdk_processing.local.engine import LocalAws
from tests.local.control_plane import ACCOUNT, World, machine_statements

SYNC = "arn:aws:states:::sagemaker:createProcessingJob.sync"


class FaultyWorld(World):
    """A world with the roles that most tests need."""

    def __init__(self, aws):
        super().__init__(aws)
        self.job_role = self.execution_role()
        self.machine_role = self.role("states.amazonaws.com", machine_statements(self.job_role))
        self._once = {}
        self._lock = threading.Lock()

    def once(self, service):
        """A client that asks once and repeats nothing."""
        with self._lock:
            if service not in self._once:
                self._once[service] = boto3.Session().client(
                    service,
                    endpoint_url=self.aws.endpoint_url,
                    region_name="us-east-1",
                    aws_access_key_id=ACCOUNT,
                    aws_secret_access_key=self.aws.environment()["AWS_SECRET_ACCESS_KEY"],
                    config=Config(
                        retries={"total_max_attempts": 1},
                        signature_version="v4" if service != "s3" else "s3v4",
                        s3={"addressing_style": "path"},
                    ),
                )
            return self._once[service]

    def create(self, **changes):
        """Ask once for a job; its name, or the error."""
        request = self.request(self.job_role, **changes)
        try:
            self.once("sagemaker").create_processing_job(**request)
        except ClientError as error:
            return error.response["Error"]
        return request["ProcessingJobName"]

    def run(self, **state):
        """Run a state machine of one job; the execution, ended, and the job's name."""
        request = self.request(self.job_role)
        execution = self.execute(self.task_machine(SYNC, request, self.machine_role, **state))
        return execution, request["ProcessingJobName"]

    def jobs(self, name):
        found = self.client("sagemaker").list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
        return [job["ProcessingJobName"] for job in found]

    def close(self):
        for client in self._once.values():
            client.close()


@contextlib.contextmanager
def faulty_world(**options):
    root = str(Path(__file__).parents[2])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, before]))
    try:
        with LocalAws(runner="tests.local.stub_runner:run", wait_scale=0.01, **options) as aws:
            world = FaultyWorld(aws)
            try:
                yield world
            finally:
                world.close()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before

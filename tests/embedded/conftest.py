"""An embedded AWS for tests that declare jobs with the real constructs and run them."""

import itertools
import json
import os
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def embedded():
    """A running embedded AWS whose jobs run with this interpreter; declare stacks into it with ``deploy``."""
    from cdk_processing.local.engine import LocalAws
    from cdk_processing.local.testing import DeployedAws

    with LocalAws(python=sys.executable, wait_scale=0.02) as aws, DeployedAws(aws) as deployed:
        yield deployed


@pytest.fixture(scope="session")
def deploy(embedded, tmp_path_factory):
    """``deploy(declare)`` calls ``declare(stack)``, deploys the stack and returns its name."""
    os.environ.setdefault("CDK_VALIDATION", "false")

    def deploy_stack(declare):
        import aws_cdk

        app = aws_cdk.App(outdir=str(tmp_path_factory.mktemp("out")))
        stack = aws_cdk.Stack(app, f"Stack{next(_numbers)}")
        declare(stack)
        embedded.deploy(app)
        return stack.stack_name

    return deploy_stack


@pytest.fixture
def processor():
    """A processor of AWS's scikit-learn image; the embedded AWS runs it with this interpreter."""
    from cdk_processing import SKLearnProcessor

    return SKLearnProcessor(framework_version="1.4-2", instance_type="ml.m5.xlarge", instance_count=1)


@pytest.fixture
def dead_letters(embedded):
    """``dead_letters(stack)`` takes every message out of a stack's dead-letter queue."""

    def take(stack_name):
        stack = next(stack for stack in embedded.deployment.stacks if stack.name == stack_name)
        url = next(value for key, value in stack.resources.items() if stack.types[key] == "AWS::SQS::Queue")
        sqs, taken = embedded.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                taken.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    return take

"""Instance types that this library's release does not know."""

import pytest
from aws_cdk import CfnParameter
from aws_cdk.assertions import Annotations, Match

from cdk_processing import DeclarationError, ProcessingJob, SKLearnProcessor


def declare(stack, instance_type):
    processor = SKLearnProcessor(framework_version="1.4-2", instance_type=instance_type, instance_count=1)
    return ProcessingJob(stack, "Preprocess", processor.run(code="s3://code/prep.py"))


def warnings(stack):
    found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("instance_type"))
    return [each.entry.data for each in found]


def test_a_known_instance_type_is_no_news(stack):
    declare(stack, "ml.m5.xlarge")

    assert warnings(stack) == []


def test_an_unknown_instance_type_is_warned_of_because_aws_may_have_brought_it_since(stack):
    declare(stack, "ml.m55.xlarge")

    assert warnings(stack) == [
        "instance_type ml.m55.xlarge is not known to this release of cdk_processing; if it is not newer than that, "
        "SageMaker will refuse it: did you mean ml.m5.xlarge and ml.m5.4xlarge? "
        "[ack: cdk-processing:unknown-instance-type]"
    ]


def test_an_instance_type_that_only_the_deployment_knows_is_left_alone(stack):
    declare(stack, CfnParameter(stack, "InstanceType").value_as_string)

    assert warnings(stack) == []


@pytest.mark.parametrize("instance_type", ["m5.xlarge", "ml.m5", "ML.M5.XLARGE", "", 5])
def test_a_malformed_instance_type_is_refused(stack, instance_type):
    with pytest.raises(DeclarationError, match="instance_type must be a SageMaker instance type"):
        declare(stack, instance_type)

"""The SSM parameters by which a stack uses a platform that another stack has deployed.

A platform named ``data`` writes one parameter for each value, such as
``/cdk-processing/platforms/data/v1/dead-letter-queue-arn``. One parameter a value, not one JSON text for all: a
template cannot look into JSON, and CloudFormation names a parameter that is missing.

The version in the name is that of this form, not of the library. A platform writes all versions that this release
knows, so that stacks of earlier releases go on; a stack reads the newest one. A new value needs no new version: a stack
that asks an older platform for it gets an error that names the parameter. Increase :data:`PLATFORM_VERSION`, and go on
writing the earlier ones, when the meaning of a value changes.
"""

from __future__ import annotations

import re
from enum import Enum

from cdk_processing.errors import Problem

__all__ = ["LISTS", "NONE", "PLATFORM_VERSION", "PlatformValue", "parameter_name", "platform_name_problems"]

#: The version that this release reads.
PLATFORM_VERSION = 1
#: What stands for no value: Parameter Store takes no empty text.
NONE = "none"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class PlatformValue(str, Enum):
    """The values, by the end of their parameter's name."""

    #: Of the key; of a key that does not exist if there is none, so that permissions on it allow nothing.
    KEY_ARN = "key-arn"
    DEAD_LETTER_QUEUE_ARN = "dead-letter-queue-arn"
    DEAD_LETTER_QUEUE_URL = "dead-letter-queue-url"
    ALERT_TOPIC_ARN = "alert-topic-arn"
    LOG_GROUP_ARN = "log-group-arn"
    TABLE_ARN = "table-arn"
    TABLE_NAME = "table-name"
    #: Of the state machine that keeps the lines of runs that wait.
    LINE_MACHINE_ARN = "line-machine-arn"
    WORK_BUCKET_NAME = "work-bucket-name"
    DATA_BUCKET_NAME = "data-bucket-name"
    #: Of a managed policy, or ``none``.
    PERMISSIONS_BOUNDARY = "permissions-boundary"
    #: ``/`` if there is none.
    ROLE_PATH = "role-path"
    #: A digest of the path. A role that moves to another path needs another name.
    ROLE_PATH_MARK = "role-path-mark"
    #: Or ``none``.
    ROLE_NAME_PREFIX = "role-name-prefix"
    #: ``vpc``, or ``none`` if the platform attaches jobs to no VPC.
    NETWORK = "network"
    #: Separated by commas, or ``none``.
    SUBNET_IDS = "subnet-ids"
    #: Separated by commas, or ``none``.
    SECURITY_GROUP_IDS = "security-group-ids"
    #: ``required`` if each job must say who pays for it, else ``none``.
    COST_ALLOCATION = "cost-allocation"
    #: ``required`` if the jobs must meet standards, else ``none``.
    STANDARDS = "standards"


#: Parameters of the type ``StringList``. A prefix and a mark are one item each: the checks that the CDK makes of a
#: template take the name of a text parameter for its value, and find that no role may have that name.
LISTS = frozenset(
    {
        PlatformValue.ROLE_NAME_PREFIX,
        PlatformValue.ROLE_PATH_MARK,
        PlatformValue.SECURITY_GROUP_IDS,
        PlatformValue.SUBNET_IDS,
    }
)


def parameter_name(platform: str, value: PlatformValue, version: int = PLATFORM_VERSION) -> str:
    """The name of a parameter.

    Args:
        platform: The platform's name.
        value: What the parameter holds.
        version: The version of the form.

    Example:
        >>> parameter_name("data", PlatformValue.TABLE_NAME)
        '/cdk-processing/platforms/data/v1/table-name'
    """
    return f"/cdk-processing/platforms/{platform}/v{version}/{value.value}"


def platform_name_problems(name: object) -> list[Problem]:
    """What is wrong with a platform's name."""
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
    if isinstance(name, str) and _NAME.fullmatch(name):
        return []
    allowed = "1-63 letters, digits, '_', '-' and '.', beginning with a letter or digit, known at synth"
    return [Problem("name", name, allowed, "write name='data'")]

"""One job that meets every rule, and jobs that each break one, forced past synth: its validation is skipped."""

from pathlib import Path

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_kms as kms

from cdk_processing import (
    LaunchPolicy,
    NetworkConfig,
    ProcessingJob,
    ProcessingOutput,
    ProcessingPlatform,
    SKLearnProcessor,
    Standards,
)

SUBNETS = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
GROUPS = ["sg-0a1b2c3d"]
REGION = "us-east-1"
SCRIPT = Path(__file__).with_name("note.py")
STANDARDS = Standards(
    instance_types=["ml.m5.*", "ml.m5d.large", "ml.c5.xlarge"],
    max_instance_count=4,
    max_runtime_in_seconds=3600,
    volume_encryption=True,
    output_encryption=True,
    traffic_encryption=True,
    network_isolation=True,
    vpc=True,
    subnets=SUBNETS,
    security_groups=GROUPS,
    required_tags={"team": ["data", "ml-*"], "cost-center": []},
    image_repositories=["*.dkr.ecr.*.amazonaws.com/sagemaker-scikit-learn"],
    regions=[REGION],
    max_run_cost=5,
    prices={"ml.m5.large": 0.13, "ml.m5.xlarge": 0.26, "ml.m5d.large": 0.15, "ml.c5.xlarge": 0.24, "ml.m5.4xlarge": 1},
)
TAGS = {"team": "data", "cost-center": "4711"}
NETWORK = {"enable_network_isolation": True, "subnets": SUBNETS[:1], "security_group_ids": GROUPS}


def declare(scope, name, platform, key, *, network=None, policy=None, **change):
    """A job that meets every rule, but for what is changed."""
    given = {
        "framework_version": "1.4-2",
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "max_runtime_in_seconds": 600,
        "volume_kms_key": key,
        "output_kms_key": key,
        "network_config": NetworkConfig(**{**NETWORK, **(network or {})}),
        "tags": TAGS,
        **change,
    }
    outputs = [ProcessingOutput(output_name="note", source="/opt/ml/processing/note")]
    request = SKLearnProcessor(**given).run(code=str(SCRIPT), outputs=outputs)
    return ProcessingJob(scope, name, request, platform=platform, launch_policy=policy or LaunchPolicy(attempts=1))


DEAR = {"instance_type": "ml.m5.4xlarge", "max_runtime_in_seconds": 3600}
OPEN_NETWORK = {"enable_network_isolation": False}
#: What each job changes of the one that meets every rule: arguments of ``declare``.
BROKEN = {
    "TypeOfGpu": {"instance_type": "ml.p3.2xlarge"},
    "TypeOfOtherFamily": {"instance_type": "ml.c5.2xlarge"},
    "TypeOfOtherSize": {"instance_type": "ml.m5d.xlarge", "volume_kms_key": None},
    "TypeOfSeveral": {"instance_type": ["ml.r5.large", "ml.m5.large"]},
    "RunsTwoHours": {"max_runtime_in_seconds": 7200},
    "RunsASecondTooLong": {"max_runtime_in_seconds": 3601},
    "RunsNineDays": {"max_runtime_in_seconds": 777_600},
    "RunsAsLongAsSageMakerAllows": {"max_runtime_in_seconds": None},
    "VolumeInTheClear": {"volume_kms_key": None},
    "VolumeInTheClearOfLarger": {"volume_kms_key": None, "instance_type": "ml.m5.xlarge"},
    "OutputInTheClear": {"output_kms_key": None},
    "BothInTheClear": {"volume_kms_key": None, "output_kms_key": None},
    "TrafficInTheClear": {"network": {"encrypt_inter_container_traffic": False}},
    "TrafficInTheClearOfTwo": {"network": {"encrypt_inter_container_traffic": False}, "instance_count": 2},
    "NotIsolated": {"network": OPEN_NETWORK},
    "NotIsolatedByDefaultOfNetworkConfig": {"network_config": NetworkConfig(**{**NETWORK, **OPEN_NETWORK})},
    "OutsideOfAnyVpc": {"network": {"subnets": None, "security_group_ids": None}},
    "NetworkLeftOut": {"network_config": None},
    "InAnotherSubnet": {"network": {"subnets": ["subnet-9a1b2c3d"]}},
    "InOneMoreSubnet": {"network": {"subnets": [*SUBNETS, "subnet-9a1b2c3d"]}},
    "InAnotherGroup": {"network": {"security_group_ids": ["sg-9a1b2c3d"]}},
    "InOneMoreGroup": {"network": {"security_group_ids": [*GROUPS, "sg-9a1b2c3d"]}},
    "WithoutTags": {"tags": None},
    "WithoutTeam": {"tags": {"cost-center": "4711"}},
    "WithoutCostCenter": {"tags": {"team": "data"}},
    "OfAnotherTeam": {"tags": {**TAGS, "team": "sales"}},
    "OfATeamInCapitals": {"tags": {**TAGS, "team": "DATA"}},
    "OfATeamByAnotherKey": {"tags": {"Teams": "data", "cost-center": "4711"}},
    "OpenAndOutside": {"network_config": NetworkConfig()},
    "EverythingWrong": {
        "instance_type": "ml.p3.2xlarge",
        "max_runtime_in_seconds": 86_400,
        "volume_kms_key": None,
        "output_kms_key": None,
        "tags": None,
        "network_config": NetworkConfig(encrypt_inter_container_traffic=False),
    },
}
#: The same for rules that SageMaker has no condition key for.
BROKEN_AT_SYNTH = {
    "FiveInstances": {"instance_count": 5},
    "HundredInstances": {"instance_count": 100},
    "CostsTooMuch": {**DEAR, "instance_count": 4, "policy": LaunchPolicy(attempts=2)},
    "CostsTooMuchByItsAttempts": {**DEAR, "policy": LaunchPolicy(attempts=6)},
    "OfUnknownPrice": {"instance_type": "ml.m5.2xlarge"},
}


def build(app, broken):
    """The platform, the good job and the broken ones, in one stack."""
    stack = Stack(app, "Held", env=Environment(region=REGION))
    platform = ProcessingPlatform(stack, "Platform", standards=STANDARDS)
    key = kms.Key(stack, "Key")
    declare(stack, "Good", platform, key)
    declare(stack, "GoodWithLocalStorage", platform, key, instance_type="ml.m5d.large", volume_kms_key=None)
    for name, change in broken.items():
        declare(stack, name, platform, key, **change)
    return stack


if __name__ == "__main__":
    app = App()
    build(app, BROKEN)
    app.synth(skip_validation=True)

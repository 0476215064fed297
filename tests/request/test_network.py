import pytest

from cdk_processing import NetworkConfig

SG = ["sg-1"]
SUBNETS = ["subnet-1"]


def test_options_with_both_or_neither_have_no_problems():
    assert NetworkConfig().problems() == []
    assert NetworkConfig(security_group_ids=SG * 5, subnets=SUBNETS * 16).problems() == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            NetworkConfig(subnets=SUBNETS),
            "security_group_ids must be given together with the other, got None; "
            "set security_group_ids on NetworkConfig",
        ),
        (
            NetworkConfig(security_group_ids=SG),
            "subnets must be given together with the other, got None; set subnets on NetworkConfig",
        ),
        (
            NetworkConfig(security_group_ids=[], subnets=SUBNETS),
            "security_group_ids must be a list of 1-5, got []; set security_group_ids on NetworkConfig",
        ),
        (
            NetworkConfig(security_group_ids="sg-1", subnets=SUBNETS),
            "security_group_ids must be a list of 1-5, got 'sg-1'; write security_group_ids=['sg-1']",
        ),
    ],
)
def test_options_that_cannot_work_are_told(told, given, message):
    assert told(given.problems()) == message


def test_too_many_of_either_are_told():
    problems = NetworkConfig(security_group_ids=SG * 6, subnets=SUBNETS * 17).problems()

    assert [(problem.field, problem.allowed) for problem in problems] == [
        ("security_group_ids", "a list of 1-5"),
        ("subnets", "a list of 1-16"),
    ]


def test_traffic_between_hosts_is_encrypted_unless_declined():
    assert NetworkConfig().render()["EnableInterContainerTrafficEncryption"] is True
    declined = NetworkConfig(encrypt_inter_container_traffic=False)
    assert declined.render()["EnableInterContainerTrafficEncryption"] is False


def test_hosts_are_in_a_vpc_only_with_both():
    assert NetworkConfig(security_group_ids=SG, subnets=SUBNETS).in_vpc
    assert not NetworkConfig(subnets=SUBNETS).in_vpc
    assert "VpcConfig" not in NetworkConfig(subnets=SUBNETS).render()

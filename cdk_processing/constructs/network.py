"""The subnets and security groups of a job's hosts as ids, and the security group that a job creates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from constructs import Construct

from cdk_processing.constructs.resources import known_as, resource
from cdk_processing.contract.texts import SECURITY_GROUP_DESCRIPTION, fit
from cdk_processing.errors import Problem
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.types import WholeNumber

__all__ = ["bind_network", "network_problems"]

_MOST_SUBNETS = 16
#: Fields of an ``ec2.SubnetSelection``.
_SELECTION = ("availability_zones", "one_per_az", "subnet_filters", "subnet_group_name", "subnets", "subnet_type")


def network_problems(config: Any) -> list[Problem]:
    """Problems that only the VPC knows: whether it has the selected subnets."""
    if not isinstance(config, NetworkConfig) or config.vpc is None or config.problems():
        return []
    if config.subnets is not None and not config.selects_subnets:
        return []
    found = len(_subnet_ids(config))
    if 1 <= found <= _MOST_SUBNETS:
        return []
    chosen = "the selection" if config.selects_subnets else "the VPC's private subnets"
    fix = "name subnets on NetworkConfig; hosts in a public subnet have no public address, so they reach nothing"
    return [Problem("network_config.subnets", f"{chosen}: {found} subnets", f"1-{_MOST_SUBNETS} subnets", fix)]


def bind_network(config: NetworkConfig, scope: Construct, hosts: WholeNumber | None) -> NetworkConfig:
    """The same options with ids for constructs.

    Args:
        config: The options as declared.
        scope: The job. It gets a security group if the options name a VPC without one.
        hosts: The number of the job's hosts; several must reach each other.
    """
    if not config.in_vpc:
        return config
    groups = config.security_group_ids
    if groups is None:
        groups = [_make_group(config.vpc, scope, hosts)]
    return replace(config, security_group_ids=groups, subnets=_subnet_ids(config), vpc=None)


def _subnet_ids(config: NetworkConfig) -> list[str]:
    vpc: Any = config.vpc  # an ec2.IVpc, by whose own methods subnets are selected
    if config.selects_subnets:
        given = {name: getattr(config.subnets, name) for name in _SELECTION}
        selected = vpc.select_subnets(**{name: value for name, value in given.items() if value is not None})
        return list(selected.subnet_ids)
    if config.subnets is not None:
        return config.ids("subnets")
    # An empty selection would fall back to public subnets.
    return [subnet.subnet_id for subnet in vpc.private_subnets or vpc.isolated_subnets]


def _make_group(vpc: Any, scope: Construct, hosts: WholeNumber | None) -> str:
    """A security group for the job, as plain resources, because aws_ec2 is slow to load."""
    everywhere = {"CidrIp": "0.0.0.0/0", "IpProtocol": "-1", "Description": "All traffic may leave"}
    group = resource(
        scope,
        "SecurityGroup",
        "AWS::EC2::SecurityGroup",
        {
            "GroupDescription": fit(f"Hosts of {known_as(scope)}", SECURITY_GROUP_DESCRIPTION),
            "VpcId": vpc.vpc_id,
            "SecurityGroupEgress": [everywhere],
        },
    )
    group_id = group.attribute("GroupId")
    if hosts != 1:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/process-vpc.html: hosts of one job must reach each other
        resource(
            scope,
            "SecurityGroupIngress",
            "AWS::EC2::SecurityGroupIngress",
            {
                "GroupId": group_id,
                "SourceSecurityGroupId": group_id,
                "IpProtocol": "-1",
                "Description": "Hosts of one job reach each other",
            },
        )
    return group_id

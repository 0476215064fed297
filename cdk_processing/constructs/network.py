"""The subnets and security groups of a job's hosts as ids, and the security group that a job creates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from constructs import Construct

from cdk_processing.constructs.acknowledgements import of_packs
from cdk_processing.constructs.resources import acknowledge, known_as, resource
from cdk_processing.contract.texts import SECURITY_GROUP_DESCRIPTION, fit
from cdk_processing.errors import Problem
from cdk_processing.request.network import NetworkConfig
from cdk_processing.request.types import WholeNumber

__all__ = ["bind_network", "network_problems", "shared_network"]

_MOST_SUBNETS = 16
#: Fields of an ``ec2.SubnetSelection``.
_SELECTION = ("availability_zones", "one_per_az", "subnet_filters", "subnet_group_name", "subnets", "subnet_type")


def network_problems(config: Any, field: str = "network_config.") -> list[Problem]:
    """Problems that only the VPC knows: whether it has the selected subnets.

    Args:
        config: The options as declared.
        field: What the arguments are called before their own names.
    """
    if not isinstance(config, NetworkConfig) or config.vpc is None or config.problems():
        return []
    if config.subnets is not None and not config.selects_subnets:
        return []
    found = len(_subnet_ids(config))
    if 1 <= found <= _MOST_SUBNETS:
        return []
    chosen = "the selection" if config.selects_subnets else "the VPC's private subnets"
    fix = "name subnets; hosts in a public subnet have no public address, so they reach nothing"
    return [Problem(f"{field}subnets", f"{chosen}: {found} subnets", f"1-{_MOST_SUBNETS} subnets", fix)]


def bind_network(
    config: NetworkConfig, shared: NetworkConfig | None, scope: Construct, hosts: WholeNumber | None
) -> NetworkConfig:
    """The same options with ids for constructs.

    Args:
        config: The options as declared.
        shared: Subnets and groups of the platform, for a job that names none.
        scope: The job. It gets a security group if the options name a VPC without one.
        hosts: The number of the job's hosts; several must reach each other.
    """
    if not config.in_vpc:
        if shared is None:
            return config
        return replace(config, security_group_ids=shared.ids("security_group_ids"), subnets=shared.ids("subnets"))
    groups = config.security_group_ids
    if groups is None:
        groups = [_make_group(config.vpc, scope, hosts)]
    return replace(config, security_group_ids=groups, subnets=_subnet_ids(config), vpc=None)


def shared_network(config: NetworkConfig, platform: Construct) -> NetworkConfig | None:
    """The subnets and groups of a platform as ids, for all its jobs; None if it names no VPC.

    Args:
        config: What the platform names.
        platform: The platform. It gets a security group if it names a VPC without one.
    """
    if not config.in_vpc:
        return None
    return bind_network(config, None, platform, None)


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
    """A security group for a job or for all jobs of a platform, as plain resources, because aws_ec2 is slow to load."""
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
        ingress = resource(
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
        reason = "The hosts of one job talk to each other on any port, and nobody outside of the group may enter."
        acknowledge(ingress, scope, reason, *of_packs("EC2RestrictedCommonPorts"))
    return group_id

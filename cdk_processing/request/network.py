"""How a job's containers reach the network."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdk_processing.errors import Problem
from cdk_processing.request.tokens import is_known, is_list_token
from cdk_processing.request.types import Json, ListOf, SecurityGroup, Subnet, SubnetSelection, Vpc

__all__ = ["NetworkConfig"]

_ID = re.compile(r"[-0-9a-zA-Z]{1,32}")

#: Each list: how many it may hold, and what a construct in it calls its id.
_LISTS = {"security_group_ids": (5, "security_group_id"), "subnets": (16, "subnet_id")}
_CONSTRUCTS = {"security_group_ids": "an ec2.ISecurityGroup", "subnets": "an ec2.ISubnet"}


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Network options, named as in the SageMaker SDK.

    A processor without one is isolated: its container reaches nothing but its channels. Saying
    ``NetworkConfig(enable_network_isolation=False)``, or just ``NetworkConfig()``, opens the network.

    Args:
        enable_network_isolation: Whether the container is cut off from every network, AWS's APIs included.
        security_group_ids: 1-5 security groups (``ec2.ISecurityGroup`` or id), together with ``subnets`` or ``vpc``.
            Left out beside ``vpc``, each job makes its own: all traffic may leave, and only the job's hosts may enter.
        subnets: 1-16 subnets (``ec2.ISubnet`` or id), or an ``ec2.SubnetSelection`` of ``vpc``. Left out beside
            ``vpc``, its private subnets.
        encrypt_inter_container_traffic: Whether hosts of one job encrypt what they send each other. On by default.
        vpc: The ``ec2.IVpc`` that the hosts are attached to. Not needed where groups and subnets are both given.

    Both lists may be ones that only CloudFormation knows, such as ``CfnParameter.value_as_list``.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_NetworkConfig.html
    """

    enable_network_isolation: bool = False
    security_group_ids: ListOf[SecurityGroup | str] | None = None
    subnets: ListOf[Subnet | str] | SubnetSelection | None = None
    encrypt_inter_container_traffic: bool | None = None
    vpc: Vpc | None = None

    @property
    def in_vpc(self) -> bool:
        """Whether the job's hosts are attached to a VPC."""
        return self.vpc is not None or bool(self.security_group_ids and self.subnets)

    @property
    def selects_subnets(self) -> bool:
        """Whether ``subnets`` is a selection, to be resolved by the VPC."""
        return self.subnets is not None and hasattr(self.subnets, "subnet_type")

    def problems(self) -> list[Problem]:
        """What is wrong with these options."""
        found = self._list_problems("security_group_ids")
        if self.selects_subnets:
            if self.vpc is None:
                found.append(Problem("vpc", None, "given with a SubnetSelection", "set vpc on NetworkConfig"))
        else:
            found += self._list_problems("subnets")
        if self.vpc is not None:
            if not hasattr(self.vpc, "select_subnets"):
                found.append(Problem("vpc", self.vpc, "an ec2.IVpc", "write vpc=ec2.Vpc.from_lookup(...)"))
        elif (self.security_group_ids is None) != (self.subnets is None):
            missing = "subnets" if self.subnets is None else "security_group_ids"
            found.append(Problem(missing, None, "given together with the other", f"set {missing} on NetworkConfig"))
        return found

    def render(self) -> Json:
        """A NetworkConfig of the API, once ``vpc`` has been asked for its subnets."""
        encrypt = self.encrypt_inter_container_traffic
        rendered: Json = {
            "EnableInterContainerTrafficEncryption": True if encrypt is None else encrypt,
            "EnableNetworkIsolation": self.enable_network_isolation,
        }
        if self.vpc is None and self.in_vpc:
            rendered["VpcConfig"] = {
                "SecurityGroupIds": self.ids("security_group_ids"),
                "Subnets": self.ids("subnets"),
            }
        return rendered

    def ids(self, field: str) -> list[str]:
        """A list of ids and constructs as ids."""
        attribute = _LISTS[field][1]
        return [each if isinstance(each, str) else getattr(each, attribute) for each in getattr(self, field) or ()]

    def _list_problems(self, field: str) -> list[Problem]:
        value, (most, attribute) = getattr(self, field), _LISTS[field]
        if value is None:
            return []
        fix = f"set {field} on NetworkConfig"
        if is_list_token(value):
            return []  # AWS counts and checks them when it makes the job
        if isinstance(value, str):
            return [Problem(field, value, f"a list of 1-{most}", f"write {field}=[{value!r}]")]
        if hasattr(value, "subnets"):  # what vpc.select_subnets() returns
            return [Problem(field, value, f"a list of 1-{most}", "pass its .subnets, or the vpc and a SubnetSelection")]
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= most:
            return [Problem(field, value, f"a list of 1-{most}", fix)]
        return [
            Problem(f"{field}[{index}]", each, f"{_CONSTRUCTS[field]}, or an id of 1-32 letters, digits and '-'", fix)
            for index, each in enumerate(value)
            if not hasattr(each, attribute)
            and (not isinstance(each, str) or (is_known(each) and not _ID.fullmatch(each)))
        ]

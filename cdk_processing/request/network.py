"""How a job's containers reach the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cdk_processing.errors import Problem

__all__ = ["NetworkConfig"]


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Network options, named as in the SageMaker SDK.

    A processor without one is isolated: its container reaches nothing but its channels. Saying
    ``NetworkConfig(enable_network_isolation=False)``, or just ``NetworkConfig()``, opens the network.

    Args:
        enable_network_isolation: Whether the container is cut off from every network, AWS's APIs included.
        security_group_ids: 1-5 security groups, together with ``subnets``.
        subnets: 1-16 subnets, together with ``security_group_ids``.
        encrypt_inter_container_traffic: Whether hosts of one job encrypt what they send each other. On by default.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_NetworkConfig.html
    """

    enable_network_isolation: bool = False
    security_group_ids: Sequence[str] | None = None
    subnets: Sequence[str] | None = None
    encrypt_inter_container_traffic: bool | None = None

    @property
    def in_vpc(self) -> bool:
        """Whether the job's hosts are attached to a VPC."""
        return bool(self.security_group_ids and self.subnets)

    def problems(self) -> list[Problem]:
        """What is wrong with these options."""
        found = []
        for field, value, most in (("security_group_ids", self.security_group_ids, 5), ("subnets", self.subnets, 16)):
            if value is not None and (isinstance(value, str) or not 1 <= len(value) <= most):
                found.append(Problem(field, value, f"a list of 1-{most}", f"set {field} on NetworkConfig"))
        if (self.security_group_ids is None) != (self.subnets is None):
            missing = "subnets" if self.subnets is None else "security_group_ids"
            found.append(Problem(missing, None, "given together with the other", f"set {missing} on NetworkConfig"))
        return found

    def render(self) -> dict[str, Any]:
        """A NetworkConfig of the API."""
        encrypt = self.encrypt_inter_container_traffic
        rendered: dict[str, Any] = {
            "EnableInterContainerTrafficEncryption": True if encrypt is None else encrypt,
            "EnableNetworkIsolation": self.enable_network_isolation,
        }
        if self.in_vpc:
            rendered["VpcConfig"] = {
                "SecurityGroupIds": list(self.security_group_ids or ()),
                "Subnets": list(self.subnets or ()),
            }
        return rendered

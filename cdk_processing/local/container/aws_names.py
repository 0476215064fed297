"""AWS's own host names in a container: they lead to the embedded AWS.

Some clients do not read ``AWS_ENDPOINT_URL``. They would send the job's credentials to AWS. In Docker containers, if
the embedded AWS may not listen on the ports that this takes, the names that are known in advance lead nowhere.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session

from cdk_processing.local.container.specification import JobSpecification
from cdk_processing.local.job_runner import NameService

__all__ = ["BUNDLE", "NOWHERE", "SYSTEM_BUNDLES", "ContainerNames", "names_nowhere"]

NOWHERE = ("127.255.255.254", "100::1")
"""Addresses on which nobody listens. The second one is reserved for that: https://www.rfc-editor.org/rfc/rfc6666"""

BUNDLE = "/run/cdk-processing/ca-bundle.pem"
"""The certificates that a container trusts."""

SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where Linux distributions keep the certificates that programs trust."""


@dataclass(frozen=True, slots=True)
class ContainerNames:
    """The names in a container.

    Attributes:
        service: Answers for AWS's names. Without it, the container has the host's name servers.
        nowhere: Names that lead nowhere.
    """

    service: NameService | None = None
    nowhere: Sequence[str] = ()

    def resolver(self, of_host: bytes) -> bytes:
        """Return the container's ``/etc/resolv.conf``, given the host's. Only if there is a name service."""
        assert self.service is not None
        kept = [line for line in of_host.splitlines() if not line.startswith(b"nameserver")]
        return b"".join(line + b"\n" for line in (*kept, f"nameserver {self.service.address}".encode()))

    def bundle(self) -> bytes:
        """Return the certificates that the container trusts. Only if there is a name service."""
        assert self.service is not None
        own = Path(botocore.__file__).with_name("cacert.pem")  # for a system without certificates
        found = next((Path(path) for path in SYSTEM_BUNDLES if Path(path).is_file()), own)
        return found.read_bytes() + b"\n" + self.service.authority.encode()

    def variables(self) -> Mapping[str, str]:
        """Return the variables from which clients learn what to trust."""
        if self.service is None:
            return {}
        names = ("AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
        return dict.fromkeys(names, BUNDLE)


def names_nowhere(job: JobSpecification, region: str) -> ContainerNames:
    """Return the names that a job is likely to use, as names that lead nowhere."""
    buckets = {each.source.bucket for each in job.inputs} | {each.destination.bucket for each in job.outputs}
    of_s3 = [f"s3.{region}.amazonaws.com", "s3.amazonaws.com"]
    return ContainerNames(
        nowhere=[*_endpoints(region), *(f"{bucket}.{host}" for bucket in sorted(buckets) for host in of_s3)]
    )


@functools.cache
def _endpoints(region: str) -> list[str]:
    """Return the host names of all services in a region, of their global endpoints, and of S3 and STS in any region."""
    data: Any = botocore.session.get_session().get_data("endpoints")
    found = set()
    for partition in data["partitions"]:
        suffix = partition["dnsSuffix"]
        for service, described in partition["services"].items():
            found.add(f"{service}.{suffix}")
            anywhere = partition["regions"] if service in ("s3", "sts") else ()
            for place in {region, *anywhere} & set(partition["regions"]):
                found.add(f"{service}.{place}.{suffix}")
            found.update(
                endpoint["hostname"]
                for place, endpoint in described.get("endpoints", {}).items()
                if "hostname" in endpoint and (place == region or place not in partition["regions"])
            )
    return sorted(found)

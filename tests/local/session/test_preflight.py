from __future__ import annotations

import sys

import pytest

from cdk_processing.local.session.preflight import network_warning
from cdk_processing.local.wire.aws_names import AwsNames

LISTEN = "cdk_processing.local.wire.aws_names.AwsNames.listen"
PASTA = "cdk_processing.local.container.job_network._PASTA_PROGRAM"


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_a_session_warns_that_jobs_reach_nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LISTEN, lambda: None)
    monkeypatch.setattr(PASTA, "no-such-pasta")
    assert network_warning() == (
        "jobs with a network reach the embedded AWS, and nothing outside: pasta is not installed (Debian: passt). Or "
        "allow the ports that AWS's names need: sysctl net.ipv4.ip_unprivileged_port_start=53"
    )


@pytest.mark.skipif(not AwsNames.may_listen(), reason="this user may not listen on ports 53 and 443")
def test_a_session_whose_jobs_share_the_hosts_network_needs_no_pasta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PASTA, "no-such-pasta")
    assert network_warning() is None

"""Check the options before anything is synthesized or started."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys

from cdk_processing.errors import CdkProcessingError

__all__ = ["SessionError", "check_port", "check_python", "network_warning"]


class SessionError(CdkProcessingError):
    """``cdk-processing local`` cannot start with these options."""


def check_port(port: int) -> None:
    """Check that a loopback port is free.

    Raises:
        SessionError: Another program listens on it, or this user has no permission to.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Same option as the embedded AWS: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SessionError(
                f"--port {port} cannot be used ({error.strerror}); stop the program that listens on it, or leave out "
                "--port to get a free one"
            ) from None


def check_python(python: str) -> None:
    """Check that a file is a working Python interpreter.

    Raises:
        SessionError: The file does not exist, is not executable, or does not run.
    """
    found = shutil.which(python)
    if found is None:
        raise SessionError(
            f"--python {python} is not an executable file; give the path of a Python interpreter, or leave out "
            "--python to run each job with one like its image's"
        )
    try:
        done = subprocess.run(
            [found, "-I", "-c", "import sys; sys.exit(sys.version_info < (3,))"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SessionError(f"--python {python} does not run: {error}") from None
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise SessionError(f"--python {python} is not a Python 3 interpreter: {words[0]}")


def network_warning() -> str | None:
    """Say that jobs reach nothing outside the embedded AWS, and why. None if they do."""
    from cdk_processing.local.container.job_network import outside_problem
    from cdk_processing.local.wire.aws_names import AwsNames

    problem = outside_problem()
    if problem is None or sys.platform != "linux" or AwsNames.may_listen():
        return None
    return (
        f"jobs with a network reach the embedded AWS, and nothing outside: {problem}. Or allow the ports that AWS's "
        "names need: sysctl net.ipv4.ip_unprivileged_port_start=53"
    )

"""Run a CDK app as the CDK CLI does, to get its cloud assembly."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cdk_processing.errors import CdkProcessingError
from cdk_processing.local.deployment.assembly import Assembly
from cdk_processing.local.deployment.node import path_with_node, without_banners

__all__ = ["SynthesisError", "app_command", "synthesize"]

_LAST_LINES = 25


class SynthesisError(CdkProcessingError):
    """The app could not be run, or it failed. The message ends with the last lines of the app's output.

    Attributes:
        said: All of the app's output; "" if it did not run.
    """

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


def app_command(folder: Path) -> str:
    """Return the ``app`` setting of the folder's ``cdk.json``.

    Raises:
        SynthesisError: There is no cdk.json, it is not JSON, or it has no ``app``.
    """
    settings = _read_json(folder / "cdk.json")
    if settings is None:
        raise SynthesisError(
            f"There is no cdk.json in {folder}; run the command in the folder of the CDK app, or give "
            "--app 'python app.py'"
        )
    app = settings.get("app")
    if not isinstance(app, str) or not app.strip():
        raise SynthesisError(f'{folder / "cdk.json"} has no "app"; add "app": "python app.py", or give --app')
    return app


def synthesize(
    folder: Path,
    output: Path,
    *,
    app: str | None = None,
    account_id: str | None = None,
    region: str | None = None,
    context: Mapping[str, Any] | None = None,
    timeout: float = 600,
) -> Assembly:
    """Run a CDK app and read its cloud assembly.

    Args:
        folder: The folder with cdk.json. The app runs there.
        output: Folder for the cloud assembly.
        app: A command, or the folder of an existing cloud assembly; by default, ``app`` in cdk.json.
        account_id: The account of stacks that set none (``CDK_DEFAULT_ACCOUNT``); left out, they know none.
        region: The region of stacks that set none (``CDK_DEFAULT_REGION``); left out, they know none.
        context: Context of the app beside that of cdk.json.
        timeout: Seconds after which the app is killed.

    Raises:
        SynthesisError: The app failed, or it needs values of a real account.
    """
    command = app or app_command(folder)
    if (folder / command / "manifest.json").is_file():
        return Assembly.read(folder / command)
    output.mkdir(parents=True, exist_ok=True)
    environment = {
        **without_banners(os.environ),
        "PATH": _path(),
        "CDK_OUTDIR": str(output),
        "CDK_CONTEXT_JSON": json.dumps({**_context(folder), **(context or {})}),
        **({} if account_id is None else {"CDK_DEFAULT_ACCOUNT": account_id}),
        **({} if region is None else {"CDK_DEFAULT_REGION": region}),
        # aws-cdk-lib's template validation takes two seconds per synth. `cdk synth` and `cdk deploy` still run it.
        "CDK_VALIDATION": os.environ.get("CDK_VALIDATION", "false"),
    }
    exit_code, said = _run(command, folder, environment, timeout)
    if exit_code != 0:
        raise SynthesisError(f"The app failed ({command}, exit code {exit_code}):\n\n{_tail(said)}", said)
    if not (output / "manifest.json").is_file():
        raise SynthesisError(
            f"The app ended without an error, but it wrote no cloud assembly ({command}); add app.synth() at its end"
            f"\n\n{_tail(said)}"
        )
    assembly = Assembly.read(output)
    if assembly.missing_context:
        raise SynthesisError(
            "The app looks up values in an AWS account, and the embedded AWS does not have them: "
            + ", ".join(assembly.missing_context)
            + ". Run `cdk synth` once with the account's credentials and keep cdk.context.json, "
            "or give the values as context in cdk.json."
        )
    return assembly


def _run(command: str, folder: Path, environment: Mapping[str, str], timeout: float) -> tuple[int, str]:
    # Run it in a shell, as the CDK CLI does; the command is the user's own. Run it in a new session, so that its child
    # processes can be killed with it.
    process = subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise SynthesisError(f"The app still runs after {timeout:g} s, so it was ended: {command}") from None
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return process.returncode, said


def _context(folder: Path) -> dict[str, Any]:
    """Return the context that the CDK CLI passes: its own flags, those in cdk.json, and cached look-ups."""
    settings = _read_json(folder / "cdk.json") or {}
    return {
        "aws:cdk:enable-path-metadata": True,
        "aws:cdk:enable-asset-metadata": True,
        "aws:cdk:bundling-stacks": ["**"],
        # Nobody reads where each construct was created, and the CDK would take a stack trace for each.
        "aws:cdk:disable-stack-trace": True,
        **settings.get("context", {}),
        **(_read_json(folder / "cdk.context.json") or {}),
    }


def _path() -> str:
    """Return a PATH with a recent Node and, if no other virtual environment is active, this interpreter's scripts.

    So ``"app": "python app.py"`` uses the interpreter that has this library, even if the CLI was started by its path
    without activating the environment.
    """
    path = path_with_node()
    active = os.environ.get("VIRTUAL_ENV")
    elsewhere = active is not None and Path(active).resolve() != Path(sys.prefix).resolve()
    if sys.prefix == sys.base_prefix or elsewhere:
        return path
    return f"{Path(sys.executable).parent}{os.pathsep}{path}"


def _read_json(file: Path) -> dict[str, Any] | None:
    try:
        content: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise SynthesisError(f"{file} is not JSON: {error}") from None
    return dict(content)


def _tail(text: str) -> str:
    lines = text.rstrip().splitlines()
    dropped = len(lines) - _LAST_LINES
    kept = lines[-_LAST_LINES:]
    return "\n".join([f"({dropped} lines before)", *kept] if dropped > 0 else kept)

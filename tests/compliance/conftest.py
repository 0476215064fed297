"""The feature flags of a new app, as the CDK's own command line writes them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CDK = Path(sys.prefix) / "cdk-cli" / "node_modules" / "aws-cdk" / "bin" / "cdk"


@pytest.fixture(scope="session")
def new_app_flags(tmp_path_factory):
    """The context of what ``cdk init app --language python`` writes."""
    assert CDK.exists(), "the CDK's command line is missing: run `make setup`"
    folder = tmp_path_factory.mktemp("init") / "company"
    folder.mkdir()
    environment = {**os.environ, "HOME": str(folder.parent), "CI": "true", "CDK_DISABLE_CLI_TELEMETRY": "true"}
    command = ["node", str(CDK), "init", "app", "--language", "python", "--generate-only", "--no-notices"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    context = json.loads((folder / "cdk.json").read_text(encoding="utf-8"))["context"]
    assert context["@aws-cdk/core:explicitStackTags"] is True
    return context

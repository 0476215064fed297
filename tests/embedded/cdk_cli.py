"""The CDK's own command line against an embedded AWS, for the tests that deploy with it."""

import os
import subprocess
import sys
from pathlib import Path

CDK = Path(sys.prefix) / "cdk-cli" / "node_modules" / "aws-cdk" / "bin" / "cdk"
QUIET = ("--no-notices", "--no-version-reporting", "--no-color")


class CdkCli:
    """``cdk("deploy", ...)`` runs the command line in the folder of an app and returns what it said."""

    def __init__(self, aws, folder, home):
        from cdk_processing.local.deployment.node import path_with_node

        assert CDK.exists(), "the CDK's command line is missing: run `make setup`"
        self.aws = aws
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = {
            **kept,
            **aws.environment(),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), path_with_node()]),
            # Nothing of the machine's own: neither its settings nor its account, and no look at the internet.
            "HOME": str(home),
            "CI": "true",
            "CDK_VALIDATION": "false",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
        }

    def __call__(self, *arguments, must_succeed=True, folder=None):
        command = self.command(*arguments)
        where = folder or self.folder
        done = subprocess.run(command, cwd=where, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not must_succeed, done.stdout + done.stderr
        return done.stdout + done.stderr

    def fails(self, *arguments, folder=None):
        """What it says when it fails, as it must."""
        command = self.command(*arguments)
        where = folder or self.folder
        done = subprocess.run(command, cwd=where, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode != 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def command(self, *arguments):
        """The command line as a list."""
        return ["node", str(CDK), *arguments, *QUIET]

    def bootstrap(self, *arguments):
        """Make what deployments need."""
        return self("bootstrap", f"aws://{self.aws.account_id}/{self.aws.region}", *arguments)

    def deploy(self, *arguments, **options):
        """Deploy without questions."""
        return self("deploy", "--require-approval", "never", *arguments, **options)

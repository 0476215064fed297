"""Synthesize and deploy the app when a session starts, and again when its files change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cdk_processing.errors import CdkProcessingError
from cdk_processing.local.deployment.deploy import Deployment, deploy
from cdk_processing.local.deployment.differences import differences
from cdk_processing.local.deployment.synthesis import synthesize
from cdk_processing.local.folders import remove_tree
from cdk_processing.local.session.report import Report
from cdk_processing.views.words import counted

if TYPE_CHECKING:
    from cdk_processing.local.deployment.assembly import Assembly
    from cdk_processing.local.engine import LocalAws

__all__ = ["AppOfSession"]


class AppOfSession:
    """The app and its deployment.

    Args:
        folder: The folder of cdk.json.
        work: A folder for cloud assemblies. The caller removes it.
        command: A command, or the folder of an existing cloud assembly; None for ``app`` in cdk.json.
        account_id: The account of stacks that set none.
        region: The region of stacks that set none.
        report: Prints the progress.
        build_images: Build images with Docker, if it is available.
    """

    def __init__(
        self,
        folder: Path,
        work: Path,
        command: str | None,
        account_id: str,
        region: str,
        report: Report,
        *,
        build_images: bool = True,
    ) -> None:
        self.folder = folder
        self.deployment = Deployment(())
        self._work = work
        self._command = command
        self._account_id = account_id
        self._region = region
        self._report = report
        self._build_images = build_images
        self._rounds = 0

    @property
    def is_finished(self) -> bool:
        """Whether the app is an existing cloud assembly, which does not depend on source files."""
        return self._command is not None and (self.folder / self._command / "manifest.json").is_file()

    def synthesize(self) -> Assembly:
        """Run the app.

        Raises:
            SynthesisError: The app failed.
        """
        self._rounds += 1
        output = self._work / str(self._rounds)
        remove_tree(self._work / str(self._rounds - 1))
        with self._report.step("synthesizing the app") as done:
            assembly = synthesize(
                self.folder, output, app=self._command, account_id=self._account_id, region=self._region
            )
            done.append(f"synthesized {counted(len(assembly.stacks), 'stack')}")
        if self._rounds == 1:
            self._report.old_node()
        self._report.annotations(assembly.annotations)
        return assembly

    def deploy(self, assembly: Assembly, aws: LocalAws) -> None:
        """Deploy an assembly.

        Raises:
            DeploymentError: The assembly cannot be deployed.
            StackFailedError: A stack failed.
        """
        with self._report.step("deploying") as done:
            deployed = deploy(assembly, aws, progress=self._report.detail, build_images=self._build_images)
            done.append(f"deployed {counted(len(deployed.stacks), 'stack')}")
        names = {stack.name for stack in deployed.stacks}
        others = tuple(stack for stack in self.deployment.stacks if stack.name not in names)
        self.deployment = Deployment(others + deployed.stacks, deployed.warnings)

    def deploy_again(self, aws: LocalAws, files: tuple[str, ...]) -> None:
        """Deploy the changed app. An error is printed, and the current deployment stays."""
        report, before = self._report, self.deployment
        report.files_changed(files)
        try:
            self.deploy(self.synthesize(), aws)
        except CdkProcessingError as error:
            report.error(str(error))
            report.line("what is deployed stays as it is; waiting for the next change")
            return
        known = {stack.name: stack for stack in before.stacks}
        changes = [line for stack in self.deployment.stacks for line in differences(known.get(stack.name), stack)]
        report.details(changes)
        if not changes:
            report.line("no resource has changed")
        for warning in self.deployment.warnings:
            if warning not in before.warnings:
                report.warning(warning)
        report.deployed(self.deployment, besides=before)

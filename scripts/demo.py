"""The example on the embedded AWS, from a file's arrival to the outputs: ``make demo``.

Needs no AWS account and no Docker. Exits with 0 only if the outputs are there.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cdk_processing.client import ProcessingClient, Run
from cdk_processing.errors import CdkProcessingError
from cdk_processing.local.container.environments import environment_for
from cdk_processing.local.container.failures import JobFailedError
from cdk_processing.local.deployment.deploy import Deployment, client_of, deploy
from cdk_processing.local.deployment.synthesis import synthesize
from cdk_processing.local.engine import LocalAws
from cdk_processing.local.session.screen import LiveScreen, PlainScreen, Screen
from cdk_processing.local.session.watch import Watch
from cdk_processing.views.words import in_bytes

ROOT = Path(__file__).resolve().parent.parent
# The image of app.py's processor; which account and region it would be pulled from does not matter here.
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
KEY = "cancer/cancer.csv"
PREPROCESS = "Cancer/Preprocess"
EVALUATE = "Cancer/Evaluate"


class DemoFailedError(CdkProcessingError):
    """Something that was to be there is not."""


class Stopwatch:
    """How long each part took."""

    def __init__(self, console: Console) -> None:
        self.parts: dict[str, float] = {}
        self._console = console

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a part, and say so when it is done."""
        began = time.monotonic()
        yield
        self.parts[name] = time.monotonic() - began
        self._console.print(f"[green]✓[/green] {escape(name)} [dim]{self.parts[name]:.1f} s[/dim]", highlight=False)


def main() -> int:
    """Run the demo."""
    console = Console()
    watch = Stopwatch(console)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="cdk-processing-demo-") as folder:
            run_demo(console, watch, Path(folder))
    except (CdkProcessingError, JobFailedError) as error:
        console.print(f"[red]✗ {escape(str(error))}[/red]", highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    table = Table(title="How long it took", title_justify="left", show_header=False)
    for name, seconds in watch.parts.items():
        table.add_row(name, f"{seconds:.1f} s")
    table.add_row("[bold]in all[/bold]", f"[bold]{time.monotonic() - began:.1f} s[/bold]")
    console.print(table)
    return 0


def run_demo(console: Console, watch: Stopwatch, folder: Path) -> None:
    """Deploy, let a file arrive, wait for what it launches, show what came of it."""
    with ThreadPoolExecutor(1) as pool:
        # Building the environment is waiting for downloads, synthesizing is computing: they go well together.
        environment = pool.submit(environment_for, IMAGE)
        with watch.part("synthesize the app"):
            assembly = synthesize(ROOT, folder / "cdk.out", account_id="000000000000", region="us-east-1")
        with watch.part("prepare the scikit-learn environment"):
            python = environment.result().python
    with watch.part("make the data set"):
        data = folder / "cancer.csv"
        subprocess.run(
            [python, ROOT / "examples" / "make_dataset.py", data], check=True, stdout=subprocess.DEVNULL, cwd=folder
        )
    with ExitStack() as cleanup:
        with watch.part("start the embedded AWS"):
            aws = cleanup.enter_context(LocalAws())
        with watch.part("deploy the stack"):
            deployment = deploy(assembly, aws)
        use(console, watch, aws, deployment, data)


def use(console: Console, watch: Stopwatch, aws: LocalAws, deployment: Deployment, data: Path) -> None:
    """What happens in the deployed stack."""
    client = client_of(aws)
    raw = deployment.bucket("Cancer/Raw")
    console.print(f"  {in_bytes(data.stat().st_size)} arrive at s3://{raw}/{KEY}", style="dim", highlight=False)
    with watch.part("arrival, until a run has started"):
        aws.client("s3").put_object(Bucket=raw, Key=KEY, Body=data.read_bytes())
        run = arrival(client)
    with watch.part("preprocessing"):
        follow(console, aws, deployment, client, run)
    with watch.part("evaluation, started by hand"):
        evaluation = client.start(EVALUATE)
        follow(console, aws, deployment, client, evaluation)
    show_outputs(console, aws, client, [run, evaluation])


def arrival(client: ProcessingClient, timeout: float = 30) -> Run:
    """The run that the arrival has launched."""
    deadline = time.monotonic() + timeout
    job = client.job(PREPROCESS)
    while time.monotonic() < deadline:
        if runs := client.runs(job, limit=1):
            return runs[0]
        time.sleep(0.02)
    raise DemoFailedError(f"the file arrived, and in {timeout:g} s no run of {PREPROCESS} began")


def follow(
    console: Console, aws: LocalAws, deployment: Deployment, client: ProcessingClient, run: Run, timeout: float = 300
) -> None:
    """Show a run until it has ended."""
    watch = Watch(aws, deployment.jobs, client)
    watch.look()  # What is over already is not to be told again.
    screen: Screen = LiveScreen(console) if console.is_terminal else PlainScreen(console)
    deadline = time.monotonic() + timeout
    with screen:
        while not run.ended:
            if time.monotonic() > deadline:
                raise DemoFailedError(f"{run.job.name} has not ended in {timeout:g} s")
            screen.show(*watch.look())
            time.sleep(0.05)
            run = client.refresh(run)
        screen.show(*watch.look())
    if not run.succeeded:
        diagnosis = client.explain(run)
        log = "\n".join(line.message for line in diagnosis.log_lines)
        raise DemoFailedError(f"{run.job.name} ended as {run.status}: {diagnosis.failure_reason}\n{log}")


def show_outputs(console: Console, aws: LocalAws, client: ProcessingClient, runs: list[Run]) -> None:
    """The outputs of the runs: every object with its size, and the beginning of some."""
    s3 = aws.client("s3")
    table = Table(title="Outputs", title_justify="left")
    table.add_column("output")
    table.add_column("object", overflow="fold")
    table.add_column("size", justify="right")
    texts = {}
    for run in runs:
        for attempt in client.attempts(run):
            for name, uri in attempt.outputs.items():
                bucket, _, prefix = uri.removeprefix("s3://").partition("/")
                found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
                if not found:
                    raise DemoFailedError(f"the output {name} of {run.job.name} is not at {uri}")
                for item in found:
                    table.add_row(name, f"s3://{bucket}/{item['Key']}", in_bytes(item["Size"]))
                    texts[name] = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode()
    console.print(table)
    missing = {"train_data", "test_data", "evaluation"} - texts.keys()
    if missing:
        raise DemoFailedError(f"missing outputs: {', '.join(sorted(missing))}")
    show_rows(console, texts["train_data"])
    console.print("[bold]evaluation.json[/bold]")
    console.print_json(texts["evaluation"])


def show_rows(console: Console, text: str, rows: int = 5, columns: int = 5) -> None:
    """The first rows of a CSV file."""
    lines = [line.split(",") for line in text.splitlines()]
    head = Table(title=f"First rows of train_data ({len(lines) - 1} rows)", title_justify="left")
    for title in [*lines[0][:columns], "...", lines[0][-1]]:
        head.add_column(title)
    for cells in lines[1 : rows + 1]:
        head.add_row(*[f"{float(cell):.3f}" for cell in cells[:columns]], "...", cells[-1])
    console.print(head)


if __name__ == "__main__":
    sys.exit(main())

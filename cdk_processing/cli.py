"""The command line: ``cdk-processing``. One thin command each over `cdk_processing.client` and `cdk_processing.local`.

Whatever is slow to import is imported inside the command that needs it: the first line of ``cdk-processing jobs`` is to
come within 0.3 s.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

try:
    import click
except ModuleNotFoundError:  # The command is installed with the library, click only with its extras.
    sys.exit("cdk-processing needs its extras: pip install 'cdk-processing[local]' (or [client])")

if TYPE_CHECKING:
    from datetime import datetime

    from cdk_processing.client import DeadLetter, ProcessingClient, RedrivenLetter, Run

__all__ = ["main"]

Command = TypeVar("Command", bound=Callable[..., Any])

_STATUS_COLOURS = {"RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "yellow"}


class _Commands(click.Group):
    """A group whose commands tell the errors of this library in a line, and never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        from cdk_processing.errors import CdkProcessingError

        try:
            return super().invoke(ctx)
        except CdkProcessingError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cdk-processing")
def main() -> None:
    """SageMaker Processing jobs: run them on this machine, and work with deployed ones."""


def _account_options(command: Command) -> Command:
    options = [
        click.option("--profile", metavar="NAME", help="Profile of the AWS configuration."),
        click.option("--region", metavar="NAME", help="Region to look at."),
        click.option("--endpoint-url", metavar="URL", help="Where AWS listens, for an embedded AWS."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _client(profile: str | None, region: str | None, endpoint_url: str | None) -> ProcessingClient:
    from cdk_processing.client import ProcessingClient

    client = ProcessingClient(profile=profile, region=region, endpoint_url=endpoint_url)
    return click.get_current_context().with_resource(client)


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; a free one where left out.")
@click.option("--app", metavar="COMMAND", help="The CDK app, or a folder that holds its cloud assembly. [cdk.json's]")
@click.option("--no-deploy", is_flag=True, help="Start the embedded AWS with nothing in it.")
@click.option("--python", metavar="FILE", help="Interpreter that jobs run with, instead of one like their image's.")
@click.option("--region", metavar="NAME", help="Region of stacks that name none. [AWS_REGION, else us-east-1]")
@click.option("--account", metavar="ID", help="Account of the embedded AWS. [the stacks', else 000000000000]")
@click.option("--plain", is_flag=True, help="One line a change, as when the output is not a terminal.")
def local(
    port: int | None,
    app: str | None,
    no_deploy: bool,
    python: str | None,
    region: str | None,
    account: str | None,
    plain: bool,
) -> None:
    """Run the app's stacks and jobs on this machine, until Ctrl-C."""
    if account is not None and not (len(account) == 12 and account.isdigit()):
        raise click.BadParameter(f"an account is 12 digits, got {account!r}", param_hint="--account")
    try:
        from cdk_processing.local.session.session import Options, run_session
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is missing; the embedded AWS comes with: pip install 'cdk-processing[local]'"
        ) from None
    run_session(Options(port, app, not no_deploy, python, region, account, plain))


@main.command()
@_account_options
def jobs(profile: str | None, region: str | None, endpoint_url: str | None) -> None:
    """List the deployed jobs."""
    client = _client(profile, region, endpoint_url)
    found = client.jobs()
    if not found:
        click.echo(f"No jobs are deployed in {client.account}.", err=True)
        return
    _table(("JOB", "BASE NAME", "STATE MACHINE"), [(job.name, job.base_name, job.state_machine_arn) for job in found])


@main.command()
@click.argument("job")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@click.option("--failed", is_flag=True, help="Only those that failed.")
@click.option("--outcomes", is_flag=True, help="Tell what each did: Completed, Duplicate ... One call a run.")
@_account_options
def runs(
    job: str,
    limit: int,
    failed: bool,
    outcomes: bool,
    profile: str | None,
    region: str | None,
    endpoint_url: str | None,
) -> None:
    """List the runs of JOB, the latest first."""
    client = _client(profile, region, endpoint_url)
    found = client.runs(job, status="FAILED" if failed else None, limit=limit, outcomes=outcomes)
    if not found:
        click.echo("No runs yet." if not failed else "No failed runs.", err=True)
        return
    titles = ["RUN", "STATUS", "STARTED", "DURATION"]
    rows = [[run.name, run.status, _local_time(run.started), _seconds(run)] for run in found]
    if outcomes:
        titles.append("OUTCOME")
        rows = [[*row, run.outcome.status if run.outcome else "-"] for row, run in zip(rows, found, strict=True)]
    _table(titles, rows)


@main.command()
@click.argument("job")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="The same as NAME=VALUE.")
@click.option(
    "--run-key",
    metavar="TEXT",
    help="What makes this run the same as another: a second start with this key and the same values does nothing.",
)
@click.option("--wait", is_flag=True, help="Follow its log and wait for its end; exit code 1 if it fails.")
@_account_options
def start(
    job: str,
    values: Sequence[str],
    parameters: Sequence[str],
    run_key: str | None,
    wait: bool,
    profile: str | None,
    region: str | None,
    endpoint_url: str | None,
) -> None:
    """Start JOB by hand, with values for its parameters.

    They are held to what the job declares before anything is started.
    """
    given: dict[str, str] = {}
    for parameter in [*values, *parameters]:
        name, equals, value = parameter.partition("=")
        if not (equals and name):
            raise click.BadParameter(f"{parameter!r} is not NAME=VALUE", param_hint="NAME=VALUE")
        if name in given:
            raise click.BadParameter(f"{name} is given twice", param_hint="NAME=VALUE")
        given[name] = value
    client = _client(profile, region, endpoint_url)
    found = client.job(job)
    before = client.attempts_of_run_key(found, run_key) if run_key is not None else []
    run = client.start(found, given, run_key=run_key)
    if before and not wait:
        click.echo(f"already ran: {before[-1].name} is {before[-1].status}; {run.name} will end as its Duplicate")
    _tell_started(client, run, wait)


@main.command()
@click.argument("job")
@click.argument("run", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@_account_options
def logs(
    job: str, run: str | None, follow: bool, profile: str | None, region: str | None, endpoint_url: str | None
) -> None:
    """Show what RUN of JOB (the latest where left out) wrote."""
    client = _client(profile, region, endpoint_url)
    found = client.run(job, run)
    if not _show_log(client, found, follow):
        click.echo(f"{found.name} has written nothing{'' if found.ended else ' yet'}.", err=True)


@main.command()
@click.argument("job")
@click.argument("run", required=False)
@_account_options
def stop(job: str, run: str | None, profile: str | None, region: str | None, endpoint_url: str | None) -> None:
    """Stop RUN of JOB (the latest that is running where left out)."""
    client = _client(profile, region, endpoint_url)
    found = client.run(job, run, prefer="RUNNING")
    if found.ended:
        click.echo(f"{found.name} has ended already: {found.status}")
        return
    stopped = client.stop(found)
    click.echo(f"{stopped.name}: {stopped.status}")


@main.command()
@click.argument("job")
@click.argument("run", required=False)
@click.option("--wait", is_flag=True, help="Follow its log and wait for its end; exit code 1 if it fails.")
@_account_options
def redrive(
    job: str, run: str | None, wait: bool, profile: str | None, region: str | None, endpoint_url: str | None
) -> None:
    """Run RUN of JOB (the latest that failed where left out) once more, to the same output location.

    A run that was aborted can be redriven too. Its dead letter, if there is one, is deleted.
    """
    from cdk_processing.client import ProcessingClientError

    client = _client(profile, region, endpoint_url)
    failed = client.run(job, run, prefer="FAILED")
    redriven = client.redrive(failed)
    try:
        if client.delete_dead_letters_of(failed):
            click.echo(f"{failed.name}: its dead letter is deleted")
    except ProcessingClientError as error:
        click.echo(f"{failed.name}: its dead letter, if there is one, stays: {error}", err=True)
    _tell_started(client, redriven, wait)


@main.command("dead-letters")
@click.argument("job", required=False)
@click.option("--redrive", "again", is_flag=True, help="Run each again; it is deleted when its run has started.")
@click.option("--delete", "drop", is_flag=True, help="Delete them, once you have said yes.")
@click.option("--yes", is_flag=True, help="Delete without being asked.")
@_account_options
def dead_letters(
    job: str | None,
    again: bool,
    drop: bool,
    yes: bool,
    profile: str | None,
    region: str | None,
    endpoint_url: str | None,
) -> None:
    """Show what was given up, of JOB or of all: failed runs, and events that could not be delivered.

    Looking leaves all as it is. Exit code 1 if something could not be run again, or not be deleted.
    """
    if again and drop:
        raise click.UsageError("--redrive and --delete exclude each other")
    client = _client(profile, region, endpoint_url)
    if again:
        results = client.redrive_dead_letters(job, on_result=_tell_redriven)
        if not results:
            click.echo("No dead letters.", err=True)
        if not all(result.deleted for result in results):
            raise click.exceptions.Exit(1)
        return
    letters = client.dead_letters(job)
    unknown = [each.name for each in client.jobs() if each.dead_letters is None] if job is None else []
    if unknown:
        click.echo(f"Not known, deployed with an older version: the dead letters of {', '.join(unknown)}.", err=True)
    if not letters:
        click.echo("No dead letters.", err=True)
        return
    for letter in letters:
        _show_letter(letter)
    if drop:
        _delete_letters(client, letters, yes)


@main.command()
@click.argument("job")
@click.argument("run", required=False)
@click.option("-n", "--lines", type=click.IntRange(0), default=20, show_default=True, help="Last lines of the log.")
@_account_options
def why(
    job: str, run: str | None, lines: int, profile: str | None, region: str | None, endpoint_url: str | None
) -> None:
    """Say why RUN of JOB (the latest that failed where left out) failed, or what it did."""
    client = _client(profile, region, endpoint_url)
    _explain(client, client.run(job, run, prefer="FAILED"), lines)


def _tell_started(client: ProcessingClient, run: Run, wait: bool) -> None:
    click.echo(f"{run.name}: started {run.job.name}")
    if not wait:
        return
    _show_log(client, run, follow=True)
    ended = client.wait(run, poll_seconds=0.5)
    click.secho(f"{ended.name}: {ended.status} after {_seconds(ended)}", fg=_STATUS_COLOURS.get(ended.status))
    if ended.outcome is None or not ended.outcome.did_something:
        _explain(client, ended, 0)
    if not ended.succeeded:
        raise click.exceptions.Exit(1)


def _show_log(client: ProcessingClient, run: Run, follow: bool) -> int:
    count = 0
    hosts = set()
    for line in client.logs(run, follow=follow):
        hosts.add(line.host)
        host = f"{line.host} " if len(hosts) > 1 else ""
        click.echo(f"{click.style(f'{line.time.astimezone():%H:%M:%S}', dim=True)} {host}{line.message}")
        count += 1
    return count


def _explain(client: ProcessingClient, run: Run, lines: int) -> None:
    diagnosis = client.explain(run, log_lines=max(lines, 1))
    colour = _STATUS_COLOURS.get(run.status)
    click.echo(f"{run.job.name} {run.name}: {click.style(run.status, fg=colour)} after {_seconds(run)}")
    for attempt in diagnosis.attempts:
        click.echo(f"  attempt {attempt.number}: {attempt.name} {attempt.status}")
    if diagnosis.outcome:
        click.echo(f"  {diagnosis.outcome}")
    if lines and diagnosis.log_lines:
        click.echo("  last lines:")
        for line in diagnosis.log_lines:
            click.echo(f"    {line.message}")
    if diagnosis.failure_reason:
        click.echo(f"  reason: {diagnosis.failure_reason}")
    if diagnosis.exit_message:
        click.echo(f"  exit message: {diagnosis.exit_message}")
    if run.ended and not run.succeeded:
        click.echo(f"  run it once more: cdk-processing redrive {run.job.name} {run.name}")


def _show_letter(letter: DeadLetter) -> None:
    said = [click.style(_local_time(letter.when), dim=True), letter.job or letter.state_machine_arn or "?"]
    if letter.kind == "run":
        said.append(f"run {letter.run_name} given up after attempt {letter.attempt}")
    elif letter.kind == "event":
        said.append(f"event not delivered by {letter.source_arn}")
    else:
        said.append(f"message {letter.message_id} that nobody can read; it is left where it is")
    click.echo("  ".join(said))
    if letter.error or letter.reason:
        click.secho(f"  {': '.join(part for part in (letter.error, letter.reason) if part)}", fg="red")
    if letter.run_key:
        click.echo(f"  run key: {letter.run_key}")
    click.echo(f"  {'text' if letter.kind == 'unreadable' else 'event'}: {_event_in_short(letter)}")


def _event_in_short(letter: DeadLetter) -> str:
    import json

    text = letter.body if letter.kind == "unreadable" else json.dumps(letter.event, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]} ... ({len(text)} characters)"


def _tell_redriven(result: RedrivenLetter) -> None:
    letter = result.letter
    what = letter.run_name if letter.kind == "run" else f"message {letter.message_id}"
    where = "" if result.deleted else "; it stays in the queue"
    if result.run is not None:
        click.echo(f"{what}: started {result.run.name} of {result.run.job.name}{where}")
    else:
        click.echo(f"{what}: {'deleted, ' if result.deleted else ''}not started: {result.why}{where}")
    if result.run is not None and result.why:
        click.echo(f"  {result.why}")


def _delete_letters(client: ProcessingClient, letters: Sequence[DeadLetter], yes: bool) -> None:
    readable = [letter for letter in letters if letter.kind != "unreadable"]
    count = f"{len(readable)} dead letter{'s' if len(readable) != 1 else ''}"
    if readable and not yes:
        click.confirm(f"Delete {count}? What they stand for will never be processed.", abort=True)
    deleted = client.delete_dead_letters(readable)
    click.echo(f"{len(deleted)} of {count} deleted")
    if len(letters) > len(readable):
        click.echo(f"{len(letters) - len(readable)} that nobody can read left in the queue")
    if len(deleted) < len(letters):
        raise click.exceptions.Exit(1)


def _local_time(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"


def _seconds(run: Run) -> str:
    return f"{run.duration.total_seconds():.1f} s"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    for row in [titles, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if row is not titles:
            cells = [click.style(cell, fg=_STATUS_COLOURS.get(cell.strip())) for cell in cells]
        click.echo("  ".join(cells).rstrip())


if __name__ == "__main__":
    main()

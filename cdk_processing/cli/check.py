"""``check``: what would be deployed where, and everything that is wrong with it."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdk_processing.cli.extras import with_yaml

if TYPE_CHECKING:
    from cdk_processing.local.deployment.annotations import Annotation
    from cdk_processing.local.deployment.overview import JobOverview, Place, Priced, StackOverview

__all__ = ["check"]

_ENVIRONMENTS = "environments.yaml"
#: How the library and the CDK begin a list of what they refuse, and its lines.
_LISTS = re.compile(r"(?:error: .*: \d+ problems?|Validation failed with the following errors:)\n((?: {2}.*\n?)+)")
_LINE = re.compile(r"^ {2}(?:- |\[[^\]]+\] )(.*)$", re.MULTILINE)


@click.command()
@click.option("--app", metavar="COMMAND", help="The CDK app, or the folder of its cloud assembly. [cdk.json's]")
@click.option(
    "--environments",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The accounts and regions, with their price tables. [environments.yaml, if there is one]",
)
@click.option("--prices", metavar="FILE", type=click.Path(path_type=Path), help="A price table for all other stacks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(app: str | None, environments: Path | None, prices: Path | None, as_json: bool) -> None:
    """Print what the app would deploy where, what a run of each job costs at most, and what is wrong.

    It runs the app, calls nothing in AWS, and deploys nothing. The exit code is 1 if anything is wrong: a mistake in
    environments.yaml or jobs.yaml, a job that breaks the standards, an error of the app.
    """
    from cdk_processing.local.deployment.overview import overview_of

    places, priced, problems = _given(environments, prices)
    stacks: tuple[StackOverview, ...] = ()
    warnings: list[str] = []
    if not problems:
        assembly, problems = _synthesized(app)
        if assembly is not None:
            stacks = overview_of(assembly, places, priced)
            problems += [_said(each) for each in assembly.annotations if each.level == "error"]
            warnings = [_said(each) for each in assembly.annotations if each.level == "warning"]
    if as_json:
        click.echo(json.dumps(_as_json(stacks, problems, warnings), indent=2))
    else:
        _show(stacks, problems, warnings)
    if problems:
        raise click.exceptions.Exit(1)


def _said(annotation: Annotation) -> str:
    """An annotation; what names a construct below the annotated one needs no more place."""
    return annotation.text if annotation.text.startswith(annotation.path) else str(annotation)


def _given(environments: Path | None, prices: Path | None) -> tuple[list[Place], Priced | None, list[str]]:
    """The environments and prices that the files give, and what is wrong with the files."""
    from cdk_processing.errors import DeclarationError
    from cdk_processing.local.deployment.overview import Place, Priced

    file = environments or Path(_ENVIRONMENTS)
    if environments is None and not file.exists() and prices is None:
        return [], None, []
    with with_yaml():
        from cdk_processing.declarations.prices import read_prices
        from cdk_processing.declarations.reading import read_environments
    places: list[Place] = []
    problems: list[str] = []
    if environments is not None or file.exists():
        try:
            for each in read_environments(file):
                priced = None if each.prices is None else Priced(each.prices.prices, each.prices.currency)
                places.append(Place(each.name, each.account, each.region, priced))
        except DeclarationError as error:
            problems += [str(each) for each in error.problems]
    if prices is None:
        return places, None, problems
    table, wrong = read_prices(prices)
    problems += [str(each) for each in wrong]
    return places, None if table is None else Priced(table.prices, table.currency), problems


def _synthesized(app: str | None) -> tuple[Any, list[str]]:
    """The app's assembly; or why there is none."""
    from cdk_processing.local.deployment.synthesis import SynthesisError, synthesize

    # The templates are read before the folder goes.
    with tempfile.TemporaryDirectory() as folder:
        try:
            assembly = synthesize(Path.cwd(), Path(folder), app=app, context={"cdk-processing:check": True})
            for stack in assembly.stacks:
                _ = stack.template
        except SynthesisError as error:
            listed = [line for lines in _LISTS.findall(error.said) for line in _LINE.findall(lines)]
            return None, listed or [str(error)]
    return assembly, []


# -- for people --------------------------------------------------------------------------------------------------------


def _show(stacks: tuple[StackOverview, ...], problems: list[str], warnings: list[str]) -> None:
    from cdk_processing.views.words import counted

    before: object = None
    for stack in stacks:
        place = (stack.environment, stack.account, stack.region)
        if place != before:
            where = f"{stack.account or 'the account'} {stack.region or 'and region that deploy it'}"
            click.echo(f"{stack.environment}: {where}" if stack.environment else where)
        before = place
        click.echo(f"  {stack.name}")
        for job in stack.jobs:
            click.echo(f"    {job.path}")
            for each in job.launched_by or ("started by hand",):
                click.echo(f"      {each}")
            click.echo(f"      {_cost(job)}")
    for title, texts in (("warning", warnings), ("problem", problems)):
        if texts:
            click.echo(f"{counted(len(texts), title)}", err=title == "problem")
        for text in texts:
            click.echo(f"  - {text}", err=title == "problem")


def _cost(job: JobOverview) -> str:
    if job.cost is not None:
        amount, _, how = str(job.cost).partition(" ")
        return f"at most {amount} {job.currency} a run {how}"
    if job.unpriced:
        return f"cost not known: no price of {' and '.join(job.unpriced)}"
    return "cost not known: the type, the number of instances or the time limit is known only later"


# -- for programs ------------------------------------------------------------------------------------------------------


def _as_json(stacks: tuple[StackOverview, ...], problems: list[str], warnings: list[str]) -> dict[str, Any]:
    return {
        "stacks": [
            {
                "stack": stack.name,
                "environment": stack.environment,
                "account": stack.account,
                "region": stack.region,
                "jobs": [_job_as_json(job) for job in stack.jobs],
            }
            for stack in stacks
        ],
        "problems": problems,
        "warnings": warnings,
    }


def _job_as_json(job: JobOverview) -> dict[str, Any]:
    cost = None if job.cost is None else {"amount": round(job.cost.amount, 4), "currency": job.currency}
    return {
        "job": job.path,
        "launched_by": list(job.launched_by),
        "instance_types": list(job.instance_types),
        "instance_count": job.instance_count,
        "max_runtime_in_seconds": job.max_runtime_in_seconds,
        "attempts": None if job.cost is None else job.cost.attempts,
        "most_a_run_costs": cost,
    }

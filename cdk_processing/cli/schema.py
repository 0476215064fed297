"""``schema`` and ``prices``: what goes with the YAML files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cdk_processing.cli.extras import with_yaml

__all__ = ["prices", "schema"]

#: The names of declarations.schema.SCHEMAS, without importing pydantic for --help.
_FILES = ("environments", "jobs", "prices")


@click.command()
@click.argument("file", type=click.Choice(_FILES), metavar="|".join(_FILES))
def schema(file: str) -> None:
    """Print the JSON schema of environments.yaml, jobs.yaml or a price table.

    Save it, and begin the file with `# yaml-language-server: $schema=jobs.schema.json`. Then editors complete and
    explain its keys.
    """
    with with_yaml():
        from cdk_processing.declarations.schema import json_schema
    click.echo(json.dumps(json_schema(file), indent=2))


@click.command()
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(path_type=Path),
    help="AWS's price list of the service code AmazonSageMaker, as JSON.",
)
@click.option("--region", metavar="NAME", help="The region, if the list has several.")
@click.option("--currency", default="USD", show_default=True, help="The currency, USD or CNY.")
def prices(source: Path, region: str | None, currency: str) -> None:
    """Print a price table of the processing instances in AWS's price list.

    Get the list of your region with `aws pricing list-price-lists` and `aws pricing get-price-list-file-url`.
    """
    with with_yaml():
        from cdk_processing.declarations.prices import price_list_table, written
    click.echo(written(price_list_table(source, region, currency)), nl=False)

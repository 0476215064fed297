"""``policies``: the standards as policies for an organisation's administrators."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cdk_processing.standards.standards import Standards

__all__ = ["policies"]

#: What Organizations and IAM take:
#: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_LIMITS = {"scp": 5_120, "boundary": 6_144}
_NAMES = {"scp": "service control policy", "boundary": "permissions boundary"}
_PRESETS = ("baseline", "strict")


@click.command("policies")
@click.argument("standards", default="strict")
@click.option("--only", type=click.Choice(["scp", "boundary"]), help="Print one policy, ready for a file.")
@click.option(
    "--exempt-role",
    "exempt_roles",
    multiple=True,
    metavar="ARN",
    help="Pattern of the ARNs of roles that the service control policy does not apply to. May be given several times.",
)
def policies(standards: str, only: str | None, exempt_roles: tuple[str, ...]) -> None:
    """Print STANDARDS as a service control policy and as a permissions boundary.

    STANDARDS is baseline, strict, or where your own are: MODULE:NAME, such as `team.standards:STANDARDS`. Without it:
    strict. Attach the service control policy to accounts or organisational units. It denies every principal what breaks
    the standards. The permissions boundary does the same for the roles of jobs:
    ProcessingPlatform(permissions_boundary=...). Exemptions of single jobs are in neither.
    """
    from cdk_processing.standards.denials import permissions_boundary, service_control_policy

    found = _standards(standards)
    documents = {"scp": service_control_policy(found, exempt_roles), "boundary": permissions_boundary(found)}
    if not documents["scp"]["Statement"]:
        raise click.ClickException(f"{standards} has no rule that SageMaker has a condition key for")
    for kind, document in documents.items():
        if only in (None, kind):
            _check_size(kind, document)
    if only is not None:
        click.echo(json.dumps(documents[only], indent=2))
        return
    click.echo(json.dumps({_NAMES[kind]: document for kind, document in documents.items()}, indent=2))


def _check_size(kind: str, document: Mapping[str, Any]) -> None:
    from cdk_processing.standards.denials import size

    found, limit = size(document), _LIMITS[kind]
    if found > limit:
        raise click.ClickException(
            f"the {_NAMES[kind]} must have at most {limit:,} bytes, got {found:,}; name fewer instance types, subnets, "
            "security groups or values of tags, or use patterns"
        )


def _standards(name: str) -> Standards:
    """The standards of a preset, or of a module of the user's."""
    from cdk_processing.errors import DeclarationError
    from cdk_processing.standards.standards import Standards

    if name in _PRESETS:
        preset: Standards = getattr(Standards, name)()
        return preset
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise click.BadParameter(f"must be {', '.join(_PRESETS)} or MODULE:NAME, got {name!r}", param_hint="STANDARDS")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(import_module(module), attribute)
    except DeclarationError:
        raise
    except (ImportError, AttributeError) as error:
        raise click.BadParameter(f"{name!r} cannot be imported: {error}", param_hint="STANDARDS") from error
    if not isinstance(found, Standards):
        raise click.BadParameter(f"{name!r} must be a Standards, got {found!r}", param_hint="STANDARDS")
    return found

"""``init``: a project with a job, its script and its test, to begin with."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cdk_processing.cli.extras import with_yaml

if TYPE_CHECKING:
    from importlib.abc import Traversable

__all__ = ["init"]

_SUFFIX = ".txt"
#: What the files of a project are called in each kind: the bucket that gets files, the job, and the bucket of counts.
_NAMES: Final = {
    "python": {"@RAW@": "{}/Raw", "@JOB@": "{}/Count", "@COUNTS@": "{}/Counts"},
    "yaml": {"@RAW@": "{}/Jobs/raw", "@JOB@": "{}/Jobs/Count", "@COUNTS@": "{}/Jobs/counts"},
}
_JOB_OF_SNIPPET: Final = re.compile(r"ProcessingJob\(stack, '(Job[0-9]*)'")
_NEXT: Final = (
    ("cdk-processing local", "run it on this machine; nothing is deployed to AWS"),
    ("python -m pytest tests", "its test, on the embedded AWS"),
    ("cdk-processing check", "what would be deployed where"),
    ("cdk deploy", "deploy it"),
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option(
    "--jobs",
    "kind",
    type=click.Choice(["python", "yaml"]),
    default="python",
    show_default=True,
    help="Where jobs are declared: in app.py, or in jobs.yaml.",
)
@click.option(
    "--from",
    "snippet",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A snippet of the SageMaker SDK, whose jobs the app gets. Copy the scripts that it names yourself.",
)
def init(folder: Path, kind: str, snippet: Path | None) -> None:
    """Write a project into FOLDER: an app with a job, its script, its test, cdk.json, and a README with a picture.

    A file that arrives launches the job, which counts its rows. Change it to what you need. No file is overwritten.
    With --from, the app has the jobs of a snippet, which are started by hand until you add triggers.
    """
    stack = _stack_name(folder)
    if snippet is not None:
        written = _around(snippet, stack)
    else:
        names = {key: name.format(stack) for key, name in _NAMES[kind].items()}
        written = _contents(("both", kind), {"@STACK@": stack, **names})
    if snippet is None and kind == "yaml":
        written["jobs.schema.json"] = _schema()
    there = sorted(name for name in written if (folder / name).exists())
    if there:
        raise click.ClickException(f"{folder} has {', '.join(there)} already; name an empty folder, or a new one")
    for name, text in written.items():
        file = folder / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
        click.echo(f"wrote {file}")
    click.echo("\nNext:")
    if folder.resolve() != Path.cwd():
        click.echo(f"  cd {folder}")
    for command, what in _NEXT:
        click.echo(f"  {command:<24} # {what}")


def _stack_name(folder: Path) -> str:
    """The folder's name as CloudFormation takes it."""
    words = re.findall(r"[A-Za-z0-9]+", folder.resolve().name)
    name = "".join(word[:1].upper() + word[1:] for word in words)[:100]
    return name if name[:1].isalpha() else f"Project{name}"


def _contents(parts: tuple[str, ...], names: dict[str, str]) -> dict[str, str]:
    """The files of a project, by their paths."""
    root = files("cdk_processing.cli") / "new_project"
    found = {name: text for part in parts for name, text in _below(root / part, "")}
    for placeholder, name in names.items():
        found = {path: text.replace(placeholder, name) for path, text in found.items()}
    return found


def _around(snippet: Path, stack: str) -> dict[str, str]:
    """The files of a project around a snippet of the SDK."""
    from cdk_processing.cli.snippet import app_of_snippet

    app = app_of_snippet(snippet, stack)
    arrows = (f'  hand --> {job}["{stack}/{job}"]' for job in _JOB_OF_SNIPPET.findall(app))
    return {**_contents(("snippet",), {"@STACK@": stack, "@ARROWS@": "\n".join(arrows)}), "app.py": app}


def _schema() -> str:
    with with_yaml():
        from cdk_processing.declarations.schema import json_schema
    return json.dumps(json_schema("jobs"), indent=2) + "\n"


def _below(folder: Traversable, path: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            found += _below(each, f"{path}{each.name}/")
        elif each.name.endswith(_SUFFIX):
            found.append((path + each.name.removesuffix(_SUFFIX), each.read_text(encoding="utf-8")))
    return found

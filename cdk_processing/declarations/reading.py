"""Read environments.yaml into values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cdk_processing.declarations.document import Document, KeyPath, Node, read_document
from cdk_processing.declarations.environments import Budget, EnvironmentModel, EnvironmentsModel, PlatformModel
from cdk_processing.declarations.placing import placed, unique
from cdk_processing.declarations.prices import PriceTable, read_prices
from cdk_processing.declarations.problems import FileProblem, shown_path
from cdk_processing.declarations.validation import empty_problems, validated
from cdk_processing.errors import DeclarationError
from cdk_processing.standards.exemption import Exemption
from cdk_processing.standards.standards import Standards

__all__ = ["EnvironmentDeclaration", "read_environments"]

#: What an environment of its own may add to, key by key, besides taking the place of the whole.
_MERGED = ("platform", "standards", "tags", "budgets", "variables")


@dataclass(frozen=True, slots=True)
class EnvironmentDeclaration:
    """An account and region of environments.yaml.

    Attributes:
        name: Its name.
        account: The account's 12 digits.
        region: The region.
        platform: The arguments of its platform.
        standards: What its jobs must be; None for no standards.
        tags: Tags of its stacks and jobs.
        cost_center: Who pays for its jobs; None if the file does not say.
        prices: What an instance costs there; None if the file does not say.
        budgets: What each team may spend in a month.
        variables: Values for jobs.yaml.
        document: The file.
    """

    name: str
    account: str
    region: str
    platform: PlatformModel
    standards: Standards | None
    tags: Mapping[str, str]
    cost_center: str | None
    prices: PriceTable | None
    budgets: Mapping[str, Budget]
    variables: Mapping[str, str | int | float | bool]
    document: Document = field(repr=False)

    @property
    def path(self) -> KeyPath:
        """Where the file has it."""
        return "environments", self.name


def read_environments(file: str | Path) -> tuple[EnvironmentDeclaration, ...]:
    """The environments of a file, in its order.

    Raises:
        DeclarationError: The file is not what it must be. The error lists all problems with their places.
    """
    document, problems = read_document(Path(file))
    if document is None:
        raise DeclarationError(shown_path(Path(file)), problems)
    problems += empty_problems(document, lambda path: False)
    _fill_in_defaults(document.root)
    model, wrong = validated(EnvironmentsModel, document)
    problems += wrong
    found: list[EnvironmentDeclaration] = []
    if model is not None:
        if not model.environments:
            problems.append(document.problem(("environments",), "a mapping with an entry", "name an environment"))
        tables: dict[str, tuple[PriceTable | None, list[FileProblem]]] = {}
        for name, each in model.environments.items():
            declared, wrong = _declaration(document, name, each, tables)
            found.append(declared)
            problems += wrong
        problems += _twice(document, found)
    if problems:
        raise DeclarationError(shown_path(Path(file)), unique(problems))
    return tuple(found)


def _fill_in_defaults(root: Node) -> None:
    """Give each environment what it does not say itself. The places stay those of the defaults."""
    defaults, environments = root.child("defaults"), root.child("environments")
    if defaults is None or environments is None or not isinstance(defaults.value, dict):
        return
    for each in environments.value.values() if isinstance(environments.value, dict) else ():
        if isinstance(each.value, dict):
            for key, node in defaults.value.items():
                _fill_in(each, key, node, defaults.keys[key], is_merged=key in _MERGED)


def _fill_in(target: Node, key: str, node: Node, place: tuple[int, int], *, is_merged: bool) -> None:
    own = target.value.get(key)
    if own is None:
        # A copy, because the environment may be given more.
        target.value[key] = replace(node, value=dict(node.value), keys=dict(node.keys)) if _is_mapping(node) else node
        target.keys[key] = place
    elif is_merged and _is_mapping(own) and _is_mapping(node):
        for name, each in node.value.items():
            _fill_in(own, name, each, node.keys[name], is_merged=False)


def _is_mapping(node: Node) -> bool:
    return isinstance(node.value, dict)


def _declaration(
    document: Document,
    name: str,
    model: EnvironmentModel,
    tables: dict[str, tuple[PriceTable | None, list[FileProblem]]],
) -> tuple[EnvironmentDeclaration, list[FileProblem]]:
    path: KeyPath = ("environments", name)
    problems: list[FileProblem] = []
    prices: PriceTable | None = None
    if model.prices is not None:
        if model.prices not in tables:
            tables[model.prices] = read_prices(document.folder / model.prices)
        prices, wrong = tables[model.prices]
        problems += wrong
        if prices is not None and prices.region not in (None, model.region):
            allowed = f"a table of {model.region}; {model.prices} has the prices of {prices.region}"
            problems.append(document.problem((*path, "prices"), allowed, "name another table"))
    standards = None
    if model.standards is not None:
        standards, wrong = _standards(document, path, model.standards, prices)
        # A table that cannot be read is reported already.
        problems += [each for each in wrong if not (each.field.endswith(".prices") and model.prices and prices is None)]
    declared = EnvironmentDeclaration(
        name=name,
        account=model.account,
        region=model.region,
        platform=model.platform,
        standards=standards,
        tags=model.tags or {},
        cost_center=model.cost_center,
        prices=prices,
        budgets=model.budgets or {},
        variables=document.node_at((*path, "variables"))[0].data if model.variables else {},
        document=document,
    )
    return declared, problems


def _standards(
    document: Document, path: KeyPath, model: Any, prices: PriceTable | None
) -> tuple[Standards | None, list[FileProblem]]:
    given = {name: getattr(model, name) for name in type(model).model_fields if getattr(model, name) is not None}
    preset = given.pop("preset", None)
    given["exemptions"] = [
        Exemption(**{name: getattr(each, name) for name in type(each).model_fields})
        for each in given.get("exemptions", ())
    ]
    base = getattr(Standards, preset)() if preset else Standards()
    try:
        return replace(base, **given, prices={} if prices is None else prices.prices), []
    except DeclarationError as error:
        return None, [placed(each, document, [(*path, "standards"), path]) for each in error.problems]


def _twice(document: Document, found: list[EnvironmentDeclaration]) -> list[FileProblem]:
    """Environments of one account and region that make the same platform."""
    seen: dict[tuple[str, str, str], str] = {}
    problems = []
    for each in found:
        place = (each.account, each.region, each.platform.name)
        if place in seen:
            allowed = f"another name than that of {seen[place]}, which is in the same account and region"
            problems.append(document.problem((*each.path, "platform", "name"), allowed, "rename one of the platforms"))
        seen.setdefault(place, each.name)
    return problems

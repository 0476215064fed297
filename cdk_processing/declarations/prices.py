"""Price tables: what one instance costs for an hour. A team writes one, or takes AWS's price list."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from cdk_processing.declarations.document import read_document
from cdk_processing.declarations.environments import Amount, Region
from cdk_processing.declarations.model_base import Declared, spelled
from cdk_processing.declarations.problems import FileProblem, Plain, shown_path
from cdk_processing.declarations.validation import validated
from cdk_processing.errors import DeclarationError

__all__ = ["PriceTable", "PricesModel", "price_list_table", "read_prices", "written"]

#: As AWS's price list names hours of processing instances: EUC1-Processing:ml.m5.xlarge
_USAGE = re.compile(r"(?:[A-Z0-9]+-)?Processing:(ml\.[a-z0-9.-]+)")
#: A price list of all regions has a few hundred megabytes.
_MOST_BYTES = 2_000_000_000


Currency = spelled("[A-Z]{3}", "three capital letters such as USD", "correct it")


class PricesModel(Declared):
    """A price table: what one instance costs for an hour."""

    region: Region | None = Field(default=None, description="The region of the prices.")
    currency: Currency | None = Field(  # type: ignore[valid-type]
        default=None, description="The currency of the prices. Left out, USD."
    )
    prices: dict[str, Amount] = Field(description="The price of an hour of one instance, by instance type.")


@dataclass(frozen=True, slots=True)
class PriceTable:
    """What one instance costs for an hour.

    Attributes:
        prices: The prices, by instance type.
        currency: Their currency.
        region: Their region; None if the table does not say.
    """

    prices: Mapping[str, float]
    currency: str = "USD"
    region: str | None = None


def read_prices(file: Path) -> tuple[PriceTable | None, list[FileProblem]]:
    """Read a price table, YAML or JSON."""
    document, problems = read_document(file)
    if document is None:
        return None, problems
    model, wrong = validated(PricesModel, document)
    problems += wrong
    if model is None or problems:
        return None, problems
    return PriceTable(model.prices, model.currency or "USD", model.region), []


def price_list_table(file: Path, region: str | None = None, currency: str = "USD") -> PriceTable:
    """The prices of processing instances in AWS's price list of SageMaker.

    Args:
        file: The price list, ``index.json`` of the offer ``AmazonSageMaker``: of one region, or of all.
        region: The region. Needed if the list has several.
        currency: The currency, ``USD`` or ``CNY``.

    Raises:
        DeclarationError: The file is no such list, or has no such prices.
    """
    listed = _read_list(file)
    found: dict[str, dict[str, float]] = {}
    for sku, attributes in _processing_products(listed):
        price = _price(listed["terms"]["OnDemand"].get(sku), currency)
        kind = _USAGE.fullmatch(str(attributes.get("usagetype")))
        if price and kind:
            found.setdefault(str(attributes.get("regionCode")), {})[kind[1]] = price
    if region is None and len(found) > 1:
        fix = f"give --region: {', '.join(sorted(found))}"
        raise _refused(file, "region", "given for a price list of several regions", fix)
    chosen = region or next(iter(found), None)
    if chosen not in found:
        fix = f"take a price list of that region; this one has {', '.join(sorted(found)) or 'none'}"
        raise _refused(file, "region", f"one with prices of processing instances in {currency}", fix, chosen)
    return PriceTable(dict(sorted(found[chosen].items())), currency, chosen)


def written(table: PriceTable) -> str:
    """A price table as YAML."""
    lines = [f"region: {table.region}"] if table.region else []
    lines += [f"currency: {table.currency}", "prices:"]
    return "\n".join([*lines, *(f"  {name}: {price:g}" for name, price in table.prices.items())]) + "\n"


def _read_list(file: Path) -> Mapping[str, Any]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise _refused(file, "file", f"at most {_MOST_BYTES:,} bytes long", "take the price list of one region")
        listed = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        fix = "download it again: aws pricing get-price-list-file-url --file-format json"
        raise _refused(file, "file", f"AWS's price list as JSON: {reason}", fix) from None
    terms = listed.get("terms") if isinstance(listed, dict) else None
    is_list = (
        isinstance(terms, dict) and isinstance(terms.get("OnDemand"), dict) and isinstance(listed.get("products"), dict)
    )
    if not is_list or listed.get("offerCode") != "AmazonSageMaker":
        got = listed.get("offerCode") if isinstance(listed, dict) else None
        fix = "take the list of the service code AmazonSageMaker"
        raise _refused(file, "offerCode", "'AmazonSageMaker', with products and terms", fix, got)
    found: Mapping[str, Any] = listed
    return found


def _processing_products(listed: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for sku, product in listed["products"].items():
        attributes = product.get("attributes") if isinstance(product, dict) else None
        if isinstance(attributes, dict) and _USAGE.fullmatch(str(attributes.get("usagetype"))):
            yield sku, attributes


def _price(terms: Any, currency: str) -> float | None:
    """The price of an hour by the terms of a product; None if it has none."""
    dimensions = [term.get("priceDimensions") for term in _values(terms)]
    for dimension in (each for group in dimensions for each in _values(group)):
        unit, prices = dimension.get("unit"), dimension.get("pricePerUnit")
        if str(unit).lower() in ("hrs", "hours", "hour") and isinstance(prices, dict):
            with suppress(KeyError, TypeError, ValueError):
                price = float(prices[currency])
                return price if 0 < price < math.inf else None
    return None


def _values(group: Any) -> list[dict[str, Any]]:
    """The mappings in a mapping."""
    return [each for each in group.values() if isinstance(each, dict)] if isinstance(group, dict) else []


def _refused(file: Path, field: str, allowed: str, fix: str, value: object = None) -> DeclarationError:
    got = Plain("another") if value is None else value
    problem = FileProblem(field, got, allowed, fix, file=shown_path(file))
    return DeclarationError(shown_path(file), [problem])

"""Price tables, and AWS's price list."""

import json

import pytest
from click.testing import CliRunner

from cdk_processing.cli import main
from cdk_processing.declarations.prices import read_prices


def product(usage, price, region="eu-central-1", unit="Hrs", currency="USD"):
    attributes = {"usagetype": usage, "regionCode": region, "servicecode": "AmazonSageMaker"}
    dimension = {"unit": unit, "pricePerUnit": {currency: price}}
    return attributes, {"A.B": {"priceDimensions": {"A.B.C": dimension}}}


def price_list(*products, code="AmazonSageMaker"):
    return {
        "formatVersion": "v1.0",
        "offerCode": code,
        "products": {f"SKU{n}": {"sku": f"SKU{n}", "attributes": given} for n, (given, _) in enumerate(products)},
        "terms": {"OnDemand": {f"SKU{n}": terms for n, (_, terms) in enumerate(products)}},
    }


LISTED = [
    product("EUC1-Processing:ml.m5.xlarge", "0.2760000000"),
    product("EUC1-Processing:ml.c5.xlarge", "0.2330000000"),
    product("EUC1-Train:ml.m5.xlarge", "0.9"),
    product("EUC1-Host:ml.m5.2xlarge", "0.8"),
    product("EUC1-Processing:VolumeUsage.gp2", "0.1", unit="GB-Mo"),
]


@pytest.fixture
def prices(tmp_path):
    file = tmp_path / "index.json"

    def run(content, *arguments):
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        result = CliRunner().invoke(main, ["prices", "--from", str(file), *arguments])
        return result.exit_code, result.output

    return run


def test_the_table_has_the_processing_instances_of_the_list_alone(prices, tmp_path):
    code, table = prices(price_list(*LISTED))

    assert (code, table) == (
        0,
        "region: eu-central-1\ncurrency: USD\nprices:\n  ml.c5.xlarge: 0.233\n  ml.m5.xlarge: 0.276\n",
    )
    (tmp_path / "prices.yaml").write_text(table, encoding="utf-8")
    read, problems = read_prices(tmp_path / "prices.yaml")
    assert problems == []
    assert (dict(read.prices), read.region) == ({"ml.c5.xlarge": 0.233, "ml.m5.xlarge": 0.276}, "eu-central-1")


def test_a_list_of_several_regions_needs_the_region(prices):
    listed = price_list(*LISTED, product("Processing:ml.m5.xlarge", "0.23", "us-east-1"))

    code, told = prices(listed)
    assert (code, "region must be given for a price list of several regions" in told) == (1, True)
    assert "give --region: eu-central-1, us-east-1" in told

    code, table = prices(listed, "--region", "us-east-1")
    assert (code, "ml.m5.xlarge: 0.23\n" in table) == (0, True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "file must be AWS's price list as JSON"),
        ("[]", "offerCode must be 'AmazonSageMaker', with products and terms"),
        (price_list(*LISTED, code="AmazonEC2"), "got 'AmazonEC2'; take the list of the service code AmazonSageMaker"),
        (price_list(LISTED[2]), "region must be one with prices of processing instances in USD"),
    ],
)
def test_a_file_that_is_no_price_list_is_told(prices, content, expected):
    code, told = prices(content)

    assert (code, expected in told) == (1, True), told


def test_a_missing_file_is_told(tmp_path):
    result = CliRunner().invoke(main, ["prices", "--from", str(tmp_path / "no.json")])

    assert (result.exit_code, "No such file or directory" in result.output) == (1, True)


def test_prices_of_another_currency_are_taken_by_its_name(prices):
    listed = price_list(product("CNN1-Processing:ml.m5.xlarge", "2.1", "cn-north-1", currency="CNY"))

    assert prices(listed)[0] == 1
    assert prices(listed, "--currency", "CNY") == (
        0,
        "region: cn-north-1\ncurrency: CNY\nprices:\n  ml.m5.xlarge: 2.1\n",
    )


def test_the_schema_command_prints_the_schema():
    result = CliRunner().invoke(main, ["schema", "jobs"])

    assert result.exit_code == 0
    assert json.loads(result.output)["properties"].keys() == {"buckets", "processors", "jobs"}


def test_a_price_must_be_above_zero(tmp_path):
    (tmp_path / "prices.yaml").write_text("prices: {ml.m5.xlarge: 0}\n", encoding="utf-8")

    _, [problem] = read_prices(tmp_path / "prices.yaml")

    assert str(problem).endswith("prices.yaml:1:24: prices['ml.m5.xlarge'] must be above 0, got 0; correct it")

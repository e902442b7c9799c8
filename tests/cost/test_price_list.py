import json
import sys
from datetime import date

import pytest

from blipkit.cost.price_list import FILTERS, refresh_prices
from blipkit.cost.prices import TABLE, load_prices
from blipkit.errors import BlipkitError

boto3 = pytest.importorskip("boto3")
from botocore.stub import Stubber  # noqa: E402

PRICES = {"inf2.xlarge": "0.9000000000", "g4dn.xlarge": "0.5260000000"}
KEPT = (
    "inf2.xlarge,us-east-1,on_demand",
    "inf2.xlarge,us-east-1,spot",
    "g4dn.xlarge,us-east-1,on_demand",
)


def product(instance, usd, region="us-east-1", unit="Hrs", currency="USD", **attributes) -> str:
    """One product as AWS's price list has it: JSON in a text, its prices texts, too."""
    rate = {"unit": unit, "pricePerUnit": {currency: usd}, "rateCode": "X.JRTCKXETXF.6YS6EN2CT7"}
    shown = {
        "instanceType": instance,
        "regionCode": region,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
    }
    shown |= {"preInstalledSw": "NA", "capacitystatus": "Used", "vcpu": "4", "memory": "16 GiB"}
    terms = {
        "OnDemand": {
            "X.JRTCKXETXF": {"priceDimensions": {rate["rateCode"]: rate}, "termAttributes": {}}
        }
    }
    return json.dumps(
        {
            "product": {"sku": "X", "attributes": shown | attributes},
            "serviceCode": "AmazonEC2",
            "terms": terms,
        }
    )


@pytest.fixture
def table(tmp_path):
    """Three rows of the committed table, one of them not on demand."""
    header, *lines = TABLE.read_text().splitlines(keepends=True)
    path = tmp_path / "prices.csv"
    path.write_text(header + "".join(line for line in lines if line.startswith(KEPT)))
    return path


@pytest.fixture
def asked():
    """asked(instance, *pages of products): answer the next request so, and hold it against what must be asked."""
    client = boto3.client(
        "pricing", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    stubber = Stubber(client)

    def ask(instance, *pages):
        wanted = {**FILTERS, "instanceType": instance, "regionCode": "us-east-1"}
        filters = [
            {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()
        ]
        for number, page in enumerate(pages):
            expected = {"ServiceCode": "AmazonEC2", "Filters": filters} | (
                {"NextToken": str(number)} if number else {}
            )
            more = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
            stubber.add_response(
                "get_products", {"PriceList": page, "FormatVersion": "aws_v1", **more}, expected
            )

    with stubber:
        yield ask, client, stubber


def test_every_on_demand_price_is_asked_for_and_the_rest_stays(table, asked):
    """Strict filters, pages followed; price, source and date are new, spot rows byte for byte as they were."""
    ask, client, stubber = asked
    before = table.read_text().splitlines()
    ask("inf2.xlarge", [], [product("inf2.xlarge", PRICES["inf2.xlarge"])])
    ask("g4dn.xlarge", [product("g4dn.xlarge", PRICES["g4dn.xlarge"])])
    changes = refresh_prices(client, table, date(2026, 11, 22))
    stubber.assert_no_pending_responses()
    assert [(one.instance, one.before, one.after) for one in changes] == [("inf2.xlarge", 0.7582, 0.9), ("g4dn.xlarge", 0.526, 0.526)]  # fmt: skip
    after = table.read_text().splitlines()
    assert after[0] == before[0] and after[2] == before[2] and "spot" in after[2]
    new = {
        price.instance: price for price in load_prices(table=table) if price.option == "on_demand"
    }
    assert new["inf2.xlarge"].usd_per_hour == 0.9 and {p.as_of for p in new.values()} == {
        "2026-11-22"
    }
    assert "AWS Price List" in new["g4dn.xlarge"].source


@pytest.mark.parametrize(
    ("products", "message"),
    [
        ([], r"has 0 prices \[\]; expected one"),
        ([product("inf2.xlarge", "0.0000000000")], "has 0 prices"),
        (
            [product("inf2.xlarge", "0.9"), product("inf2.xlarge", "0.8")],
            r"has 2 prices \[0.9, 0.8\]; expected one",
        ),
        ([product("inf2.xlarge", "0.9"), product("inf2.xlarge", "0.9")], "has 2 prices"),
        ([product("inf2.xlarge", "5.1", unit="Quantity")], "has 0 prices"),
        ([product("inf2.xlarge", "5.1", currency="CNY")], "has 0 prices"),
        ([product("inf2.xlarge", "0.9", tenancy="Host")], "has 0 prices"),
        ([product("inf2.8xlarge", "0.9")], "has 0 prices"),
        ([product("inf2.xlarge", "0.9", region="us-west-2")], "has 0 prices"),
    ],
)
def test_anything_but_one_price_is_refused(table, asked, products, message):
    """No price, two, another unit, currency, tenancy, instance or region: an error, and the old file to the last byte."""
    ask, client, _ = asked
    before = table.read_bytes()
    ask("inf2.xlarge", products)
    with pytest.raises(BlipkitError, match=f"inf2.xlarge, us-east-1: AWS's list {message}"):
        refresh_prices(client, table)
    assert table.read_bytes() == before and [p.name for p in table.parent.iterdir()] == [
        "prices.csv"
    ]


def test_a_refusal_halfway_changes_nothing(table, asked):
    """The second price cannot be had: the first is not written either, and what AWS said is told."""
    ask, client, stubber = asked
    before = table.read_bytes()
    ask("inf2.xlarge", [product("inf2.xlarge", "0.9")])
    stubber.add_client_error("get_products", "AccessDeniedException", "not yours")
    with pytest.raises(
        BlipkitError,
        match="g4dn.xlarge, us-east-1: .*not yours.*pricing:GetProducts; .*is as it was",
    ):
        refresh_prices(client, table)
    assert table.read_bytes() == before


def test_a_price_that_the_table_would_refuse_changes_nothing(table, asked):
    """The new file must validate before the old one goes."""
    ask, client, _ = asked
    before = table.read_bytes()
    ask("inf2.xlarge", [product("inf2.xlarge", "inf")])
    ask("g4dn.xlarge", [product("g4dn.xlarge", "0.5")])
    with pytest.raises(BlipkitError, match="usd_per_hour is 'inf'"):
        refresh_prices(client, table)
    assert table.read_bytes() == before and len(list(table.parent.iterdir())) == 1


def test_without_boto3_one_sentence_says_what_to_install(monkeypatch, table):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(BlipkitError, match=r"pip install -e '.\[aws\]'"):
        refresh_prices(table=table)

"""`blipkit prices refresh`: on-demand prices from AWS's Price List, each by filters that leave just
one product; where they do not, no price is changed.

The shapes are those of boto3's pricing.get_products: a page has texts of JSON, and a price is a
text, too.
"""

import csv
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from blipkit.cost.prices import TABLE, Price, load_prices, read_rows
from blipkit.errors import BlipkitError

FILTERS = {
    "productFamily": "Compute Instance",
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
# attributes by which a product shows that it is the one asked for
SHOWN = (
    "instanceType",
    "regionCode",
    "operatingSystem",
    "tenancy",
    "preInstalledSw",
    "capacitystatus",
)
UNCHANGED = "params/prices.csv is as it was"
SOURCE = "AWS Price List, pricing.get_products"


@dataclass(frozen=True)
class PriceChange:
    """An on-demand price before and after it was asked for, USD per hour."""

    instance: str
    region: str
    before: float
    after: float


def refresh_prices(
    client=None, table: Path = TABLE, today: date | None = None
) -> list[PriceChange]:
    """Ask for every on-demand price of the table. The file changes when all of it is valid."""
    client = client or _client()
    as_of = str(today or date.today())
    rows = [row for _, row in read_rows(table)]
    changes = []
    for row, price in zip(rows, load_prices(table=table), strict=True):
        if price.option == "on_demand":
            now = current_price(client, price)
            changes.append(PriceChange(price.instance, price.region, price.usd_per_hour, now))
            row.update(usd_per_hour=repr(now), source=SOURCE, as_of=as_of)
    _replace(table, rows)
    return changes


def _replace(table: Path, rows: list[dict[str, str]]) -> None:
    """Write a price file anew, if every row of it is valid."""
    part = table.with_suffix(".part")
    try:
        with open(part, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        load_prices(table=part)
        part.replace(table)
    finally:
        part.unlink(missing_ok=True)


def current_price(client, price: Price) -> float:
    """USD per hour of an instance on demand in its region, now; an error where there is not exactly
    one price.
    """
    wanted = dict(FILTERS, instanceType=price.instance, regionCode=price.region)
    place = f"{price.instance}, {price.region}"
    shown = {name: wanted[name] for name in SHOWN}
    hourly = []
    for offer in _offers(client, wanted, place):
        if offer["product"]["attributes"].items() >= shown.items():
            hourly += _usd_per_hour(offer)
    if len(hourly) != 1:
        problem = f"{place}: AWS's list has {len(hourly)} prices {hourly}"
        raise BlipkitError(f"{problem}; expected one; {UNCHANGED}")
    return hourly[0]


def _offers(client, wanted: dict[str, str], place: str) -> list[dict[str, Any]]:
    """What AWS's list has of these attributes: products with their terms."""
    from botocore.exceptions import BotoCoreError, ClientError

    filters = [
        {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()
    ]
    try:
        paginator = client.get_paginator("get_products")
        pages = paginator.paginate(ServiceCode="AmazonEC2", Filters=filters)
        return [json.loads(text) for page in pages for text in page["PriceList"]]
    except (BotoCoreError, ClientError) as error:
        expected = "expected credentials that may pricing:GetProducts"
        raise BlipkitError(f"{place}: {error}; {expected}; {UNCHANGED}") from None


def _usd_per_hour(offer: dict[str, Any]) -> list[float]:
    """USD per hour on demand, of each of a product's rates that costs anything."""
    hourly = []
    for term in offer["terms"].get("OnDemand", {}).values():
        for rate in term["priceDimensions"].values():
            if rate["unit"] == "Hrs":
                hourly.append(float(rate["pricePerUnit"].get("USD", 0)))
    return [usd for usd in hourly if usd > 0]


def _client():
    try:
        import boto3
    except ImportError:
        raise BlipkitError("refreshing prices needs boto3: pip install -e '.[aws]'") from None
    # where the list is served, for all regions
    return boto3.client("pricing", region_name="us-east-1")

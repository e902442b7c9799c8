"""`blipkit prices refresh`: on-demand prices from AWS's Price List, each by filters that leave just
one, or none is changed.

The shapes are those of boto3's pricing.get_products: a page has texts of JSON, a price is a text of
its own.
"""

import csv
import json
from datetime import date
from pathlib import Path

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
# by a product
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


def refresh(client=None, table: Path = TABLE, today: date | None = None) -> list[dict]:
    """Ask for every on-demand row of the table; instance, region, before, after. The file changes
    when all of it is valid.
    """
    client = client or _client()
    as_of = str(today or date.today())
    rows = [row for _, row in read_rows(table)]
    changes = []
    for row, price in zip(rows, load_prices(table=table), strict=True):
        if price.option == "on_demand":
            now = ask(client, price)
            changes.append(
                {
                    "instance": price.instance,
                    "region": price.region,
                    "before": price.usd_per_hour,
                    "after": now,
                }
            )
            row.update(usd_per_hour=repr(now), source=SOURCE, as_of=as_of)
    _replace(table, rows)
    return changes


def _replace(table: Path, rows: list[dict]) -> None:
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


def ask(client, price: Price) -> float:
    """USD per hour of an instance on demand in its region, now; an error where there is not exactly
    one price.
    """
    wanted = dict(FILTERS, instanceType=price.instance, regionCode=price.region)
    about = f"{price.instance}, {price.region}"
    shown = {name: wanted[name] for name in SHOWN}
    found = []
    for offer in _offers(client, wanted, about):
        if offer["product"]["attributes"].items() >= shown.items():
            found += _hourly(offer)
    if len(found) != 1:
        said = f"{about}: AWS's list has {len(found)} prices {found}"
        raise BlipkitError(f"{said}; expected one; {UNCHANGED}")
    return found[0]


def _offers(client, wanted: dict[str, str], about: str) -> list[dict]:
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
        raise BlipkitError(f"{about}: {error}; {expected}; {UNCHANGED}") from None


def _hourly(offer: dict) -> list[float]:
    """USD per hour on demand, of each of a product's rates that costs anything."""
    found = []
    for term in offer["terms"].get("OnDemand", {}).values():
        for rate in term["priceDimensions"].values():
            if rate["unit"] == "Hrs":
                found.append(float(rate["pricePerUnit"].get("USD", 0)))
    return [usd for usd in found if usd > 0]


def _client():
    try:
        import boto3
    except ImportError:
        raise BlipkitError("refreshing prices needs boto3: pip install -e '.[aws]'") from None
    # where the list is served, for all regions
    return boto3.client("pricing", region_name="us-east-1")

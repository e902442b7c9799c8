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
    rows, changes = [row for _, row in read_rows(table)], []
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
            row |= {
                "usd_per_hour": repr(now),
                "source": SOURCE,
                "as_of": str(today or date.today()),
            }
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
    return changes


def ask(client, price: Price) -> float:
    """USD per hour of an instance on demand in its region, now; an error where there is not exactly
    one price.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    wanted = {**FILTERS, "instanceType": price.instance, "regionCode": price.region}
    filters = [
        {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()
    ]
    about = f"{price.instance}, {price.region}"
    try:
        pages = client.get_paginator("get_products").paginate(
            ServiceCode="AmazonEC2", Filters=filters
        )
        products = [json.loads(text) for page in pages for text in page["PriceList"]]
    except (BotoCoreError, ClientError) as error:
        raise BlipkitError(
            f"{about}: {error}; expected credentials that may pricing:GetProducts; {UNCHANGED}"
        ) from None
    products = [
        one
        for one in products
        if one["product"]["attributes"].items() >= {name: wanted[name] for name in SHOWN}.items()
    ]
    terms = [term for one in products for term in one["terms"].get("OnDemand", {}).values()]
    rates = [
        rate for term in terms for rate in term["priceDimensions"].values() if rate["unit"] == "Hrs"
    ]
    found = [usd for rate in rates if (usd := float(rate["pricePerUnit"].get("USD", 0))) > 0]
    if len(found) != 1:
        raise BlipkitError(
            f"{about}: AWS's list has {len(found)} prices {found}; expected one; {UNCHANGED}"
        )
    return found[0]


def _client():
    try:
        import boto3
    except ImportError:
        raise BlipkitError("refreshing prices needs boto3: pip install -e '.[aws]'") from None
    # where the list is served, for all regions
    return boto3.client("pricing", region_name="us-east-1")

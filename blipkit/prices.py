"""The price table, params/prices.csv: USD per hour by instance, region and purchase option, each with source and date."""

import csv
from dataclasses import dataclass
from pathlib import Path

from blipkit.errors import BadInput, nearest
from blipkit.params import PROFILES

TABLE = PROFILES / "prices.csv"


@dataclass(frozen=True)
class Price:
    """One row. usd_per_hour: as published; as_of: date, or first/last date, of the source's data."""

    instance: str
    region: str
    option: str
    usd_per_hour: float
    accelerator: str
    source: str
    as_of: str


def load_prices(path: Path = TABLE) -> list[Price]:
    """Every row of the table; a price of zero or less, or a key given twice, is refused with its line."""
    prices, seen = [], {}
    with open(path, newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            where, usd_per_hour = f"{path}, line {line}", row.get("usd_per_hour")
            try:
                usd = float(usd_per_hour)
            except (TypeError, ValueError):  # TypeError: no such column, or a line that ends before it
                raise BadInput(f"{where}: usd_per_hour is {usd_per_hour!r}; expected a number") from None
            if not 0 < usd < float("inf"):
                raise BadInput(f"{where}: usd_per_hour is {usd}; expected more than zero")
            key = (row["instance_type"], row["region"], row["purchase_option"])
            if seen.setdefault(key, line) != line:
                raise BadInput(f"{where}: {' '.join(key)} stands on line {seen[key]} already; keep one")
            prices.append(Price(*key, usd, row["accelerator"], row["source"], row["as_of"]))
    return prices


def find_price(prices: list[Price], instance: str, region: str, option: str = "on_demand") -> Price:
    """The one price asked for, or an error that shows the nearest name."""
    wanted = {"instance": instance, "region": region, "option": option}
    for name, value in wanted.items():
        known = {getattr(price, name) for price in prices}
        prices = [price for price in prices if getattr(price, name) == value]
        if not prices:
            raise BadInput(f"no price for {' '.join(wanted.values())}: {name} {value!r}; {nearest(value, known)}")
    return prices[0]

"""The price table, params/prices.csv: USD per hour by instance, region and purchase option.

Each price has its source and the date of its data.
"""

from collections.abc import Iterable
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    FiniteFloat,
    NonNegativeFloat,
    PositiveInt,
    StringConstraints,
    ValidationError,
)

from blipkit.errors import SHOWN, BadInput, nearest, shortened, shown
from blipkit.paths import PROFILES
from blipkit.reading.csv_text import csv_rows
from blipkit.records.gates import Gate, decide, judge

TABLE = PROFILES / "prices.csv"
AGE_GATE = "price age"
OLD_DAYS = 180  # a price from longer ago is a caveat
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Positive = Annotated[FiniteFloat, Field(gt=0)]


def _dates(text: str) -> str:
    """The text, if it is a date, or two with a slash between them."""
    for day in text.split("/"):
        date.fromisoformat(day)
    return text


def _none_if_empty(cell: object) -> object:
    """None for an empty cell of an optional column."""
    return None if cell == "" else cell


def _empty_if_none(cell: object) -> object:
    """ "" for a cell that a row lacks at its end."""
    return "" if cell is None else cell


class Price(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """One row. usd_per_hour: as published; as_of: date, or first/last date, of the source.

    usd_per_hour_low, usd_per_hour_high: the range of a price that moves, as on the spot market;
    interruption: how often such a machine is taken away, in words.
    """

    instance: Text = Field(alias="instance_type")
    region: Text
    option: Text = Field(alias="purchase_option")
    usd_per_hour: Positive
    vcpu: PositiveInt
    memory_gib: Positive
    accelerator: str
    accelerator_count: NonNegativeFloat  # a quarter, where a GPU is shared
    accelerator_memory_gib: NonNegativeFloat  # of all of them
    source: Text
    as_of: Annotated[str, AfterValidator(_dates)]
    currency: Literal["USD"] = "USD"
    usd_per_hour_low: Annotated[Positive | None, BeforeValidator(_none_if_empty)] = None
    usd_per_hour_high: Annotated[Positive | None, BeforeValidator(_none_if_empty)] = None
    interruption: Annotated[str, BeforeValidator(_empty_if_none)] = ""

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest price; the price itself where it does not move."""
        low = self.usd_per_hour_low or self.usd_per_hour
        return low, self.usd_per_hour_high or self.usd_per_hour

    @property
    def moves(self) -> bool:
        """Whether it is a price of the spot market."""
        return self.option.startswith("spot")

    def age(self, today: date) -> int:
        """Days since the older of its dates."""
        return max(self._ages(today))

    def is_of_the_future(self, today: date) -> bool:
        """Whether a date of it has not come yet; somewhere on earth it may be tomorrow already."""
        return min(self._ages(today)) < -1

    def _ages(self, today: date) -> list[int]:
        return [(today - date.fromisoformat(day)).days for day in self.as_of.split("/")]


def load_prices(own: str | Path = "", table: Path = TABLE) -> list[Price]:
    """Every row of the table, and of a file of the user's `own` with the same columns.

    BadInput names the line that is no price.
    """
    prices = []
    places = {}  # instance, region and option -> where it stands
    for path in filter(None, (table, own)):
        for line, row in read_rows(Path(path)):
            where = f"{path}, line {line}"
            price = _price_of(row, where)
            key = (price.instance, price.region, price.option)
            if places.setdefault(key, where) != where:
                problem = f"{' '.join(key)} stands in {places[key]} already"
                raise BadInput(f"{where}: {problem}; keep one")
            prices.append(price)
    return prices


def _price_of(row: dict[str, str], where: str) -> Price:
    """The price that a row holds; BadInput with where it stands, if it is none."""
    try:
        price = Price.model_validate(row)
        low, high = price.range
        if not low <= price.usd_per_hour <= high:
            seen = f"usd_per_hour is {price.usd_per_hour:g}, its range {low:g} to {high:g}"
            raise BadInput(f"{where}: {seen}; expected a price within its range")
        return price
    except ValidationError as error:
        fault = error.errors()[0]
        name = fault["loc"][0]
        expected = fault["msg"].replace("Input should be", "expected")
        value = row.get(name, "missing")
        raise BadInput(f"{where}: {shown(name)[1:-1]} is {shown(value)}; {expected}") from None


def read_rows(path: Path) -> list[tuple[int, dict[str, str | None]]]:
    """(line, row) of a price file, its cells as texts; a cell that a row lacks at its end is None.

    BadInput where there is no row, a column stands twice or has no name, or a row is too long.
    """
    rows = csv_rows(path, "expected a CSV file with the columns of params/prices.csv")
    if len(rows) < 2:
        found = "is empty" if not rows else "has no prices under its header"
        expected = "expected the columns of params/prices.csv and a price in each line"
        raise BadInput(f"{path} {found}; {expected}")
    (first, header), *lines = rows
    for name in header:
        if not name or header.count(name) > 1:
            problem = f"column {shown(name)} stands twice" if name else "a column has no name"
            raise BadInput(f"{path}, line {first}: {problem}; expected those of params/prices.csv")
    for line, cells in lines:
        if len(cells) > len(header):
            seen = f"{len(cells)} cells, more cells than columns ({len(header)})"
            advice = "a comma in a text needs quotes around it"
            raise BadInput(f"{path}, line {line}: saw {seen}; {advice}")
    return [(line, dict(zip_longest(header, cells))) for line, cells in lines]


def find_price(prices: list[Price], instance: str, region: str, option: str = "on_demand") -> Price:
    """The one price asked for, or an error that shows the nearest name."""
    wanted = {"instance": instance, "region": region, "option": option}
    for name, value in wanted.items():
        known = {getattr(price, name) for price in prices}
        prices = [price for price in prices if getattr(price, name) == value]
        if not prices:
            problem = (
                f"no price for {shortened(' '.join(wanted.values()), SHOWN)}: {name} {shown(value)}"
            )
            raise BadInput(f"{problem}; {nearest(value, known)}")
    return prices[0]


def age_gate(prices: Iterable[Price], today: date | None = None) -> Gate:
    """WARN where a price that is used is old, FAIL where one is dated in the future; measured: the
    oldest one's days.
    """
    today = today or date.today()
    prices = list(prices)
    of_the_future = [price for price in prices if price.is_of_the_future(today)]
    judged = of_the_future[-1] if of_the_future else max(prices, key=lambda one: one.age(today))
    days = judged.age(today)
    details = {"kind": "answer", "measured": days, "limit": OLD_DAYS, "evidence": "published"}
    details["unit"] = "days old"
    where = f"{judged.instance}, {judged.region}, {judged.option}: as of {judged.as_of}"
    if of_the_future:
        reason = f"{where}, which has not come yet"
        advice = "bring the date of that line, or this machine's clock, up to date"
        return decide(AGE_GATE, holds=False, reason=reason, next=advice, **details)
    reason = f"{where}, {days} days ago"
    advice = "blipkit prices refresh, or bring that line of params/prices.csv up to date"
    return judge(AGE_GATE, tolerable=True, reason=reason, next=advice, **details)

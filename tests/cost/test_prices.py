import os
from datetime import date

import pytest

from blipkit.cost.prices import OLD_DAYS, TABLE, age_gate, find_price, load_prices
from blipkit.errors import BadInput

HEADER = TABLE.read_text().splitlines()[0] + "\n"
LINE = "a,r,on_demand,{usd},4,16,x,1,8,s,{day}{more}\n"


def line(usd="1", day="2026-01-01", more=""):
    return LINE.format(usd=usd, day=day, more=more)


def test_every_price_has_a_source_and_a_date():
    """The committed table is dated and sourced, row by row."""
    table = load_prices()
    assert len(table) > 100 and all(
        p.source and p.as_of[:2] == "20" and p.usd_per_hour > 0 for p in table
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + line("0"), "line 2: usd_per_hour is '0'; expected greater than 0"),
        (HEADER + line("-1"), "usd_per_hour is '-1'; expected greater than 0"),
        (HEADER + line("nan"), "usd_per_hour is 'nan'; expected a finite number"),
        (HEADER + line("") + line(), "line 2: usd_per_hour is ''; expected a valid number"),
        (HEADER + line(day="soon"), "as_of is 'soon'"),
        (HEADER + line(day="2026-13-01"), "as_of is '2026-13-01'"),
        (HEADER + line().replace(",s,", ",,"), "source is ''; String should have at least 1"),
        (HEADER + line().replace(",4,16,", ",0,16,"), "vcpu is '0'; expected greater than 0"),
        (
            HEADER + line() + line("2"),
            r"line 3: a r on_demand stands in .*line 2 already; keep one",
        ),
        (HEADER + line(more=",7"), "more cells than columns"),
        (HEADER + "a,r,on_demand\n", "line 2: usd_per_hour is None; expected a valid number"),
        (
            HEADER.replace("usd_per", "eur_per") + line(),
            "usd_per_hour is 'missing'; Field required",
        ),
        (
            HEADER.replace("as_of", "as_of,currency") + line(more=",EUR"),
            "currency is 'EUR'; expected 'USD'",
        ),
    ],
)
def test_a_bad_price_is_refused_with_its_line(tmp_path, text, message):
    """Zero, negative, missing and double prices, other currencies, and cells too many or too few are named."""
    path = tmp_path / "prices.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        load_prices(table=path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "own.csv is empty; expected the columns of params/prices.csv and a price in each"),
        (b"\n , \n", "own.csv is empty"),
        (HEADER.encode(), "own.csv has no prices under its header"),
        (HEADER.replace("region", '"region').encode(), "line 1: unexpected end of data"),
        (HEADER.replace("region", 're"gion').encode() + b"x", "re.gion|region is"),
        (HEADER.encode() + b"a" * 131_073 + b",r\n", "line 2: field larger than field limit"),
        (HEADER.replace("region", "option").encode() + line().encode(), "region is 'missing'"),
        (HEADER.replace("region", "as_of").encode() + line().encode(), "'as_of' stands twice"),
        (HEADER.replace("region", "").encode() + line().encode(), "line 1: a column has no name"),
        (HEADER.encode() + line("1\0").encode(), "line 2: a NUL character"),
        ((HEADER + line("\N{EURO SIGN}")).encode("cp1252"), "line 2: is not UTF-8"),
        ((HEADER + line()).encode("utf-16"), "line 1: is not UTF-8"),
        ((HEADER + line("9" * 5000)).encode(), "usd_per_hour is '999.*; expected a finite"),
        ((HEADER + line().replace(",4,", f",{'9' * 5000},")).encode(), "vcpu is '999"),
    ],
    ids=range(14),
)
def test_own_prices_are_read_as_strictly_as_labels(tmp_path, content, message):
    """A file that is empty, cut or of another encoding is no list of no prices; line and column are named."""
    own = tmp_path / "own.csv"
    own.write_bytes(content)
    with pytest.raises(BadInput, match=message) as refused:
        load_prices(own)
    assert len(str(refused.value)) < 500


def test_own_prices_may_have_a_mark_and_another_order(tmp_path):
    """What a spreadsheet adds, and columns moved, change nothing."""
    names, cells = (text.strip().split(",")[::-1] for text in (HEADER, line("0.4")))
    own = tmp_path / "own.csv"
    own.write_text("\ufeff" + ",".join(names) + "\r\n\r\n" + " , ".join(cells) + "\r\n")
    assert find_price(load_prices(own), "a", "r").usd_per_hour == 0.4


@pytest.mark.parametrize("made", ["folder", "pipe"])
def test_own_prices_are_a_file(tmp_path, made):
    """Neither hangs, nor is a traceback."""
    path = tmp_path / made
    path.mkdir() if made == "folder" else os.mkfifo(path)
    with pytest.raises(BadInput, match="is a folder|is no regular file"):
        load_prices(path)


def test_own_prices_are_added_and_may_not_stand_twice(tmp_path):
    """A committed rate or another cloud's machine is found like any other; a key of the table is refused."""
    own = tmp_path / "own.csv"
    own.write_text(
        HEADER + line("0.4").replace("a,r,on_demand", "inf2.xlarge,us-east-1,three_years")
    )
    assert (
        find_price(load_prices(own), "inf2.xlarge", "us-east-1", "three_years").usd_per_hour == 0.4
    )
    own.write_text(HEADER + line("0.4").replace("a,r,", "inf2.xlarge,us-east-1,"))
    with pytest.raises(
        BadInput,
        match="own.csv, line 2: inf2.xlarge us-east-1 on_demand stands in .*prices.csv, line 2",
    ):
        load_prices(own)
    with pytest.raises(
        BadInput, match="nowhere.csv: .*expected a CSV file with the columns of params/prices.csv"
    ):
        load_prices(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("inf2.xlarg", "us-east-1"), "did you mean 'inf2.xlarge'"),
        (("inf2.xlarge", "us-east-9"), "did you mean 'us-east-1'"),
        (("inf2.xlarge", "us-east-1", "on-demand"), "did you mean 'on_demand'"),
    ],
)
def test_an_unknown_price_shows_the_nearest(asked, message):
    """Instance, region and option are each checked by name."""
    with pytest.raises(BadInput, match=message):
        find_price(load_prices(), *asked)


HEADLINES = """
inf2.xlarge    0.7582    1.1373   0.94775  0.133 0.112 0.328
inf2.8xlarge   1.96786   2.95179  2.45982  0.752 0.387 0.850
inf1.xlarge    0.228     -        0.254    0.047 0.049 0.110
g4dn.xlarge    0.526     0.710    0.587    0.215 0.216 -
g5.xlarge      1.006     1.459    1.123    0.442 0.545 -
g5.2xlarge     1.212     1.75776  1.35296  0.490 0.526 -
g6.xlarge      0.8048    1.1672   -        0.362 0.422 -
g6f.2xlarge    0.475     0.68888  -        0.206 0.151 -
g6e.xlarge     1.861     -        -        0.997 0.920 -
p3.2xlarge     3.06      4.194    3.305    0.371 0.358 -
p4d.24xlarge   21.957642 30.09784 23.71569 9.90  13.24 -
p5.48xlarge    55.04     68.80    -        18.68 17.85 -
"""


@pytest.mark.parametrize("headline", HEADLINES.split("\n")[1:-1], ids=lambda line: line.split()[0])
def test_the_headline_rates_stand_in_the_table(headline):
    """On demand in three regions, the spot median in two, and the reserved rate, as AWS and its mirrors publish them."""
    instance, *rates = headline.split()
    regions = [*((r, "on_demand") for r in ("us-east-1", "ap-northeast-1", "eu-west-1"))]
    regions += [
        ("us-east-1", "spot"),
        ("us-west-2", "spot"),
        ("us-east-1", "reserved_effective_term_unstated"),
    ]
    table = load_prices()
    for (region, option), rate in zip(regions, rates, strict=True):
        if rate == "-":
            with pytest.raises(BadInput, match="no price for"):
                find_price(table, instance, region, option)
        else:
            digits = len(rate.partition(".")[2])
            assert find_price(table, instance, region, option).usd_per_hour == pytest.approx(float(rate), abs=0.51 * 10**-digits)  # fmt: skip


@pytest.mark.parametrize(
    ("days", "status"), [(0, "PASS"), (OLD_DAYS, "PASS"), (OLD_DAYS + 1, "WARN")]
)
def test_only_prices_in_use_are_judged_by_their_age(days, status):
    """The older of a row's dates decides; rows that a run does not use may be as old as they like."""
    used = [find_price(load_prices(), name, "us-east-1") for name in ("inf2.xlarge", "g5.xlarge")]
    used[0] = used[0].model_copy(update={"as_of": "2026-02-01"})
    used[1] = used[1].model_copy(update={"as_of": "2026-01-31/2026-02-01"})
    gate = age_gate(used, date.fromordinal(date(2026, 1, 31).toordinal() + days))
    assert (gate.status, gate.measured) == (status, max(days, 0))
    assert gate.reason.startswith("g5.xlarge") and bool(gate.next) == (status == "WARN")


def test_a_price_dated_in_the_future_fails():
    """Nobody can know it: the date is wrong, or this machine's clock."""
    price = find_price(load_prices(), "g5.xlarge", "us-east-1")
    gate = age_gate([price.model_copy(update={"as_of": "2099-01-01"})], date(2026, 11, 1))
    assert gate.status == "FAIL" and gate.reason.endswith("2099-01-01, which has not come yet")


def test_a_price_that_moves_may_state_its_range(tmp_path):
    """Three more columns, empty where a price stands still; a price outside its range is refused."""
    more = ",usd_per_hour_low,usd_per_hour_high,interruption\n"
    path = tmp_path / "mine.csv"
    path.write_text(HEADER.rstrip() + more + line(more=",0.5,2,a notice of two minutes"))
    (price,) = load_prices(table=path)
    assert price.range == (0.5, 2.0) and price.interruption == "a notice of two minutes"
    path.write_text(HEADER.rstrip() + more + line(more=",,,"))
    assert load_prices(table=path)[0].range == (1.0, 1.0)
    path.write_text(HEADER.rstrip() + more + line(more=",1.5,2,x"))
    with pytest.raises(BadInput, match="usd_per_hour is 1, its range 1.5 to 2"):
        load_prices(table=path)

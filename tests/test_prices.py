import pytest

from blipkit.errors import BadInput
from blipkit.prices import find_price, load_prices

HEADER = "instance_type,region,purchase_option,usd_per_hour,accelerator,source,as_of\n"


def test_every_price_has_a_source_and_a_date():
    """The committed table is dated and sourced, row by row."""
    table = load_prices()
    assert len(table) > 100 and all(p.source and p.as_of[:2] == "20" and p.usd_per_hour > 0 for p in table)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a,r,on_demand,0,x,s,2026-01-01\n", "line 2: usd_per_hour is 0.0; expected more than zero"),
        ("a,r,on_demand,-1,x,s,2026-01-01\n", "more than zero"),
        ("a,r,on_demand,nan,x,s,2026-01-01\n", "more than zero"),
        ("a,r,on_demand,,x,s,2026-01-01\n", "line 2: usd_per_hour is ''; expected a number"),
        ("a,r,on_demand,1,x,s,d\na,r,on_demand,2,x,s,d\n", "line 3: a r on_demand stands on line 2 already"),
    ],
)
def test_a_bad_price_is_refused_with_its_line(tmp_path, lines, message):
    """Zero, negative, missing and double prices are named."""
    path = tmp_path / "prices.csv"
    path.write_text(HEADER + lines)
    with pytest.raises(BadInput, match=message):
        load_prices(path)


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

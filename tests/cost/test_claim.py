"""What the published saving takes: against each GPU, with mixed options, beside what others published."""

import pytest
from made_up import study_of

from blipkit.cost.claim import explain_claim, mix_options, price_anchors
from blipkit.cost.comparison import Savings
from blipkit.cost.pricing import choose_prices

NOTHING = Savings([], [], (0.33, 0.33))


def test_the_claim_is_solved_for_every_gpu_and_each_incumbent(tmp_path):
    """The cheapest first, an incumbent without a GPU among them, other accelerators not."""
    study = study_of(tmp_path, incumbents=["g5.xlarge", "m7i.large"], target_saving=0.5)
    claim = explain_claim(study, choose_prices(study), NOTHING)
    names, hourly = (
        [getattr(row, name) for row in claim.rows] for name in ("incumbent", "usd_per_hour")
    )
    assert hourly == sorted(hourly) and {"g5.xlarge", "m7i.large", "p4d.24xlarge"} <= set(names)
    assert not any(name.startswith(("inf", "trn")) for name in names)
    g5 = claim.rows[names.index("g5.xlarge")]
    assert g5.needed_throughput_ratio == pytest.approx(2 * 0.7582 / 1.006)
    assert {row["evidence"] for row in study.results.read("baselines")} == {"published"}


def test_a_mix_always_has_two_options(tmp_path):
    """The candidate is never in the option of the incumbents, and each row says that it is a mix."""
    study = study_of(tmp_path, option="spot", incumbents=["g5.xlarge"], priced_as="g5.xlarge")
    rows = mix_options(study, choose_prices(study)).rows
    assert rows and all(row.incumbent.endswith(", spot") for row in rows)
    assert not any(row.candidate.endswith(", spot") for row in rows)
    assert {row["evidence"] for row in study.results.read("mixes")} == {"mixed options"}


def test_anchors_take_a_chips_share_of_the_price(tmp_path):
    """One of eight chips pays an eighth; an unknown latency is None, and what has no price here is left out."""
    study = study_of(tmp_path)
    prices = choose_prices(study)
    rows = price_anchors(study, prices).rows
    a100 = next(row for row in rows if row.instance == "p4d.24xlarge")
    hourly = next(
        price.usd_per_hour for price in prices.on_offer() if price.instance == "p4d.24xlarge"
    )
    assert a100.usd_per_million == pytest.approx(hourly / 8 / 3600 / a100.answers_per_s * 1e6)
    assert a100.p99_ms is None and {row.evidence for row in rows} == {"published"}
    elsewhere = study_of(
        tmp_path, region="ap-northeast-1", incumbents=["g5.xlarge"], priced_as="g5.xlarge"
    )
    offered = {price.instance for price in choose_prices(elsewhere).on_offer()}
    assert {
        row.instance for row in price_anchors(elsewhere, choose_prices(elsewhere)).rows
    } <= offered

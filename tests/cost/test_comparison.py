"""Systems side by side: what is weighed, what is only shown, and where a saving comes from."""

import pytest
from made_up import priced_row, study_of
from made_up import system as made

from blipkit.cost.comparison import Systems, compare_systems, explain_savings
from blipkit.cost.pricing import Basis, Pricing, choose_prices
from blipkit.records.results import Results

BASIS = Basis("us-east-1", "on_demand", "measured", "m7i.large", "2026-07-20")


def cost(**more) -> dict:
    about = {
        "arm": "a",
        "servers": 2,
        "clients": 4,
        "best": True,
        "instance": "m7i.large",
        "state": "stable",
    }
    return priced_row(100.0, 1.0, latency_ms=10.0, percentile=90.0, **{**about, **more})


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A place to publish in: one folder that says what was asked, and an older kit's, which does not."""
    monkeypatch.setattr("blipkit.cost.comparison.PUBLISHED", tmp_path / "published")
    for name, like in (("new", {"like": {"threads": 2}}), ("old", {})):
        Results(tmp_path / "published/m" / name, "05_cost").write("cost", [cost(arm=name, **like)])
    return tmp_path / "published/m"


def test_what_is_published_is_shown_and_never_weighed(tmp_path, published):
    """This machine is weighed; of those published only one that says what was asked stands beside it."""
    study, ours = study_of(tmp_path / "here"), cost(like={"threads": 1})
    study.results.write("cost", [ours])
    found = compare_systems(study, Pricing([ours], BASIS, "m", 1.0, shared=False))
    assert [(row["arm"], row["weighed"], row["unlike"]) for row in found.rows] == [
        ("a", True, ""),
        ("new", False, "threads"),
    ]
    assert found.weighed == found.rows[:1] and found.folders == [study.results]


def test_a_published_folder_that_is_named_is_weighed_once(tmp_path, published):
    """`beside` makes it a side of the verdict, and it is not shown a second time."""
    study = study_of(tmp_path / "here", beside=[str(published / "new")])
    study.results.write("cost", [])
    found = compare_systems(study, Pricing([], BASIS, "m", 1.0, shared=True))
    assert [(row["arm"], row["weighed"], row["unlike"]) for row in found.rows] == [
        ("new", True, "not recorded here")
    ]


def test_savings_are_of_what_is_weighed_at_one_price_list(tmp_path):
    """Every candidate against every incumbent at this study's prices; one with a gap is not comparable."""
    study = study_of(tmp_path, utilisation=0.5, incumbent_utilisation=0.25)
    rows = [
        made("neuron", 600.0, weighed=True),
        made("cuda", 300.0, usd=9.0, weighed=True),
        made("cuda", 300.0, arm="eager", gaps=[("why", "03_parity")], weighed=True),
        made("cuda", 300.0, arm="published", weighed=False),
    ]
    savings = explain_savings(study, choose_prices(study), Systems(rows, []))
    assert [(row["incumbent"], row["comparable"]) for row in savings.rows] == [
        ("g5.xlarge, arm of cuda", True),
        ("g5.xlarge, eager", False),
    ]
    first = study.results.read("savings")[0]
    assert (
        first["price_effect"] == pytest.approx(0.7582 / 1.006)
        and first["utilisation_effect"] == 0.5
    )
    assert 1 - first["saving"] == pytest.approx(0.7582 / 1.006 * 0.5 * 0.5)
    assert first["region"] == "us-east-1" and len(savings.pairs) == 2


def test_without_both_sides_the_table_says_what_it_takes(tmp_path, monkeypatch):
    """A reason in place of a row."""
    shown = []
    monkeypatch.setattr("blipkit.cost.comparison.show_table", lambda rows, _: shown.extend(rows))
    study = study_of(tmp_path)
    explain_savings(study, choose_prices(study), Systems([made("cuda", weighed=True)], [])).table()
    assert shown == [{"saving": "NOT-RUN: it takes a measured candidate and a measured incumbent"}]
    assert study.results.read("savings") == []

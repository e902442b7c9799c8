"""Systems side by side: what is weighed, what is only shown, and where a saving comes from."""

from dataclasses import replace

import pytest
from made_up import BASIS, cost_row, study_of, system

from blipkit.cost.comparison import ComparedSystem, Systems, compare_systems, explain_savings
from blipkit.cost.pricing import Pricing, choose_prices
from blipkit.cost.rows import Choices, Conditions, CostRow
from blipkit.cost.systems import Gap
from blipkit.records.results import Results
from blipkit.records.typed import write_typed


def cost(**fields) -> CostRow:
    return cost_row(100.0, 1.0, best=True, percentile=90.0, **fields)


def weighed(*args, **fields) -> ComparedSystem:
    return ComparedSystem(system=system(*args, **fields), weighed=True, unlike="")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A place to publish in: one folder that says what was asked, and an older kit's, which does not."""
    monkeypatch.setattr("blipkit.cost.comparison.PUBLISHED", tmp_path / "published")
    for name, conditions in (("new", Conditions(percentile=99.0)), ("old", None)):
        out = Results(tmp_path / "published/m" / name, "05_cost")
        write_typed(out, "cost", [cost(arm=name, conditions=conditions)])
    return tmp_path / "published/m"


def test_what_is_published_is_shown_and_never_weighed(tmp_path, published):
    """This machine is weighed; of those published only one that says what was asked stands beside it."""
    study, here = study_of(tmp_path / "here"), cost(conditions=Conditions(percentile=90.0))
    write_typed(study.results, "cost", [here])
    systems = compare_systems(study, Pricing([here], [here], BASIS, "m", 1.0, shared=False))
    assert [(row.system.arm, row.weighed, row.unlike) for row in systems.rows] == [
        ("a", True, ""),
        ("new", False, "percentile"),
    ]
    assert systems.weighed == [systems.rows[0].system] and systems.folders == [study.results]


def test_what_a_system_chose_and_what_nobody_tried_is_said():
    """A line for each: its buckets, batches and threads; on a GPU that CUDA graphs were not tried."""
    chosen = Choices([{"frames": 1}, {"frames": 8}], 2, [1, 8], 5.0)
    said = Systems([weighed("cuda", choices=chosen)], []).choices_in_words()
    assert said == (
        "torchscript float16 cuda on cuda machine: bucket frames 1, 8; batches tried 1, 8, waiting "
        "5 ms; threads 2; not tried: CUDA graphs, TensorRT"
    )


def test_a_published_folder_that_is_named_is_weighed_once(tmp_path, published):
    """`beside` makes it a side of the verdict, and it is not shown a second time."""
    study = study_of(tmp_path / "here", beside=[str(published / "new")])
    write_typed(study.results, "cost", [])
    systems = compare_systems(study, Pricing([], [], BASIS, "m", 1.0, shared=True))
    assert [(row.system.arm, row.weighed, row.unlike) for row in systems.rows] == [
        ("new", True, "not recorded here")
    ]


def test_savings_are_of_what_is_weighed_at_one_price_list(tmp_path):
    """Every candidate against every incumbent at this study's prices; one with a gap is not comparable."""
    study = study_of(tmp_path, utilisation=0.5, incumbent_utilisation=0.25)
    rows = [
        weighed("neuron", 600.0),
        weighed("cuda", 300.0, usd=9.0),
        weighed("cuda", 300.0, arm="eager", gaps=[Gap("why", "03_parity")]),
        replace(weighed("cuda", 300.0, arm="published"), weighed=False),
    ]
    savings = explain_savings(study, choose_prices(study), Systems(rows, []))
    assert [(row.incumbent, row.comparable) for row in savings.rows] == [
        ("g5.xlarge, torchscript float16 cuda", True),
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
    explain_savings(study, choose_prices(study), Systems([weighed("cuda")], [])).table()
    assert shown == [{"saving": "NOT-RUN: it takes a measured candidate and a measured incumbent"}]
    assert study.results.read("savings") == []

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import cost_row, make, rate_row
from rich.console import Console

from blipkit.cost.rows import AnswerCost, CostRow
from blipkit.errors import BadInput
from blipkit.paths import ROOT
from blipkit.records.evidence import not_verified
from blipkit.records.gates import Gate
from blipkit.records.listing import output_of, write_listing
from blipkit.records.results import Results
from blipkit.report.compare import (
    Change,
    compare_folders,
    differences_table,
    has_worsened,
    in_a_line,
    judge_intervals,
    table,
)
from blipkit.report.differences import Difference, Differences, find_differences
from blipkit.report.sides import LoadRow
from blipkit.statistics import Interval

PUBLISHED = ROOT / "results/published/amd-epyc-2-cores/tiny"
SETTING = LoadRow("torchscript float32", servers=2, clients=4)


def load(clients=4, **figures: Interval) -> LoadRow:
    """A row of 04 with these figures."""
    return replace(SETTING, clients=clients, **figures)


def p99(value, low, high, clients=4) -> LoadRow:
    return load(clients, p99_ms=Interval(value, low, high))


def priced(low, high, value=1.0, clients=4, **price) -> CostRow:
    """A row of 05 at this cost, and these terms of its price."""
    row = cost_row(arm=SETTING.arm, clients=clients, **price)
    return replace(row, cost=AnswerCost(usd_per_million=Interval(value, low, high)))


def changes_of(tmp_path, a: dict, b: dict, baseline=False) -> dict[str, Change]:
    """What changed between two made-up folders, by the last word of `what`."""
    changes = compare_folders(make(tmp_path / "a", **a), make(tmp_path / "b", **b), baseline)
    return {change.what.split(": ")[-1]: change for change in changes}


@pytest.mark.parametrize(
    ("before", "after", "judgement"),
    [
        ("PASS", "PASS", "same"),
        ("PASS", "WARN", "worse"),
        ("WARN", "FAIL", "worse"),
        ("FAIL", "INVALID", "worse"),
        ("INVALID", "PASS", "better"),
        ("NOT-RUN", "FAIL", "not known"),
        ("PASS", "NOT-RUN", "not known"),
        ("NOT-RUN", "NOT-RUN", "not known"),
    ],
)
def test_an_answer_gate_is_judged_by_its_status(tmp_path, before, after, judgement):
    """PASS, WARN, FAIL, INVALID from best to worst; what was not measured is not known."""
    changes = changes_of(tmp_path, {"gates": [("g", before)]}, {"gates": [("g", after)]})
    assert changes["g"].judgement == judgement
    assert has_worsened(changes.values()) == (judgement == "worse")


@pytest.mark.parametrize("after", ["PASS", "FAIL", "NOT-RUN"])
def test_a_timing_gate_is_never_worse(tmp_path, after):
    """Times are judged by their intervals, also where A is a baseline."""
    a, b = ({"gates": [Gate("g", "timing", status)]} for status in ("PASS", after))
    changes = changes_of(tmp_path, a, b, baseline=True)
    assert (
        changes["g"].judgement == ("same" if after == "PASS" else "not known")
        and not changes["g"].quantity.judged
    )
    assert not has_worsened(changes.values())


def test_gates_come_in_as_order_then_those_only_in_b(tmp_path):
    """Nothing that either folder holds is left out."""
    a, b = {"gates": [("z", "PASS"), ("y", "PASS")]}, {"gates": [("x", "PASS"), ("y", "PASS")]}
    changes = changes_of(tmp_path, a, b)
    assert list(changes) == ["z", "y", "x"]
    assert [change.reason for change in changes.values()] == [
        "not measured in B",
        "",
        "not measured in A",
    ]


@pytest.mark.parametrize("b", [{"gates": [("g", "NOT-RUN")]}, {"gates": []}])
def test_a_baselines_gate_must_have_been_measured(tmp_path, b):
    """What the baseline measured and B did not is worse, whether B says NOT-RUN or nothing."""
    a = {"gates": [("g", "PASS")]}
    assert not has_worsened(changes_of(tmp_path / "free", a, b).values())
    changes = changes_of(tmp_path / "held", a, b, baseline=True)
    assert (changes["g"].judgement, changes["g"].reason) == ("worse", "not measured in B")
    assert changes["g"].after.shown == (b["gates"][0][1] if b["gates"] else "-")


def test_a_baseline_does_not_ask_for_what_it_has_not(tmp_path):
    """What only B measured is not known."""
    changes = changes_of(
        tmp_path, {"gates": [("g", "NOT-RUN")]}, {"gates": [("g", "FAIL")]}, baseline=True
    )
    assert changes["g"].judgement == "not known" and not has_worsened(changes.values())


def test_a_cost_by_arrivals_is_not_compared_with_one_by_clients_who_wait(tmp_path):
    """Neither is better or worse, which the line says with both; two by arrivals are compared."""
    by_rate = replace(priced(3, 4, 3.5), basis="open arrivals, poisson: rate that holds p90")
    changes = changes_of(tmp_path / "one", {"cost": [priced(1, 2, 1.5)]}, {"cost": [by_rate]})
    (change,) = changes.values()
    assert change.judgement == "not known"
    assert change.reason == "one throughput is of clients who wait, or of other arrivals"
    assert "throughput by closed loop: clients wait in A, open arrivals" in change.what
    cheaper = replace(priced(1, 2, 1.5), basis=by_rate.basis)
    changes = changes_of(tmp_path / "both", {"cost": [by_rate]}, {"cost": [cheaper]})
    assert changes["cost"].judgement == "better"


def test_rates_of_arrivals_are_compared_by_their_intervals(tmp_path):
    """Each with its pattern and its target; shown, and never in the exit status. INVALID ones say nothing."""
    a = {"rates": [rate_row(50.0, 48.0, 52.0)]}
    changes = changes_of(tmp_path / "less", a, {"rates": [rate_row(40.0, 38.0, 42.0)]})
    (change,) = changes.values()
    name = "rate of arrivals, poisson, p90 <= 250 ms"
    assert list(changes) == [name] and change.what == f"a, servers 2: {name}"
    assert change.judgement == "worse" and not has_worsened([change])
    assert change.before.shown == "50 (48 to 52)"
    changes = changes_of(tmp_path / "invalid", a, {"rates": [rate_row(state="INVALID")]})
    assert changes[name].judgement == "not known"


def test_a_baselines_settings_must_have_been_measured(tmp_path):
    """A setting whose p99 or cost the baseline knows and B does not is worse; a p50 alone is not."""
    a = {
        "load": [load(p50_ms=Interval(1), p99_ms=Interval(5, 4, 6))],
        "cost": [priced(1, 2)],
    }
    changes = changes_of(tmp_path, a, {}, baseline=True)
    assert {name: change.judgement for name, change in changes.items()} == {
        "p50": "not known",
        "p90": "not known",
        "p99": "worse",
        "throughput": "not known",
        "cost": "worse",
    }


def test_a_notebook_that_stopped_is_worse_than_one_that_ended(tmp_path):
    """Its gates are gone, so that their absence alone would not be known."""
    changes = changes_of(tmp_path, {"gates": [("g", "PASS")]}, {"ended": "stopped"})
    assert (changes["g"].judgement, changes["03_parity"].judgement) == ("not known", "worse")
    back = compare_folders(tmp_path / "b", tmp_path / "a")
    assert [change.judgement for change in back] == ["better", "not known"]


def test_the_last_line_says_what_got_worse(tmp_path):
    """The table is long; whatever makes the exit status 1 is named below it, and nothing else."""
    a = {"gates": [("g", "PASS"), ("h", "WARN"), ("i", "NOT-RUN")]}
    b = {"gates": [("g", "FAIL"), ("h", "PASS"), ("i", "PASS")]}
    changes = list(changes_of(tmp_path, a, b).values())
    assert in_a_line(changes) == "1 of 3 that are judged got worse: g. Of 1 it is not known"
    assert in_a_line(changes[1:]) == "0 of 2 that are judged got worse. Of 1 it is not known"


@pytest.mark.parametrize(("baseline", "judgement"), [(False, "not known"), (True, "worse")])
def test_a_notebook_that_was_skipped_measured_nothing(tmp_path, baseline, judgement):
    """It is worse only than a baseline that ran it; one that ended with a failed gate ran."""
    changes = changes_of(tmp_path, {"ended": "gate"}, {"ended": "skipped"}, baseline)
    assert [
        (change.what, change.before.shown, change.judgement) for change in changes.values()
    ] == [("03_parity", "PASS", judgement)]


@pytest.mark.parametrize(
    ("before", "after", "judgement"),
    [
        ((4, 6), (6.1, 8), "worse"),
        ((4, 6), (6, 8), "same"),
        ((4, 6), (3, 3.9), "better"),
        ((4, 6), (3, 4), "same"),
        ((None, 6), (6.1, None), "worse"),
        ((4, None), (None, 3.9), "better"),
        ((4, None), (4, None), "not known"),
        ((4, None), (100, None), "not known"),
        ((4, 6), (5, None), "not known"),
        ((float("nan"), 6), (5, 7), "not known"),
    ],
)
def test_p99_is_judged_by_its_interval(tmp_path, before, after, judgement):
    """It is worse or better where the intervals do not meet, and not known where an end that could tell is missing."""
    changes = changes_of(tmp_path, {"load": [p99(5, *before)]}, {"load": [p99(5, *after)]})
    assert changes["p99"].judgement == judgement and has_worsened(changes.values()) == (
        judgement == "worse"
    )
    assert changes["p99"].reason == (
        "n too small for an interval" if judgement == "not known" else ""
    )


def test_p50_and_throughput_are_shown_but_not_judged(tmp_path):
    """They may be worse without a say in the exit status; more answers are better."""
    quick = load(p50_ms=Interval(5, 4, 6), answers_per_s=Interval(20, 19, 21))
    slow = load(p50_ms=Interval(9, 8, 10), answers_per_s=Interval(10, 9, 11))
    changes = changes_of(tmp_path, {"load": [quick]}, {"load": [slow]})
    assert changes["p50"].judgement == changes["throughput"].judgement == "worse"
    assert not has_worsened(changes.values())
    back = {
        change.what.split(": ")[-1]: change
        for change in compare_folders(tmp_path / "b", tmp_path / "a")
    }
    assert back["p50"].judgement == back["throughput"].judgement == "better"


def test_our_own_overhead_is_no_setting(tmp_path):
    """The null arm measures the kit, not the model."""
    rows = [p99(5, 4, 6), replace(p99(5, 4, 6), arm="null float32")]
    changes = compare_folders(make(tmp_path / "a", load=rows), make(tmp_path / "b", load=rows))
    assert {change.what.partition(",")[0] for change in changes} == {"torchscript float32"}


def test_settings_are_matched_by_arm_servers_and_clients(tmp_path):
    """Another number of clients is another setting, and both are shown."""
    a, b = {"load": [p99(5, 4, 6)]}, {"load": [p99(50, 40, 60, clients=8)]}
    changes = compare_folders(make(tmp_path / "a", **a), make(tmp_path / "b", **b), False)
    assert [(c.what, c.judgement) for c in changes if "p99" in c.what] == [
        ("torchscript float32, servers 2, clients 4: p99", "not known"),
        ("torchscript float32, servers 2, clients 8: p99", "not known"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "judgement"),
    [((1, 2), (2.1, 3), "worse"), ((1, 2), (0.1, 0.9), "better"), ((1, 2), (1.5, 3), "same")],
)
def test_cost_is_judged_by_its_interval(tmp_path, before, after, judgement):
    """A dearer answer is worse, a cheaper one better, beyond both intervals."""
    changes = changes_of(tmp_path, {"cost": [priced(*before)]}, {"cost": [priced(*after)]})
    assert changes["cost"].judgement == judgement and has_worsened(changes.values()) == (
        judgement == "worse"
    )


def test_cost_without_an_interval_is_not_known(tmp_path):
    """A figure alone does not say whether it moved."""
    changes = changes_of(
        tmp_path, {"cost": [priced(None, None)]}, {"cost": [priced(None, None, 9.0)]}
    )
    assert (changes["cost"].judgement, changes["cost"].reason) == ("not known", "no interval")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"instance": "g5.xlarge"}, "cost (priced as m7i.large in A, g5.xlarge in B)"),
        ({"region": "eu-west-1"}, "cost (region us-east-1 in A, eu-west-1 in B)"),
        ({"option": "spot"}, "cost (option on_demand in A, spot in B)"),
    ],
)
def test_costs_at_other_prices_are_shown_not_judged(tmp_path, other, message):
    """What is said names both prices, and the judgement is not known however far apart they are."""
    changes = changes_of(tmp_path, {"cost": [priced(1, 2)]}, {"cost": [priced(8, 9, **other)]})
    assert list(changes) == [message] and (changes[message].judgement, changes[message].reason) == (
        "not known",
        "priced otherwise",
    )


def test_another_limit_is_named(tmp_path):
    """A gate that passes because its limit was raised says so."""
    a, b = (
        {"gates": [Gate("g", "answer", "PASS", measured, limit)]}
        for measured, limit in ((0.01, 0.05), (0.3, 0.5))
    )
    change = changes_of(tmp_path, a, b)["g (limit 0.05 in A, 0.5 in B)"]
    assert (change.before.shown, change.after.shown, change.judgement) == (
        "PASS (0.01)",
        "PASS (0.3)",
        "same",
    )


def printed(table_shown) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table_shown)
    return console.file.getvalue()


def test_the_table_shows_intervals_and_relative_change(tmp_path):
    """Four significant digits, a question mark for an end that is not known, and the reason beside the judgement."""
    before = load(p50_ms=Interval(2, 1, 3), p99_ms=Interval(12.3, 11.9, 12.8))
    after = load(p50_ms=Interval(5, 4, 6), p99_ms=Interval(24.6, 13, None))
    changes = changes_of(tmp_path, {"load": [before]}, {"load": [after]})
    shown = printed(table(changes.values()))
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in shown.splitlines()
        if "│" in line
    ]
    setting = "torchscript float32, servers 2, clients 4"
    assert rows == [
        [f"{setting}: p50, ms", "2 (1 to 3)", "5 (4 to 6)", "+150.0%", "worse, shown only"],
        [f"{setting}: p90, ms", "-", "-", "", "not known: not measured in A and B"],
        [f"{setting}: p99, ms", "12.3 (11.9 to 12.8)", "24.6 (13 to ?)", "+100.0%", "worse"],
        [f"{setting}: throughput, answers/s", "-", "-", "", "not known: not measured in A and B"],
    ]


def test_what_differs_is_shown_as_a_table_too(tmp_path):
    """The facts that the systems do not share, by name; nothing where they share all."""
    folders = [make(tmp_path / name, common={"seed": seed}) for seed, name in enumerate("ab")]
    assert "common.seed" in printed(differences_table(find_differences(folders)))
    assert printed(differences_table(Differences([], [])))


def test_what_a_record_says_is_no_markup(tmp_path):
    """Brackets in a gate's name or a knob are printed as they stand."""
    changes = changes_of(
        tmp_path, {"gates": [("g [red]", "PASS")]}, {"gates": [("g [red]", "PASS")]}
    )
    assert "g [red]" in printed(table(changes.values()))
    different = Differences(["a", "b"], [Difference("common.x", ("[bold]", "2"))])
    assert "[bold]" in printed(differences_table(different))


STATUSES = st.sampled_from(["PASS", "WARN", "FAIL", "INVALID", "NOT-RUN"])
GATES = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(STATUSES, st.sampled_from(["answer", "timing"])), min_size=1
)
END = st.floats(0.1, 100)
INTERVALS = (
    st.tuples(END, END)
    .map(sorted)
    .flatmap(lambda ends: st.tuples(*(st.sampled_from([end, None]) for end in ends)))
)
FOLDERS = st.tuples(
    GATES, st.dictionaries(st.sampled_from([1, 2, 4]), st.tuples(INTERVALS, INTERVALS))
)


def write_drawn(folder: Path, drawn) -> Path:
    gates, settings = drawn
    return make(
        folder,
        [Gate(name, kind, status) for name, (status, kind) in gates.items()],
        [p99(1.0, *time, clients) for clients, (time, _) in settings.items()],
        [priced(*usd, clients=clients) for clients, (_, usd) in settings.items()],
    )


@given(FOLDERS, st.booleans())
def test_a_folder_is_neither_better_nor_worse_than_itself(tmp_path_factory, drawn, baseline):
    """Comparing a folder with itself finds nothing, whatever it holds."""
    folder = write_drawn(tmp_path_factory.mktemp("same") / "a", drawn)
    changes = compare_folders(folder, folder, baseline)
    assert {change.judgement for change in changes} <= {"same", "not known"} and not has_worsened(
        changes
    )


@given(FOLDERS, FOLDERS)
def test_swapping_the_folders_swaps_better_and_worse(tmp_path_factory, drawn, other):
    """What is better one way is worse the other way; the rest stays."""
    root = tmp_path_factory.mktemp("swapped")
    a, b = write_drawn(root / "a", drawn), write_drawn(root / "b", other)
    swapped = {"better": "worse", "worse": "better"}
    there = {
        change.what: swapped.get(change.judgement, change.judgement)
        for change in compare_folders(a, b)
    }
    assert there == {change.what: change.judgement for change in compare_folders(b, a)}


@given(INTERVALS, INTERVALS)
def test_what_is_better_when_it_grows_is_worse_when_cost_does(before, after):
    """The direction turns the judgement round and nothing else."""
    turned = {"better": "worse", "worse": "better"}
    ends = Interval(None, *before), Interval(None, *after)
    judged = judge_intervals(*ends)
    assert judge_intervals(*ends, more_is_better=True) == turned.get(judged, judged)


def test_a_published_run_equals_itself():
    """What this kit published can be compared, and nothing in it is worse or better than itself."""
    changes = compare_folders(PUBLISHED, PUBLISHED, baseline=True)
    assert {change.judgement for change in changes} <= {"same", "not known"} and not has_worsened(
        changes
    )
    assert {"accuracy", "torchscript float32, servers 2, clients 4: p99"} <= {
        change.what for change in changes
    }
    assert find_differences([PUBLISHED, PUBLISHED]).rows == []


def test_what_is_no_results_folder_is_refused(tmp_path):
    """A folder that is not there, one that no run wrote, one with a damaged file, and two with nothing in them."""
    good = make(tmp_path / "good", [("g", "PASS")])
    with pytest.raises(BadInput, match="no folder .*missing; expected a results folder"):
        compare_folders(good, tmp_path / "missing")
    with pytest.raises(BadInput, match=r"\(no run.json\); did you mean one within it: .*/good$"):
        compare_folders(tmp_path, good)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(
        BadInput, match=r"is not a results folder \(no run.json\); make one with: blipkit run tiny"
    ):
        compare_folders(tmp_path / "nothing", good)
    empty = make(tmp_path / "empty")
    with pytest.raises(BadInput, match="nothing to compare: no gates in .*empty"):
        compare_folders(empty, empty)
    (good / "environment.json").write_text('{"name": ')
    with pytest.raises(
        BadInput, match="environment.json is damaged .*line 1 .*; expected what a run writes there"
    ):
        find_differences([empty, good])


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (7, "has schema 7; this kit reads up to 1: update blipkit"),
        (None, "has schema None; expected a whole number from 1 on: blipkit did not write it"),
        ("1", "has schema '1'; expected a whole number"),
        (0, "has schema 0; expected a whole number"),
    ],
)
@pytest.mark.parametrize(
    "rows", [{"gates": [("g", "PASS")]}, {"load": [p99(5, 4, 6)]}, {"cost": [priced(1, 2)]}]
)
def test_records_of_a_schema_that_is_not_read_are_refused(tmp_path, schema, message, rows):
    """Gates, load and cost alike, with the file's name and what to do."""
    good, bad = (
        make(tmp_path / "good", [("g", "PASS")]),
        make(tmp_path / "bad", schema=schema, **rows),
    )
    with pytest.raises(BadInput, match=r"bad/records/\w+\.jsonl " + message):
        compare_folders(good, bad)


@pytest.mark.parametrize("line", ['{"schema": 1, "arm": "torchs', "3", "", "\udcff"])
def test_a_damaged_line_is_named(tmp_path, line):
    """A line cut short, one that is no record, an empty one and one that is not text: file and line number are said."""
    folder = make(tmp_path / "a", load=[p99(5, 4, 6)])
    path = folder / "records/concurrency.jsonl"
    path.write_bytes(path.read_bytes() + f"{line}\n".encode(errors="surrogateescape"))
    with pytest.raises(
        BadInput,
        match=r"concurrency\.jsonl, line 2 is damaged .*; expected one JSON record: run the",
    ):
        Results(folder).read("concurrency")


def test_a_folder_that_was_cut_is_not_compared(tmp_path):
    """The line that says FAIL is gone: what is left would say PASS."""
    a = make(tmp_path / "a", gates=[("x", "PASS"), ("y", "FAIL")])
    b = shutil.copytree(a, tmp_path / "b")
    assert len(not_verified([a, b])) == 2 and compare_folders(a, b)
    for folder in (a, b):
        name = "records/gates_03_parity.jsonl"
        write_listing(folder, {"03_parity": [output_of(folder, name)]})
    path = b / "records/gates_03_parity.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    with pytest.raises(BadInput, match=r"b is not as its run left it: .* has 1 of 2 records"):
        compare_folders(a, b)


def test_an_invalid_setting_has_no_figures_to_compare(tmp_path):
    """However good they look: what cannot be believed is neither better nor worse."""
    fast = replace(p99(1.0, 0.9, 1.1), state="INVALID")
    changes = changes_of(tmp_path, {"load": [p99(5, 4, 6)]}, {"load": [fast]})
    assert changes["p99"].judgement == "not known"

"""The program that sets our open loop beside LoadGen: its order, its ratios, its records."""

import importlib.util
from dataclasses import asdict

import bench_judge
import numpy as np
import pytest
from bench_judge import (
    LOADGEN,
    OURS,
    Compared,
    Figures,
    Window,
    compared,
    keep,
    percentiles,
    ratio_of,
)

from blipkit.records.results import Results
from blipkit.records.typed import read_typed

FIGURES = list(Figures.__dataclass_fields__)


def window(tool: str, number: int, figure: float, disturbed: str = "") -> Window:
    figures = Figures(figure, 2 * figure, 3 * figure, 1.0)
    return Window("sleep", tool, number, 100.0, 1000, figures, disturbed)


def test_a_ratio_has_the_interval_of_its_pairs():
    """Twice as much in each pair of windows is twice as much for sure; noise widens it."""
    exact = ratio_of([1.0, 2.0, 4.0], [2.0, 4.0, 8.0])
    assert asdict(exact) == pytest.approx({"value": 2.0, "low": 2.0, "high": 2.0})
    noisy = ratio_of([1.0, 1.0, 1.0, 1.0, 1.0], [0.9, 1.1, 0.95, 1.05, 1.0])
    assert noisy.low < 1 < noisy.high and noisy.value == pytest.approx(1, abs=0.01)


def test_two_tools_that_see_the_same_differ_in_one_of_twenty():
    """The interval of seven pairs holds 1 in about 95 % of 400 comparisons."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        ours, theirs = np.exp(rng.normal(0, 0.1, (2, 7)))
        ratio = ratio_of(ours, theirs)
        held += ratio.low <= 1 <= ratio.high
    assert 0.92 <= held / 400 <= 0.98


def test_percentiles_are_taken_as_loadgen_takes_them():
    """The sample at n times q, counted from zero."""
    assert percentiles(np.arange(100.0)[::-1]) == [50.0, 90.0, 99.0]


def test_tools_take_turns_and_the_first_pair_is_left_out(monkeypatch):
    """A B A B; each window has a schedule of its own."""
    asked = []

    def ask(tool):
        def one(servers, setting, rate_per_s, seconds, seed):
            asked.append((tool, seed))
            return Figures(1.0, 2.0, 3.0, 1.0), 10, ""

        return one

    monkeypatch.setattr(bench_judge, "by_ours", ask(OURS))
    monkeypatch.setattr(bench_judge, "by_loadgen", ask(LOADGEN))
    rows = bench_judge.ask_in_turn("x", None, None, 100.0, 2, 1.0)
    assert asked == [(tool, seed) for seed in range(3) for tool in (OURS, LOADGEN)]
    assert [(row.tool, row.window) for row in rows] == [
        (OURS, 0),
        (LOADGEN, 0),
        (OURS, 1),
        (LOADGEN, 1),
    ]


def test_what_both_saw_is_kept(tmp_path):
    """A record for each figure, with both means and the ratio, and one for each window."""
    windows = []
    for number in range(5):
        windows.append(window(OURS, number, 1.0 + number / 100))
        windows.append(window(LOADGEN, number, 1.5 + number / 100, "busy" if number else ""))
    rows = keep(tmp_path, windows, 10.0)
    assert [row.figure for row in rows] == FIGURES
    kept = read_typed(Results(tmp_path), "judge_comparison", Compared)
    assert kept == rows == compared(windows, 10.0)
    first = kept[0]
    assert (first.windows, first.disturbed, first.agrees) == (5, 4, False)
    assert 1.4 < first.ratio.low < first.ratio.high < 1.6
    assert kept[-1].agrees
    assert read_typed(Results(tmp_path), "judge_windows", Window) == windows
    assert (tmp_path / "environment.json").is_file()


@pytest.mark.skipif(
    importlib.util.find_spec("mlperf_loadgen") is None,
    reason="LoadGen is missing: pip install 'blipkit[mlperf]'",
)
@pytest.mark.slow
def test_both_ask_sleeping_servers():
    """Two windows of a second each: no request is served faster than a server sleeps."""
    rows = bench_judge.sleeping_servers(windows=2, seconds=1.0)
    assert [row.tool for row in rows] == [OURS, LOADGEN] * 2
    for row in rows:
        assert row.requests > 50
        assert 1e3 * bench_judge.SLEEP_S <= row.figures.p50_ms <= row.figures.p99_ms
        assert 0 < row.figures.achieved <= 1.01

"""A setting has one throughput and one latency, or says why not, or that it cannot be told."""

from typing import NamedTuple

import numpy as np
import pytest
from correlated import independent_ones, latencies
from hypothesis import given
from hypothesis import strategies as st

from blipkit.load.correlation import effective_size
from blipkit.load.stability import Answers, drift_of, unclear, uneven, unstable, windows


def run_of(latencies) -> Answers:
    """One client that never pauses: each answer comes when the one before it has."""
    latencies = np.asarray(latencies, dtype=float)
    return Answers.of(np.cumsum(latencies), latencies)


def noisy(count: int = 300, spread: float = 0.1, seed: int = 1) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).uniform(1 - spread, 1 + spread, count)


def test_a_steady_run_is_stable():
    """Noise of 10 % around one value is no reason to doubt."""
    assert unstable([run_of(noisy())]) == "" == unclear([run_of(noisy())])


def test_a_third_that_is_slower_is_seen():
    """A quarter slower in the last third: the factor is told, also where there is no noise at all."""
    for spread in (0.0, 0.1):
        values = noisy(spread=spread)
        values[200:] *= 1.25
        reason = unstable([run_of(values)])
        assert reason.startswith("throughput of its thirds differs by a factor of 1.2"), reason
        assert reason.endswith(", limit 1.1")


def test_a_middle_that_is_slower_is_seen():
    """No line rises or falls through it."""
    values = noisy()
    values[100:200] *= 1.25
    assert abs(drift_of([run_of(values)]).share) < 0.05
    assert "of its thirds differs" in unstable([run_of(values)])


def test_a_growing_queue_is_seen_though_its_thirds_nearly_agree():
    """9 % from first to last, of its mean 8 %: thirds within 1.10, but it drifts, which thirds alone would let pass."""
    run = run_of(noisy(spread=0.02) * np.linspace(1, 1.09, 300))
    rows = windows(run.finished, run.latency)
    assert max(r.latency_s for r in rows) < 1.10 * min(r.latency_s for r in rows)
    assert unstable([run]) == "latency rises by 8% from first to last, limit 5%"


def test_a_drift_of_all_runs_is_seen_where_none_of_them_shows_it():
    """Three runs with 12 % each, their noise twice that of the drift: together they say it."""
    one = [
        run_of(latencies(400, 0, (seed, 6)).values * np.linspace(0.94, 1.06, 400))
        for seed in range(1, 4)
    ]
    assert [unstable([run]) for run in one].count("") >= 2
    assert unstable(one).startswith("latency rises by ")


def test_few_answers_tell_nothing():
    """Neither that a setting holds still nor that it does not; how many are needed is said."""
    assert (
        unclear([Answers.of([], [])]) == "0 answers are worth 0 independent ones, 50 needed to tell"
    )
    few = run_of(noisy(30) * np.linspace(1, 3, 30))
    assert unstable([few]) == "" and unclear([few]).startswith("30 answers are worth ")


def test_noise_that_hides_a_drift_is_said_with_what_would_tell():
    """Exponential latencies: of 200 a drift of 80 % could go unseen, and about 16 times as many would tell."""
    reason = unclear([run_of(latencies(200, 0, seed=4, skewed=True).values)])
    assert "could go unseen, 20% must not: 1" in reason
    assert reason.endswith("times as many answers would tell")
    assert unclear([run_of(latencies(5000, 0, seed=4, skewed=True).values)]) == ""


def test_a_warm_up_is_uneven_by_its_thirds_alone():
    """Cheap, as clients ask it between two rounds: a slower third, or too few answers."""
    run = run_of(noisy())
    assert uneven(run.finished, run.latency) == ""
    slower = run_of(noisy() * np.repeat([1, 1, 1.25], 100))
    assert "differs by a factor of 1.2" in uneven(slower.finished, slower.latency)
    assert uneven([], []) == "0 answers, 13 needed to tell"
    twelve = run_of([0.01] * 12)
    assert uneven(twelve.finished, twelve.latency).startswith("12 answers")


@given(st.integers(13, 400), st.floats(1e-4, 10), st.floats(0, 100))
def test_units_and_start_do_not_matter(count, unit, start):
    """Seconds or milliseconds, from whatever zero: the judgement is the same."""
    run = run_of(noisy(count))
    other = Answers(run.finished * unit + start, run.latency * unit)
    assert unstable([other]) == unstable([run]) and unclear([other]) == unclear([run])


def test_windows_cut_at_equal_counts():
    """Few slow answers do not look unsteady: six windows of the same rate, whatever their number."""
    run = run_of([1.0] * 20)
    rows = windows(run.finished, run.latency, 6)
    assert [window.per_s for window in rows] == pytest.approx([1.0] * 6)


def test_two_counts_of_independent_answers_are_near_each_other():
    """That about the line of the drift over that about the mean: 0.89 to 1.44 in nine of ten of 200 runs of 140 answers."""
    ratios = []
    for seed in range(200):
        values = latencies(140, 0.6, (seed, 10)).values
        ratios.append(drift_of([run_of(values)]).effective / effective_size(values))
    assert np.percentile(ratios, [5, 50, 95]) == pytest.approx([0.89, 0.97, 1.44], rel=0.1)


class Called(NamedTuple):
    """The shares of simulated settings that are called so."""

    unstable: float
    unclear: float
    stable: float


def judged(phi: float, effective: int, tries: int, skewed: bool, shape=None) -> Called:
    """What simulated settings are called.

    shape: count -> what each latency is multiplied by.
    """
    count = round(effective * independent_ones(phi))
    called = []
    for seed in range(tries):
        values = latencies(count, phi, (seed, effective, skewed), skewed).values
        if shape:
            values = values * shape(count)
        run = [run_of(values)]
        moves = bool(unstable(run))
        unknown = not moves and bool(unclear(run))
        called.append((moves, unknown, not moves and not unknown))
    return Called(*np.mean(called, axis=0))


def drift(count: int) -> np.ndarray:
    """20 % of the mean from first to last."""
    return np.linspace(0.9, 1.1, count)


def slower_third(count: int) -> np.ndarray:
    return np.where(np.arange(count) < count * 2 // 3, 1, 1.2)


# 5 % are to be false; of 1,000 tries so many are so by chance in one simulation of a hundred
CHANCE = 2.33 * (0.05 * 0.95 / 1000) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("effective", [200, 400, 1000])
@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("phi", [0, 0.5, 0.9])
def test_false_alarms_are_rare(phi, skewed, effective):
    """At most 5 % of 1,000 settings that hold still, whether latencies correlate or are skewed."""
    assert judged(phi, effective, 1000, skewed).unstable <= 0.05 + CHANCE


@pytest.mark.slow
@pytest.mark.parametrize("shape", [drift, slower_third])
@pytest.mark.parametrize("effective", [250, 400])
@pytest.mark.parametrize("phi", [0, 0.5, 0.9])
def test_a_drift_of_a_fifth_is_found(phi, effective, shape):
    """In at least 90 % of 1,000 settings, where as many answers are there as it takes to tell."""
    assert judged(phi, effective, 1000, False, shape).unstable >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("shape", [drift, slower_third])
@pytest.mark.parametrize("effective", [50, 100, 200])
@pytest.mark.parametrize("phi", [0, 0.5, 0.9])
def test_a_drift_of_a_fifth_is_seldom_called_stable(phi, effective, shape):
    """In at most 10 % of 1,000 settings, however few their answers: most are too few to tell."""
    assert judged(phi, effective, 1000, False, shape).stable <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0, 0.5, 0.9])
def test_what_could_go_unseen_cannot_be_told(phi):
    """At a coefficient of variation of 0.25: nothing is told from 100 independent answers, nearly all from 400."""
    assert judged(phi, 100, 300, False).stable < 0.05
    assert judged(phi, 400, 300, False).unclear < 0.05


def test_a_sample_of_the_simulations_agrees():
    """Of 100 settings with 400 independent answers at most ten are false alarms, and at least 90 drifts are found."""
    for phi in (0, 0.5):
        assert judged(phi, 400, 100, skewed=False).unstable <= 0.1
        assert judged(phi, 400, 100, skewed=True).unstable <= 0.1
        assert judged(phi, 400, 100, False, drift).unstable >= 0.9
        assert judged(phi, 100, 100, False, drift).stable <= 0.1

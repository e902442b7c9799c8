"""What answers that resemble their neighbours are worth."""

import math

import numpy as np
import pytest
from correlated import independent_ones, latencies
from hypothesis import given
from hypothesis import strategies as st

from blipkit.load.correlation import autocorrelations, correlation_time, effective_size


@pytest.mark.parametrize("phi", [0, 0.5, 0.9])
def test_many_figures_are_worth_what_theory_says(phi):
    """An AR(1) has a correlation time of (1 + phi) / (1 - phi): found within 15 % from 20,000."""
    logarithms = np.log(latencies(20_000, phi, seed=1).values)
    assert correlation_time(logarithms) == pytest.approx(independent_ones(phi), rel=0.15)
    assert effective_size(logarithms) == 20_000 / correlation_time(logarithms)


def test_few_figures_are_not_worth_much_more():
    """On average over 300 runs of 200 independent ones' worth: what taking off a mean hides is given back."""
    count = int(200 * independent_ones(0.9))
    found = [effective_size(np.log(latencies(count, 0.9, (seed, 2)).values)) for seed in range(300)]
    assert np.median(found) == pytest.approx(200, rel=0.1)


def test_each_of_two_clients_before_one_server_sees_the_other_one_served():
    """A latency is two service times, of which the next one shares one: a correlation of a half, and a time of two."""
    service = np.random.default_rng(3).uniform(0.9, 1.1, 20_001)
    latency = service[1:] + service[:-1]
    assert autocorrelations(latency)[1] == pytest.approx(0.5, abs=0.03)
    assert correlation_time(latency) == pytest.approx(2, rel=0.1)


@given(st.lists(st.floats(0, 1e6), max_size=60), st.integers(1, 3))
def test_figures_are_worth_at_most_as_many_as_there_are(figures, removed):
    """Whatever they are: never more, never none of some, and never anything but a number."""
    worth = effective_size(figures, removed)
    assert worth == 0 if not figures else 0 < worth <= len(figures)
    assert math.isfinite(worth)


@pytest.mark.parametrize("figures", [[], [1.0], [0.1] * 50, [0.0] * 50])
def test_equal_figures_do_not_correlate(figures):
    """Nor do none, or one; what rounding leaves of equal ones is nothing."""
    assert effective_size(figures) == len(figures)


def test_figures_that_take_turns_are_worth_no_more_than_there_are():
    """Two servers that end nearly together: gaps of next to nothing and of a service time in turn."""
    noise = np.random.default_rng(5).uniform(0, 0.2, 1000)
    assert effective_size(np.tile([0.0, 1.0], 500) + noise) == pytest.approx(1000, rel=0.1)

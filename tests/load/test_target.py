"""The latency target: how many may be late, and how it is said."""

import pytest

from blipkit.load.target import Target


def test_a_percentile_leaves_a_share_that_may_be_late():
    """One in ten for p90."""
    target = Target(90.0, 250.0, shared=False)
    assert target.allowed == pytest.approx(0.1) and str(target) == "p90 within 250 ms"

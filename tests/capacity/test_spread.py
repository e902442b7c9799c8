"""Days over all cores and over a cluster: the same figures, in their order."""

import sys

import pytest

from blipkit.capacity import spread as module
from blipkit.capacity.spread import spread
from blipkit.errors import BadInput
from blipkit.machine import host


def test_few_requests_are_simulated_here():
    """Starting processes would take longer."""
    assert spread(divmod, [(7, 2), (9, 4)], requests=10.0) == [(3, 1), (2, 1)]


@pytest.mark.slow
def test_many_requests_are_simulated_by_all_cores(monkeypatch):
    """The order of the tasks is that of the results."""
    monkeypatch.setattr(host, "usable_cores", lambda: 2)
    assert spread(divmod, [(7, 2), (9, 4)], requests=1e9) == [(3, 1), (2, 1)]


def test_without_joblib_one_sentence_says_what_to_install(monkeypatch):
    """Where it is needed at all."""
    monkeypatch.setattr(host, "usable_cores", lambda: 2)
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(BadInput, match=r"pip install 'blipkit\[capacity\]'"):
        spread(divmod, [(7, 2)], requests=1e9)
    assert spread(divmod, [(7, 2)], requests=1.0) == [(3, 1)]


def test_without_ray_its_address_is_refused(monkeypatch):
    """By name, with what to do."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match="ray_address is 10.0.0.1:6379, and Ray cannot be imported"):
        module.join_cluster("10.0.0.1:6379")

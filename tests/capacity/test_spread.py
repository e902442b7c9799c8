"""Days over all cores and over a cluster: the same figures, in their order."""

import sys
import types

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


class FakeRay(types.ModuleType):
    """Ray as far as a cluster is joined: what was asked of it."""

    def __init__(self, error=None):
        super().__init__("ray")
        self.error = error
        self.joined = []

    def init(self, address, ignore_reinit_error):
        if self.error:
            raise self.error
        self.joined.append(address)


def install(monkeypatch, ray: FakeRay) -> list:
    """Have `import ray` and its joblib module find the fake; what is registered."""
    registered = []
    backend = types.ModuleType("ray.util.joblib")
    backend.register_ray = lambda: registered.append("ray")
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.util", types.ModuleType("ray.util"))
    monkeypatch.setitem(sys.modules, "ray.util.joblib", backend)
    return registered


def test_a_cluster_is_joined_at_its_address(monkeypatch):
    """joblib's own backend is registered, once Ray is there."""
    ray = FakeRay()
    registered = install(monkeypatch, ray)
    module.join_cluster("10.0.0.1:6379")
    assert (ray.joined, registered) == (["10.0.0.1:6379"], ["ray"])


def test_an_address_without_a_cluster_is_refused(monkeypatch):
    """Its own first line is said, and what to do."""
    registered = install(monkeypatch, FakeRay(ConnectionError("nobody there\nat all")))
    with pytest.raises(BadInput, match=r"no cluster answers \(nobody there\); start one there"):
        module.join_cluster("10.0.0.1:6379")
    assert registered == []

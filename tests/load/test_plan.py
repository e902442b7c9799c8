"""What a grid holds, and what is said of it before it is measured."""

import types
from dataclasses import replace

import pytest
from studies import study_of

from blipkit.load.plan import expected_time, settings_of
from blipkit.machine import host


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of two servers as processes, on a machine with so many cores."""

    def study(cores: int):
        monkeypatch.setattr(host, "usable_cores", lambda: cores)
        knobs = {"placements": ["processes"], "servers": [2], "clients": [1], "seconds": 3.0}
        checkpoint = types.SimpleNamespace(provenance=dict)
        arms = ["torchscript float32"]
        return study_of("04_concurrency", tmp_path, checkpoint, knobs=knobs, arms=arms)

    return study


def test_our_own_overhead_comes_first(study):
    """The harness, preprocessing, and frames that travel as JPEGs: each on one server for one client, then the grid."""
    settings = settings_of(study(4))
    calls = ["nothing", "pipeline", "pipeline from JPEG", "pipeline"]
    assert [setting.call for setting in settings] == calls
    assert {(one.arm, one.servers, one.clients) for one in settings[:3]} == {("null float32", 1, 1)}


def test_a_plan_says_how_often_and_for_how_long(study):
    """How often where it is more than once."""
    once = study(4)
    assert expected_time(once).startswith("4 settings, 3 s each, and about 1 s beside that")
    twice = replace(once, knobs=replace(once.knobs, repeats=2))
    assert expected_time(twice).startswith("4 settings, 2 times 3 s each, and about 1 s")


def test_a_plan_says_where_clients_have_no_core(study):
    """Two processes on two cores, as the profile allows it; on three one is left, and nothing is said."""
    words = "; processes of 2 servers with 1 threads each leave none of 2 cores to the clients, who"
    assert words in expected_time(study(2))
    assert "leave none" not in expected_time(study(3))
    assert "leave none" not in expected_time(replace(study(2), replay="a folder"))

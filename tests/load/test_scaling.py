"""How throughput grows: the laws of a grid, by arm, placement and batch."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from load_rows import GRID, cell, changed

from blipkit.load.grid import Grid
from blipkit.load.scaling import (
    Scalability,
    fit_laws,
    queue_law,
    server_law,
    throughput_at,
)
from blipkit.load.summary import INVALID
from blipkit.load.target import Target
from blipkit.records.results import Results

SERVERS = np.array((1, 2, 4, 8, 16))


def by_servers(a: float, s: float, k: float) -> list:
    """Rows whose highest throughputs follow the law; with fewer clients there is less."""
    rates = throughput_at(SERVERS, a, s, k)
    rows = [cell(int(n), 2 * int(n), rate, 1) for n, rate in zip(SERVERS, rates, strict=True)]
    return [*rows, *[cell(int(n), 1, 0.9 * rates.min(), 1) for n in SERVERS]]


@given(st.floats(1, 1e4), st.floats(0, 0.5), st.floats(0, 0.05))
def test_the_law_over_servers_is_found_again(a, s, k):
    """Throughputs that follow the law give its coefficients, whatever they are."""
    law = server_law(by_servers(a, s, k))
    found = [law.one_server_per_s, law.contention, law.coherency]
    assert found == pytest.approx([a, s, k], rel=1e-5, abs=1e-6) and law.misfit < 1e-5


def test_where_throughput_peaks():
    """sqrt((1 - s) / k) servers; without coherency it only levels off."""
    peak = server_law(by_servers(100, 0.1, 0.01)).peak_servers
    assert peak == pytest.approx((0.9 / 0.01) ** 0.5, rel=1e-3)
    assert server_law(by_servers(100, 0.1, 0)).peak_servers > 1e3


def test_three_numbers_of_servers_are_no_law():
    """However many clients each was tried with; nor is there one where a number of servers answered nothing."""
    rows = by_servers(100, 0.1, 0.01)
    assert server_law([row for row in rows if row.servers <= 4]) is None
    assert server_law([]) is None
    dead = [
        changed(row, requests_per_s=replace(row.summary.requests_per_s, value=0.0)) for row in rows
    ]
    assert server_law(dead) is None


def test_an_ideal_queue_is_not_said_to_share_anything():
    """Two servers that take 10 ms whatever happens: all is explained by how many are busy."""
    rows = [
        cell(servers, clients, min(servers, clients) / 0.01, 1, overhead_ms=0.0)
        for servers in (1, 2)
        for clients in (1, 2, 4)
    ]
    law = queue_law(rows, think_ms=0.0)
    assert law.misfit < 0.001 and law.contention.value < 0.001
    assert law.service_ms.value == pytest.approx(10, rel=0.001)


def test_what_clients_think_is_a_pause():
    """And so is what a request spends outside of queue and server: 1 ms of thought, 1 ms of overhead, 10 ms of service."""
    rows = [cell(servers, 1, 1 / 0.012, 1, overhead_ms=1.0) for servers in (1, 2, 3, 4)]
    assert queue_law(rows, think_ms=1.0).service_ms.value == pytest.approx(10)


def fitted(tmp_path, rows) -> Scalability:
    """The laws of a grid of these rows, after two of our own overhead."""
    overhead = [cell(1, 1, 8000, 1, arm="null float32")] * 2
    empty = pandas.DataFrame()
    grid = Grid([*overhead, *rows], Target(99, 40, False), empty, [], empty, [])
    study = SimpleNamespace(results=Results(tmp_path), knobs=SimpleNamespace(think_ms=0.0))
    return fit_laws(study, grid)


def test_each_arm_placement_and_batch_has_its_law(tmp_path, monkeypatch):
    """Batches are another queue and have none; INVALID settings are no points."""
    kept = {}
    monkeypatch.setattr(
        "blipkit.load.scaling.write_typed", lambda _, kind, rows: kept.update({kind: rows})
    )
    processes = [changed(row, placement="processes") for row in GRID]
    batches = [changed(row, batch_size=4) for row in GRID]
    laws = fitted(tmp_path, [*GRID, *processes, *batches])
    names = [(row.arm, row.placement, row.batch_size) for row in laws.queues]
    assert names == [("torchscript float32", place, 1) for place in ("threads", "processes")]
    assert laws.queues[0].law.settings == 5
    assert kept == {"scalability": laws.queues, "server_scaling": []}
    doubted = [changed(row, state=INVALID) for row in GRID[:2]]
    assert fitted(tmp_path, [*doubted, *GRID[2:]]).queues == []


def test_what_was_not_fitted_says_why(capsys):
    """Too few settings, or a recorded folder without settings, are different things."""
    Scalability([], []).table()
    assert "4 believable settings are needed" in capsys.readouterr().out
    Scalability([], [], recorded=False).table()
    assert "not recorded" in capsys.readouterr().out

"""Switches under load lose nothing: a sample in this process, and tiers in processes that are killed."""

import asyncio
import time

import httpx
import numpy as np
import pytest
from long_switches import (
    QUESTIONS,
    STANDS_IN,
    STEPS,
    Plan,
    switch_often,
    three_backends,
)
from made_up_tiers import Kept, MadeUp, Tiers, picture

from blipkit.frames.source import FrameSource
from blipkit.service.camera_clients import Cameras, form_of
from blipkit.service.inference import Room
from blipkit.service.reconcile import reconcile
from blipkit.service.rehearse import (
    Load,
    phase_row,
    reconciled,
    request_rows,
    set_weights,
    shares,
    under_load,
)
from blipkit.service.wire import ROUTE_PATH


def test_switches_lose_nothing_whatever_is_cut():
    """30 switches while 300 requests come by Poisson; the wire to either backend is cut again and again: one outcome each, none failed."""
    models = {"gpu": MadeUp("gpu"), "inf2": MadeUp("inf2")}
    tiers = Tiers(models, {"gpu": 100.0, "inf2": 0.0}, health_every_s=0.005)
    rng = np.random.default_rng(4)
    times = sorted(float(one) for one in rng.uniform(0, 1.2, 300))
    ledger = Kept()

    async def switch(client):
        for number in range(30):
            percent = STEPS[number % len(STEPS)]
            weights = {"gpu": 100 - percent, "inf2": percent}
            assert (await client.put(ROUTE_PATH, json={"weights": weights})).status_code == 200
            cut = tiers.wires["inf2"] if percent == 50 else None
            if cut:
                cut.dies = httpx.ReadError("cut")
            await asyncio.sleep(0.04)
            if cut:
                cut.dies = None
                await tiers.api.look()

    async def run():
        async with tiers.open() as client:
            forms = [form_of(picture(), QUESTIONS), form_of(picture("blue"), QUESTIONS)]
            cameras = Cameras(client, forms, "c", ledger)
            await asyncio.gather(cameras.follow(times), switch(client))

    for tier in tiers.inference.values():
        tier.room = Room(servers=1, in_flight=400)
    asyncio.run(run())
    served = [line for tier in tiers.inference.values() for line in tier.ledger]
    found = reconcile(ledger, tiers.ledger, served, [f"c-{n}" for n in range(300)])
    assert found.is_sound and found.answered == found.sent == 300
    assert {line.backend for line in ledger} == {"gpu", "inf2"}


@pytest.fixture
def stage(tmp_path):
    """`three_backends`, opened."""
    with three_backends(tmp_path) as opened:
        yield opened


@pytest.mark.service
def test_switches_under_load_lose_nothing(stage):
    """Two of the switches have their candidate killed; one that crashes while starting gets no traffic."""
    phase, problem = switch_often(stage, Plan(8, 1.5, 15, kills=2))
    assert problem.startswith("bad was never ready")
    for gate in reconciled(stage, [phase]).gates(phase.switches):
        assert gate.status == "PASS", gate.reason
    row = phase_row(stage, phase, STANDS_IN)
    assert (row.switches, row.killed) == (8, 2)
    assert row.failed == row.lost == row.double == 0
    assert {one.backend for one in request_rows(stage, phase)} >= {"gpu", "inf2"}


@pytest.mark.service
def test_a_server_that_is_told_to_end_loses_nothing(stage):
    """SIGTERM in the middle: readiness fails, what is in flight is finished, the process ends in order, nothing is retried."""
    load = Load(15, 4.0, FrameSource("synthetic", 16, 3), QUESTIONS, timeout_s=30)
    with under_load(stage, "leaving", load) as phase:
        set_weights(stage, phase, shares(50))
        time.sleep(1.5)
        assert stage.end("inf2") == ""
    row = phase_row(stage, phase, "")
    assert row.answered == row.sent and row.retried == row.lost == row.failed == 0

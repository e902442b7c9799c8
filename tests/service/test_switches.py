"""Switches under load lose nothing: a sample in this process, and tiers in processes that are killed."""

import asyncio
import json
import os
import time

import httpx
import numpy as np
import pytest
from made_up_tiers import Kept, MadeUp, Tiers, picture

from blipkit.machine import fork_server
from blipkit.profiles.profile import load_profile
from blipkit.service.api import Limits
from blipkit.service.camera_clients import Cameras, form_of
from blipkit.service.children import Serving
from blipkit.service.inference import Room
from blipkit.service.loading import plan_of
from blipkit.service.reconcile import reconcile
from blipkit.service.rehearse import (
    Load,
    kill_and_restart,
    phase_row,
    reconciled,
    request_rows,
    set_weights,
    shares,
    under_load,
)
from blipkit.service.stage import Stage
from blipkit.service.wire import ROUTE_PATH
from blipkit.serving.answering import FrameSource

QUESTIONS = ["is the dog barking?", "is the dog playing?"]
STEPS = (5, 50, 100, 0)
# of the long ones: SWITCHES=100 RATE=25 SECONDS=16 sends 40,000 requests through 100 switches
SWITCHES = int(os.environ.get("SWITCHES", 8))
RATE = float(os.environ.get("RATE", 15))
SECONDS = float(os.environ.get("SECONDS", 1.5))  # between two switches
KILLS = 10


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
    """Two inference tiers of the tiny model before an API tier that knows a third, which never starts."""
    fork_server.address()
    profile = load_profile("tiny")
    arms = {"gpu": "torchscript float32", "inf2": "torchscript bfloat16"}
    plans = {name: plan_of(profile, arm, name, tmp_path) for name, arm in arms.items()}
    with Stage(tmp_path) as opened:
        opened.open_inference(plans, Room(1, 64))
        opened.servings["bad"] = Serving(plans["inf2"], Room(), str(tmp_path / "bad"), crashes=True)
        opened.start("bad")
        weights = {"gpu": 100.0, "inf2": 0.0, "bad": 0.0}
        opened.open_api(weights, Limits(health_every_s=0.1))
        yield opened


@pytest.mark.service
def test_switches_under_load_lose_nothing(stage):
    """Ten of the switches have their candidate killed; one that crashes while starting gets no traffic."""
    seconds = SWITCHES * SECONDS + 1
    frames = FrameSource("synthetic", 64, 3)
    load = Load(RATE, seconds, frames, QUESTIONS, timeout_s=30)
    kills = min(KILLS, SWITCHES // 4)
    with under_load(stage, "switches", load) as phase:
        for number in range(SWITCHES):
            begun = time.perf_counter()
            percent = STEPS[number % len(STEPS)]
            assert not set_weights(stage, phase, shares(percent))
            if percent in (5, 50) and phase.killed < kills:
                time.sleep(SECONDS / 3)
                kill_and_restart(stage, phase, percent)
            time.sleep(max(0.0, SECONDS - (time.perf_counter() - begun)))
        problem = set_weights(stage, phase, {"gpu": 95.0, "bad": 5.0})
    assert problem.startswith("bad was never ready")
    found = reconciled(stage, [phase])
    row = phase_row(stage, phase, "torchscript float32 and bfloat16 stand in, over loopback")
    print(json.dumps(vars(row)))
    for gate in found.gates(phase.switches):
        print(gate.gate, gate.status, gate.reason)
        assert gate.status == "PASS"
    assert row.switches == SWITCHES and row.killed == kills
    assert row.failed == row.lost == row.double == 0
    assert {one.backend for one in request_rows(stage, phase)} >= {"gpu", "inf2"}


@pytest.mark.service
def test_a_server_that_is_told_to_end_loses_nothing(stage):
    """SIGTERM in the middle: readiness fails, what is in flight is finished, the process ends in order, nothing is retried."""
    load = Load(RATE, 4.0, FrameSource("synthetic", 16, 3), QUESTIONS, timeout_s=30)
    with under_load(stage, "leaving", load) as phase:
        set_weights(stage, phase, shares(50))
        time.sleep(1.5)
        assert stage.end("inf2") == ""
    row = phase_row(stage, phase, "")
    assert row.answered == row.sent and row.retried == row.lost == row.failed == 0

"""Switches of tiers in processes of their own, while cameras ask: a few in the tests, a hundred in `make bench-switches`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blipkit.frames.source import FrameSource
from blipkit.machine import fork_server
from blipkit.profiles.profile import load_profile
from blipkit.service.api import Limits
from blipkit.service.children import Serving
from blipkit.service.inference import Room
from blipkit.service.loading import plan_of
from blipkit.service.rehearse import (
    Load,
    Phase,
    kill_and_restart,
    set_weights,
    shares,
    under_load,
)
from blipkit.service.stage import Stage

QUESTIONS = ["is the dog barking?", "is the dog playing?"]
ARMS = {"gpu": "torchscript float32", "inf2": "torchscript bfloat16"}
STANDS_IN = "torchscript float32 and bfloat16 stand in, over loopback"
STEPS = (5, 50, 100, 0)  # percent of the candidate, over and over


@dataclass(frozen=True)
class Plan:
    """How often weights are changed, seconds between two, requests/s meanwhile, and during how many the candidate is killed."""

    switches: int
    seconds: float
    rate_per_s: float
    kills: int

    def load(self) -> Load:
        """What cameras send from before the first switch to after the last."""
        frames = FrameSource("synthetic", 64, 3)
        seconds = self.switches * self.seconds + 1
        return Load(self.rate_per_s, seconds, frames, QUESTIONS, timeout_s=30)


@contextmanager
def three_backends(folder: Path) -> Iterator[Stage]:
    """Two inference tiers of the tiny model before an API tier that knows a third, which never starts."""
    fork_server.address()
    profile = load_profile("tiny")
    plans = {name: plan_of(profile, arm, name, folder) for name, arm in ARMS.items()}
    with Stage(folder) as stage:
        stage.open_inference(plans, Room(1, 64))
        stage.servings["bad"] = Serving(plans["inf2"], Room(), str(folder / "bad"), crashes=True)
        stage.start("bad")
        weights = {"gpu": 100.0, "inf2": 0.0, "bad": 0.0}
        stage.open_api(weights, Limits(health_every_s=0.1))
        yield stage


def switch_often(stage: Stage, plan: Plan) -> tuple[Phase, str]:
    """The phase of a plan, and why the tier refused to send anything to the backend that never started."""
    with under_load(stage, "switches", plan.load()) as phase:
        for number in range(plan.switches):
            begun = time.perf_counter()
            percent = STEPS[number % len(STEPS)]
            problem = set_weights(stage, phase, shares(percent))
            assert not problem, problem
            if percent in (5, 50) and phase.killed < plan.kills:
                time.sleep(plan.seconds / 3)
                kill_and_restart(stage, phase, percent)
            time.sleep(max(0.0, plan.seconds - (time.perf_counter() - begun)))
        problem = set_weights(stage, phase, {"gpu": 95.0, "bad": 5.0})
    return phase, problem

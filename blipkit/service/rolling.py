"""A switch that is watched live: the shadow's answers and the ledger of the API tier decide."""

import math
import time
from functools import partial

from blipkit.service.feed import LEDGER, PAIRS, Feed, Files
from blipkit.service.following import Followed
from blipkit.service.rehearse import Load, Phase, set_weights, shares, under_load
from blipkit.service.rows import CANDIDATE, PRIMARY, STAYED
from blipkit.service.stage import Stage
from blipkit.service.switch import Plan, Side, Switch
from blipkit.service.watch import Rules

# So few requests show only what is large; the defaults, which production has, wait for more.
RULES = Rules(noticed=0.3, noticed_late=0.9, surely=0.8, flip_limit=0.05)
SHARES = (0.0, 0.2)
LATE_MS = 2000.0
LOOK_S = 0.1


class Watched(Feed):
    """A switch on a stage, told of what happens there from now on.

    excused_margin: nats, below which a flip is rounding; rated_per_s: what each side holds,
    requests/s, as 04 measured it.
    """

    def __init__(self, stage: Stage, excused_margin: float, rated_per_s: dict[str, float]):
        switch = Switch(Plan(PRIMARY, CANDIDATE, SHARES, rules=RULES))
        files = Files(Followed(stage.ledger_path("api"), LEDGER), Followed(stage.pairs, PAIRS))
        super().__init__(switch, files, excused_margin, LATE_MS)
        self.stage = stage
        self.rated_per_s = rated_per_s

    def look(self, phase: Phase, demand_per_s: float) -> str:
        """Tell the switch what is new, do what it decides, and return what that was."""
        self.read()
        sides = {
            name: Side(not self.stage.why_not_ready(name), self.rated_per_s.get(name, math.inf))
            for name in (PRIMARY, CANDIDATE)
        }
        send = partial(set_weights, self.stage, phase)
        decision = self.decide(phase.now_s, sides, demand_per_s, send)
        if decision.action in ("stepped", "went back"):
            phase.note(f"{decision.action}: {decision.reason}", shares(self.percent))
        return decision.action

    def set(self, phase: Phase, percent: float) -> None:
        """Set the candidate's share, which stays as it is where the API tier refuses."""
        self.give(percent, partial(set_weights, self.stage, phase))


def roll_back(stage: Stage, load: Load, watched: Watched) -> Phase:
    """A switch whose candidate answers wrongly, as planted, once it has a share; until it went
    back, and the load has ended.
    """
    action = ""
    with under_load(stage, "rollback", load) as phase:
        watched.set(phase, 0.0)
        while phase.now_s < load.seconds:
            action = watched.look(phase, load.rate_per_s)
            if action == "stepped":
                stage.plant(CANDIDATE)
                phase.note(f"{CANDIDATE} answers wrongly from now on", shares(watched.percent))
            if action == "went back":
                break
            time.sleep(LOOK_S)
        if action != "went back":
            phase.note(f"{STAYED}: {watched.reason}", shares(watched.percent))
    return phase

"""What 08 rests on: the setting that is asked, and what it does where clients wait for answers.

Where 04 recommends a setting in this results folder, it is that one, with 04's figures; of several
arms, that of the fastest whose answers 03 has passed. Else it is the largest that the knobs of 04
name, and two brief runs with clients who wait.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from blipkit.errors import NotMeasured
from blipkit.load.arm_choice import arm_order
from blipkit.load.asked import digest_of_frames
from blipkit.load.conditions import Conditions, conditions_of
from blipkit.load.measure import Measured
from blipkit.load.runs import Hosts, Run
from blipkit.load.setting import Setting, differ_in_clients, name_of
from blipkit.load.setting_requests import SettingRequests
from blipkit.load.summary import INVALID
from blipkit.profiles.sections import section_of
from blipkit.records.gates import Gate
from blipkit.records.typed import part, row_of
from blipkit.runners.arms import NULL
from blipkit.statistics import Interval
from blipkit.study import Study

CLOSED_LOOP = "04_concurrency"
FROM_04 = "recommended by 04 in this results folder"
FROM_KNOBS = "of 04's knobs: none is recommended in this results folder"
CROWD = 2  # clients for each server, or place in its batch, where this chapter asks by itself


@dataclass(frozen=True)
class ClosedLoopRow:
    """What this chapter reads of a record of 04's `concurrency`.

    questions, batch_wait_ms: of its `Conditions`, None where an older kit did not say.
    """

    setting: Setting = part()
    requests_per_s: Interval
    service_ms: float | None
    state: str
    best: bool
    questions: list[Any] | None = None
    batch_wait_ms: float | None = None

    def is_asked_like(self, conditions: Conditions) -> bool:
        """Whether it says how fast requests are served that are asked under these conditions."""
        asked = (self.questions, self.batch_wait_ms)
        here = (conditions.questions, conditions.batch_wait_ms)
        return all(one in (None, other) for one, other in zip(asked, here, strict=True))


@dataclass(frozen=True)
class Basis:
    """A record of `arrival_basis`.

    conditions: what is asked, as 04's records say it; setting: that is asked, its clients the most
    that 04 had; closed_loop_per_s: requests/s at most, whatever the clients, where they wait;
    service_ms: mean time to serve a request that is alone; source: where these come from;
    preprocessing_ms: what preparing the frame and the questions takes of service_ms, by 04's row
    with a runner that does nothing; None where there is none.
    """

    conditions: Conditions = part()
    setting: Setting = part()
    closed_loop_per_s: float
    service_ms: float
    source: str
    preprocessing_ms: float | None = None

    def __str__(self) -> str:
        most = f"{self.closed_loop_per_s:.1f} requests/s at most where clients wait"
        alone = f"{self.service_ms:.1f} ms to serve one that is alone"
        setting = self.setting
        placed = f"servers: {setting.servers}, {setting.placement}, batch {setting.batch_size}"
        return f"{setting.arm}, {placed} ({self.source}): {most}, {alone}"


def as_04(study: Study) -> Study:
    """The study as 04 sees it: its knobs say what is asked, how it is served, and the target."""
    knobs = study.profile.section(section_of(CLOSED_LOOP))
    return replace(study, stem=CLOSED_LOOP, knobs=knobs)


def basis_of(study: Study, hosts: Hosts) -> Basis:
    """The setting to ask, and its figures where clients wait. hosts: of the study as 04 sees it."""
    closed = hosts.study
    conditions = conditions_of(closed, digest_of_frames(closed))
    rows = [row for row in closed_loop_rows(study) if row.is_asked_like(conditions)]
    best = recommended(rows, study.results.gates())
    if best is not None and (basis := recorded_basis(best, rows, conditions)):
        return replace(basis, preprocessing_ms=preprocessing_ms(study, best.setting.call))
    return measured_basis(hosts, conditions)


def recommended(rows: Sequence[ClosedLoopRow], gates: Sequence[Gate]) -> ClosedLoopRow | None:
    """The setting that 04 recommends: of several arms, that of the one to go by.

    gates: of 04's folder; None where it recommends none.
    """

    def order(row: ClosedLoopRow) -> tuple[bool, int, float]:
        return arm_order(row.setting.arm, row.requests_per_s.value, gates)

    return min((row for row in rows if row.best), key=order, default=None)


def closed_loop_rows(study: Study) -> list[ClosedLoopRow]:
    """What 04 recorded of this checkpoint in this results folder, of settings with a model."""
    ours = study.checkpoint.provenance()["weights_digest"]
    rows = study.results.rows("concurrency")
    models = [row for row in rows if row.get("setting") and row.get("weights_digest") == ours]
    return [row_of(ClosedLoopRow, row) for row in models]


def recorded_basis(
    best: ClosedLoopRow, rows: Sequence[ClosedLoopRow], conditions: Conditions
) -> Basis | None:
    """What 04 says; None where nothing it measured of the setting can be believed."""
    believed = [row for row in rows if row.state != INVALID and row.requests_per_s.value]
    alike = [row for row in believed if differ_in_clients(row.setting, best.setting)]
    alone = [row for row in believed if is_alone_like(row.setting, best.setting)]
    known = [row for row in alone if row.service_ms]
    if not (alike and known):
        return None
    most = max(row.requests_per_s.value for row in alike)
    return Basis(conditions, best.setting, most, known[0].service_ms, FROM_04)


def preprocessing_ms(study: Study, call: str) -> float | None:
    """What a request of a call takes where its runner does nothing, as 04 measured it."""
    for row in study.results.rows("concurrency"):
        if (row.get("arm"), row.get("call")) == (NULL, call):
            return row.get("service_ms")
    return None


def is_alone_like(setting: Setting, other: Setting) -> bool:
    """Whether one client asks one server, of the arm and placement of another setting."""
    alone = replace(other, servers=1, clients=1, batch_size=1)
    return setting == alone


def knobs_setting(closed: Study) -> Setting:
    """The first arm in its first placement, with the most servers and the largest batch."""
    knobs = closed.knobs
    servers = max(knobs.servers)
    batch_size = max(knobs.batch_sizes)
    clients = CROWD * servers * batch_size
    arm = closed.common.arms[0]
    return Setting(arm, knobs.call, knobs.placements[0], servers, clients, batch_size)


def measured_basis(hosts: Hosts, conditions: Conditions) -> Basis:
    """Two runs with clients who wait: as many as keep the servers busy, and one alone."""
    setting = knobs_setting(hosts.study)
    alone = replace(setting, servers=1, clients=1, batch_size=1)
    crowd = figures_of(hosts.measure(Run(setting, 0)), setting)
    single = figures_of(hosts.measure(Run(alone, 0)), alone)
    most = crowd.throughput().value
    if not most:
        took_s = crowd.mean_ms("scheduled", "received") / 1e3
        seen = f"requests took {took_s:.3g} s on average, and {crowd.seconds:g} s were measured"
        advice = f"raise concurrency.seconds to {math.ceil(4 * took_s)}"
        raise NotMeasured(f"setting {name_of(setting)}: {seen}, too short to see any; {advice}")
    return Basis(conditions, setting, most, single.mean_ms("started", "finished"), FROM_KNOBS)


def figures_of(measured: Measured, setting: Setting) -> SettingRequests:
    """The requests of a run, from which figures follow; NotMeasured where none was answered."""
    requests = SettingRequests(measured.requests.assign(run=0), [measured.counts])
    if requests.answered.empty:
        problem = measured.counts.problem or "no request was answered in the measured time"
        advice = "raise concurrency.seconds, or run 04_concurrency and read its doubts"
        raise NotMeasured(f"setting {name_of(setting)}: {problem}; {advice}")
    return requests

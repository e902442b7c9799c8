"""The machine that a fleet is made of: as 04 measured it, and what rate it carries.

Service times are the samples themselves. A setting whose servers take several requests at once is
not simulated: its times are of batches, which depend on the load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from blipkit.arrivals.rows import RateRow
from blipkit.capacity.stations import Service, Station
from blipkit.cost.pricing import SETTINGS, read_load_records
from blipkit.cost.rows import LoadRecord, MeasuredSetting
from blipkit.cost.throughput import is_rate_of, rates_of, why_not_used, with_figure
from blipkit.errors import BadInput, NotMeasured, shown
from blipkit.load.arm_choice import arm_order
from blipkit.load.recommend import best_setting, is_trusted
from blipkit.load.setting import Setting, differ_in_clients, name_of
from blipkit.load.setting_requests import ANSWERED
from blipkit.load.summary import STABLE
from blipkit.model.checkpoints import is_demonstration
from blipkit.records.documents import find_folder
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.statistics import Interval

CLOSED_LOOP = "04's closed loop: clients that wait for their answers"
OPEN_LOOP = "08's rate: arrivals that do not wait"


@dataclass(frozen=True)
class MeasuredMachine:
    """A machine at the setting that 04 recommends.

    carried_per_s: requests per second within the target, with its interval, from carried_from,
    where it was carried_state; service: of the requests of `busy`, the same setting but where that
    left servers idle.
    """

    record: LoadRecord
    carried_per_s: Interval
    carried_from: str
    carried_state: str
    service: Service
    busy: MeasuredSetting

    @property
    def setting(self) -> MeasuredSetting:
        return self.record.setting

    @property
    def title(self) -> str:
        """Which machine, arm and setting, and whose times, in words."""
        setting = self.setting
        title = f"{self.record.machine}, {setting.arm}, setting {name_of(setting)}"
        if self.busy.clients == setting.clients:
            return title
        return f"{title}, times of {name_of(self.busy)}"

    @property
    def caption(self) -> str:
        """Whose figures a forecast from it is: evidence, machine, checkpoint, what to doubt."""
        record = self.record
        doubts = []
        if is_demonstration(record.checkpoint):
            doubts.append("a demonstration model: not BLIP's figures")
        if self.busy.clients < self.busy.servers:
            doubts.append("its servers were never all busy in 04")
        unsure = {one.state for one in (record.setting, self.busy)} - {STABLE}
        if unsure:
            doubts.append(f"04 was {' and '.join(sorted(unsure))}")
        if self.carried_from == OPEN_LOOP and self.carried_state != STABLE:
            doubts.append(f"08's rate was {self.carried_state}")
        named = ", ".join([record.checkpoint or "no checkpoint named", *doubts])
        return f"forecast from {self.title} ({named})"

    def station(self, waiting: int) -> Station:
        """Its servers, and how many may wait for them."""
        return Station(self.setting.servers, waiting)


def find_load(name: str) -> Path:
    """The results folder of this name, or path, that has 04's records; 05 need not have run."""
    return find_folder(name, SETTINGS, "04_concurrency")


def recorded_load(results: Results) -> Results:
    """Where 04's records are: here, or where a replay was recorded."""
    if results.recorded and not results.has(SETTINGS):
        return results.recorded
    return results


def check_load(results: Results, own: Mapping[str, Any]) -> None:
    """Refuse a folder without 04's records, or with those of another checkpoint, of requests that
    asked other questions, which take another time, or judged by another target.

    own: the profile's, by the names that records have; an older kit's records may say none.
    """
    if not results.has(SETTINGS):
        both = "blipkit run PROFILE --only 04_concurrency --only 10_capacity"
        advice = f"run 04_concurrency first, or with it: {both}"
        raise BadInput(f"{results.folder} has no records of 04_concurrency; {advice}")
    rows = results.rows(SETTINGS)
    for name, here in own.items():
        for row in rows:
            recorded = row.get(name)
            if recorded not in (None, here):
                seen = f"records of 04_concurrency are of {name} {shown(recorded)}"
                advice = "run 04_concurrency again"
                raise BadInput(f"{results.folder}: {seen}, the profile has {shown(here)}; {advice}")


def measured_machine(results: Results) -> MeasuredMachine:
    """The machine of a results folder; NotMeasured, with the reason, where nothing can be said."""
    source = recorded_load(results)
    records = read_load_records(source)
    unbatched = [one for one in records if one.setting.batch_size == 1]
    record = _best(unbatched, source.gates())
    if record is None:
        raise NotMeasured(_why_none(records, unbatched))
    if record.setting.latency_limit_ms is None:
        problem = "records of 04_concurrency are of an older kit, which did not say the target"
        raise NotMeasured(f"{problem}; run 04_concurrency again")
    busy = _busiest(unbatched, record)
    service = read_service(source, busy)
    carried = (record.setting.requests_per_s, CLOSED_LOOP, record.setting.state)
    if rate := _rate_of(source, record):
        carried = (with_figure(rate.rate_per_s), OPEN_LOOP, rate.state)
    return MeasuredMachine(record, *carried, service, busy.setting)


def _best(records: Sequence[LoadRecord], gates: Sequence[Gate]) -> LoadRecord | None:
    """The setting that 04 recommends, of several arms that of the one to go by; where that has
    batches, the best one without. gates: of 04's folder.
    """

    def order(record: LoadRecord) -> tuple[bool, int, float]:
        return arm_order(record.setting.arm, record.setting.requests_per_s.value, gates)

    chosen = [one for one in records if one.setting.best]
    if not chosen and records:
        first = records[0]
        limit_ms = first.setting.latency_limit_ms
        found = best_setting([one.setting for one in records], limit_ms, first.shared)
        chosen = [one for one in records if one.setting is found]
    return min(chosen, key=order, default=None)


def _busiest(records: Sequence[LoadRecord], best: LoadRecord) -> LoadRecord:
    """The record whose requests a loaded machine's are drawn from: the best setting's, or where it
    has fewer clients than servers, which then never slowed each other down, that of the fewest
    clients that keep all of them busy, if any is trusted.
    """
    own = best.setting
    if own.clients >= own.servers:
        return best
    alike = [
        one
        for one in records
        if differ_in_clients(one.setting, own)
        and one.setting.clients >= own.servers
        and is_trusted(one.setting, one.shared)
    ]
    return min(alike, key=lambda one: one.setting.clients, default=best)


def _why_none(records: Sequence[LoadRecord], unbatched: Sequence[LoadRecord]) -> str:
    """Why no machine can be simulated, in words, and what to do."""
    if not records:
        return "04_concurrency has no records that say what a machine carries; run it again"
    if not unbatched:
        advice = "add 1 to concurrency.batch_sizes and run 04_concurrency again"
        return f"every setting of 04_concurrency takes several requests at once; {advice}"
    states = ", ".join(sorted({one.setting.state for one in unbatched}))
    reason = f"no setting of 04_concurrency holds its target and can be believed: {states}"
    advice = "measure longer on a quiet machine, or raise concurrency.latency_limit_ms"
    return f"{reason}; the rows of 04 say why: {advice}"


def read_service(results: Results, record: LoadRecord) -> Service:
    """The times of a setting's requests, of all its runs; NotMeasured without their samples."""
    setting = record.setting
    asked = Setting(
        setting.arm,
        record.conditions.call or "pipeline",
        setting.placement,
        setting.servers,
        setting.clients,
        setting.batch_size,
    )
    frames = []
    for run in range(setting.runs):
        name = asked.samples_name(run)
        if results.has_samples(name):
            frames.append(results.read_samples(name))
    if not frames:
        problem = f"{results.folder} has no requests of setting {name_of(setting)}"
        raise NotMeasured(f"{problem}; run 04_concurrency again")
    return service_of(pandas.concat(frames))


def service_of(requests: pandas.DataFrame) -> Service:
    """Service times, and what each request took beside queue and server, s; warm-up left out."""
    answered = requests[(requests.scheduled >= 0) & requests.status.isin(ANSWERED)]
    service = (answered.finished - answered.started).to_numpy()
    waited = (answered.dequeued - answered.sent).to_numpy()
    latency = (answered.received - answered.scheduled).to_numpy()
    overhead = np.clip(latency - waited - service, 0.0, None)
    return Service(service, overhead)


def _rate_of(results: Results, record: LoadRecord) -> RateRow | None:
    """The rate of Poisson arrivals that 08 found for a setting; None where it has none to use."""
    for found in rates_of(results):
        rate = found.rate
        is_own = is_rate_of(found, record.setting, record.conditions, record.machine)
        if is_own and rate.pattern == "poisson" and not why_not_used(found, record.choices):
            return rate
    return None

"""Results folders with records and requests of 04 as a measured machine would have left them, made up."""

from pathlib import Path

import numpy as np
import pandas

from blipkit.capacity.calibration import ClosedLoop, closed_loop
from blipkit.capacity.knobs import Capacity
from blipkit.capacity.measured import measured_machine
from blipkit.capacity.planned import Planned, scenario_of
from blipkit.capacity.stations import Service
from blipkit.cost.prices import find_price, load_prices
from blipkit.cost.rows import MeasuredSetting
from blipkit.load.setting import Setting
from blipkit.records.results import Results
from blipkit.records.typed import record_of
from blipkit.statistics import Interval

ARM = "torchscript float32"
LIMIT_MS, PERCENTILE = 2000.0, 90.0
ASKED = {
    "shared": False,
    "threads": 1,
    "questions": ["is the dog barking?"],
    "frames_digest": "f1",
    "call": "pipeline",
    "think_ms": 0.0,
    "repeat_share": 0.0,
}


def service_of(mean_s: float = 0.5) -> Service:
    """Made-up times: a service around its mean, and an overhead."""
    random = np.random.default_rng(2)
    return Service(random.gamma(16, mean_s / 16, 400), random.uniform(0, 0.01, 400))


def requests_of(service: Service) -> pandas.DataFrame:
    """Requests as the clients keep them, all of them answered, one after another."""
    count = len(service.service_s)
    scheduled = np.arange(count) * 1.0
    started = scheduled + service.overhead_s
    finished = started + service.service_s
    return pandas.DataFrame(
        {
            "status": "answered",
            "scheduled": scheduled,
            "sent": scheduled,
            "dequeued": scheduled,
            "started": started,
            "finished": finished,
            "received": finished,
        }
    )


def setting_of(clients: int, service: Service, best: bool, **changes) -> MeasuredSetting:
    """A setting of two servers, as the closed loop of these times has it."""
    per_s, latencies = closed_loop(service, ClosedLoop(2, clients), seed=7)
    around = Interval(1.0, 0.97, 1.03)
    values = {
        "arm": ARM,
        "servers": 2,
        "clients": clients,
        "requests_per_s": around.times(per_s),
        "answers_per_s": around.times(per_s),
        "within_target": 0.99,
        "percentile": PERCENTILE,
        "latency_ms": around.times(1e3 * float(np.percentile(latencies, PERCENTILE))),
        "latency_limit_ms": LIMIT_MS,
        "state": "stable",
        "seconds": 15.0,
        "best": best,
    }
    values.update(changes)
    return MeasuredSetting(**values)


def measured_folder(
    folder: Path, mean_s: float = 0.5, asked: dict | None = None, settings=None, **stamps
) -> Path:
    """A results folder with 04's records of one, two, four and eight clients, four recommended."""
    service = service_of(mean_s)
    rows = settings or [setting_of(count, service, count == 4) for count in (1, 2, 4, 8)]
    stamps = {"weights_digest": "w1", "pixel_digest": "p1", "checkpoint": "a hub's", **stamps}
    results = Results(folder, "04_concurrency", "made", **stamps)
    results.write("concurrency", [{**record_of(row), **ASKED, **(asked or {})} for row in rows])
    for row in rows:
        asked_of = Setting(row.arm, "pipeline", row.placement, row.servers, row.clients)
        results.write_samples(asked_of.samples_name(0), requests_of(service))
    return folder


def planned_day(folder: Path, **knobs) -> Planned:
    """An evening of 8,000 cameras on the machine of a made-up folder, priced as m7i.large."""
    machine = measured_machine(Results(measured_folder(folder)))
    given = Capacity(**{"cameras": 8000, "events_per_day": 96.0, "start_s": [60.0, 600.0], **knobs})
    price = find_price(load_prices(), "m7i.large", "us-east-1")
    return Planned(given, machine, price, scenario_of(given, machine))

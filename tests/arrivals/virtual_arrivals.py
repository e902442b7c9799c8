"""Arrivals on a virtual clock: a planted server answers a schedule, by the same dispatcher as under real load."""

from typing import ClassVar

import numpy as np
import pandas
from virtual import drive

from blipkit.arrivals.schedule import Offer
from blipkit.arrivals.search import Trial
from blipkit.load.clients import ClientCounts
from blipkit.load.counts import RunCounts
from blipkit.load.measure import Measured
from blipkit.load.setting import ServerOptions, Setting
from blipkit.machine.monitor import Usage
from blipkit.serving.answering import NOTHING
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import ServerCounts
from blipkit.statistics import samples_needed

WARMUP = 0.2


class Planted:
    """M/D/c: `servers` servers take exactly `service_s`; a run of it, as the search asks for one.

    length: of a run, in the requests that the percentile needs and in targets; varies: M/M/c instead,
    whose service times are exponential.
    """

    def __init__(self, service_s: float, servers: int, seed: int, length=25.0, varies=False):
        self.service_s, self.servers, self.seed, self.length = service_s, servers, seed, length
        self.varies, self.runs, self.rng = varies, 0, np.random.default_rng(seed)

    def service(self) -> float:
        return self.rng.exponential(self.service_s) if self.varies else self.service_s

    @property
    def most_per_s(self) -> float:
        return self.servers / self.service_s

    def asks(self, percentile: float, limit_ms: float):
        """rate -> what was seen there."""

        def ask(rate_per_s: float) -> Trial:
            self.runs += 1
            needed = self.length * samples_needed(percentile) / rate_per_s
            seconds = max(needed, self.length * limit_ms / 1e3)
            offer = Offer(
                "poisson",
                rate_per_s,
                seconds,
                WARMUP * seconds,
                schedule_seed=1000 * self.seed + self.runs,
            )
            requests = answered(offer, self.servers, self.service)
            requests = requests[requests.scheduled >= 0]
            latency_ms = 1e3 * (requests.received - requests.scheduled).to_numpy()
            served_s = (requests.finished - requests.started).mean()
            return Trial(rate_per_s, latency_ms, seconds, rate_per_s * served_s / self.servers)

        return ask


def known_rate(service_s: float, servers: int, percentile: float, limit_ms: float) -> float:
    """The rate at which M/D/c holds a target exactly, by a simulation of 400,000 requests.

    First come first served with fixed times, each server has every c-th request: a recursion, not the code under test.
    """
    gaps = np.random.default_rng(0).exponential(1.0, 400_000)
    low, high = 0.0, servers / service_s
    for _ in range(30):
        rate = (low + high) / 2
        late = waits_s(np.cumsum(gaps) / rate, service_s, servers) + service_s > limit_ms / 1e3
        if late.mean() <= 1 - percentile / 100:
            low = rate
        else:
            high = rate
    return low


def waits_s(arrivals: np.ndarray, service_s: float, servers: int) -> np.ndarray:
    """How long each request waits."""
    waits = np.empty(len(arrivals))
    for server in range(servers):
        own = arrivals[server::servers]
        work = np.arange(len(own)) * service_s
        waits[server::servers] = np.maximum.accumulate(own - work) + work - own
    return waits


def answered(offer: Offer, servers: int, service, limit: int = 10**9, batch: int = 1):
    """The requests of an offer as clients would have written them, a pandas frame, times in s from the start of measuring."""
    times = offer.times()
    begin = times[0] if len(times) else 0.0
    rows = drive(Dispatcher(servers, limit, batch), list(times - begin), service)
    requests = pandas.DataFrame(
        {
            "client": 0,
            "number": [row.client for row in rows],
            "frame": 0,
            "status": ["refused" if row.started is None else "answered" for row in rows],
            "scheduled": [row.arrived + begin for row in rows],
            "sent": [row.arrived + begin for row in rows],
            "worker": 0,
            "batch": range(len(rows)),
            "size": [row.size for row in rows],
            "dequeued": [np.nan if row.started is None else row.started + begin for row in rows],
            "started": [np.nan if row.started is None else row.started + begin for row in rows],
            "finished": [row.finished + begin for row in rows],
            "received": [row.finished + begin for row in rows],
        }
    )
    return requests


class Loaded:
    """Stands in for a `Host` that is loaded."""

    opened: ClassVar[list["Loaded"]] = []

    def __init__(self, *_):
        self.is_fit, self.expected, self.closed = True, [], False
        self.opened.append(self)

    def close(self) -> None:
        self.closed = True


class Machine:
    """Stands in for `measure_asked` and `measure_on`: fixed service times on a virtual clock, and what goes wrong.

    lag_s: by which the generator sends late; lag_of_null_s: where servers do nothing; problem: of every run, in words;
    unsent: share of requests that is never sent.
    """

    def __init__(self, service_s=0.01, lag_s=0.0, lag_of_null_s=0.0, problem="", unsent=0.0):
        self.service_s, self.lag_s, self.lag_of_null_s = service_s, lag_s, lag_of_null_s
        self.problem, self.unsent = problem, unsent
        self.asked = []

    def by_schedule(
        self, host, setting: Setting, options: ServerOptions, asker, seconds: float
    ) -> Measured:
        offer = Offer(**asker.asking["offer"])
        self.asked.append((setting.call, offer.pattern, offer.rate_per_s, options.limit))
        is_null = setting.call == NOTHING
        requests = answered(
            offer,
            setting.servers,
            lambda: 1e-5 if is_null else self.service_s,
            options.limit,
            setting.batch_size,
        )
        lag_s = self.lag_of_null_s if is_null else self.lag_s
        requests["sent"] += lag_s
        if self.unsent:
            requests = requests[requests.number % round(1 / self.unsent) != 0]
        return self.measured(requests, seconds)

    def closed_loop(self, host, setting: Setting, work, options) -> Measured:
        """Every client waits for its answer, and nothing else."""
        served = drive(
            Dispatcher(setting.servers, setting.clients),
            [0.0] * setting.clients,
            lambda: self.service_s,
            lambda: 0.0,
            end_s=work.seconds,
        )
        requests = pandas.DataFrame(served).rename(
            columns={"arrived": "scheduled", "finished": "received"}
        )
        requests = requests.assign(
            number=range(len(served)), sent=requests.scheduled, dequeued=requests.started
        )
        requests = requests.assign(finished=requests.received, status="answered", frame=0)
        return self.measured(requests, work.seconds)

    def measured(self, requests: pandas.DataFrame, seconds: float) -> Measured:
        count = len(requests)
        clients = ClientCounts(answered=count, sent=count)
        servers = ServerCounts(received=count, answered=count)
        counts = RunCounts(clients, servers, seconds, 2, self.problem, Usage(host_percent=2.0))
        rows = [(at, at, 0.5 * at, 0.0, 1.0) for at in np.arange(-1.0, seconds + 1, 0.25)]
        samples = pandas.DataFrame(rows, columns=["at", "busy", "ours", "steal", "memory_gib"])
        return Measured(requests, counts, samples, None, 1.0)

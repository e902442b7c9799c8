"""Offers sent to a setting, one after another, and what is kept of each for a replay."""

from dataclasses import asdict, dataclass, replace

import pandas

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.clients import LEAD_S, Sending
from blipkit.arrivals.schedule import Offer
from blipkit.load.counts import RunCounts
from blipkit.load.host import STOP_S, TIMEOUT_S, Asker
from blipkit.load.measure import Measured, measure_asked
from blipkit.load.requests import FIELDS
from blipkit.load.runs import Hosts, Run, options_of
from blipkit.load.setting import Setting
from blipkit.records.samples import COUNTS, NUMBERS, TEXTS
from blipkit.records.typed import part
from blipkit.runners.arms import NULL
from blipkit.serving.answering import NOTHING

SEARCH = "search"
TIGHTER = "tighter targets"
BESIDE = "beside"
NULL_SERVER = "null server"
# of the samples of all runs
REQUEST_COLUMNS = dict.fromkeys(FIELDS, NUMBERS) | {"status": TEXTS, "run": COUNTS}
MACHINE_COLUMNS = dict.fromkeys(("busy", "steal", "ours", "at"), NUMBERS) | {"run": COUNTS}


@dataclass(frozen=True)
class OfferRun:
    """A record of `arrival_runs`: an offer, to what, and what was counted.

    run: its number; purpose: SEARCH, TIGHTER, BESIDE or NULL_SERVER; setting: its clients are
    connections; limit: requests in flight at most, enough to queue all of them; due: requests that
    the schedule has in the measured time.
    """

    run: int
    purpose: str
    setting: Setting = part()
    offer: Offer = part()
    limit: int
    due: int
    counts: RunCounts = part("counted_")

    @property
    def samples_name(self) -> str:
        """The name of the samples that keep its requests."""
        return f"arrivals/{self.run}"


@dataclass(frozen=True)
class Sent:
    """A run with its requests, times in s from the start of measuring; machine: its samples."""

    row: OfferRun
    requests: pandas.DataFrame
    machine: pandas.DataFrame


class Session:
    """Sends offers to a setting, or to servers that do nothing, on pipelines that stay loaded.

    patience_s: how long an answer is waited for, after the last request; connections: that carry
    the requests.
    """

    def __init__(self, hosts: Hosts, basis: Basis, patience_s: float, connections: int):
        self.hosts = hosts
        self.setting = replace(basis.setting, clients=connections)
        self.patience_s = patience_s
        self.sent: list[Sent] = []

    def send(self, purpose: str, offer: Offer) -> Sent:
        """One run; it is kept in `sent`."""
        number = len(self.sent)
        setting = self.setting
        if purpose == NULL_SERVER:
            setting = Setting(NULL, NOTHING, "threads", 1, setting.clients)
        times = offer.times()
        due = int((times >= 0).sum())
        run = Run(setting, number, limit=max(len(times), 1))
        measured = self._measure(run, offer)
        row = OfferRun(number, purpose, setting, offer, run.limit, due, measured.counts)
        requests = measured.requests.assign(run=number)
        sent = Sent(row, requests, measured.samples.assign(run=number))
        self.sent.append(sent)
        return sent

    def _measure(self, run: Run, offer: Offer) -> Measured:
        study = self.hosts.study
        options = options_of(study, run)
        asker = asker_of(offer, run.setting.clients, self.patience_s, study.common.seed + run.run)
        return measure_asked(self.hosts.host_of(run), run.setting, options, asker, offer.seconds)


def asker_of(offer: Offer, connections: int, patience_s: float, frames_seed: int) -> Asker:
    """What sends an offer, in a process of its own."""
    sending = Sending(asdict(offer), connections, patience_s, frames_seed)
    most_s = LEAD_S + offer.warmup_s + offer.seconds + patience_s + TIMEOUT_S + STOP_S
    return Asker("blipkit.arrivals.clients:send", asdict(sending), connections, most_s)

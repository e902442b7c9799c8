"""Load: S servers answer what C closed-loop clients ask, in processes of their own.

A request is a frame's index; serving it is everything from the decoded frame to the answers of all
questions. Where frames travel as JPEGs, receiving and decoding them is part of it.

Latency is from when a client meant to send to when it has its answer, so that whoever delays a
request is charged for it. Left out: loading, decoding image files, and the warm-up, which
is recorded with times below zero.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pandas

from blipkit.load.clients import ClientCounts
from blipkit.load.counts import RunCounts
from blipkit.load.host import REQUESTS, Asker, Host, Reports, closed_loop, problems_of
from blipkit.load.requests import read_requests
from blipkit.load.setting import ServerOptions, Setting, Workload, check_setting
from blipkit.machine.monitor import EVERY_S, Monitor, Usage, usage_of
from blipkit.machine.scratch import ScratchFolder
from blipkit.runners.arms import check_timed
from blipkit.runners.artifacts import Artifacts
from blipkit.runners.neuron.messages import explained
from blipkit.runners.neuron.proof import Execution
from blipkit.serving.server import ServerCounts

FEWEST_SAMPLES = 3  # two periods, of which the use of the machine is known


@dataclass(frozen=True)
class Measured:
    """One run of a setting.

    requests: a pandas frame, `load.requests.FIELDS` of each, times in s from the start of
    measuring, status in words; counts: what clients and servers counted, and the machine's share;
    samples: a pandas frame of the machine's, `at` on the requests' clock; execution: what proves
    that a Neuron device executed it, None elsewhere; predicted_host_gib: host memory that its
    pipelines were expected to take.
    """

    requests: pandas.DataFrame
    counts: RunCounts
    samples: pandas.DataFrame
    execution: Execution | None
    predicted_host_gib: float


def measure_setting(
    artifacts: Artifacts,
    setting: Setting,
    work: Workload,
    options: ServerOptions,
) -> Measured:
    """`measure_on` pipelines that are loaded for this setting alone."""
    host = open_host(artifacts, setting, work, options, setting.servers)
    try:
        return measure_on(host, setting, work, options)
    finally:
        host.close()


def open_host(
    artifacts: Artifacts, setting: Setting, work: Workload, options: ServerOptions, servers: int
) -> Host:
    """Load the pipelines of a setting, and of others like it with at most so many servers.

    What cannot be measured is refused before any child is started to find out.
    """
    check_setting(setting, work, options)
    for artifact in artifacts:
        check_timed(artifact.arm)
    with explained():
        return Host(artifacts, setting, work, options, servers)


def measure_on(host: Host, setting: Setting, work: Workload, options: ServerOptions) -> Measured:
    """Have the clients of a setting ask for a while, each waiting for its answers."""
    check_setting(setting, work, options)
    asker = closed_loop(work, setting)
    return measure_asked(host, setting, options, asker, work.seconds)


def measure_asked(
    host: Host, setting: Setting, options: ServerOptions, asker: Asker, seconds: float
) -> Measured:
    """Have a setting be asked from a process of its own. seconds: of the measured time.

    A server or client that dies is a `problem` of the run.
    """
    with explained(), ScratchFolder() as folder:
        with Monitor() as monitor:
            reports = host.serve(Path(folder), setting, options, asker)
        start = None
        if reports.clients:
            start = reports.clients.start
        requests, start = read_requests(Path(folder, REQUESTS), start)
        execution = None
        if reports.server:
            execution = host.execution()
    counts = counts_of(reports, seconds, usage_in(monitor, start, seconds))
    samples = pandas.DataFrame([sample.columns() for sample in monitor.samples])
    samples["at"] -= start
    return Measured(requests, counts, samples, execution, host.predicted_gib)


def usage_in(monitor: Monitor, start: float, seconds: float) -> Usage:
    """What used the machine in the measured time; start: of it, by the monotonic clock, s.

    Of a time too short for two samples also by those about it: warming up, or at rest already.
    """
    for beyond_s in (0.0, EVERY_S):
        first = start - beyond_s
        last = start + seconds + beyond_s
        within = [sample for sample in monitor.samples if first <= sample.at_s <= last]
        if len(within) >= FEWEST_SAMPLES:
            break
    return usage_of(within, os.cpu_count())


def counts_of(reports: Reports, seconds: float, machine: Usage) -> RunCounts:
    """What clients and servers counted; nothing where they died."""
    clients = ClientCounts()
    servers = ServerCounts()
    if reports.clients:
        clients = reports.clients.counts
    if reports.server:
        servers = reports.server.counts
    problem = "; ".join(problems_of(reports))
    return RunCounts(clients, servers, seconds, os.cpu_count(), problem, machine)

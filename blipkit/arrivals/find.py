"""The runs of 08: the search, other patterns, and servers that do nothing; in a replay, the runs
that were recorded elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pandas

from blipkit.arrivals.basis import Basis, as_04, basis_of
from blipkit.arrivals.outcome import problem_of, trial_of
from blipkit.arrivals.plan import (
    FASTER,
    MULTIPLES,
    goal_of,
    likely_seconds,
    offer_of,
    patience_s,
)
from blipkit.arrivals.result import RateSearch, judged
from blipkit.arrivals.search import Trial, is_too_much, judge_trials, search
from blipkit.arrivals.session import (
    BESIDE,
    MACHINE_COLUMNS,
    NULL_SERVER,
    REQUEST_COLUMNS,
    SEARCH,
    TIGHTER,
    OfferRun,
    Sent,
    Session,
)
from blipkit.display.progress import Steps
from blipkit.load.runs import Hosts
from blipkit.load.target import Target
from blipkit.records.typed import measure_typed
from blipkit.study import Study

MACHINE = "arrivals/machine"


def target_of(study: Study) -> Target:
    """The latency target, which is 04's."""
    knobs = as_04(study).knobs
    return Target(knobs.percentile, knobs.latency_limit_ms, study.common.shared)


def where_to_ask(study: Study) -> Basis | None:
    """The setting that is asked; it writes a record of `arrival_basis`. None where a recorded
    folder has none.
    """

    def measured() -> list[Basis]:
        with Hosts(as_04(study)) as hosts:
            return [basis_of(study, hosts)]

    rows = measure_typed(study.results, "arrival_basis", Basis, measured)
    return next(iter(rows), None)


def find_rate(study: Study, basis: Basis | None) -> RateSearch:
    """Every run, and what they say together.

    It writes records of `arrival_runs`, `arrivals`, `rates`, `target_shares`, and samples.
    """
    target = target_of(study)
    if basis is None:
        return RateSearch(target, lacks="no arrivals were recorded there")
    sent = recorded_runs(study) if study.replay else kept_runs(study, basis, target)
    if study.results.lacking:
        lacks = f"the recorded folder has no {', '.join(sorted(study.results.lacking))}"
        return RateSearch(target, lacks=lacks)
    return judged(study, basis, target, sent)


def recorded_runs(study: Study) -> list[Sent]:
    """The runs of a recorded folder; what it lacks is in `study.results.lacking`."""
    results = study.results
    rows = measure_typed(results, "arrival_runs", OfferRun, list)
    keep = results.measure_samples
    frames = [keep(row.samples_name, pandas.DataFrame, REQUEST_COLUMNS) for row in rows]
    machine = keep(MACHINE, pandas.DataFrame, MACHINE_COLUMNS)
    if results.lacking:
        return []
    return [
        Sent(row, frame, machine[machine.run == row.run])
        for row, frame in zip(rows, frames, strict=True)
    ]


def kept_runs(study: Study, basis: Basis, target: Target) -> list[Sent]:
    """The runs of this machine, measured, with their records and samples."""
    sent = [kept(study, one) for one in run_all(study, basis, target)]
    measure_typed(study.results, "arrival_runs", OfferRun, lambda: [one.row for one in sent])
    machine = pandas.concat([one.machine for one in sent], ignore_index=True)
    study.results.measure_samples(MACHINE, lambda: machine)
    return sent


def kept(study: Study, sent: Sent) -> Sent:
    """A run whose requests are on disk; where there is no room for them, its row says so."""
    frame = study.results.measure_samples(sent.row.samples_name, lambda: sent.requests)
    not_kept = frame.attrs.get("not_kept")
    if not not_kept:
        return sent
    counts = sent.row.counts.with_problem(not_kept)
    return replace(sent, row=replace(sent.row, counts=counts))


def run_all(study: Study, basis: Basis, target: Target) -> list[Sent]:
    """Search; then lower rates, for tighter targets; then the other patterns at the highest rate
    that held; then servers without work.
    """
    knobs = study.knobs
    runs = likely_seconds(knobs, target, basis)
    with Hosts(as_04(study)) as hosts, Steps(len(runs), "offering") as steps:
        session = Session(hosts, basis, patience_s(target, basis), knobs.connections)

        def send(purpose: str, pattern: str, rate_per_s: float) -> Sent:
            steps.begin(f"{purpose}, {pattern}, {rate_per_s:.1f} requests/s")
            seed = study.common.seed + len(session.sent)
            return session.send(purpose, offer_of(knobs, target, rate_per_s, pattern, seed))

        ask = partial(asked, partial(send, SEARCH, knobs.pattern), target)
        trials = search(ask, goal_of(knobs, target, basis))
        tightest = replace(target, limit_ms=min(MULTIPLES) * basis.service_ms)
        ask_below = partial(asked, partial(send, TIGHTER, knobs.pattern), tightest)
        try_below(ask_below, trials, tightest, knobs.tighter)
        rates = [trial.rate_per_s for trial in trials] or [basis.closed_loop_per_s]
        found = judge_trials(trials, target)
        for pattern in knobs.beside:
            send(BESIDE, pattern, found.per_s.low or min(rates))
        send(NULL_SERVER, knobs.pattern, FASTER * max(rates))
    return session.sent


def try_below(
    ask: Callable[[float], Trial | None], trials: Sequence[Trial], tightest: Target, most: int
) -> None:
    """Runs at half the lowest rate and halves of that, until the tightest target is held, `most` at
    most: a search for a loose target tries no rate that holds a tight one.
    """
    trials = list(trials)
    for _ in range(most):
        if not trials or judge_trials(trials, tightest).per_s.low is not None:
            return
        trial = ask(min(one.rate_per_s for one in trials) / 2)
        if trial is None:
            return
        trials.append(trial)


def asked(send: Callable[[float], Sent], target: Target, rate_per_s: float) -> Trial | None:
    """A run, said in a line; None where something died, so that it cannot go on."""
    sent = send(rate_per_s)
    trial = trial_of(sent)
    if problem := problem_of(sent):
        print(f"{rate_per_s:.1f} requests/s: {problem}")
        return None
    print(in_words(trial, target))
    return trial


def in_words(trial: Trial, target: Target) -> str:
    """What a run saw, in a line."""
    late = (trial.latencies_ms > target.limit_ms).mean()
    words = f"{trial.rate_per_s:.1f} requests/s: {late:.1%} of {len(trial.latencies_ms)}"
    words += f" later than {target.limit_ms:.3g} ms"
    if is_too_much(trial.busy):
        return f"{words}; servers need {trial.busy:.0%} of their time, so the queue grows: missed"
    return words

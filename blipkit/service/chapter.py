"""The verbs of 09: each measures on a stage, or reads what was recorded, and returns a result that
knows its table, its figure and its gates.

Without the extra `service` nothing is measured, and every gate is NOT-RUN with what installs it.
"""

from functools import partial

from blipkit.display.sliders import explore
from blipkit.parity.excused import ExcusedMargin
from blipkit.records.typed import read_typed
from blipkit.service.metric_lines import MetricLine, read_lines
from blipkit.service.outcome import ByHand, Costs, Metrics, Outcome, Rollback, Shadow, SwitchRun
from blipkit.service.reconcile import Reconciled
from blipkit.service.rehearsal import FIRST, Rehearsal
from blipkit.service.rows import (
    BARE,
    BOTH,
    CANDIDATE,
    ONE,
    PRIMARY,
    EventRow,
    HopCost,
    HopRow,
    PairRow,
    PhaseRow,
    RequestRow,
)
from blipkit.study import Study

STEPS = (0, 5, 50, 100, 0)  # percent that the candidate gets, one after another
KILLED_AT = 50  # percent
ROLLBACK_S = 8.0


def open_tiers(study: Study) -> Rehearsal:
    """Both tiers of a study; nothing is started before it is asked."""
    return Rehearsal(study)


def ask_by_hand(tiers: Rehearsal) -> ByHand:
    """One request through both tiers, taken apart."""

    def measure() -> list[HopRow]:
        from blipkit.service import hops

        client, url, form = tiers.stage.client, tiers.stage.tiers["api"].url, tiers.forms()[0]
        hops.ask(client, url, form)  # connects
        took_ms, reply = hops.ask(client, url, form)
        print(f"{reply['request_id']}: {[one['text'] for one in reply['answers']]}")
        return hops.hop_rows(took_ms, reply["timings_ms"])

    return ByHand(tiers.measured("service_hops", HopRow, measure))


def measure_costs(tiers: Rehearsal) -> Costs:
    """What each tier adds to the model's own time, beside an app that does nothing."""

    def measure() -> list[HopCost]:
        from blipkit.service import hops

        stage, knobs = tiers.stage, tiers.study.knobs
        ways = {
            BARE: stage.open_bare(),
            ONE: stage.tiers[PRIMARY].url,
            BOTH: stage.tiers["api"].url,
        }
        forms = tiers.forms()
        rows = [
            hops.cost_row(stage.client, way, url, forms, knobs.hop_requests)
            for way, url in ways.items()
        ]
        stage.end("bare")
        return rows

    rows = tiers.measured("service_costs", HopCost, measure)
    study = tiers.study
    return Costs(rows, study.knobs.hop_limit_ms, study.common.shared, tiers.lacks)


def ask_shadow(tiers: Rehearsal) -> Shadow:
    """Cameras ask the primary for a while, and every request goes to the candidate, too."""

    def measure() -> list[PairRow]:
        from blipkit.service import rehearse

        tiers.copy_to_candidate()
        seconds = tiers.study.knobs.shadow_s
        with rehearse.under_load(tiers.stage, "shadow", tiers.load(seconds)) as phase:
            phase.note(f"{CANDIDATE} gets copies", rehearse.shares(0))
        tiers.phases.append(phase)
        frames = len(tiers.source.load())  # beyond, cameras send the same ones again
        return [row for row in rehearse.all_pairs(tiers.stage, phase) if row.at_s < frames]

    rows = tiers.measured("service_pairs", PairRow, measure)
    return Shadow(rows, margin_of(tiers), tiers.study.knobs.frame_flip_limit, tiers.lacks)


def margin_of(tiers: Rehearsal) -> float:
    """Below which margin a flip is the candidate's rounding, nats: as 03 measured, else as the
    profile says.
    """
    arm = tiers.arms.get(CANDIDATE)
    for row in read_typed(tiers.study.results, "parity_noise", ExcusedMargin):
        if row.arm == arm:
            return row.excused_margin
    return tiers.study.knobs.excused_margin


def rehearse_switch(tiers: Rehearsal) -> SwitchRun:
    """Cameras ask while the candidate gets one share after another, and is killed in the middle."""

    def measure() -> list[EventRow]:
        from blipkit.service import rehearse

        step_s = tiers.study.knobs.step_s
        load = tiers.load(step_s * (len(STEPS) + 1))
        with rehearse.under_load(tiers.stage, "switch", load) as phase:
            rehearse.switch_by_steps(tiers.stage, phase, STEPS, step_s, KILLED_AT)
        tiers.phases.append(phase)
        return phase.events

    events = tiers.measured("service_events", EventRow, measure)
    rows = tiers.measured("service_requests", RequestRow, partial(requests_of, tiers))
    return SwitchRun(rows, events)


def requests_of(tiers: Rehearsal) -> "list[RequestRow]":
    """Every request of the last phase."""
    from blipkit.service.rehearse import request_rows

    return request_rows(tiers.stage, tiers.phases[-1])


def move_share(tiers: Rehearsal) -> None:
    """In JupyterLab a slider that sets the candidate's share at the API tier; headless, it says how
    the weights are.
    """
    if tiers.lacks or tiers.study.replay:
        print("no API tier runs here")
        return

    def set_share(percent: float) -> None:
        weights = {PRIMARY: 100.0 - percent, CANDIDATE: percent}
        problem = tiers.stage.route(weights)
        print(problem or ", ".join(f"{name}={weight:g}" for name, weight in weights.items()))

    explore(set_share, percent=(0.0, 100.0, 0.0))


def rehearse_rollback(tiers: Rehearsal) -> Rollback:
    """The candidate begins to answer wrongly once it has a fifth of the traffic; its shadow's
    answers take it back.
    """

    def measure() -> list[EventRow]:
        from blipkit.service.rolling import Watched, roll_back

        watched = Watched(tiers.stage, margin_of(tiers), tiers.rated_per_s())
        phase = roll_back(tiers.stage, tiers.load(ROLLBACK_S), watched)
        tiers.phases.append(phase)
        return phase.events

    return Rollback(tiers.measured("service_rollback", EventRow, measure))


def read_metrics(tiers: Rehearsal) -> Metrics:
    """The lines that both tiers wrote for CloudWatch meanwhile."""

    def measure() -> list[MetricLine]:
        files = [tiers.stage.metrics(name) for name in ("api", PRIMARY, CANDIDATE)]
        return read_lines(files)

    return Metrics(tiers.measured("service_metrics", MetricLine, measure), tuple(FIRST))


def reconcile_all(tiers: Rehearsal) -> Outcome:
    """What became of every request of every phase; then all processes are ended."""

    def phases() -> list[PhaseRow]:
        from blipkit.service import rehearse

        stands_in = str(tiers)
        return [rehearse.phase_row(tiers.stage, phase, stands_in) for phase in tiers.phases]

    def ledgers() -> list[Reconciled]:
        from blipkit.service import rehearse

        return [rehearse.reconciled(tiers.stage, tiers.phases)]

    rows = tiers.measured("service", PhaseRow, phases)
    found = tiers.measured("service_ledgers", Reconciled, ledgers)
    tiers.close()
    return Outcome(rows, found, tiers.lacks)

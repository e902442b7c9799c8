"""What theory says that requests wait, beside what they waited, at one rate."""

from dataclasses import dataclass

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.outcome import Outcome
from blipkit.arrivals.queueing import mean_wait_s
from blipkit.arrivals.result import RateSearch
from blipkit.arrivals.session import SEARCH
from blipkit.display.tables import show_table
from blipkit.load.setting_requests import known
from blipkit.load.summary import STABLE

BUSY = 0.85  # at most: nearer to 1 a run is too short to see the mean wait


@dataclass(frozen=True)
class Prediction:
    """Mean time in the queue at a rate, by theory and measured; ratio: measured over predicted.

    busy: rate times service time over servers; service_ms, variation, state: of the same run.
    """

    rate_per_s: float
    busy: float
    service_ms: float
    variation: float
    predicted_ms: float | None
    measured_ms: float
    ratio: float | None
    state: str


def predict_wait(search: RateSearch) -> Prediction | None:
    """At the highest rate of Poisson arrivals whose servers are busy at most `BUSY` of the time, or
    else the lowest; None where there is no such run, or servers take batches, in which requests
    wait otherwise than the formula has it.
    """
    runs = [one for one in search.outcomes if is_usable(one)]
    if not runs or search.basis.setting.batch_size > 1:
        return None
    servers = search.basis.setting.servers
    calm = [one for one in runs if busy_of(one, servers) <= BUSY]
    chosen = min(runs, key=lambda one: one.rate_per_s)
    if calm:
        chosen = max(calm, key=lambda one: one.rate_per_s)
    return prediction_at(chosen, search.basis)


def is_usable(outcome: Outcome) -> bool:
    """Whether a run of the search had arrivals as the formula has them, and answers."""
    is_poisson = outcome.purpose == SEARCH and outcome.pattern == "poisson"
    return is_poisson and outcome.service_ms is not None and outcome.service_variation is not None


def busy_of(outcome: Outcome, servers: int) -> float:
    """The share of the servers' time that a run took."""
    return outcome.rate_per_s * outcome.service_ms / 1e3 / servers


def prediction_at(outcome: Outcome, basis: Basis) -> Prediction:
    """What theory says of a run."""
    servers = basis.setting.servers
    service_s = outcome.service_ms / 1e3
    wait_s = mean_wait_s(outcome.rate_per_s, service_s, outcome.service_variation, servers)
    predicted_ms = known(1e3 * wait_s)
    ratio = None
    if predicted_ms:
        ratio = outcome.queued_ms / predicted_ms
    return Prediction(
        rate_per_s=outcome.rate_per_s,
        busy=busy_of(outcome, servers),
        service_ms=outcome.service_ms,
        variation=outcome.service_variation,
        predicted_ms=predicted_ms,
        measured_ms=outcome.queued_ms,
        ratio=ratio,
        state=outcome.state,
    )


def show_prediction(prediction: Prediction | None) -> None:
    """The prediction beside what was measured."""
    none = "no run with Poisson arrivals, of requests served one at a time"
    caption = "Mean time in the queue: predicted, measured, and the ratio of the two"
    if not prediction:
        show_table([{"prediction": none}], caption)
        return
    if prediction.state != STABLE:
        caption += f"; the run was {prediction.state}, so that its ratio says little"
    show_table([prediction], caption)

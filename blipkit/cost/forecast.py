"""What an Inf2 is expected to do, sealed before anyone measured it, and scored when someone has.

A forecast is a range for each quantity, derived from hardware figures that others published
(params/anchors.csv) and from counted operations; its digest shows that it was not touched since.
It enters no gate, verdict or saving.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from blipkit.cost.expected import Range, expected_ranges
from blipkit.cost.prices import find_price, load_prices
from blipkit.display.tables import show_table
from blipkit.errors import BadInput, BlipkitError
from blipkit.paths import PUBLISHED
from blipkit.profiles.profile import Profile
from blipkit.records.documents import read_document, rows_in
from blipkit.records.typed import record_of, row_of
from blipkit.records.writing import write_document
from blipkit.study import Study

FILE = "forecast.json"
NOBODY = "nobody yet"  # the machine that a forecast was measured on


@dataclass(frozen=True)
class Forecast:
    """Ranges for one profile, and who measured them: nobody, when it was sealed.

    sealed: the date, as YYYY-MM-DD; instance: whose price was taken; digest: SHA-256 over all else.
    """

    profile: str
    instance: str
    arm: str
    sealed: str
    machine: str
    evidence: str
    ranges: list[Range]
    digest: str = ""

    def table(self) -> None:
        """Each range with its width and what would refute it."""
        rows = [
            {
                "quantity": row.quantity,
                "low": row.low,
                "high": row.high,
                "unit": row.unit,
                "width": row.width,
                "refuted by": row.refuted_by,
                "evidence": self.evidence,
            }
            for row in self.ranges
        ]
        caption = f"Forecast of {self.sealed} for {self.instance}, measured by {self.machine}"
        show_table(rows, f"{caption}; in no verdict and no saving")


@dataclass(frozen=True)
class Score:
    """One range beside what was measured.

    verdict: inside, outside or not measured. off: by what share of the nearer end it lies outside,
    negative below; 0 inside, None where nothing was measured.
    """

    quantity: str
    unit: str
    low: float
    high: float
    measured: float | None
    verdict: str
    off: float | None


def digest_of(forecast: Forecast) -> str:
    """SHA-256 over everything that a forecast says, but its digest."""
    said = record_of(forecast)
    said.pop("digest")
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def make_forecast(profile: Profile, sealed: str) -> Forecast:
    """The forecast for a profile that has a Neuron arm, sealed on a date; BadInput otherwise."""
    arms = [arm for arm in profile.common.arms if arm.startswith("neuron ")]
    if not arms:
        problem = f"profile {profile.name} has no Neuron arm ({', '.join(profile.common.arms)})"
        raise BadInput(f"{problem}; a forecast is for one that has, such as inf2")
    instance = profile.section("cost").priced_as
    if not instance.startswith("inf2."):
        raise BadInput(f"cost.priced_as is {instance}; a forecast is for inf2.xlarge and the like")
    price = find_price(load_prices(), instance, "us-east-1").usd_per_hour
    unsealed = Forecast(
        profile=profile.name,
        instance=instance,
        arm=arms[0],
        sealed=sealed,
        machine=NOBODY,
        evidence="forecast",
        ranges=expected_ranges(len(profile.common.questions), price),
    )
    return replace(unsealed, digest=digest_of(unsealed))


def write_forecast(forecast: Forecast, folder: Path) -> Path:
    """Put a forecast into a results folder; one that is sealed there is never replaced."""
    path = folder / FILE
    if path.exists():
        raise BadInput(f"{path} is sealed already; score it, or seal another in another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_document(path, record_of(forecast))
    return path


def read_forecast(folder: Path) -> Forecast:
    """The forecast of a results folder; BlipkitError where it is not what was sealed."""
    path = folder / FILE
    forecast = row_of(Forecast, read_document(path))
    digest = digest_of(forecast)
    if digest != forecast.digest:
        seen = f"{path} has digest {digest[:12]}..., sealed was {forecast.digest[:12]}..."
        raise BlipkitError(f"{seen}: it was changed since; take it from the commit that sealed it")
    return forecast


def score(forecast: Forecast, folder: Path) -> list[Score]:
    """Each range beside what a results folder measured on the forecast's arm."""
    measured = measured_in(folder, forecast.arm)
    return [_score(row, measured.get(row.quantity)) for row in forecast.ranges]


def _score(row: Range, measured: float | None) -> Score:
    """Inside or outside, and how far beyond the nearer end."""
    verdict = "inside"
    off = 0.0
    if measured is None:
        verdict = "not measured"
        off = None
    elif measured < row.low:
        verdict = "outside"
        off = measured / row.low - 1
    elif measured > row.high:
        verdict = "outside"
        off = measured / row.high - 1
    return Score(row.quantity, row.unit, row.low, row.high, measured, verdict, off)


def measured_in(folder: Path, arm: str) -> dict[str, float]:
    """What a results folder measured of the quantities that are forecast; emulated rows and
    rehearsals do not count.
    """
    compiled = _measured_rows(folder, "artifacts", arm)
    # a component that was there already tells the seconds of an earlier run: they count as well
    seconds = [row["seconds"] for row in compiled if row.get("seconds") is not None]
    best = [row for row in _measured_rows(folder, "cost", arm) if row.get("best")]
    values = {}
    if seconds:
        values["compile time"] = sum(seconds) / 60
    alone = [row for row in _measured_rows(folder, "cost", arm) if is_alone(row)]
    if alone:
        values["service time"] = alone[0].get("latency_ms")
    if best:
        values["answers/s"] = best[0].get("answers_per_s")
        values["USD per million answers"] = best[0].get("usd_per_million")
    flips = _measured_rows(folder, "decisions", arm)
    if flips:
        values["share of flips"] = flips[0].get("flip_rate")
    return {name: value for name, value in values.items() if value is not None}


def is_alone(row: dict) -> bool:
    """Whether a row of `cost` is of one server and one client: nobody waits, so latency is service
    time.
    """
    return (row.get("servers"), row.get("clients")) == (1, 1)


def _measured_rows(folder: Path, kind: str, arm: str) -> list[dict]:
    """Rows of an arm that a device gave."""
    path = folder / "records" / f"{kind}.jsonl"
    if not path.is_file():
        return []
    rows = [row for row in rows_in(path) if row.get("arm") == arm]
    return [row for row in rows if str(row.get("evidence")).startswith("measured")]


def score_lines(forecast: Forecast, folder: Path) -> list[str]:
    """What is forecast; then a line for each range: inside or outside, and by how much."""
    lines = [f"of {forecast.arm} on {forecast.instance}, sealed {forecast.sealed}"]
    for row in score(forecast, folder):
        expected = f"{row.quantity}: forecast {row.low:g} to {row.high:g} {row.unit}"
        if row.measured is None:
            lines.append(f"{expected}; not measured")
        elif row.off:
            lines.append(f"{expected}; measured {row.measured:g}, outside by {row.off:+.0%}")
        else:
            lines.append(f"{expected}; measured {row.measured:g}, inside")
    return lines


def show_forecast(study: Study) -> None:
    """Show the forecast that was sealed for the study's profile, with its scores, where one was."""
    name = study.results.provenance["profile"]
    for folder in (study.results.folder, PUBLISHED / NOBODY.replace(" ", "-") / name):
        if (folder / FILE).is_file():
            forecast = read_forecast(folder)
            forecast.table()
            print("\n".join(score_lines(forecast, study.results.folder)))
            return
    print(f"no forecast is sealed for {name}")

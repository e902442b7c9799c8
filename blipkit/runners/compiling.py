"""A study's arms, compiled: what the Neuron compiler will take, what each component came to, and that a second call finds it.

The rows are records of kinds `compile_forecast`, `artifacts` and `second_call`.
"""

from dataclasses import dataclass

from blipkit.display.tables import show_table
from blipkit.records.gates import Gate, judge, not_run
from blipkit.records.typed import measure_typed
from blipkit.runners.arms import Arm, evidence_of, parse_arm
from blipkit.runners.compile import NotCompiled, plan, trace_arms
from blipkit.runners.figures import draw_megabytes, draw_seconds
from blipkit.runners.kinds import neuron
from blipkit.study import Study

COLUMNS = (
    "arm",
    "component",
    "bucket",
    "seconds",
    "predicted_s",
    "mb",
    "predicted_mb",
    "skipped",
    "failed",
)
NOT_RECORDED = "the recorded folder has no such measurement"
SECOND_CALL, EVERY_PIECE = "second call compiles nothing", "every piece compiles"  # gates


@dataclass(frozen=True)
class Forecast:
    """How many components neuronx-cc has to compile, the minutes that may take, and the dollars of those minutes."""

    compiles: int
    minutes: float
    usd: float


@dataclass(frozen=True)
class CompileForecast:
    """The forecast; None where a replay's folder has no record of it. instance: where it would be compiled."""

    found: Forecast | None
    instance: str

    def __str__(self) -> str:
        if self.found is None:
            return "forecast of compiling: not recorded"
        said = f"{self.found.compiles} components for neuronx-cc to compile"
        cost = f"{self.found.minutes:.0f} minutes, {self.found.usd:.2f} USD on {self.instance}"
        return f"{said}; forecast: {cost}"


@dataclass(frozen=True)
class Compiled:
    """A row for each arm, component and bucket; none where a replay's folder has no record of them.

    A row: arm, component, bucket; seconds that compiling took (None for an emulated arm, whose seconds are a stand-in's);
    mb, of 10^6 bytes; predicted_mb; skipped: it was there already; flags: what the compiler was told; on Neuron,
    predicted_s. One that could not be compiled has `failed`, the reason, in their place.
    """

    rows: list[dict]

    @property
    def failed(self) -> list[dict]:
        """The rows of what could not be compiled."""
        return [row for row in self.rows if row.get("failed")]

    def table(self) -> None:
        """Show every row."""
        columns = [name for name in COLUMNS if any(name in row for row in self.rows)]
        shown = [{name: row.get(name) for name in columns} for row in self.rows]
        show_table(shown, "Compiled components" + ("" if self.rows else ": not recorded"))

    def figure(self) -> None:
        """Draw megabytes, predicted beside measured, and the seconds that compiling took."""
        draw_megabytes(self.rows)
        draw_seconds(self.rows)

    def arguments(self) -> None:
        """Show what neuronx-cc was told, and how its version reads the casts; a line where it was not called."""
        told = {row["arm"]: row["flags"] for row in self.rows if _compiler_args(row)}
        if not told:
            print("neuronx-cc was not called: no arm here is compiled for a Neuron device")
            return
        shown = [
            {
                "arm": arm,
                "passed": " ".join(flags["compiler_args"]),
                "read as": flags["casts_as_read"],
            }
            for arm, flags in told.items()
        ]
        show_table(shown, "neuronx-cc's arguments")

    def gates(self) -> list[Gate]:
        """PASS where every component of every arm was compiled."""
        if not self.rows:
            return [not_run(EVERY_PIECE, "answer", NOT_RECORDED, "record it again with this kit")]
        reason = "components that could not be compiled"
        if self.failed:
            reason = self.failed[0]["failed"]
        return [judge(EVERY_PIECE, "answer", len(self.failed), 0, reason=reason)]


@dataclass(frozen=True)
class SecondCall:
    """The rows of compiling once more, as `Compiled` has them; why_not: why it was not asked for, "" where it was."""

    rows: list[dict]
    why_not: str = ""

    @property
    def recompiled(self) -> int:
        """How many components were compiled though they were there."""
        return sum(not row["skipped"] for row in self.rows)

    def __str__(self) -> str:
        if self.why_not:
            return f"second call: not asked, {self.why_not}"
        return f"{self.recompiled} of {len(self.rows)} components compiled again"

    def gates(self) -> list[Gate]:
        """PASS where everything was found."""
        if self.why_not:
            return [not_run(SECOND_CALL, "answer", self.why_not, "see the gate before it")]
        reason = "components compiled again"
        return [judge(SECOND_CALL, "answer", self.recompiled, 0, reason=reason)]


def forecast_compiles(study: Study, usd_per_hour: float) -> CompileForecast:
    """What neuronx-cc has to compile that is not there yet; usd_per_hour: of the instance to compile on."""

    def measured() -> list[Forecast]:
        asked = [parse_arm(arm) for arm in study.common.arms]
        planned = plan(study.components, study.artifacts, asked, study.buckets, study.common.compiler_flags)
        left = {}  # folder -> component: two buckets may share one
        for (name, _, arm), folder in planned.items():
            if arm.spec.holds_core and not folder.is_dir():
                left[folder] = study.components[name]
        seconds = sum(neuron.forecast_s(component.weights) for component in left.values())
        return [Forecast(len(left), seconds / 60, seconds / 3600 * usd_per_hour)]

    rows = measure_typed(study.results, "compile_forecast", Forecast, measured, evidence="forecast")
    return CompileForecast(rows[0] if rows else None, study.knobs.compile_on)


def compile_arms(study: Study) -> Compiled:
    """Compile every component for every arm and bucket; what is there already is skipped."""

    def measured() -> list[dict]:
        return compiled_rows(study)

    return Compiled(study.results.measure("artifacts", measured))


def compile_again(study: Study, compiled: Compiled) -> SecondCall:
    """Ask for the same once more; not where something could not be compiled, which would be tried again for as long."""
    if compiled.failed:
        return SecondCall([], "not every component was compiled")

    def measured() -> list[dict]:
        return compiled_rows(study)

    rows = study.results.measure("second_call", measured)
    return SecondCall(rows, "" if rows else NOT_RECORDED)


def compiled_rows(study: Study) -> list[dict]:
    """Compile what is missing; the rows of `Compiled`, those that failed last."""
    asked, failed = [parse_arm(arm) for arm in study.common.arms], []
    flags = study.common.compiler_flags
    try:
        compiled = trace_arms(study.components, study.artifacts, asked, study.buckets, compiler_flags=flags)
    except NotCompiled as error:
        compiled, failed = error.compiled, error.rows
    rows = [artifact.row() for of_arm in compiled for artifact in of_arm] + failed
    for row in rows:
        arm, component = parse_arm(row["arm"]), study.components[row["component"]]
        row["evidence"] = evidence_of(row["arm"])
        row["predicted_mb"] = predicted_mb(component.weights, arm)
        if arm.spec.emulated:
            row["seconds"] = None  # of the stand-in; a Neuron compiler takes minutes
        if arm.spec.holds_core:
            row["predicted_s"] = neuron.forecast_s(component.weights)
    return rows


def predicted_mb(weights: int, arm: Arm) -> float:
    """10^6 bytes of a compiled component: its weights in the arm's format, and nothing else."""
    return weights * arm.format.weight_bytes / 1e6


def _compiler_args(row: dict) -> list[str]:
    """What neuronx-cc was told, nothing where another compiler was called; an older kit's rows have no flags."""
    return row.get("flags", {}).get("compiler_args", [])

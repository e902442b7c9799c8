"""A study's arms, compiled: a forecast, what each component came to, and a second call.

The rows are records of kinds `compile_forecast`, `artifacts` and `second_call`.
"""

from dataclasses import dataclass

from blipkit.display.tables import show_table
from blipkit.records.gates import Gate, judge, not_recorded, not_run
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
# gates
SECOND_CALL = "second call compiles nothing"
EVERY_PIECE = "every component compiles"


@dataclass(frozen=True)
class Forecast:
    """Components for neuronx-cc to compile, the minutes that may take, and what these cost."""

    compiles: int
    minutes: float
    usd: float


@dataclass(frozen=True)
class CompileForecast:
    """found: None where a replay's folder has no record of it; instance: where to compile."""

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

    A row: arm, component, bucket; seconds that compiling took (None for an emulated arm, whose
    seconds are a stand-in's); mb and predicted_mb, of 10^6 bytes; skipped: it was there already;
    flags: what the compiler was told; on Neuron, predicted_s. One that could not be compiled has
    `failed`, the reason, in their place.
    """

    rows: list[dict]

    @property
    def failed(self) -> list[dict]:
        """The rows of what could not be compiled."""
        return [row for row in self.rows if row.get("failed")]

    def table(self) -> None:
        """Show every row."""
        if not self.rows:
            print("Compiled components: not recorded")
            return
        columns = [name for name in COLUMNS if any(name in row for row in self.rows)]
        shown = [{name: row.get(name) for name in columns} for row in self.rows]
        show_table(shown, "Compiled components")

    def figure(self) -> None:
        """Draw megabytes, predicted beside measured, and the seconds that compiling took."""
        draw_megabytes(self.rows)
        draw_seconds(self.rows)

    def arguments(self) -> None:
        """Show what neuronx-cc was told, and how its version reads the casts."""
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
            return [not_recorded(EVERY_PIECE, "answer")]
        reason = "components that could not be compiled"
        if self.failed:
            reason = self.failed[0]["failed"]
        return [judge(EVERY_PIECE, "answer", len(self.failed), 0, reason=reason)]


@dataclass(frozen=True)
class SecondCall:
    """The rows of compiling once more, as `Compiled` has them; none where it was not recorded.

    failed: how many components were not compiled the first time: then there is no second call.
    """

    rows: list[dict]
    failed: int = 0

    @property
    def recompiled(self) -> int:
        """How many components were compiled though they were there."""
        return sum(not row["skipped"] for row in self.rows)

    def __str__(self) -> str:
        if self.failed:
            return f"second call: not made, {self.failed} components were not compiled"
        if not self.rows:
            return "second call: not recorded"
        return f"{self.recompiled} of {len(self.rows)} components compiled again"

    def gates(self) -> list[Gate]:
        """PASS where everything was found."""
        if self.failed:
            reason = f"{self.failed} components were not compiled"
            return [not_run(SECOND_CALL, "answer", reason, f"see the gate {EVERY_PIECE!r}")]
        if not self.rows:
            return [not_recorded(SECOND_CALL, "answer")]
        reason = "components compiled again"
        return [judge(SECOND_CALL, "answer", self.recompiled, 0, reason=reason)]


def forecast_compiles(study: Study, usd_per_hour: float) -> CompileForecast:
    """What neuronx-cc has to compile that is not there yet; usd_per_hour: where it compiles."""

    def measured() -> list[Forecast]:
        asked = [parse_arm(arm) for arm in study.common.arms]
        flags = study.common.compiler_flags
        planned = plan(study.components, study.artifacts, asked, study.buckets, flags)
        left = {}  # folder -> component: two buckets may share one
        for (name, _, arm), folder in planned.items():
            if arm.spec.holds_core and not folder.is_dir():
                left[folder] = study.components[name]
        seconds = sum(neuron.forecast_s(component.weights) for component in left.values())
        return [Forecast(len(left), seconds / 60, seconds / 3600 * usd_per_hour)]

    rows = measure_typed(study.results, "compile_forecast", Forecast, measured, evidence="forecast")
    found = rows[0] if rows else None
    return CompileForecast(found, study.knobs.compile_on)


def compile_arms(study: Study) -> Compiled:
    """Compile every component for every arm and bucket; what is there already is skipped."""

    def measured() -> list[dict]:
        return compiled_rows(study)

    return Compiled(study.results.measure("artifacts", measured))


def compile_again(study: Study, compiled: Compiled) -> SecondCall:
    """Ask for the same once more; not where something failed, which would be tried again."""
    if compiled.failed:
        return SecondCall([], len(compiled.failed))

    def measured() -> list[dict]:
        return compiled_rows(study)

    return SecondCall(study.results.measure("second_call", measured))


def compiled_rows(study: Study) -> list[dict]:
    """Compile what is missing; the rows of `Compiled`, those that failed last."""
    asked = [parse_arm(arm) for arm in study.common.arms]
    flags = study.common.compiler_flags
    failed = []
    try:
        compiled = trace_arms(study.components, study.artifacts, asked, study.buckets, flags)
    except NotCompiled as error:
        compiled = error.compiled
        failed = error.rows
    rows = [artifact.row() for of_arm in compiled for artifact in of_arm] + failed
    for row in rows:
        arm = parse_arm(row["arm"])
        component = study.components[row["component"]]
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
    """What neuronx-cc was told, if it was called; an older kit's rows have no flags."""
    return row.get("flags", {}).get("compiler_args", [])

"""A study's arms, compiled: a forecast, what each component came to, and a second call.

The rows are records of kinds `compile_forecast`, `artifacts` and `second_call`.
"""

from dataclasses import dataclass

from blipkit.display.tables import show_table
from blipkit.model.components import Component
from blipkit.records.gates import Gate, decide, judge, not_recorded, not_run
from blipkit.records.results import Results
from blipkit.records.typed import measure_typed, records_of, row_of
from blipkit.runners.arms import Arm, evidence_of, parse_arm
from blipkit.runners.artifacts import Artifact, CompiledComponent
from blipkit.runners.compile import Failure, NotCompiled, plan, trace_arms
from blipkit.runners.figures import draw_megabytes, draw_seconds
from blipkit.runners.kinds import neuron
from blipkit.runners.spec import UNKNOWN, Build
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
    "adopted",
    "failed",
)
# columns that are left out where no row has anything in them
OPTIONAL = ("predicted_s", "adopted", "failed")
# gates
SECOND_CALL = "second call compiles nothing"
EVERY_COMPONENT = "every component compiles"
FROM_ELSEWHERE = "adopted components"


@dataclass(frozen=True)
class Forecast:
    """compiles: components for neuronx-cc to compile; minutes, usd: what they may take and cost."""

    compiles: int
    minutes: float
    usd: float


@dataclass(frozen=True)
class CompileForecast:
    """forecast: None where a replay's folder has no record of it; instance: where to compile, at
    whose price the minutes are counted.
    """

    forecast: Forecast | None
    instance: str

    def __str__(self) -> str:
        if self.forecast is None:
            return "forecast of compiling: not recorded"
        count = f"{self.forecast.compiles} components for neuronx-cc to compile"
        minutes = f"{self.forecast.minutes:.0f} minutes"
        return f"{count}; forecast: {minutes}, {self.forecast.usd:.2f} USD on {self.instance}"


@dataclass(frozen=True)
class Compiled:
    """A row for each arm, component and bucket; none where a replay's folder has no record of
    them.
    """

    rows: list[CompiledComponent]

    @property
    def failed(self) -> list[CompiledComponent]:
        """The rows of what could not be compiled."""
        return [row for row in self.rows if row.failed]

    def table(self) -> None:
        """Show every row."""
        if not self.rows:
            print("Compiled components: not recorded")
            return
        empty = [name for name in OPTIONAL if not any(getattr(row, name) for row in self.rows)]
        columns = [name for name in COLUMNS if name not in empty]
        show_table(records_of(self.rows), "Compiled components", columns)

    def figure(self) -> None:
        """Draw megabytes, predicted beside measured, and the seconds that compiling took."""
        draw_megabytes(self.rows)
        draw_seconds(self.rows)

    def arguments(self) -> None:
        """Show the arguments that neuronx-cc got for each arm, and how it reads the casts."""
        flags_of = {_named(row): row.flags for row in self.rows if row.flags.get("casts_as_read")}
        if not flags_of:
            print("neuronx-cc was not called: no arm here is compiled for a Neuron device")
            return
        table = []
        for arm, flags in flags_of.items():
            arguments = " ".join(flags.get("compiler_args", [UNKNOWN]))
            table.append({"arm": arm, "passed": arguments, "read as": flags["casts_as_read"]})
        show_table(table, "neuronx-cc's arguments")

    def gates(self) -> list[Gate]:
        """PASS where every component of every arm was compiled."""
        if not self.rows:
            return [not_recorded(EVERY_COMPONENT, "answer")]
        reason = "components that could not be compiled"
        if self.failed:
            reason = self.failed[0].failed
        gates = [judge(EVERY_COMPONENT, "answer", len(self.failed), 0, reason=reason)]
        return [*gates, *adopted_gates(self.rows)]


def _named(row: CompiledComponent) -> str:
    """The arm whose arguments a row has; of an adopted file, which has its own, the component,
    too.
    """
    if row.adopted:
        return f"{row.arm}, adopted {row.component}"
    return row.arm


def adopted_gates(rows: list[CompiledComponent]) -> list[Gate]:
    """WARN where files were brought along, of which not everything is known; none without them."""
    adopted = [row for row in rows if row.adopted]
    if not adopted:
        return []
    reason = f"{adopted[0].component} of {adopted[0].arm}: {adopted[0].adopted}"
    advice = "compile it here to know; the parity gates of 03 say whether it computes the same"
    details = {"measured": len(adopted), "limit": 0, "reason": reason, "next": advice}
    return [decide(FROM_ELSEWHERE, "answer", holds=False, tolerable=True, **details)]


def adopted_lines(results: Results) -> list[str]:
    """A line for each adopted file among the components that 02 recorded, in words."""
    records = [record for record in results.rows("artifacts") if record.get("adopted")]
    rows = [row_of(CompiledComponent, record) for record in records]
    return [f"{row.arm}: {row.component} is an adopted file, {row.adopted}" for row in rows]


def adopted_words(build: Build) -> str:
    """What nobody knows of an adopted file, in words; "" of what the kit compiled."""
    if not build.adopted:
        return ""
    casts = build.flags.get("casts_as_read")
    words = "compiled by: unknown; weights: unknown"
    if casts:
        words += f"; casts: {casts}"
    return words


@dataclass(frozen=True)
class SecondCall:
    """The rows of compiling once more, as `Compiled` has them; none where they were not recorded.

    failed: how many components were not compiled the first time; where any, there is no second
    call.
    """

    rows: list[CompiledComponent]
    failed: int = 0

    @property
    def recompiled(self) -> int:
        """How many components were compiled though they were there."""
        return sum(not row.skipped for row in self.rows)

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
            return [not_run(SECOND_CALL, "answer", reason, f"see the gate {EVERY_COMPONENT!r}")]
        if not self.rows:
            return [not_recorded(SECOND_CALL, "answer")]
        reason = "components compiled again"
        return [judge(SECOND_CALL, "answer", self.recompiled, 0, reason=reason)]


def forecast_compiles(study: Study, usd_per_hour: float) -> CompileForecast:
    """What neuronx-cc has to compile that is not there yet; usd_per_hour: of the instance where it
    compiles.
    """

    def measured() -> list[Forecast]:
        arms = [parse_arm(arm) for arm in study.common.arms]
        flags = study.common.compiler_flags
        missing = {}  # folder -> component: two buckets may share one
        for job in plan(study.components, study.artifacts, arms, study.buckets, flags):
            if job.arm.spec.holds_core and not job.folder.is_dir():
                missing[job.folder] = study.components[job.component]
        seconds = sum(neuron.forecast_s(component.weights) for component in missing.values())
        return [Forecast(len(missing), seconds / 60, seconds / 3600 * usd_per_hour)]

    rows = measure_typed(study.results, "compile_forecast", Forecast, measured, evidence="forecast")
    forecast = rows[0] if rows else None
    return CompileForecast(forecast, study.knobs.compile_on)


def compile_arms(study: Study) -> Compiled:
    """Compile every component for every arm and bucket; what is there already is skipped."""
    return Compiled(_measured(study, "artifacts"))


def compile_again(study: Study, compiled: Compiled) -> SecondCall:
    """Ask for the same once more; not where something failed, which would be tried again."""
    if compiled.failed:
        return SecondCall([], len(compiled.failed))
    return SecondCall(_measured(study, "second_call"))


def _measured(study: Study, kind: str) -> list[CompiledComponent]:
    """The rows of compiling what is missing, kept as records of `kind`."""
    return measure_typed(study.results, kind, CompiledComponent, lambda: compiled_rows(study))


def compiled_rows(study: Study) -> list[CompiledComponent]:
    """Compile what is missing; the rows of what is compiled, then those of what failed."""
    arms = [parse_arm(arm) for arm in study.common.arms]
    flags = study.common.compiler_flags
    failures = []
    try:
        compiled = trace_arms(study.components, study.artifacts, arms, study.buckets, flags)
    except NotCompiled as error:
        compiled = error.compiled
        failures = error.failures
    rows = []
    for artifacts in compiled:
        for artifact in artifacts:
            rows.append(artifact_row(artifact, study.components[artifact.component]))
    for failure in failures:
        rows.append(failure_row(failure, study.components[failure.job.component]))
    return rows


def artifact_row(artifact: Artifact, component: Component) -> CompiledComponent:
    """What compiling took and produced, beside what was forecast."""
    arm = artifact.arm
    seconds = artifact.manifest.seconds
    if arm.spec.emulated:
        seconds = None  # they are the stand-in's; a Neuron compiler takes minutes
    return CompiledComponent(
        arm=str(arm),
        component=component.name,
        bucket=str(artifact.bucket),
        predicted_mb=predicted_mb(component.weights, arm),
        seconds=seconds,
        predicted_s=predicted_s(component.weights, arm),
        mb=artifact.manifest.bytes / 1e6,
        skipped=artifact.skipped,
        flags=artifact.build.flags,
        key=artifact.manifest.key,
        adopted=adopted_words(artifact.build),
        evidence=evidence_of(str(arm)),
    )


def failure_row(failure: Failure, component: Component) -> CompiledComponent:
    """What was forecast of a component that could not be compiled, and why it could not."""
    job = failure.job
    return CompiledComponent(
        arm=str(job.arm),
        component=component.name,
        bucket=str(job.bucket),
        predicted_mb=predicted_mb(component.weights, job.arm),
        predicted_s=predicted_s(component.weights, job.arm),
        failed=failure.reason,
        evidence=evidence_of(str(job.arm)),
    )


def predicted_mb(weights: int, arm: Arm) -> float:
    """10^6 bytes of a compiled component: its weights in the arm's precision, and nothing else."""
    return weights * arm.weight_bytes / 1e6


def predicted_s(weights: int, arm: Arm) -> float | None:
    """Seconds that neuronx-cc may take for a component; None for an arm of another compiler."""
    if not arm.spec.holds_core:
        return None
    return neuron.forecast_s(weights)

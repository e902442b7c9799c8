"""What MLPerf's LoadGen says of a run, read from the detail log that it leaves."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from blipkit.errors import BlipkitError
from blipkit.reading.files import MB, is_file, read_text
from blipkit.reading.json_text import parse_object
from blipkit.records.typed import row_of

SUMMARY = "mlperf_log_summary.txt"
DETAIL = "mlperf_log_detail.txt"
KEPT = (SUMMARY, DETAIL)  # of LoadGen's files: the others are empty in a performance run
MARK = ":::MLLOG "  # begins each line of the detail log; JSON follows
LIMIT = 16 * MB
VALID = "VALID"
INVALID = "INVALID"


# fields of `Verdict` -> LoadGen's words for them
KEYS = {
    "validity": "result_validity",
    "latency_is_held": "result_perf_constraints_met",
    "early_stopping_is_held": "early_stopping_met",
    "queries_suffice": "result_min_queries_met",
    "duration_suffices": "result_min_duration_met",
    "queries": "result_query_count",
    "late": "result_overlatency_query_count",
    "early_stopping": "early_stopping_result",
    "scheduled_per_s": "result_scheduled_samples_per_sec",
    "completed_per_s": "result_completed_samples_per_sec",
    "p50_ns": "result_50.00_percentile_latency_ns",
    "p90_ns": "result_90.00_percentile_latency_ns",
    "p99_ns": "result_99.00_percentile_latency_ns",
    "errors": "num_errors",
    "loadgen": "loadgen_version",
}


@dataclass(frozen=True)
class Verdict:
    """What LoadGen says of a run of its Server scenario, in its own figures.

    validity: VALID or INVALID; latency_is_held, early_stopping_is_held, queries_suffice,
    duration_suffices: the four parts of that; queries: issued; late: those beyond the target
    latency, counted from when LoadGen meant to send; early_stopping: in its words; scheduled_per_s,
    completed_per_s: queries a second, as its schedule had them and as they were answered; p50_ns,
    p90_ns, p99_ns: of latency; errors: that it met; loadgen: its version.
    """

    validity: str
    latency_is_held: bool
    early_stopping_is_held: bool
    queries_suffice: bool
    duration_suffices: bool
    queries: int
    late: int
    early_stopping: str
    scheduled_per_s: float
    completed_per_s: float
    p50_ns: int
    p90_ns: int
    p99_ns: int
    errors: int
    loadgen: str

    @property
    def is_too_late(self) -> bool:
        """Whether more requests were late than it allows, or may be."""
        return not (self.latency_is_held and self.early_stopping_is_held)

    @property
    def reasons(self) -> list[str]:
        """Which of its conditions LoadGen found broken, in words."""
        conditions = {
            "the target latency": self.latency_is_held,
            "early stopping": self.early_stopping_is_held,
            "the least number of queries": self.queries_suffice,
            "the least duration": self.duration_suffices,
        }
        return [name for name, is_held in conditions.items() if not is_held]


def read_verdict(folder: Path) -> Verdict:
    """What LoadGen said of the run whose files are in a folder.

    BlipkitError where it left no detail log, or one that does not say.
    """
    path = folder / DETAIL
    expected = "expected the log of a run of MLPerf's LoadGen that came to its end"
    if not is_file(path):
        raise BlipkitError(f"LoadGen left no {DETAIL}; {expected}: run the chapter again")
    said = values_in(read_text(path, LIMIT, expected))
    if absent := [key for key in KEYS.values() if key not in said]:
        seen = f"LoadGen's {DETAIL} does not say {', '.join(absent)}"
        raise BlipkitError(f"{seen}; {expected}: run the chapter again")
    verdict = row_of(Verdict, {name: said[key] for name, key in KEYS.items()})
    return replace(verdict, early_stopping=" ".join(verdict.early_stopping.split()))


def values_in(text: str) -> dict[str, Any]:
    """Key -> what a detail log says last under it; lines that are none of LoadGen's are skipped."""
    said = {}
    for line in text.splitlines():
        if not line.startswith(MARK):
            continue
        try:
            entry = parse_object(line.removeprefix(MARK).encode())
        except ValueError:  # cut off, as by a full disk
            continue
        if isinstance(entry.get("key"), str):
            said[entry["key"]] = entry.get("value")
    return said

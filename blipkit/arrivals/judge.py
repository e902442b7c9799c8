"""A judge that this kit's authors did not write: MLPerf's LoadGen says whether the rate that was
found holds the target, a little below it and a little above.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from blipkit.arrivals.basis import Basis, as_04
from blipkit.arrivals.judge_log import INVALID, VALID, Verdict
from blipkit.arrivals.judge_run import JudgedRun, in_flight_at_most, run_judge
from blipkit.arrivals.judge_settings import AGREES, Judging, judging_of, unofficial
from blipkit.arrivals.result import RateSearch
from blipkit.display.progress import Steps
from blipkit.display.tables import show_table
from blipkit.errors import BadInput, BlipkitError
from blipkit.load.counts import RunCounts
from blipkit.load.runs import Hosts, Run, options_of
from blipkit.records.gates import Gate, decide, invalid, not_run
from blipkit.records.typed import measure_typed, part, records_of
from blipkit.study import Study

INSTALL = "pip install 'blipkit[mlperf]'"
# times the rate that was found -> what LoadGen is expected to say there
EXPECTED = {0.95: VALID, 1.1: INVALID}
PATTERN = "poisson"  # of LoadGen's schedule
LONGER = "raise arrivals.length, so that the search sees more requests, or take a quiet machine"
AGAIN = "take away the cause, and run 08_arrivals again"
SHOWN = ("times_found", "rate_per_s", "expected", "validity", "queries", "late")
SHOWN += ("scheduled_per_s", "completed_per_s", "p50_ns", "p90_ns", "p99_ns", "early_stopping")
SHOWN += ("counted_disturbed",)


@dataclass(frozen=True)
class JudgeRow:
    """A record of `judged`: what LoadGen says at a multiple of the rate that was found.

    times_found: that multiple; expected: what it should say there; judging: what it was told; logs:
    its own files, by their names in the results folder, none where they could not be kept; counts:
    what we counted beside it.
    """

    times_found: float
    expected: str
    judging: Judging = part()
    verdict: Verdict = part()
    logs: list[str]
    counts: RunCounts = part("counted_")

    @property
    def is_as_expected(self) -> bool:
        """Whether it said what it should, and INVALID because too many requests were late."""
        if self.verdict.validity != self.expected:
            return False
        return self.expected == VALID or self.verdict.is_too_late

    def __str__(self) -> str:
        said = f"at {self.times_found:g} of the rate, {self.judging.rate_per_s:.1f} requests/s, it"
        verdict = self.verdict
        why = f"{verdict.late} of {verdict.queries} beyond {self.judging.limit_ms:g} ms"
        if verdict.reasons and not verdict.is_too_late:
            why = f"{why}, without {' and '.join(verdict.reasons)}"
        return f"{said} says {verdict.validity} ({why}), expected {self.expected}"


@dataclass(frozen=True)
class Judgement:
    """rows: none where LoadGen was not asked, and `why_not` says why; no_verdict: the multiples of
    the rate at which it came to none here, and why.
    """

    rows: list[JudgeRow] = field(default_factory=list)
    why_not: str = ""
    advice: str = ""
    shared: bool = False
    no_verdict: Mapping[float, str] = field(default_factory=dict)

    def table(self) -> None:
        """What it was told, what it said, and in what this is no official run."""
        caption = "MLPerf's LoadGen, Server scenario, beside the rate that was found"
        if not self.rows:
            return show_table([{"judge": self.why_not or "it came to no verdict"}], caption)
        show_table(records_of(self.rows), caption, SHOWN)
        print("\n".join(["Not an official run:", *unofficial()]))

    def gates(self) -> list[Gate]:
        """Whether it says VALID below the rate, and INVALID above."""
        if self.why_not:
            return [not_run(AGREES, "timing", self.why_not, self.advice)]
        return [judge_gate(self.rows, self.shared, self.no_verdict)]


def judge_gate(rows: Sequence[JudgeRow], shared: bool, no_verdict: Mapping[float, str]) -> Gate:
    """PASS where LoadGen says at each multiple what it should.

    no_verdict: as a `Judgement` has it.
    """
    said = {row.times_found for row in rows}
    absent = [times for times in EXPECTED if times not in said]
    words = [in_words(times, no_verdict.get(times, "")) for times in absent]
    reason = "; ".join([*words, *map(str, rows)])
    limit = len(EXPECTED)
    if absent:
        return invalid(AGREES, "timing", reason, shared=shared, limit=limit, next=AGAIN)
    agreed = sum(row.is_as_expected for row in rows)
    details = {"measured": agreed, "limit": limit, "unit": "verdicts as expected"}
    details |= {"reason": reason, "next": LONGER}
    return decide(AGREES, "timing", agreed == limit, shared=shared, **details)


def in_words(times: float, why: str) -> str:
    """That LoadGen came to no verdict at a multiple of the rate, and why, where that is known."""
    words = f"it came to no verdict at {times:g} of the rate"
    if not why:
        return words
    return f"{words} ({why})"


def is_installed() -> bool:
    """Whether LoadGen is there."""
    return importlib.util.find_spec("mlperf_loadgen") is not None


def why_not_judged(study: Study, found: RateSearch) -> tuple[str, str]:
    """Why LoadGen is not asked, and what to do; ("", "") where it is."""
    if not study.knobs.judge:
        return "arrivals.judge is false", "pass --set arrivals.judge=true"
    if found.lacks:
        return found.lacks, "record 08_arrivals there"
    if found.rate.pattern != PATTERN:
        reason = f"LoadGen's arrivals are {PATTERN}, and the rate is of {found.rate.pattern}"
        return reason, f"pass --set arrivals.pattern={PATTERN}"
    if found.rate.rate_per_s.value is None:
        return "no rate was found that it could judge", "see rate holds target"
    if not study.replay and not is_installed():
        return "MLPerf's LoadGen (mlcommons-loadgen) is not installed", INSTALL
    return "", ""


def judge_time(study: Study, found: RateSearch) -> str:
    """How long the judge takes, in words; BadInput where that is more than a cell may take."""
    why_not, _ = why_not_judged(study, found)
    if why_not:
        return f"not judged: {why_not}"
    plans = plans_of(study, found)
    seconds = sum(judging.expected_s for judging in plans.values())
    limit_s = study.common.cell_limit_s
    if seconds > limit_s and not study.replay:
        took = f"{len(plans)} runs of LoadGen take {seconds / 60:.0f} minutes"
        advice = "raise common.cell_limit_s, or pass --set arrivals.judge=false"
        raise BadInput(f"arrivals: {took}, a cell may take {limit_s / 60:.0f}; {advice}")
    queries = next(iter(plans.values())).queries
    percentile = found.target.percentile
    return f"{len(plans)} runs of {queries} queries, as p{percentile:g} needs: {seconds:.0f} s"


def plans_of(study: Study, found: RateSearch) -> dict[float, Judging]:
    """Times the rate that was found -> what LoadGen is told."""
    target = found.target
    per_s = found.rate.rate_per_s.value
    seed = study.common.seed
    return {
        times: judging_of(times * per_s, target.percentile, target.limit_ms, seed)
        for times in EXPECTED
    }


def judge_rate(study: Study, found: RateSearch) -> Judgement:
    """Have LoadGen judge the rate that was found; it writes records of `judged`, and LoadGen's own
    files beside the samples.
    """
    shared = study.common.shared
    why_not, advice = why_not_judged(study, found)
    if why_not:
        return Judgement([], why_not, advice, shared)
    no_verdict: dict[float, str] = {}
    rows = measure_typed(
        study.results, "judged", JudgeRow, lambda: judge_all(study, found, no_verdict)
    )
    if "judged" in study.results.lacking:
        return Judgement([], "no verdict of LoadGen's was recorded there", "", shared)
    if study.replay:
        for name in [name for row in rows for name in row.logs]:
            study.results.measure_text(name, str)
    return Judgement(rows, shared=shared, no_verdict=no_verdict)


def judge_all(study: Study, found: RateSearch, no_verdict: dict[float, str]) -> list[JudgeRow]:
    """A row for each multiple at which LoadGen came to a verdict; why it did not at the others is
    printed, and written into `no_verdict`.
    """
    plans = plans_of(study, found)
    rows = []
    with Hosts(as_04(study)) as hosts, Steps(len(plans), "judging") as steps:
        for times, judging in plans.items():
            steps.begin(f"{judging.rate_per_s:.1f} requests/s")
            try:
                run = judge_at(study, hosts, found.basis, judging)
            except BlipkitError as error:
                print(f"LoadGen at {judging.rate_per_s:.1f} requests/s: {error}")
                no_verdict[times] = str(error)
                continue
            logs = keep_logs(study, times, run)
            rows.append(JudgeRow(times, EXPECTED[times], judging, run.verdict, logs, run.counts))
    return rows


def judge_at(study: Study, hosts: Hosts, basis: Basis, judging: Judging) -> JudgedRun:
    """LoadGen's run at one rate, on the setting that the search asked."""
    setting = replace(basis.setting, clients=study.knobs.connections)
    run = Run(setting, 0, limit=in_flight_at_most(judging))
    return run_judge(hosts.host_of(run), setting, options_of(hosts.study, run), judging)


def keep_logs(study: Study, times: float, run: JudgedRun) -> list[str]:
    """Keep LoadGen's files beside the samples; their names there, none where there is no room."""
    names = []
    try:
        for name, text in run.files.items():
            place = f"judge/{times:g}/{name}"
            study.results.measure_text(place, lambda text=text: text)
            names.append(place)
    except OSError as error:
        print(f"LoadGen's files were not kept: {error.strerror or error}")
        return []
    return names

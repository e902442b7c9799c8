"""docs/arrivals.md shows what the published bench of LoadGen beside our open loop says."""

from bench_judge import LOADGEN, OURS, Compared, Window

from blipkit.paths import ROOT
from blipkit.records.documents import read_machine
from blipkit.records.results import Results
from blipkit.records.typed import read_typed
from blipkit.run.publish import PUBLISHED

DOCUMENT = (ROOT / "docs/arrivals.md").read_text()
BEGIN = "<!-- LoadGen: made from results/published by tests/arrivals/test_judge_table.py -->\n"
END = "<!-- end of LoadGen -->"
NAMES = {
    "p50_ms": "p50, ms",
    "p90_ms": "p90, ms",
    "p99_ms": "p99, ms",
    "achieved": "answers/s over queries/s",
}
(BENCH,) = PUBLISHED.glob("*/bench-judge")
ROWS = read_typed(Results(BENCH), "judge_comparison", Compared)


def line_of(row: Compared) -> str:
    """Both figures to three digits, the ratio with its interval, and whether that holds 1."""
    digits = 4 if row.figure == "achieved" else 2
    ratio, low, high = (
        f"{figure:.{digits}f}" for figure in (row.ratio.value, row.ratio.low, row.ratio.high)
    )
    figures = f"{row.ours.value:#.3g} | {row.loadgen.value:#.3g}"
    if row.figure == "achieved":
        figures = f"{row.ours.value:.4f} | {row.loadgen.value:.4f}"
    agrees = "yes" if row.agrees else "**no**"
    name = NAMES[row.figure]
    return f"| {row.servers}, {row.rate_per_s:g} | {name} | {figures} | {ratio} ({low} to {high}) | {agrees} |\n"


def made() -> str:
    """The table, from the records of the machine that published the bench."""
    machine = read_machine(BENCH).name
    head = f"| servers, requests/s | figure, on {machine} | ours | LoadGen | LoadGen's over ours | holds 1 |\n"
    return f"{head}|---|---|---|---|---|---|\n" + "".join(map(line_of, ROWS))


def test_the_document_shows_the_published_ratios():
    """No figure of the table was typed by hand."""
    shown = DOCUMENT.partition(BEGIN)[2].partition(END)[0]
    assert shown == made(), f"docs/arrivals.md should have:\n{BEGIN}{made()}{END}"


def test_what_is_said_below_the_table_is_what_it_shows():
    """How many ratios hold 1, which does not, and by how much its windows differ."""
    said = DOCUMENT.partition(END)[2].strip().partition("\n\n")[0]
    assert said.startswith(
        f"{sum(row.agrees for row in ROWS)} of the {len(ROWS)} intervals hold 1."
    )
    (apart,) = (row for row in ROWS if not row.agrees)
    assert (apart.servers, apart.figure) == ("do nothing", "p99_ms")
    assert f"takes {apart.loadgen.value - apart.ours.value:.1f} ms more than ours" in said
    windows = read_typed(Results(BENCH), "judge_windows", Window)
    ours, theirs = (
        [one.figures.p99_ms for one in windows if (one.servers, one.tool) == (apart.servers, tool)]
        for tool in (OURS, LOADGEN)
    )
    assert all(there > here for here, there in zip(ours, theirs, strict=True))
    assert (
        f"each of the {counted_in_words(len(ours))} pairs of windows\n({ends(theirs)} ms against {ends(ours)})"
        in said
    )


def counted_in_words(count: int) -> str:
    return {5: "five", 7: "seven"}[count]


def ends(figures: list[float]) -> str:
    return f"{min(figures):.2f} to {max(figures):.2f}"

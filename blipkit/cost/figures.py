"""The pictures of 05: the formula with its settings, costs side by side, the claim, sensitivity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from blipkit.cost.dollars import Saving, Swing, break_even_ratio, usd_per_million
from blipkit.cost.prices import Price
from blipkit.cost.rows import CostRow
from blipkit.display.figures import COLOURS, MARKERS, STYLES, axes, show
from blipkit.display.tables import number
from blipkit.records.typed import record_of, records_of

if TYPE_CHECKING:  # the verbs of these modules draw by this one
    from blipkit.cost.claim import Baseline
    from blipkit.cost.comparison import ComparedSystem
    from blipkit.cost.points import Point

WEIGHED, SHOWN_ONLY = COLOURS[0], COLOURS[5]
# by what a system is to this machine, as `ComparedSystem.standing` has it
COST_LOOKS: dict[str, dict[str, Any]] = {
    "weighed": {"fmt": "o", "color": WEIGHED},
    "published": {"fmt": "s", "color": SHOWN_ONLY},
    "published, another model": {"fmt": "D", "color": COLOURS[6], "mfc": "white"},
}
A_SETTING = "a setting of 04"


def draw_points(settings: Sequence[CostRow], points: Sequence[Point]) -> None:
    """USD per million against good answers per second: every setting of 04, and the points."""
    priced = [row for row in settings if row.cost.usd_per_million.value]
    shown = [point for point in points if point.cost.usd_per_million.value]
    if not priced:
        return
    rates = [row.cost.good_per_s.value for row in priced]
    usd = [row.cost.usd_per_million.value for row in priced]
    title = "The formula, and every setting on it"
    figure, ax = axes(title, "good answers per second", "USD per million")
    shares = sorted({point.cost.utilisation for point in points}, reverse=True)
    _draw_formula(ax, rates, settings[0].cost.usd_per_hour, shares)
    ax.plot(rates, usd, "o", color=SHOWN_ONLY, label=A_SETTING)
    for place, point in enumerate(shown):
        look = {"marker": MARKERS[place + 1], "ms": 13 - 4 * place, "color": COLOURS[place]}
        spot = (point.cost.good_per_s.value, point.cost.usd_per_million.value)
        ax.plot(*spot, linestyle="", label=point.at, **look)
    ax.set_ylim(bottom=0)
    ax.legend()
    costs = "; ".join(f"{one.at}: {one.cost.usd_per_million.value:.3g} USD" for one in shown)
    caption = f"A million good answers, by the formula. {costs or 'No point has a cost'}"
    cells = [_cells(point, point.at) for point in points]
    cells += [_cells(row, A_SETTING) for row in priced]
    show(figure, caption, cells, detail=True)


def _draw_formula(ax, rates: Sequence[float], usd_per_hour: float, shares: Sequence[float]) -> None:
    """A line for each share of the time in which machines are busy, beyond these rates."""
    least = 0.8 * min(rates)
    most = 1.1 * max(rates)
    span = [least + (most - least) * step / 100 for step in range(101)]
    for place, busy in enumerate(shares):
        costs = [usd_per_million(usd_per_hour, rate, busy) for rate in span]
        label = f"{usd_per_hour:g} USD/h, busy {busy:.0%}"
        ax.plot(span, costs, linestyle=STYLES[place], color=COLOURS[6], label=label)


def _cells(row: CostRow | Point, at: str) -> dict[str, Any]:
    """What the table under `draw_points` shows of a row."""
    columns = ("servers", "clients", "good_per_s", "utilisation", "usd_per_million")
    record = record_of(row)
    cells = {"at": at}
    cells.update((name, record[name]) for name in columns)
    return cells


def draw_costs(systems: Sequence[ComparedSystem]) -> None:
    """What a million good answers cost on each system, with intervals, on a logarithmic scale: a
    demonstration model's answers cost hundredths of BLIP's.
    """
    title = "What a million good answers cost"
    figure, ax = axes(title, "USD, with intervals", "", (9, 1.6 + 0.55 * len(systems)))
    costs = []
    for place, row in enumerate(systems):
        usd = row.system.cost.usd_per_million
        reach = [[usd.value - (usd.low or usd.value)], [(usd.high or usd.value) - usd.value]]
        look = COST_LOOKS[row.standing]
        ax.errorbar(usd.value, place, xerr=reach, capsize=4, ms=8, label=row.standing, **look)
        costs.append(f"{row.system.arm} on {row.machine}: {usd.value:.3g} USD")
    ax.set_yticks(range(len(systems)), map(_beside_its_mark, systems))
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    handles, standings = ax.get_legend_handles_labels()
    once = dict(zip(standings, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=len(once))
    columns = ("machine", "profile", "arm", "usd_per_million")
    columns += ("usd_per_million_low", "usd_per_million_high", "unlike")
    cells = [{name: record[name] for name in columns} for record in records_of(systems)]
    show(figure, "; ".join(costs), cells)


def _beside_its_mark(row: ComparedSystem) -> str:
    """A system in the picture, where a machine's whole name has no room."""
    system = row.system
    machine = system.machine.partition(",")[0]
    return f"{system.arm}\n{machine}, {system.profile}"


def draw_break_even(
    baselines: Sequence[Baseline],
    candidate: Price,
    target: float,
    measured: Sequence[Saving],
) -> None:
    """GPU prices against throughput ratios: a line for each saving, a dot for each GPU.

    baselines: the cheapest first; measured: savings of pairs of systems, a star each.
    """
    title = "Which GPU, and how much faster?"
    figure, ax = axes(title, "candidate's throughput over the GPU's", "GPU, USD/h", (7.2, 5))
    hourly = [row.usd_per_hour for row in baselines]
    ends = [0.8 * hourly[0], 1.25 * hourly[-1]]
    shares = (0.0, 0.5, target)
    for share, colour in zip(shares, (COLOURS[6], COLOURS[0], COLOURS[1]), strict=True):
        ratios = [break_even_ratio(candidate.usd_per_hour, usd, share) for usd in ends]
        ax.plot(ratios, ends, color=colour, label=f"saves {share:.0%}")
    ax.plot([1] * len(hourly), hourly, "o", color=COLOURS[2], label="equal throughput")
    label = "measured"
    for saving in measured:
        ratio = 1 / saving.throughput_effect
        usd = candidate.usd_per_hour / saving.price_effect
        ax.plot(ratio, usd, "*", color=COLOURS[3], ms=14, label=label)
        label = None  # one in the legend is enough
    for place, row in enumerate(baselines):
        side = "right" if place % 2 else "left"
        spot = (1, row.usd_per_hour)
        ax.annotate(f"   {row.incumbent}   ", spot, fontsize=7, ha=side, va="center")
    ax.set(xscale="log", yscale="log", xlim=(0.05, 20))
    ax.legend(loc="lower left")
    needs = [f"{row.incumbent} needs {row.needed_throughput_ratio:.2f} times" for row in baselines]
    show(figure, "; ".join(needs), records_of(baselines))


def draw_sensitivity(swings: Sequence[Swing]) -> None:
    """A bar for each knob, from an answer's cost at one end of its range to that at the other."""
    title = "What moves the cost of an answer"
    figure, ax = axes(title, "USD per million good answers", "", (7.2, 2.2))
    for place, swing in enumerate(swings):
        width = swing.at_end - swing.at_start
        ax.barh(place, width, left=swing.at_start, color=COLOURS[place])
    labels = [f"{swing.what}: {number(swing.start)} to {number(swing.end)}" for swing in swings]
    ax.set_yticks(range(len(swings)), labels)
    ax.invert_yaxis()
    moves = [
        f"{one.what} from {number(one.at_start)} to {number(one.at_end)} USD" for one in swings
    ]
    show(figure, "; ".join(moves), records_of(swings))

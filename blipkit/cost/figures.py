"""The pictures of 05: the formula with its settings, costs side by side, the claim, sensitivity."""

from collections.abc import Sequence

from blipkit.cost.dollars import break_even_ratio, usd_per_million
from blipkit.cost.prices import Price
from blipkit.display.figures import COLOURS, MARKERS, STYLES, axes, show

OURS, THEIRS = COLOURS[0], COLOURS[5]  # weighed, and only shown


def draw_points(settings: Sequence[dict], points: Sequence[dict]) -> None:
    """USD per million against good answers per second: every setting of 04, and the three points.

    settings: records of kind `cost`; points: of kind `points`.
    """
    priced = [row for row in settings if row["usd_per_million"]]
    shown = [row for row in points if row["usd_per_million"]]
    rates = [row["good_per_s"] for row in priced]
    if not rates:
        return
    title = "The formula, and every setting on it"
    figure, ax = axes(title, "good answers per second", "USD per million")
    usd_per_hour = settings[0]["usd_per_hour"]
    least = 0.8 * min(rates)
    most = 1.1 * max(rates)
    span = [least + (most - least) * step / 100 for step in range(101)]
    for place, busy in enumerate(sorted({row["utilisation"] for row in points}, reverse=True)):
        costs = [usd_per_million(usd_per_hour, rate, busy) for rate in span]
        label = f"{usd_per_hour:g} USD/h, busy {busy:.0%}"
        ax.plot(span, costs, linestyle=STYLES[place], color=COLOURS[6], label=label)
    usd = [row["usd_per_million"] for row in priced]
    ax.plot(rates, usd, "o", color=THEIRS, label="a setting of 04")
    for place, row in enumerate(shown):
        about = {"marker": MARKERS[place + 1], "ms": 13 - 4 * place, "color": COLOURS[place]}
        ax.plot(row["good_per_s"], row["usd_per_million"], linestyle="", label=row["at"], **about)
    ax.set_ylim(bottom=0)
    ax.legend()
    said = "; ".join(f"{row['at']}: {row['usd_per_million']:.3g} USD" for row in shown)
    caption = f"A million good answers, by the formula. {said or 'No point has a cost'}"
    show(figure, caption, _rows_of_points(points, priced), detail=True)


def _rows_of_points(points: Sequence[dict], settings: Sequence[dict]) -> list[dict]:
    """The data of `draw_points`: the points, then the settings."""
    columns = ("servers", "clients", "good_per_s", "utilisation", "usd_per_million")
    rows = []
    for row in (*points, *settings):
        about = {"at": row.get("at", "a setting of 04")}
        about.update((name, row[name]) for name in columns)
        rows.append(about)
    return rows


def draw_costs(systems: Sequence[dict]) -> None:
    """What a million good answers cost on each system, with intervals; rows of `Systems`."""
    size = (7.2, 1.2 + 0.6 * len(systems))
    figure, ax = axes("What a million good answers cost", "USD, with 95 % intervals", "", size)
    labels = []
    for place, row in enumerate(systems):
        usd = row["usd_per_million"]
        low = row["usd_per_million_low"] or usd
        high = row["usd_per_million_high"] or usd
        colour = OURS if row["weighed"] else THEIRS
        ax.barh(place, usd, xerr=[[usd - low], [high - usd]], color=colour, capsize=4)
        labels.append(f"{row['arm']}\n{_machine_of(row)}")
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    said = []
    for row in systems:
        said.append(f"{row['arm']} on {_machine_of(row)}: {row['usd_per_million']:.3g} USD")
    columns = ("machine", "arm", "usd_per_million", "usd_per_million_low", "usd_per_million_high")
    shown = [{name: row[name] for name in columns} for row in systems]
    show(figure, "; ".join(said), shown)


def _machine_of(row: dict) -> str:
    """A system's machine, and whether others published its figures."""
    if row["weighed"]:
        return row["machine"]
    return f"{row['machine']}, published"


def draw_break_even(
    baselines: Sequence[dict],
    candidate: Price,
    target: float,
    measured: Sequence[dict],
) -> None:
    """GPU prices against throughput ratios: a line for each saving, a dot for each GPU.

    baselines: records of kind `baselines`, the cheapest first; measured: of kind `savings`, a star
    each.
    """
    title = "Which GPU, and how much faster?"
    figure, ax = axes(title, "candidate's throughput over the GPU's", "GPU, USD/h", (7.2, 5))
    hourly = [row["usd_per_hour"] for row in baselines]
    ends = [0.8 * hourly[0], 1.25 * hourly[-1]]
    shares = (0.0, 0.5, target)
    for share, colour in zip(shares, (COLOURS[6], COLOURS[0], COLOURS[1]), strict=True):
        ratios = [break_even_ratio(candidate.usd_per_hour, usd, share) for usd in ends]
        ax.plot(ratios, ends, color=colour, label=f"saves {share:.0%}")
    ax.plot([1] * len(hourly), hourly, "o", color=COLOURS[2], label="equal throughput")
    label = "measured"
    for row in measured:
        ratio = 1 / row["throughput_effect"]
        usd = candidate.usd_per_hour / row["price_effect"]
        ax.plot(ratio, usd, "*", color=COLOURS[3], ms=14, label=label)
        label = None  # one in the legend is enough
    for place, row in enumerate(baselines):
        side = "right" if place % 2 else "left"
        spot = (1, row["usd_per_hour"])
        ax.annotate(f"   {row['incumbent']}   ", spot, fontsize=7, ha=side, va="center")
    ax.set(xscale="log", yscale="log", xlim=(0.05, 20))
    ax.legend(loc="lower left")
    said = []
    for row in baselines:
        said.append(f"{row['incumbent']} needs {row['needed_throughput_ratio']:.2f} times")
    show(figure, "; ".join(said), baselines)


def draw_sensitivity(swings: Sequence[dict]) -> None:
    """A bar for each knob, from the camera's cost at one end of its range to that at the other."""
    title = "What moves the cost of a camera"
    figure, ax = axes(title, "USD a camera and year", "", (7.2, 2.6))
    for place, row in enumerate(swings):
        width = row["at_to"] - row["at_from"]
        ax.barh(place, width, left=row["at_from"], color=COLOURS[place])
    labels = [f"{row['what']}: {row['from']:.3g} to {row['to']:.3g}" for row in swings]
    ax.set_yticks(range(len(swings)), labels)
    ax.invert_yaxis()
    said = [f"{row['what']} from {row['at_from']:.3g} to {row['at_to']:.3g} USD" for row in swings]
    show(figure, "; ".join(said), swings)

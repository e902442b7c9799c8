"""The pictures of 03: how many answers it takes, where errors arise, margins, calibration."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from blipkit.display.figures import COLOURS, MARKERS, STYLES, axes, show
from blipkit.parity.answer_pairs import AnswerPair
from blipkit.parity.calls import Call
from blipkit.records.typed import record_of
from blipkit.statistics import Bin, share_bound

FLOOR = 1e-9  # relative L2; no error at all is drawn here
LEAST_NATS = 1e-7  # so are margins, and movements of them, in nats
SHARES = (0.5, 0.9, 0.99, 1.0)  # of the answers, in the data of a figure
FLIPS = (0, 1, 3)


def colour_at(place: int) -> str:
    """The colour of the arm at this place."""
    return COLOURS[place % len(COLOURS)]


def marker_at(place: int) -> str:
    """The marker of the arm at this place."""
    return MARKERS[place % len(MARKERS)]


def style_at(place: int):
    """The line of the arm at this place."""
    return STYLES[place % len(STYLES)]


def plot_arm(ax, place: int, arm: str, x: Sequence, y: Sequence[float]) -> None:
    """A line that differs from other arms' without colour, too."""
    look = {"color": colour_at(place), "marker": marker_at(place), "linestyle": style_at(place)}
    ax.plot(x, y, label=arm, **look)


def show_flip_bounds(asked: int, limit: float) -> None:
    """How tightly so many frames bound the share with a flip (upper 95 %), by how many have one.

    asked: frames that will be judged; limit: the share that is allowed.
    """
    most = 4 * max(asked, round(4 / limit))
    counts = np.unique(np.geomspace(10, most, 40).astype(int))
    rows = []
    for n in counts:
        row = {"frames": int(n)}
        for flips in FLIPS:
            row[named_flips(flips)] = share_bound(flips, int(n))
        rows.append(row)
    figure, ax = axes("What so many frames can show", "frames", "upper 95 % bound of flips")
    for place, flips in enumerate(FLIPS):
        bounds = [row[named_flips(flips)] for row in rows]
        look = {"color": COLOURS[place], "linestyle": STYLES[place]}
        ax.plot(counts, bounds, label=named_flips(flips), **look)
    ax.axhline(limit, color="black", linewidth=1, label="the limit")
    if asked:
        ax.axvline(asked, color="#999999", linewidth=1, label="asked here")
    ax.set(xscale="log", yscale="log")
    ax.legend()
    bounds = "; ".join(
        f"{named_flips(n)}: {share_bound(n, asked):.2%}" for n in FLIPS if n <= asked
    )
    caption = f"{asked} frames bound the share by: {bounds}; limit {limit:.2%}"
    show(figure, caption, rows, detail=True)


def named_flips(count: int) -> str:
    return {0: "no flip", 1: "1 flip"}.get(count, f"{count} flips")


def show_errors(
    arms: Sequence[str], components: Sequence[str], worst: Mapping[tuple[str, str], Call]
) -> None:
    """Draw the worst error of each component, a line for each arm.

    worst: arm and component -> the call with the largest error, where it was called.
    """
    figure, ax = axes("Error by component", "", "worst relative L2 error")
    rows = []
    for place, arm in enumerate(arms):
        errors = [_relative_l2(worst.get((arm, name))) for name in components]
        plot_arm(ax, place, arm, components, [max(error, FLOOR) for error in errors])
        row: dict = {"arm": arm}
        row.update(zip(components, errors, strict=True))
        rows.append(row)
    ax.set_yscale("log")
    figure.legend(loc="outside lower center", ncols=2)
    highest = max(worst.values(), key=lambda call: call.error)
    error = highest.comparison.relative_l2
    show(figure, f"highest: {highest.arm} in {highest.component}, {error:.2g}", rows, detail=True)


def _relative_l2(call: Call | None) -> float:
    """A call's error; NaN where there was no call."""
    if call is None:
        return math.nan
    return call.comparison.relative_l2


def show_histogram(call: Call) -> None:
    """One call's errors beside those of its same-precision baseline."""
    figures = call.comparison
    candidate = np.array(figures.candidate_errors) / figures.compared
    baseline = np.array(figures.baseline_errors) / figures.compared
    width = 2 * figures.reach / (len(candidate) - 2)  # one bin at each end is for what lies beyond
    centres = (np.arange(-1, len(candidate) - 1) + 0.5) * width - figures.reach
    title = f"Errors of {call.component}: {call.arm}"
    figure, ax = axes(title, "error against the reference", "share of elements")
    ax.fill_between(centres, baseline, step="mid", color="#BBBBBB", label=call.baseline)
    ax.step(centres, candidate, where="mid", color="black", label=call.arm)
    figure.legend(loc="outside lower center", ncols=2)
    alike = f"histograms overlap {figures.overlap:.4f}, spread {figures.sigma_ratio:.3f} to 1"
    rows = [
        {"error": centre, call.arm: share, call.baseline: of_baseline}
        for centre, share, of_baseline in zip(centres, candidate, baseline, strict=True)
    ]
    show(figure, f"{call.arm} and {call.baseline}: {alike}", rows, detail=True)


def show_margins(by_arm: Mapping[str, Sequence[AnswerPair]]) -> None:
    """The reference's margins, arms' movements of them, and flips at theirs.

    by_arm: arm -> its pairs, of questions with candidates. Answers that are not a number move
    nothing that could be drawn; the caption counts them.
    """
    import pandas

    title = "Margins, and how far arms move them"
    figure, ax = axes(title, "nats", "share of answers at or below", (7.2, 4.8))
    first = next(iter(by_arm.values()))
    margins = np.maximum([pair.reference.margin for pair in first], LEAST_NATS)
    ax.ecdf(margins, color="black", label="reference margin")
    quantiles = [["reference margin", *np.quantile(margins, SHARES)]]
    flip_rows = []
    parts = []
    for place, (arm, pairs) in enumerate(by_arm.items()):
        flips = [pair.reference.margin for pair in pairs if pair.flipped]
        movements = [pair.movement for pair in pairs if not math.isnan(pair.movement)]
        parts.append(_moved_in_words(arm, pairs, movements))
        if movements:
            drawn = np.maximum(movements, LEAST_NATS)
            line = {"color": _arm_colour(place), "linestyle": style_at(place)}
            ax.ecdf(drawn, label=f"moved by {arm}", **line)
            quantiles.append([f"moved by {arm}", *np.quantile(drawn, SHARES)])
        _mark_flips(ax, place, arm, flips)
        flip_rows += [[f"flip of {arm}, at a margin of", None, None, None, flip] for flip in flips]
    ax.set_xscale("log")
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    columns = ["of", *(f"{share:.0%}" for share in SHARES)]
    show(figure, "; ".join(parts), pandas.DataFrame(quantiles + flip_rows, columns=columns))


def _arm_colour(place: int) -> str:
    """The last colour is black, which is the reference's."""
    return COLOURS[place % (len(COLOURS) - 1)]


def _mark_flips(ax, place: int, arm: str, margins: Sequence[float]) -> None:
    """Flips at the reference's margins, each arm's at a height of its own."""
    if margins:
        heights = [0.05 * (place + 1)] * len(margins)
        look = {"color": _arm_colour(place), "markeredgecolor": "black"}
        at = np.maximum(margins, LEAST_NATS)
        ax.plot(at, heights, marker_at(place), label=f"flip of {arm}", **look)


def _moved_in_words(arm: str, pairs: Sequence[AnswerPair], movements: Sequence[float]) -> str:
    """How far an arm moved margins, how many answers flipped, and how many are not a number."""
    most = max(movements, default=math.nan)
    flips = sum(pair.flipped for pair in pairs)
    words = f"{arm} moved margins by up to {most:.2g} nats, {flips} flips"
    if len(movements) < len(pairs):
        words += f", {len(pairs) - len(movements)} answers not a number"
    return words


def show_reliability(bins: Mapping[str, Sequence[Bin]], errors: Mapping[str, float]) -> None:
    """Draw how many answers were right of those given with about the same confidence, by arm.

    bins: arm -> those of `statistics.reliability`; errors: arm -> expected calibration error.
    """
    figure, ax = axes("Reliability", "confidence", "share of right answers", (7.2, 4.2))
    ax.plot([0.5, 1], [0.5, 1], color="#999999", label="as it should be")
    curve = []
    for place, (arm, rows) in enumerate(bins.items()):
        confidence = [row.confidence for row in rows]
        plot_arm(ax, place, arm, confidence, [row.right.value for row in rows])
        for row in rows:
            point: dict = {"arm": arm}
            point.update(record_of(row))
            curve.append(point)
    figure.legend(loc="outside lower center", ncols=2)
    listed = "; ".join(f"{arm} {error:.3f}" for arm, error in errors.items())
    show(figure, f"expected calibration error: {listed}", curve, detail=True)

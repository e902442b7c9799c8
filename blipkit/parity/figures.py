"""The pictures of 03: how many answers it takes, where errors arise, margins, calibration."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from blipkit.display.figures import COLOURS, MARKERS, STYLES, axes, show
from blipkit.records.typed import record_of
from blipkit.statistics import Bin, wilson

if TYPE_CHECKING:
    import pandas

FLOOR = 1e-9  # relative L2; no error at all is drawn here
LEAST_NATS = 1e-7  # so are margins, and movements of them, in nats
SHARES = (0.5, 0.9, 0.99, 1.0)
FLIPS = (0, 1, 3)


def marks(place: int) -> dict:
    """Colour, marker and line of the arm at this place: they differ without colour, too."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": STYLES[place % len(STYLES)],
    }


def show_flip_bounds(asked: int, limit: float) -> None:
    """How tightly so many answers bound the rate of flips (upper 95 %), by how many flipped.

    asked: answers that will be judged; limit: the rate that is allowed.
    """
    most = 4 * max(asked, round(4 / limit))
    counts = np.unique(np.geomspace(10, most, 40).astype(int))
    rows = []
    for n in counts:
        row = {"answers": int(n)}
        for flips in FLIPS:
            row[named_flips(flips)] = wilson(flips, int(n)).high
        rows.append(row)
    figure, ax = axes("What so many answers can show", "answers", "upper 95 % bound of flips")
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
        f"{named_flips(n)}: {wilson(n, asked).high:.2%}" for n in FLIPS if n <= asked
    )
    caption = f"{asked} answers bound the rate by: {bounds}; limit {limit:.2%}"
    show(figure, caption, rows, detail=True)


def named_flips(count: int) -> str:
    return {0: "no flip", 1: "1 flip"}.get(count, f"{count} flips")


def show_errors(
    arms: Sequence[str], components: Sequence[str], errors: Mapping, highest: dict
) -> None:
    """errors: arm and component -> worst relative L2 error; highest: the row of the largest one."""
    figure, ax = axes("Error by component", "", "worst relative L2 error")
    for place, arm in enumerate(arms):
        drawn = [max(errors[arm, name], FLOOR) for name in components]
        ax.plot(components, drawn, label=arm, **marks(place))
    ax.set_yscale("log")
    figure.legend(loc="outside lower center", ncols=2)
    rows = []
    for arm in arms:
        row: dict = {"arm": arm}
        for name in components:
            row[name] = errors[arm, name]
        rows.append(row)
    worst = f"{highest['arm']} in {highest['component']}, {highest['relative_l2']:.2g}"
    show(figure, f"highest: {worst}", rows, detail=True)


def show_histogram(row: dict) -> None:
    """One call's errors beside those of its number format; row: as recorded in `parity`."""
    arm = row["arm"]
    model = row["baseline"]
    ours = np.array(row["candidate_errors"]) / row["compared"]
    theirs = np.array(row["baseline_errors"]) / row["compared"]
    width = 2 * row["reach"] / (len(ours) - 2)  # one bin at each end is for what lies beyond
    centres = (np.arange(-1, len(ours) - 1) + 0.5) * width - row["reach"]
    title = f"Errors of {row['component']}: {arm}"
    figure, ax = axes(title, "error against the reference", "share of elements")
    ax.fill_between(centres, theirs, step="mid", color="#BBBBBB", label=model)
    ax.step(centres, ours, where="mid", color="black", label=arm)
    ax.legend()
    overlap = f"histograms overlap {row['overlap']:.4f}, spread {row['sigma_ratio']:.3f} to 1"
    beside = [
        {"error": centre, arm: a, model: b}
        for centre, a, b in zip(centres, ours, theirs, strict=True)
    ]
    show(figure, f"{arm} and {model}: {overlap}", beside, detail=True)


def show_margins(arms: Sequence[str], judged: "pandas.DataFrame") -> None:
    """The reference's margins, arms' movements of them, flips at theirs; judged: of `decisions`."""
    margins = judged[judged.arm == arms[0]].reference_margin.clip(lower=LEAST_NATS)
    moved = {arm: judged[judged.arm == arm].moved.clip(lower=LEAST_NATS) for arm in arms}
    turned = {arm: judged[(judged.arm == arm) & judged.flipped].reference_margin for arm in arms}
    title = "Margins, and how far arms move them"
    figure, ax = axes(title, "nats", "share of answers at or below", (7.2, 4.8))
    ax.ecdf(margins, color="black", label="reference margin")
    for place, arm in enumerate(arms):
        look = marks(place % (len(COLOURS) - 1))  # the last is black, the reference's
        line = {"color": look["color"], "linestyle": STYLES[place % len(STYLES)]}
        ax.ecdf(moved[arm], label=f"moved by {arm}", **line)
        at = turned[arm].clip(lower=LEAST_NATS)
        if len(at):
            heights = [0.05 * (place + 1)] * len(at)
            mark = {"color": look["color"], "markeredgecolor": "black", "label": f"flip of {arm}"}
            ax.plot(at, heights, MARKERS[place % len(MARKERS)], **mark)
    ax.set_xscale("log")
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    said = []
    for arm in arms:
        most = judged[judged.arm == arm].moved.max()
        said.append(f"{arm} moved margins by up to {most:.2g} nats, {len(turned[arm])} flips")
    rows = [quantiles("reference margin", margins)]
    rows += [quantiles(f"moved by {arm}", of) for arm, of in moved.items()]
    rows += [
        {"of": f"flip of {arm}, at a margin of", "100%": margin}
        for arm, of in turned.items()
        for margin in of
    ]
    show(figure, "; ".join(said), rows)


def quantiles(of: str, values) -> dict:
    """A row of the figure's data: how far some shares of the values reach."""
    row: dict = {"of": of}
    for share in SHARES:
        row[f"{share:.0%}"] = values.quantile(share)
    return row


def show_reliability(bins: Mapping[str, Sequence[Bin]], errors: Mapping[str, float]) -> None:
    """bins: arm -> those of `statistics.reliability`; errors: arm -> expected calibration error."""
    figure, ax = axes("Reliability", "confidence", "share of right answers", (7.2, 4.2))
    ax.plot([0.5, 1], [0.5, 1], color="#999999", label="as it should be")
    curve = []
    for place, (arm, rows) in enumerate(bins.items()):
        at = [one.confidence for one in rows]
        right = [one.right.value for one in rows]
        ax.plot(at, right, label=arm, **marks(place))
        for row in rows:
            point: dict = {"arm": arm}
            point.update(record_of(row))
            curve.append(point)
    figure.legend(loc="outside lower center", ncols=2)
    said = "; ".join(f"{arm} {error:.3f}" for arm, error in errors.items())
    show(figure, f"expected calibration error: {said}", curve, detail=True)

"""Pictures of what compiling produced: megabytes and seconds by arm and component."""

from collections.abc import Sequence

from blipkit.display.figures import COLOURS, axes, show

BAR = 0.38  # of the distance between two rows of bars


def draw_megabytes(rows: Sequence[dict]) -> None:
    """Draw the megabytes of the first bucket's artifacts, predicted from weights and measured.

    rows: records of kind `artifacts`. Nothing is drawn where there are none.
    """
    drawn = [row for row in _of_first_bucket(rows) if "mb" in row]
    if not drawn:
        return
    ax, figure = _bars(drawn, "Size of each compiled component", "MB")
    places = range(len(drawn))
    low, high = ([place + shift for place in places] for shift in (-BAR / 2, BAR / 2))
    predicted = [row["predicted_mb"] for row in drawn]
    measured = [row["mb"] for row in drawn]
    ax.barh(low, predicted, BAR, color="white", edgecolor=COLOURS[0], hatch="//", label="predicted")
    ax.barh(high, measured, BAR, color=COLOURS[0], label="measured")
    figure.legend(loc="outside lower center", ncols=2)  # on the axes it would hide bars
    ratios = [now / then for now, then in zip(measured, predicted, strict=True)]
    between = f"measured is {min(ratios):.3f} to {max(ratios):.3f} times predicted"
    caption = f"{_first_words(drawn)}: {between}."
    columns = ("arm", "component", "bucket", "mb", "predicted_mb")
    show(figure, caption, [{name: row.get(name) for name in columns} for row in rows], detail=True)


def draw_seconds(rows: Sequence[dict]) -> None:
    """Draw the seconds that compiling the first bucket's artifacts took, and what was forecast.

    rows: records of kind `artifacts`. An emulated arm has no seconds; where no arm has any, nothing
    is drawn.
    """
    drawn = [row for row in _of_first_bucket(rows) if row.get("seconds") is not None]
    if not drawn:
        return
    ax, figure = _bars(drawn, "Time that compiling each component took", "seconds")
    ax.barh(range(len(drawn)), [row["seconds"] for row in drawn], 2 * BAR, color=COLOURS[1])
    for place, row in enumerate(drawn):
        if "predicted_s" in row:
            ax.plot(row["predicted_s"], place, "D", color=COLOURS[6])
    longest = max(drawn, key=_seconds)
    total = f"they took {sum(row['seconds'] for row in drawn):.1f} s"
    which = f"the longest, {longest['component']} for {longest['arm']}, {longest['seconds']:.1f} s"
    caption = f"{_first_words(drawn)}: {total}; {which}."
    if any("predicted_s" in row for row in drawn):
        caption += " A diamond is a forecast."
    columns = ("arm", "component", "bucket", "seconds", "predicted_s")
    shown = [{name: row[name] for name in columns if name in row} for row in rows]
    show(figure, caption, shown, detail=True)


def _seconds(row: dict) -> float:
    return row["seconds"]


def _of_first_bucket(rows: Sequence[dict]) -> list[dict]:
    """The rows of one bucket: another's differ in shapes, not in weights."""
    return [row for row in rows if row["bucket"] == rows[0]["bucket"]]


def _first_words(drawn: Sequence[dict]) -> str:
    """Which rows are drawn, in words that begin a caption."""
    arms = len({row["arm"] for row in drawn})
    of = f"{arms} arms"
    if arms == 1:
        of = "one arm"
    return f"{len(drawn)} compiled components of {of}, in the bucket {drawn[0]['bucket']}"


def _bars(drawn: Sequence[dict], title: str, unit: str):
    """(axes, figure) with a line for each row, the first one on top, named by arm and component."""
    figure, ax = axes(title, unit, "", (8.2, 1.1 + 0.32 * len(drawn)))
    ax.set_yticks(range(len(drawn)), [f"{row['arm']}: {row['component']}" for row in drawn])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    return ax, figure

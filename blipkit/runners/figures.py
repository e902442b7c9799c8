"""Pictures of what compiling produced: megabytes and seconds by arm and component."""

from collections.abc import Sequence

from blipkit.display.figures import COLOURS, axes, show
from blipkit.records.typed import records_of
from blipkit.runners.artifacts import CompiledComponent

BAR = 0.38  # of the distance between two rows of bars


def draw_megabytes(rows: Sequence[CompiledComponent]) -> None:
    """Draw the megabytes of the first bucket's artifacts, predicted from weights and measured.

    Nothing is drawn where nothing was compiled.
    """
    drawn = [row for row in _of_first_bucket(rows) if row.mb is not None]
    if not drawn:
        return
    figure, ax = _bars(drawn, "Size of each compiled component", "MB")
    places = range(len(drawn))
    low, high = ([place + shift for place in places] for shift in (-BAR / 2, BAR / 2))
    predicted = [row.predicted_mb for row in drawn]
    measured = [row.mb for row in drawn]
    ax.barh(low, predicted, BAR, color="white", edgecolor=COLOURS[0], hatch="//", label="predicted")
    ax.barh(high, measured, BAR, color=COLOURS[0], label="measured")
    figure.legend(loc="outside lower center", ncols=2)  # on the axes it would hide bars
    ratios = [row.mb / row.predicted_mb for row in drawn]
    between = f"measured is {min(ratios):.3f} to {max(ratios):.3f} times predicted"
    columns = ["arm", "component", "bucket", "mb", "predicted_mb"]
    show(figure, f"{_first_words(drawn)}: {between}.", _table(rows, columns), detail=True)


def draw_seconds(rows: Sequence[CompiledComponent]) -> None:
    """Draw the seconds that compiling the first bucket's artifacts took, and what was forecast.

    An emulated arm has no seconds; where no arm has any, nothing is drawn.
    """
    drawn = [row for row in _of_first_bucket(rows) if row.seconds is not None]
    if not drawn:
        return
    figure, ax = _bars(drawn, "Time that compiling each component took", "seconds")
    ax.barh(range(len(drawn)), [row.seconds for row in drawn], 2 * BAR, color=COLOURS[1])
    for place, row in enumerate(drawn):
        if row.predicted_s is not None:
            ax.plot(row.predicted_s, place, "D", color=COLOURS[6])
    longest = max(drawn, key=_seconds)
    total = f"they took {sum(row.seconds for row in drawn):.1f} s"
    which = f"the longest, {longest.component} for {longest.arm}, {longest.seconds:.1f} s"
    caption = f"{_first_words(drawn)}: {total}; {which}."
    columns = ["arm", "component", "bucket", "seconds"]
    if any(row.predicted_s is not None for row in drawn):
        caption += " A diamond is a forecast."
        columns.append("predicted_s")
    show(figure, caption, _table(rows, columns), detail=True)


def _seconds(row: CompiledComponent) -> float:
    return row.seconds


def _of_first_bucket(rows: Sequence[CompiledComponent]) -> list[CompiledComponent]:
    """The rows of one bucket: another's differ in shapes, not in weights."""
    return [row for row in rows if row.bucket == rows[0].bucket]


def _table(rows: Sequence[CompiledComponent], columns: list[str]):
    """The figures that a picture shows, with those of the other buckets, as a pandas frame."""
    import pandas

    return pandas.DataFrame(records_of(rows), columns=columns)


def _first_words(drawn: Sequence[CompiledComponent]) -> str:
    """Which rows are drawn, in words that begin a caption."""
    count = len({row.arm for row in drawn})
    arms = f"{count} arms"
    if count == 1:
        arms = "one arm"
    return f"{len(drawn)} compiled components of {arms}, in the bucket {drawn[0].bucket}"


def _bars(drawn: Sequence[CompiledComponent], title: str, unit: str):
    """(figure, axes) with a line for each row, the first one on top, named by arm and component."""
    figure, ax = axes(title, unit, "", (8.2, 1.1 + 0.32 * len(drawn)))
    ax.set_yticks(range(len(drawn)), [f"{row.arm}: {row.component}" for row in drawn])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    return figure, ax

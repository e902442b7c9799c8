"""Pictures, frames and tables as HTML that needs nothing else: inline, with alt text, readable
without colour.

Shown in JupyterLab and in the report alike; where only text can be shown, the alt text is. A
terminal has rich's tables.
"""

import base64
import contextlib
import html
import io
import os
import sys
from collections.abc import Sequence

from blipkit.display.html import display_html
from blipkit.display.tables import table_html

# Okabe and Ito's, for any eyes
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("--", ":", "-.", (0, (7, 2)), (0, (3, 1, 1, 1, 1, 1)))  # lines that differ without colour


def axes(title: str, x: str, y: str, size: tuple[float, float] = (7.2, 3.6)):
    """(figure, axes) in the kit's style, whatever a matplotlibrc says; `y` and `x` carry units."""
    _import_matplotlib()
    import matplotlib
    import seaborn
    from matplotlib.figure import Figure

    matplotlib.rcdefaults()
    seaborn.set_theme(style="whitegrid", palette=COLOURS)
    # not pyplot's: it would ask for a window where MPLBACKEND names one
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    ax.set(title=title, xlabel=x, ylabel=y)
    return figure, ax


def _import_matplotlib() -> None:
    """Import it as it does by itself, but for an MPLBACKEND that it does not know: an editor's."""
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if backend is not None:
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
        os.environ["MPLBACKEND"] = backend


def show(figure, caption: str, rows, detail: bool = False) -> None:
    """Display a matplotlib figure as inline SVG, its caption and, folded, its data as a table under
    it.

    caption: a sentence or two made from the data, also the alt text; rows: the data, as
    `show_table` takes it; detail: for the chapter alone, not for the head of the report.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    picture = f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(caption)}">'
    table = table_html(rows, f"The data of the figure: {figure.axes[0].get_title()}")
    opened = "<figure>"
    if detail:
        opened = '<figure class="detail">'
    under = f"<figcaption>{html.escape(caption)}</figcaption>"
    folded = f"<details><summary>the data as a table</summary>{table}</details>"
    display_html(f"{opened}{picture}{under}{folded}</figure>", caption)


def show_frames(images: Sequence, captions: Sequence[str], width: int = 160) -> None:
    """Display PIL images in a row, each with its caption under it; None, a frame that is not on
    this machine.
    """
    parts = []
    for image, caption in zip(images, captions, strict=True):
        alt = html.escape("a frame: " + caption.replace("\n", "; "))
        lines = html.escape(caption).replace("\n", "<br>")
        picture = "<p>(not on this machine)</p>"
        if image is not None:
            source = f"data:image/png;base64,{_png(image, width)}"
            picture = f'<img class="frame" src="{source}" width="{width}" alt="{alt}">'
        style = f"display:inline-block;width:{width}px;margin:6px;vertical-align:top"
        parts.append(f'<figure style="{style}">{picture}<figcaption>{lines}</figcaption></figure>')
    display_html(f"<div>{''.join(parts)}</div>", "\n".join(captions))


def _png(image, width: int) -> str:
    """A frame at twice the width it is shown at, for sharp screens: a report must not weigh what a
    camera's frames do.
    """
    image = image.copy()
    image.thumbnail((2 * width, 4 * width))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()

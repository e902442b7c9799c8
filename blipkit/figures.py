"""Pictures, frames and tables as HTML that needs nothing else: inline, with alt text, readable without colour.

Shown in JupyterLab and in the report alike; where only text can be shown, the alt text is. A terminal has rich's tables.
"""

import base64
import html
import io
from collections.abc import Iterable, Sequence

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito's, for any eyes
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("--", ":", "-.", (0, (7, 2)), (0, (3, 1, 1, 1, 1, 1)))  # lines that differ without colour


def axes(title: str, x: str, y: str, size: tuple[float, float] = (7.2, 3.6)):
    """(figure, axes) in the kit's style; `y` and `x` carry units."""
    import matplotlib.pyplot as plt
    import seaborn

    seaborn.set_theme(style="whitegrid", palette=COLOURS)
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    ax.set(title=title, xlabel=x, ylabel=y)
    return figure, ax


def show(figure, alt: str, rows, detail: bool = False) -> None:
    """Display a matplotlib figure as inline SVG, its data in a table folded under it, then close it.

    alt: one sentence made from the data; rows: the data, as `show_table` takes it; detail: for the chapter alone, not
    for the head of the report.
    """
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    picture = f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(alt)}">'
    table = table_html(rows, f"The data of the figure: {figure.axes[0].get_title()}")
    opened = '<figure class="detail">' if detail else "<figure>"
    _display(f"{opened}{picture}<details><summary>the data as a table</summary>{table}</details></figure>", alt)


def show_frames(images: Sequence, captions: Sequence[str], width: int = 160) -> None:
    """Display PIL images in a row, each with its caption under it; None, a frame that is not on this machine."""
    parts = []
    for image, caption in zip(images, captions, strict=True):
        alt, lines = html.escape("a frame: " + caption.replace("\n", "; ")), html.escape(caption).replace("\n", "<br>")
        picture = "<p>(not on this machine)</p>"
        if image is not None:
            source = f"data:image/png;base64,{_png(image, width)}"
            picture = f'<img class="frame" src="{source}" width="{width}" alt="{alt}">'
        style = f"display:inline-block;width:{width}px;margin:6px;vertical-align:top"
        parts.append(f'<figure style="{style}">{picture}<figcaption>{lines}</figcaption></figure>')
    _display(f"<div>{''.join(parts)}</div>", "\n".join(captions))


def show_table(rows, caption: str, columns: Sequence[str] | None = None) -> None:
    """Display rows (dicts or a pandas frame) as a table with a caption; floats as `number` has them."""
    import pandas

    frame = pandas.DataFrame(rows, columns=columns)
    _display(table_html(frame, caption), f"{caption}\n{frame.to_string(index=False)}")


def table_html(rows, caption: str) -> str:
    """The table that `show_table` displays, as HTML."""
    import pandas

    # a column of None alone is no number to pandas
    frame = pandas.DataFrame(rows).fillna(float("nan"))
    table = frame.to_html(index=False, border=0, float_format=number, na_rep="not known")
    said = f"<caption>{html.escape(caption)}</caption><thead>"
    return table.replace("<thead>", said, 1).replace("<th>", '<th scope="col">')


def number(value) -> str:
    """A figure to four significant digits, its whole part entire; a dash where there is none."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return "-" if value is None else str(value)


def terminal_table(columns: Sequence[str], rows: Iterable[Iterable[str]], **options):
    """A rich table for the command line; options: as `rich.table.Table` takes them."""
    from rich.table import Table
    from rich.text import Text

    made = Table(*columns, **options)
    for row in rows:
        made.add_row(*map(Text, row))  # Text: what a record says is no markup
    return made


def _png(image, width: int) -> str:
    """A frame at twice the width it is shown at, for sharp screens: a report must not weigh what a camera's frames do."""
    image = image.copy()
    image.thumbnail((2 * width, 4 * width))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _display(markup: str, text: str) -> None:
    from IPython.display import display

    display({"text/html": markup, "text/plain": text}, raw=True)

"""Tables with a caption, in a notebook, in the report and on a terminal, and how a figure is
written as text.
"""

import html
from collections.abc import Iterable, Sequence

from blipkit.display.html import display_html


def show_table(rows, caption: str, columns: Sequence[str] | None = None) -> None:
    """Display rows as a table with a caption; floats as `number` writes them.

    rows: records, dataclasses without nested ones, or a pandas frame; columns: those shown.
    """
    import pandas

    frame = pandas.DataFrame(rows, columns=columns)
    display_html(table_html(frame, caption), f"{caption}\n{frame.to_string(index=False)}")


def table_html(rows, caption: str) -> str:
    """The table that `show_table` displays, as HTML."""
    import pandas

    # a column of None alone is no number to pandas
    frame = pandas.DataFrame(rows).map(_without_python).fillna(float("nan"))
    table = frame.to_html(index=False, border=0, float_format=number, na_rep="not known")
    titled = f"<caption>{html.escape(caption)}</caption><thead>"
    return table.replace("<thead>", titled, 1).replace("<th>", '<th scope="col">')


def _without_python(value):
    """A cell as it is; figures by name as `gpu=95, inf2=5`."""
    if not isinstance(value, dict):
        return value
    return ", ".join(f"{name}={number(one)}" for name, one in value.items())


def show_folded(rows, caption: str) -> None:
    """Display rows as a table that a reader unfolds by its caption; as text, the whole of it."""
    import pandas

    text = pandas.DataFrame(rows).to_string(index=False)
    display_html(folded_html(rows, caption), f"{caption}\n{text}")


def folded_html(rows, caption: str) -> str:
    """The table that `show_folded` displays, as HTML."""
    head = f"<summary>{html.escape(caption)}</summary>"
    return f"<details>{head}{table_html(rows, caption)}</details>"


def show_ratio(name: str, measured: float | None, predicted: float, unit: str) -> None:
    """Print a measured figure beside the predicted one, and their ratio; None: not recorded."""
    if measured is None:
        print(f"{name}: not recorded, {number(predicted)} {unit} predicted")
        return
    figures = f"{number(measured)} {unit} measured, {number(predicted)} predicted"
    print(f"{name}: {figures}, ratio {number(measured / predicted)}")


def counted(count: int, noun: str) -> str:
    """A count with its noun, whose plural ends in -s."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}s"


def number(value) -> str:
    """A figure to four significant digits, its whole part entire; a dash where there is none."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    if abs(value) >= 1e4:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def terminal_table(columns: Sequence[str], rows: Iterable[Iterable[str]], **options):
    """A rich table for the command line; options: as `rich.table.Table` takes them."""
    from rich.table import Column, Table
    from rich.text import Text

    # where it is narrow a long name goes on below; the default would cut it
    heads = [Column(name, overflow="fold") for name in columns]
    table = Table(*heads, **options)
    for row in rows:
        table.add_row(*map(Text, row))  # Text: what a record says is no markup
    return table

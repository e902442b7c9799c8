"""The rows of a CSV file, each with its line; a file that is no strict CSV is refused by line."""

import csv
import io
import unicodedata
from pathlib import Path

from blipkit.errors import BadInput
from blipkit.reading.files import MB, read_text

EXPECTED = "expected comma-separated values"
LIMIT = 50 * MB


def csv_rows(path: Path, expected: str = EXPECTED) -> list[tuple[int, list[str]]]:
    """(line, cells) of every row that is not blank, cells in composed form (NFC), without the
    spaces around them.

    expected: what it should be and what to do, as a message goes on with it.
    BadInput names the line with a stray quote, a cell above 131,072 characters, a NUL or another
    encoding than UTF-8.
    """
    text = read_text(path, LIMIT, expected)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise BadInput(f"{path}, line {line}: a NUL character; {expected}")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        for row in reader:
            cells = [unicodedata.normalize("NFC", cell.strip()) for cell in row]
            if any(cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num}: {error}; {expected}") from None
    return rows

"""Files of one JSON object a line, as the tiers write them while they run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blipkit.errors import BadInput
from blipkit.reading.files import MB, read_bytes, shown_path
from blipkit.reading.json_text import parse_object

LIMIT = 200 * MB  # of a file: most of a million requests of a ledger


def read_json_lines(
    path: Path, expected: str, may_be_cut: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of each line; place: the file and its line, as a message names it.

    expected: what the file should be and what to do. may_be_cut: whoever wrote it may have been
    killed, so that a last line without its end is left out. BadInput names the line that is no
    object.
    """
    content = read_bytes(path, LIMIT, expected)
    lines = content.split(b"\n")
    unfinished = lines.pop()
    if unfinished and not may_be_cut:
        lines.append(unfinished)
    for number, line in enumerate(lines, 1):
        place = f"{shown_path(path)}, line {number}"
        if not line.strip():
            continue
        try:
            yield place, parse_object(line)
        except ValueError as error:
            raise BadInput(f"{place}: {error}; {expected}") from None

"""Files of one JSON object a line, as the tiers write them while they run."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blipkit.errors import BadInput
from blipkit.reading.files import MB, read_bytes, shown_path
from blipkit.reading.json_text import parse_object

LIMIT = 200 * MB  # of a file: most of a million requests of a ledger
TAIL = 2**20  # bytes that are read at once, from a file's end back, for its last line


class LineFile:
    """A file of lines that is written while requests are served: each line is in it at once, and
    whole, or not at all.

    What a process that was killed has left of its last line is no line to a reader; whoever goes on
    in the file removes it. One process writes to a file; several threads of it need a lock of their
    own.
    """

    def __init__(self, path: Path):
        self.path = path
        self._file = io.FileIO(path, "ab+")
        with contextlib.suppress(OSError):  # a pipe or a terminal, which has no end
            self._end_last_line()

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def add_text(self, text: str) -> None:
        """Write a line, with its end; OSError where the disk is full."""
        content = text.encode()
        size = os.fstat(self._file.fileno()).st_size
        try:
            while content:
                content = content[self._file.write(content) :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(size)  # of half a line, and the next one behind it
            raise

    def close(self) -> None:
        """Close the file; nothing waits to be written."""
        self._file.close()

    def _end_last_line(self) -> None:
        """Remove the beginning of an object that a killed process left; end any other line."""
        end = end_of_lines(self._file)
        self._file.seek(end)
        begins = self._file.read(1)
        if begins == b"{":
            self._file.truncate(end)
        elif begins:
            self._file.write(b"\n")


def end_of_lines(file: io.FileIO) -> int:
    """Where the last whole line of a file ends, bytes; 0 where there is none.

    What stands behind it is half of a line, which its writer may take away again.
    """
    end = file.seek(0, io.SEEK_END)
    while end > 0:
        start = max(0, end - TAIL)
        file.seek(start)
        place = file.read(end - start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0


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
        yield place, object_in(line, place, expected)


def object_in(line: bytes, place: str, expected: str) -> dict[str, Any]:
    """The object of a line; BadInput names the place of one that is none."""
    try:
        return parse_object(line)
    except ValueError as error:
        raise BadInput(f"{place}: {error}; {expected}") from None

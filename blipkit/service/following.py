"""A file of lines that another process goes on writing, read as it grows."""

import io
import os
import stat
from pathlib import Path
from typing import Any

from blipkit.errors import BadInput
from blipkit.reading.files import MB, shown_path
from blipkit.service.json_lines import end_of_lines, object_in

MOST = 64 * MB  # of what is read at once; no line is as long


class Followed:
    """What is added to a file from now on: whole lines alone, each once.

    A file that is not there yet is read from its beginning once it is. expected: what the file
    should be and what to do; lines: how many were read; is_behind: whether there was more than is
    read at once. BadInput for one that cannot be read.
    """

    def __init__(self, path: Path, expected: str):
        self.path = path
        self.expected = expected
        self.lines = 0
        self.is_behind = False
        self._read = 0  # bytes, all of whole lines
        self._seen: tuple[int, int] | None = None  # which file it is
        if file := self._open():
            with file:
                self._read = end_of_lines(file)

    def new(self) -> list[tuple[str, dict[str, Any]]]:
        """(place, object) of each line that was not there before.

        BadInput for a line that is none, and for a file that was replaced or became shorter.
        """
        file = self._open()
        if file is None:
            return []
        try:
            with file:
                file.seek(self._read)
                content = file.read(MOST)
        except OSError as error:
            raise self._problem(error.strerror) from None
        whole, end, rest = content.rpartition(b"\n")
        if len(rest) == MOST:
            raise self._problem(f"has a line of more than {MOST / MB:g} MB")
        self.is_behind = len(content) == MOST
        found = []
        for line in (whole + end).splitlines(keepends=True):
            place = f"{shown_path(self.path)}, byte {self._read}"
            self._read += len(line)
            if line.strip():
                found.append((place, object_in(line, place, self.expected)))
        self.lines += len(found)
        return found

    def _open(self) -> io.FileIO | None:
        """The file, the same as before; None where there was none yet."""
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):  # to open a pipe would wait for ever
                raise self._problem("is no regular file")
            file = io.FileIO(self.path)
        except FileNotFoundError:
            if self._seen:
                raise self._problem("was removed") from None
            return None
        except OSError as error:
            raise self._problem(error.strerror) from None
        try:
            self._check(os.fstat(file.fileno()))
        except BadInput:
            file.close()
            raise
        return file

    def _check(self, status: os.stat_result) -> None:
        """Refuse another file than before, and one that lost what was read of it."""
        one = (status.st_dev, status.st_ino)
        if self._seen not in (None, one):
            raise self._problem("was replaced by another file")
        if status.st_size < self._read:
            problem = f"has become shorter: {status.st_size} bytes of {self._read} read before"
            raise self._problem(problem)
        self._seen = one

    def _problem(self, what: str) -> BadInput:
        return BadInput(f"{shown_path(self.path)} {what}; {self.expected}")

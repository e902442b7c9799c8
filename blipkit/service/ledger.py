"""What became of each request, as a client and both tiers write it down, line by line."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from blipkit.errors import BadInput, shown
from blipkit.records.typed import Record, record_of, row_of
from blipkit.records.writing import json_text
from blipkit.service.json_lines import LineFile, read_json_lines

Tier = Literal["client", "api", "inference"]
Outcome = Literal["answered", "refused", "rejected", "failed", "lost"]
AGAIN = "take a ledger that a tier or a client of this kit wrote"


@dataclass(frozen=True)
class LedgerLine:
    """One outcome of a request at one tier; at the inference tier, of one execution.

    request_id: as the client chose it; outcome: answered; refused, by backpressure (503); rejected,
    as ill-formed (4xx); failed, by an error; lost, without any reply. status: of HTTP, 0 where no
    reply came; backend: which one answered, "" where none did; attempt: 1, or 2 after a retry
    elsewhere; at_s: when the outcome was known, Unix time; latency_ms: since the tier had the
    request, or, at the client, since it was due; answers: `answers_digest`, "" without answers.
    """

    request_id: str
    tier: Tier
    outcome: Outcome
    status: int
    backend: str
    attempt: int
    at_s: float
    latency_ms: float
    answers: str


def answers_digest(texts: Iterable[str]) -> str:
    """A digest of the texts of answers, in their order: 32 hexadecimal digits."""
    digest = hashlib.sha256()
    for text in texts:
        content = text.encode("utf-8", "backslashreplace")
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.hexdigest()[:32]


def line_text(line: LedgerLine) -> str:
    """A line as the file has it, with its end."""
    return json_text(record_of(line)) + "\n"


class LedgerFile(LineFile):
    """A ledger that is written while requests are served."""

    def add(self, line: LedgerLine) -> None:
        """Write a line down; OSError where the disk is full."""
        self.add_text(line_text(line))


def read_ledger(paths: Iterable[Path]) -> list[LedgerLine]:
    """The lines of several files, in their order; an unfinished last line of a file is left out.

    BadInput names the line that is none of a ledger.
    """
    lines = []
    for path in paths:
        for place, record in read_json_lines(path, AGAIN, may_be_cut=True):
            lines.append(line_in(place, record))
    return lines


def line_in(place: str, record: dict[str, Any]) -> LedgerLine:
    """An object as a line; BadInput names the place of one that is none of a ledger."""
    line = row_of(LedgerLine, Record(record, place, lambda: AGAIN))
    if not line.request_id:
        raise BadInput(f"{place}: request_id is {shown('')}; expected a text; {AGAIN}")
    return line

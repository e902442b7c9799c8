"""What a primary and its shadow answered to the same requests, as an API tier writes it down."""

from functools import partial
from typing import TYPE_CHECKING, Any

from blipkit.reading.json_text import parse_object
from blipkit.records.writing import json_text
from blipkit.service.json_lines import LineFile
from blipkit.service.replies import answers_in
from blipkit.service.shadow import Pair
from blipkit.service.wire import PAIR_LINES

if TYPE_CHECKING:
    from blipkit.service.api import Api
    from blipkit.service.mirror import Compared


def keep_pair(pairs: LineFile, compared: "Compared") -> None:
    """Write down what both answered, "" for a candidate without answers; OSError where the disk
    is full.
    """
    line = {
        "request_id": compared.request_id,
        "primary": compared.primary.decode(),
        "candidate": compared.candidate.decode(),
    }
    pairs.add_text(f"{json_text(line)}\n")


def keep_pairs(tier: "Api", pairs: LineFile) -> None:
    """Have an API tier write down each pair of its shadow, beside what it counts of them. What the
    file does not take is counted, as a line of the ledger is.
    """
    count = tier.mirror.compare

    def compare(compared: "Compared") -> None:
        count(compared)
        tier.keep(PAIR_LINES, partial(keep_pair, pairs, compared))

    tier.mirror.compare = compare


def pair_in(record: dict[str, Any], candidate: str) -> Pair | None:
    """A line as a pair; None where the candidate, a backend's name, answered the caller itself.

    ValueError or BadInput for replies that cannot be compared; KeyError, TypeError or
    AttributeError for a line that is none of `keep_pair`.
    """
    bodies = [parse_object(record[side].encode()) for side in ("primary", "candidate")]
    if bodies[0]["backend"] == candidate:
        return None
    first, second = (answers_in(body) for body in bodies)
    return Pair(record["request_id"], "", 0.0, first, second)

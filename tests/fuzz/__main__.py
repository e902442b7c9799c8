"""Inputs by hand: `python tests/fuzz TARGET NUMBER...`, or `TARGET FIRST-LAST`, says how each ended."""

import sys
import tempfile
from pathlib import Path

import campaign
from targets import TARGETS


def numbers_of(words: list[str]) -> list[int]:
    """Numbers, and ranges of them."""
    numbers = []
    for word in words:
        first, _, last = word.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def main() -> int:
    target = TARGETS[sys.argv[1]]
    with tempfile.TemporaryDirectory() as place:
        summary = campaign.run(target, numbers_of(sys.argv[2:]), Path(place))
    if len(summary.outcomes) < 20:
        for one in summary.outcomes:
            print(f"{one.number}: {one.did}: {one.refused or 'accepted'}"[:1000])
    print(f"{campaign.HEAD}\n{summary.row()}")
    return int(bool(summary.failed))


if __name__ == "__main__":
    sys.exit(main())

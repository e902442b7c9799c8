"""Minutes of a fleet that a user writes: the shape of a day, and an export of CloudWatch."""

from datetime import datetime, timedelta
from pathlib import Path

import mutators
from campaign import Target
from sandbox import Case

from blipkit.capacity.backtest import read_metrics
from blipkit.capacity.shapes import read_minutes


def day_seeds(place: Path) -> None:
    """A day with as many requests in each minute, and one with mark and other line ends."""
    lines = ["minute,requests", *(f"{minute},{minute % 50}" for minute in range(1440))]
    for name, text in {"plain": "\n".join(lines), "windows": "\ufeff" + "\r\n".join(lines)}.items():
        (place / name).mkdir()
        (place / name / "own.csv").write_bytes(text.encode())


def metric_seeds(place: Path) -> None:
    """Two hours with a time zone, and without one."""
    begin = datetime(2026, 11, 28, 18)
    for name, zone in {"zone": "+00:00", "bare": ""}.items():
        lines = ["timestamp,requests,instances"]
        for minute in range(120):
            at = (begin + timedelta(minutes=minute)).isoformat()
            lines.append(f"{at}{zone},{100 + minute},{2 + minute // 60}")
        (place / name).mkdir()
        (place / name / "own.csv").write_text("\n".join(lines) + "\n")


def spoil(case: Case) -> None:
    """A change in the table, or something else in its place."""
    path = case.folder / "own.csv"
    if case.rng.random() < 0.08:
        case.did.append(mutators.replace_file(case.rng, path, case.world))
        return
    written, said = mutators.spoil_table(case.rng, path.read_text(encoding="utf-8-sig"))
    path.write_bytes(written)
    case.did.append(said)


def read_day(case: Case) -> None:
    """The shape of a day, as 10 takes it."""
    read_minutes(Path("own.csv"))


def read_export(case: Case) -> None:
    """The metrics of a fleet, as a backtest takes them."""
    read_metrics(Path("own.csv"))


TARGETS = [
    Target("days", 600, 6, day_seeds, spoil, read_day),
    Target("metrics", 600, 6, metric_seeds, spoil, read_export),
]

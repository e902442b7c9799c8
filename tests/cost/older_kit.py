"""A results folder as a kit left it that did not record yet what a price is made of."""

import json
import shutil
from pathlib import Path

from blipkit.run.publish import PUBLISHED

LACKING = ("placement", "within_target", "good_share")  # of 04's rows


def older_folder(target: Path) -> Path:
    """The published `cpu` without them, and without digests."""
    shutil.copytree(PUBLISHED / "amd-epyc-2-cores" / "cpu", target)
    (target / ".outputs.json").unlink(missing_ok=True)
    path = target / "records/concurrency.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [{key: row[key] for key in row if key not in LACKING} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in kept))
    return target

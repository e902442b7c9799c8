"""Keep a run's evidence in the repository: records, samples, verdict, machine and profile, under
results/published/.
"""

import re
import shutil
from pathlib import Path

from blipkit.paths import PUBLISHED
from blipkit.records.documents import check_results_folder, read_document

KEPT = (
    "records",
    "samples",
    "environment.json",
    "profile.yaml",
    "run.json",
    "verdict.json",
    "verdict.md",
)


def publish_folder(folder: Path) -> Path:
    """Copy what a results folder proves and a replay needs, without notebooks and artifacts; where
    it went.
    """
    if not (
        folder / "environment.json"
    ).is_file():  # a benchmark's folder has one, too, and no run.json
        check_results_folder(folder)
    name = read_document(folder / "environment.json")["name"]
    target = PUBLISHED / re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") / folder.resolve().name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        folder,
        target,
        ignore=lambda at, names: set(names) - set(KEPT) if Path(at) == folder else (),
    )
    return target

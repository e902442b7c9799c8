"""Keep a run's evidence in the repository, under results/published/."""

import re
import shutil
from pathlib import Path

from blipkit.paths import PUBLISHED
from blipkit.records.documents import check_results_folder, read_machine

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
    """Copy a results folder's evidence, and what a replay needs; the folder it was copied to.

    Notebooks and artifacts are left out.
    """
    # a benchmark's folder has an environment.json, too, and no run.json
    if not (folder / "environment.json").is_file():
        check_results_folder(folder)
    machine = read_machine(folder).name
    name = re.sub(r"[^a-z0-9]+", "-", machine.lower()).strip("-")
    target = PUBLISHED / name / folder.resolve().name

    def left_out(at: str, names: list[str]) -> set[str]:
        """Of the folder itself all but KEPT; of those within it nothing."""
        if Path(at) != folder:
            return set()
        return set(names) - set(KEPT)

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, ignore=left_out)
    return target

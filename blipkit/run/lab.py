"""Chapters to step through by hand: copies with a results folder of their own.

What is done in them changes neither the checkout, nor a profile, nor the results of a run.
"""

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from blipkit.machine.scratch import ScratchFolder
from blipkit.machine.surroundings import surroundings
from blipkit.paths import NOTEBOOKS, ROOT
from blipkit.profiles.profile import Profile
from blipkit.profiles.sections import chapters
from blipkit.records.documents import read_document
from blipkit.records.writing import write_document, write_text

# digest of each copy as it was made, by which one is known that nobody touched since
WRITTEN = ".written.json"
KERNEL = "python3"  # the name of the kernel that every chapter asks for


def copy_chapters(profile: Profile, folder: Path | None = None) -> tuple[Path, list[str]]:
    """Copy every chapter into results/lab/PROFILE, its parameters cell as the profile has them.

    The folder is the copies' results folder, too: it begins with the records of the profile's last
    run, so that any chapter can be opened first, and shares its artifacts. A copy that somebody has
    changed, or run, stays as it is. Returns the folder, and the names of those that stayed.
    """
    folder = folder or ROOT / "results" / "lab" / profile.name
    folder.mkdir(parents=True, exist_ok=True)
    _begin_with(ROOT / "results" / profile.name, folder)
    listing = folder / WRITTEN
    written = {}
    if listing.is_file():
        written = read_document(listing)
    changed = []
    for stem in chapters():
        copy = folder / f"{stem}.ipynb"
        if copy.is_file() and written.get(stem) != _digest(copy.read_text(encoding="utf-8")):
            changed.append(copy.name)
            continue
        text = filled_in(stem, profile, folder)
        write_text(copy, text)
        written[stem] = _digest(text)
    write_document(listing, written)
    return folder, changed


def own_kernel(folder: str) -> dict[str, str]:
    """The variables with which Jupyter starts this very Python for a chapter.

    folder: for the kernel's description, which goes before any that the user has installed.
    """
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "blipkit's Python", "language": "python"}
    place = Path(folder, "kernels", KERNEL)
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    paths = [folder, *filter(None, [os.environ.get("JUPYTER_PATH")])]
    return {"JUPYTER_PATH": os.pathsep.join(paths)}


def open_lab(folder: Path) -> int:
    """Have JupyterLab open a folder's chapters, on this Python, until it is closed; its status."""
    with ScratchFolder() as kernels:
        environment = surroundings(added=own_kernel(kernels))
        command = [sys.executable, "-m", "jupyter", "lab"]
        return subprocess.run(command, cwd=folder, env=environment).returncode


def _begin_with(run: Path, folder: Path) -> None:
    """Copy what the profile's last run left, unless it is here; share its compiled components."""
    for name in ("records", "samples"):
        if (run / name).is_dir() and not (folder / name).exists():
            shutil.copytree(run / name, folder / name)
    (run / "artifacts").mkdir(parents=True, exist_ok=True)
    if not (folder / "artifacts").exists():
        (folder / "artifacts").symlink_to(os.path.relpath(run / "artifacts", folder))


def filled_in(stem: str, profile: Profile, folder: Path) -> str:
    """A chapter's file, its parameters as a run of the profile into the folder would set them."""
    import nbformat

    notebook = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    values = profile.parameters(stem, os.path.relpath(folder, NOTEBOOKS))
    values["profile"] = profile.source
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = _with_values(cell.source, values)
    return nbformat.writes(notebook) + "\n"


def _with_values(source: str, values: dict) -> str:
    """A parameters cell, one `name: type = value  # meaning` a line, with other values."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        place = node.lineno - 1
        name = node.target.id
        meaning = lines[place].partition("  # ")[2]
        if ast.literal_eval(node.value) != values[name]:
            lines[place] = f"{name}: {ast.unparse(node.annotation)} = {values[name]!r}  # {meaning}"
    return "\n".join(lines)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

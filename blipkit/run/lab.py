"""Chapters to step through by hand: copies, so that nothing done in them changes the checkout or what a profile means."""

import ast
import hashlib
import json
from pathlib import Path

from blipkit.paths import NOTEBOOKS, ROOT
from blipkit.profiles.profile import Profile
from blipkit.profiles.sections import chapters

WRITTEN = ".written.json"  # digest of each copy as it was made, by which one is known that nobody touched since


def copy_chapters(profile: Profile, folder: Path | None = None) -> tuple[Path, list[str]]:
    """Copy every chapter into results/lab/PROFILE, its parameters cell as the profile has them.

    A copy that somebody has changed, or run, is kept as it is. Returns the folder, and the names of those kept.
    """
    folder = folder or ROOT / "results" / "lab" / profile.name
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / WRITTEN
    written = json.loads(listing.read_text()) if listing.is_file() else {}
    kept = []
    for stem in chapters():
        copy = folder / f"{stem}.ipynb"
        if copy.is_file() and written.get(stem) != _digest(copy.read_text(encoding="utf-8")):
            kept.append(copy.name)
            continue
        text = filled_in(stem, profile)
        copy.write_text(text, encoding="utf-8")
        written[stem] = _digest(text)
    listing.write_text(json.dumps(written, indent=2) + "\n")
    return folder, kept


def filled_in(stem: str, profile: Profile) -> str:
    """A chapter's file, with the knobs of its parameters cell as a run of the profile would set them."""
    import nbformat

    notebook = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    values = profile.parameters(stem, f"../results/{profile.name}") | {"profile": profile.source}
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = _with_values(cell.source, values)
    return nbformat.writes(notebook) + "\n"


def _with_values(source: str, values: dict) -> str:
    """A parameters cell, one `name: type = value  # meaning` a line, with other values."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        place, name = node.lineno - 1, node.target.id
        meaning = lines[place].partition("  # ")[2]
        if ast.literal_eval(node.value) != values[name]:
            lines[place] = f"{name}: {ast.unparse(node.annotation)} = {values[name]!r}  # {meaning}"
    return "\n".join(lines)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

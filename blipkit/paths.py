"""Where things are: the checkout, its notebooks and profiles, and what it publishes."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PROFILES = ROOT / "params"
PUBLISHED = ROOT / "results" / "published"


def is_folder(value: str) -> bool:
    """Whether a knob's text names a folder, where it may also name something else."""
    return "/" in value or (bool(value) and Path(value).is_dir())


def nearest_existing(path: Path) -> Path:
    """The path itself or its nearest parent that exists."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())

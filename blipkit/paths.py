"""Where things are: the checkout, its notebooks and profiles, and what it publishes."""

from pathlib import Path, PurePath

from blipkit.errors import BadInput

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


def inside(folder: Path, name: str | PurePath) -> Path:
    """folder/name, for a name that stays in the folder.

    BadInput for an absolute name, one with `..`, and where anything on the way from the folder is a
    link. The folder itself may be one.
    """
    relative = PurePath(name)
    leads_out = relative.is_absolute() or ".." in relative.parts or "\0" in str(name)
    if leads_out or not relative.parts:
        raise BadInput(f"{str(name)!r} leads out of {folder}; expected the name of a file in it")
    path = folder
    for part in relative.parts:
        path = path / part
        if path.is_symlink():
            refuse_link(path)
    return path


def refuse_link(path: Path) -> None:
    """Raise BadInput for a link where the kit reads or writes files of its own."""
    advice = "put what it leads to in its place, or remove it"
    raise BadInput(f"{path} is a link; expected a file or folder of its own: {advice}")

"""Where things are: the checkout, its notebooks and profiles, what it publishes, and what people
name.
"""

import os
import stat
from pathlib import Path, PurePath

from blipkit.errors import BadInput

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PROFILES = ROOT / "params"
PUBLISHED = ROOT / "results" / "published"
MAX_NAME_BYTES = 255  # of a file or folder, on every system that we know
MAX_SHOWN = 100  # characters of a path that a message repeats
KINDS = {  # what else may have a path, by stat's words for it
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def chapters_in(folder: Path) -> list[Path]:
    """The files of the chapters in a folder, in running order."""
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def is_folder(value: str) -> bool:
    """Whether a knob's text names a folder, where it may also name something else."""
    if "/" in value or value.startswith("~"):
        return True
    fits = len(os.fsencode(value)) <= MAX_NAME_BYTES
    return bool(value) and fits and Path(value).is_dir()


def user_folder(text: str, what: str) -> Path:
    """The folder that somebody named, there or not, `~` expanded.

    what: the option or knob that names it. BadInput for what cannot be a folder.
    """
    return _of_kind(user_path(text, what), what, stat.S_IFDIR, "expected a folder, existing or not")


def user_file(text: str, what: str) -> Path:
    """The file that somebody named, there or not, `~` expanded; BadInput for what cannot be one."""
    return _of_kind(user_path(text, what), what, stat.S_IFREG, "expected a file")


def user_path(text: str, what: str) -> Path:
    """The path that somebody named, `~` expanded; BadInput for a text that can be none.

    what: the option or knob that names it.
    """
    if not text.strip():
        raise BadInput(f"{what} is empty; expected a path, such as results/mine")
    seen = f"{what} {text if text.isprintable() else repr(text)}"
    if len(text) > MAX_SHOWN:
        seen = f"{what} {text[:MAX_SHOWN]!r}..."
    if "\0" in text:
        raise BadInput(f"{seen} has a NUL character; expected a path without one")
    longest = max(len(os.fsencode(name)) for name in text.split("/"))
    if longest > MAX_NAME_BYTES:
        problem = f"has a name of {longest} bytes in it"
        raise BadInput(f"{seen} {problem}; expected at most {MAX_NAME_BYTES}: take a shorter one")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # the user after ~ is not known, or, after ~ alone, we are not
        advice = "write the whole path, or set HOME"
        if not text.startswith(("~/", "~ ")) and text != "~":
            advice = f"write the whole path, or ./{text[:MAX_SHOWN]} for a folder of that name"
        raise BadInput(f"{seen}: no home folder is known for it; {advice}") from None


def _of_kind(path: Path, what: str, kind: int, expected: str) -> Path:
    """The path; BadInput where something else has it, or it may not be looked at."""
    try:
        seen = stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return path
    except OSError as error:
        raise BadInput(f"{what} {path}: {error.strerror}; {expected} that you may open") from None
    if seen != kind:
        raise BadInput(f"{what} {path} is {KINDS.get(seen, 'something else')}; {expected}")
    return path


def has_home() -> bool:
    """Whether this user has a home folder to write to; in a container there may be none."""
    try:
        return os.access(Path.home(), os.W_OK | os.X_OK)
    except RuntimeError:
        return False


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

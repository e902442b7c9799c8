"""A file's bytes or text; what is no regular file, or too large to be what it should, is refused
before it is read.
"""

import hashlib
import os
import stat
from pathlib import Path

from blipkit.errors import BadInput, shown
from blipkit.paths import MAX_NAME_BYTES

MB = 10**6


def read_bytes(path: Path, limit: int, expected: str) -> bytes:
    """A file's content; BadInput where there is no file, it is above `limit` bytes or unreadable.

    expected: what it should be and what to do, as a message goes on with it.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):  # a pipe would hold `open` until somebody writes to it
            raise BadInput(f"{shown_path(path)} is {_kind(mode)}; {expected}")
        with open(path, "rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{shown_path(path)}: {problem}; {expected}") from None
    if len(content) > limit:
        problem = f"has more than {limit / MB:g} MB"
        raise BadInput(f"{shown_path(path)} {problem}; {expected}")
    return content


def read_text(path: Path, limit: int, expected: str) -> str:
    """A file's text, which is UTF-8, without the mark that some editors put before it.

    BadInput names the line that is not.
    """
    content = read_bytes(path, limit, expected)
    try:
        return decoded(content)
    except ValueError as error:
        raise BadInput(f"{path}, {error}; {expected}, saved as UTF-8") from None


def decoded(content: bytes) -> str:
    """UTF-8 as text, without the mark before it; ValueError names the line that is none."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line}: is not UTF-8") from None


def file_digest(path: Path) -> str:
    """SHA-256 of a file; OSError where there is no regular one: a pipe would never end."""
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is no regular file")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_there(path: Path) -> bool:
    """Whether anything has this path; nothing has one that no file system allows."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether a regular file has this path."""
    return is_there(path) and path.is_file()


def is_plain_name(name: str) -> bool:
    """Whether a name is that of a file right in a folder, and no way out of it."""
    is_name = name not in ("", ".", "..") and Path(name).name == name
    return is_name and name.isprintable() and len(os.fsencode(name)) <= MAX_NAME_BYTES


def shown_path(path: Path) -> str:
    """A path as a message shows it: on one line, shortened where no file could have its name."""
    text = str(path)
    if text.isprintable() and len(text) <= os.pathconf("/", "PC_PATH_MAX"):
        return text
    return shown(text)


def _kind(mode: int) -> str:
    """What a path is that is no regular file."""
    if stat.S_ISDIR(mode):
        return "a folder"
    return "no regular file"

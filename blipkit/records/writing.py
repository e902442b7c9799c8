"""Files of a results folder written whole, or not at all, and never through a link."""

import contextlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blipkit.errors import BlipkitError, system_problem

PART = ".part"  # ends the name of a file that is being written
HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair, as in a file's name that is not UTF-8


def json_text(content: Any, default: Callable | None = None, indent: int | None = None) -> str:
    """A value as JSON that can be read again; default, indent: as `json.dumps` takes them.

    A character that no text may have is spelt out.
    """
    text = json.dumps(content, default=default, indent=indent)
    if "\\ud" not in text:  # neither half of a pair nor a whole one: nearly always
        return text
    spelt = HALF.sub(
        lambda half: f"\\\\u{ord(half[0]):04x}",
        json.dumps(content, default=default, ensure_ascii=False),
    )
    return json.dumps(json.loads(spelt), indent=indent)


def write_document(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file of a results folder: whole, or not at all."""
    write_text(path, json_text(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8: whole, or not at all.

    What UTF-8 cannot hold, as of a file's name that is none, is spelt out.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file: whoever reads it, or is killed meanwhile, has the old one or the new one.

    It is written beside, under a name that nobody else writes to, then put in its place. A link
    there is replaced, never written through.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}{PART}")
    part.unlink(missing_ok=True)  # of a process that was killed, and had our number
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def said_in_a_sentence(folder: Path):
    """What a folder does not allow, as on a full disk, is a BlipkitError that says what to do."""
    try:
        yield
    except OSError as error:
        raise BlipkitError(system_problem(error, folder)) from None


def remove_parts(folder: Path) -> None:
    """Remove the files right in a folder that are half written, and whose writer is gone."""
    import psutil

    for part in folder.glob(f"*{PART}"):
        writer = part.name.removesuffix(PART).rpartition(".")[2]
        if part.is_file() and writer.isdecimal() and not psutil.pid_exists(int(writer)):
            part.unlink(missing_ok=True)

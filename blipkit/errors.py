"""The errors that people meet; each message says what was seen, what was expected, what to do."""

import errno
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

SHOWN = 100  # characters of a value that a message quotes
LINE = 500  # characters of one line of a message
INTERRUPTED = 130  # the exit status of Ctrl-C, as shells give it


def shown(value: Any) -> str:
    """A value as a message quotes it: its repr, shortened in its middle where that is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or a list that holds itself deeply
        text = f"<{type(value).__name__} too large to show>"
    return shortened(text, SHOWN)


def shortened(text: str, length: int) -> str:
    """A text of at most so many characters, beginning and end kept."""
    if len(text) <= length:
        return text
    end = length // 4
    return f"{text[: length - end - 3]}...{text[-end:]}"


def first_of(texts: Sequence[str], most: int, between: str = "; ") -> str:
    """The first few texts, and how many more there are: "a; b; and 3 more"; "" of none."""
    words = between.join(texts[:most])
    if len(texts) > most:
        words += f"{between.replace(',', '')}and {len(texts) - most} more"
    return words


class BlipkitError(Exception):
    """Something went wrong while running.

    Each line of what it says is at most 500 characters, its beginning and end kept.
    """

    exit_status = 1

    def __str__(self) -> str:
        return "\n".join(shortened(line, LINE) for line in super().__str__().split("\n"))


class BadInput(BlipkitError):
    """The user asked for something that cannot be; nothing was run."""

    exit_status = 2


class Interrupted(BlipkitError):
    """Ctrl-C in a run; what finished before is kept."""

    exit_status = INTERRUPTED


class NotMeasured(BlipkitError):
    """What is needed was never measured; a notebook that meets it is skipped, not broken."""


class ChildFailed(BlipkitError):
    """What a child process raised, or how it ended.

    printed: all that it printed, which may say more.
    """

    def __init__(self, problem: str, printed: str):
        super().__init__(problem)
        self.printed = printed


class WorkerGone(BlipkitError):
    """A process that was to answer has ended; nothing more can be asked of it."""


class GateFailed(BlipkitError):
    """A gate is FAIL or INVALID: raised by a notebook's last cell, once its records are written."""


# what to do about the commonest refusals of the system, by their numbers
ADVICE = {
    errno.EACCES: "it is another user's, or read-only: pass a folder of yours, or ask its owner",
    errno.EPERM: "it is another user's, or read-only: pass a folder of yours, or ask its owner",
    errno.EROFS: "it is on a disk that is read-only: pass a folder on another one",
    errno.ENOSPC: "free some space, or pass a folder on another disk",
    errno.EFBIG: "raise `ulimit -f`, or pass a folder on a disk whose files may be larger",
    errno.EPIPE: "whoever read what it prints has ended",
    errno.EDQUOT: "your quota is used up: free some space, or pass a folder on another disk",
}


def system_problem(error: OSError, asked_for: Path | None = None) -> str:
    """One sentence for what the system refused: the file, the reason, and what to do.

    asked_for: the file or folder that is meant where the error names none.
    """
    if error.errno is None and error.args and isinstance(error.args[0], list):
        place, _, why = error.args[0][0]  # of shutil, which goes on and tells all at the end
        return f"{place}: {why}"
    reason = error.strerror or str(error)
    words = [
        reason,
        ADVICE.get(error.errno, "see whether it is there, and yours to read and write"),
    ]
    place = error.filename or asked_for
    if place is None:
        return "; ".join(words)
    return f"{place}: {'; '.join(words)}"


def nearest(word: object, known: Iterable) -> str:
    """Advice on a word that is not known: "did you mean 'X'?", or all that is, "known: X, Y"."""
    names = sorted(map(str, known))
    begun = [name for name in names if word and name.startswith(str(word))]
    close = get_close_matches(str(word)[:SHOWN], names, n=1)
    if len(begun) == 1:
        close = begun
    if close:
        return f"did you mean {shown(close[0])}?"
    return f"known: {', '.join(names) or 'none'}"

"""The errors that people meet; each message says what was seen, what was expected, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class BlipkitError(Exception):
    """Something went wrong while running; exit status 1."""


class BadInput(BlipkitError):
    """The user asked for something that cannot be; nothing was run; exit status 2."""


class NotMeasured(BlipkitError):
    """What is needed was never measured; a notebook that meets it is skipped, not broken."""


class WorkerGone(BlipkitError):
    """A process that was to answer has ended; nothing more can be asked of it."""


class GateFailed(BlipkitError):
    """A gate is FAIL or INVALID: raised by a notebook's last cell, once its records are written."""


def nearest(word: object, known: Iterable) -> str:
    """Advice on a word that is not known: "did you mean 'X'?", or all that is, "known: X, Y"."""
    names = sorted(map(str, known))
    close = get_close_matches(str(word), names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names) or 'none'}"

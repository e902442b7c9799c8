"""What the Neuron compiler and runtime say when something is wrong, and what it means:
messages.yaml.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from blipkit.errors import BadInput, BlipkitError, NotMeasured

CODE_PAGES = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/compiler/error-codes"


@dataclass(frozen=True)
class Trouble:
    """A known message.

    pattern: a regular expression of its text; means: what is wrong; next: what to do.
    """

    pattern: str
    means: str
    next: str


@dataclass(frozen=True)
class CompilerCode:
    """What an NCC code says: what the compiler met, and what to do."""

    met: str
    next: str


_DOCUMENT = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
TROUBLES = [Trouble(**entry) for entry in _DOCUMENT["troubles"]]
CODES = {code: CompilerCode(*entry) for code, entry in _DOCUMENT["codes"].items()}
OTHER_CODE = CompilerCode("something that its page explains", "read it")


def explain(text: str) -> str:
    """The text, with a sentence before it where it is a known trouble: what was seen, what it
    means, what to do.
    """
    if match := re.search(r"NCC_([A-Z]+\d+)", text):
        code = CODES.get(match[1], OTHER_CODE)
        page = f"{CODE_PAGES}/{match[1]}.html"
        problem = f"saw {match[0]}: the compiler met {code.met}"
        return f"{problem}; {code.next} ({page}). It said: {text}"
    for trouble in TROUBLES:
        if match := re.search(trouble.pattern, text):
            problem = f"saw '{match[0]}': {trouble.means}"
            return f"{problem}; {trouble.next}. It said: {text}"
    return text


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """A context in which an error of a process on Neuron is explained."""
    try:
        yield
    except (BadInput, NotMeasured):  # of this kit, not of the device
        raise
    except BlipkitError as error:
        raise BlipkitError(explain(str(error))) from None

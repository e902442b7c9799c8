"""What the Neuron compiler and runtime say when something is wrong, and what it means:
messages.yaml.

The reason is often not in the exception: a failing compile says `neuronx-cc failed with 70`, and
why it did stands in what the compiler printed, or in its log.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from blipkit.errors import BadInput, BlipkitError, ChildFailed, NotMeasured, shortened
from blipkit.runners.neuron.witnesses import holders

CODE_PAGES = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/compiler/error-codes"
LOG = "compiler/log-neuron-cc.txt"  # beside an artifact
LOG_BYTES = 10**6  # of its end
QUOTED = 200  # characters of a printed line
IT_SAID = "It said: "  # what an explained text goes on with


@dataclass(frozen=True)
class Trouble:
    """A known message.

    pattern: a regular expression of its text; means: what is wrong; next: what to do; source: who
    says so; since: the first SDK that says it, "" for all; says_little: what was printed may say
    more; names_holders: the processes on the device are named.
    """

    pattern: str
    means: str
    next: str
    source: str
    since: str = ""
    says_little: bool = False
    names_holders: bool = False


@dataclass(frozen=True)
class CompilerCode:
    """What an NCC code says: what the compiler met, and what to do; since: as a Trouble's."""

    met: str
    next: str
    since: str = ""


class Known(NamedTuple):
    """A trouble, and where a text has it."""

    trouble: Trouble
    match: re.Match


_DOCUMENT = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
TROUBLES = [Trouble(**entry) for entry in _DOCUMENT["troubles"]]
CODES = {code: CompilerCode(*entry) for code, entry in _DOCUMENT["codes"].items()}
OTHER_CODE = CompilerCode("something that its page explains", "read it")
INTERNAL_CODE = CompilerCode(
    "an error of its own, which has no page",
    "try another --optlevel or a smaller bucket, and report it to aws-neuron-sdk with its files",
)


def explain(text: str, printed: str = "") -> str:
    """The text, with a sentence before it where it is a known trouble: what was seen, what it
    means, what to do.

    printed: what its process printed and logged, where the text itself says little.
    """
    if IT_SAID in text:  # it is explained already
        return text
    match = _code_in(text) or _code_in(printed)
    if match:
        return f"{_of_code(match)}{_line(match, text)}{IT_SAID}{text}"
    known = _trouble_in(text)
    if known is None or known.trouble.says_little:
        known = _trouble_in(printed) or known
    if known is None:
        return text
    return f"{_of_trouble(known)}{_line(known.match, text)}{IT_SAID}{text}"


def explain_error(error: Exception, log: str = "") -> str:
    """`explain` of an error, with what its child printed; log: of its compiler."""
    printed = log
    if isinstance(error, ChildFailed):
        printed = f"{error.printed}\n{log}"
    return explain(str(error), printed)


def read_log(folder: Path) -> str:
    """The end of the log that the compiler left beside an artifact; "" where it left none."""
    try:
        with open(folder / LOG, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - LOG_BYTES))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def _code_in(said: str) -> re.Match | None:
    """The first code of an error in a text; NCC_W... are warnings."""
    return re.search(r"NCC_([EI][A-Z]+\d+)", said)


def _of_code(match: re.Match) -> str:
    """What a code says."""
    name = match[1]
    if name.startswith("I"):
        code = CODES.get(name, INTERNAL_CODE)
        return f"saw {match[0]}: the compiler met {code.met}; {code.next}"
    code = CODES.get(name, OTHER_CODE)
    seen = f"saw {match[0]}{_since(code.since)}"
    return f"{seen}: the compiler met {code.met}; {code.next} ({CODE_PAGES}/{name}.html)"


def _trouble_in(said: str) -> Known | None:
    """The first trouble of the table that a text has."""
    for trouble in TROUBLES:
        if match := re.search(trouble.pattern, said):
            return Known(trouble, match)
    return None


def _of_trouble(known: Known) -> str:
    """What a known message says."""
    trouble = known.trouble
    means = trouble.means
    if trouble.names_holders and (found := holders()):
        means += f", {', '.join(map(str, found))}"
    return f"saw '{known.match[0]}'{_since(trouble.since)}: {means}; {trouble.next}"


def _since(sdk: str) -> str:
    """Which SDKs say it, where not all do."""
    if not sdk:
        return ""
    return f" (since SDK {sdk})"


def _line(match: re.Match, text: str) -> str:
    """The end of a sentence, and the whole line that was printed, on one of its own, where a match
    is not in the text itself.
    """
    said = match.string
    if said == text:
        return ". "
    begin = said.rfind("\n", 0, match.start()) + 1
    line, _, _ = said[begin:].partition("\n")
    return f".\nIt printed: {shortened(line.strip(), QUOTED)}\n"


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """A context in which an error of a process on Neuron is explained."""
    try:
        yield
    except (BadInput, NotMeasured):  # of this kit, not of the device
        raise
    except BlipkitError as error:
        raise BlipkitError(explain_error(error)) from None

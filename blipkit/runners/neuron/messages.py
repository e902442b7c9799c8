"""What the Neuron compiler and runtime say when something is wrong, and what it means:
messages.yaml.
"""

import contextlib
import re
from pathlib import Path

import yaml

from blipkit.errors import BadInput, BlipkitError

CODE_PAGES = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/compiler/error-codes"
# troubles: seen (a regular expression), means, next; codes: NCC code -> what the compiler met, what
# to do
KNOWN = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def explain(text: str) -> str:
    """The text, with a sentence before it where it is a known trouble: what was seen, what it
    means, what to do.
    """
    if code := re.search(r"NCC_([A-Z]+\d+)", text):
        met, advice = KNOWN["codes"].get(code[1], ("something that its page explains", "read it"))
        return (
            f"saw {code[0]}: the compiler met {met}; {advice} "
            f"({CODE_PAGES}/{code[1]}.html). It said: {text}"
        )
    for trouble in KNOWN["troubles"]:
        if seen := re.search(trouble["seen"], text):
            return f"saw '{seen[0]}': {trouble['means']}; {trouble['next']}. It said: {text}"
    return text


@contextlib.contextmanager
def explained():
    """What a process on Neuron ended with, explained."""
    try:
        yield
    except BadInput:
        raise
    except BlipkitError as error:
        raise BlipkitError(explain(str(error))) from None

"""Paths that stay on this machine: what stands in their place in a report and in what is published.

They are the folder of frames that may not be handed on, of which only the last name is shown, and
the user's home folder, which becomes `~`.
"""

import contextlib
import html
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from blipkit.errors import BadInput
from blipkit.frames.frames import SYNTHETIC
from blipkit.paths import NOTEBOOKS, chapters_in
from blipkit.profiles.common import Common
from blipkit.profiles.profile import load_profile
from blipkit.report.folders import is_by_hand, knobs_of

ROOT_OF_PATH = r"(?:(?:\.\./)+|(?<![\w.~+-])/)"  # an absolute path begins, or one from notebooks/
END_OF_NAME = r"(?![\w-])"
OTHER_HOMES = re.compile(rf"{ROOT_OF_PATH}(?:home|Users)/[\w.-]+")
PROFILE = re.compile(r"""^profile: str = (["'])(.+?)\1""", re.MULTILINE)
SHORTEST = 2  # parts of a path, "/" among them, below which it is too short to tell from others


@dataclass(frozen=True)
class Hidden:
    """What is hidden: frames, the folders of private frames; home, the user's own."""

    frames: tuple[str, ...] = ()
    home: str = ""

    def in_text(self, text: str) -> str:
        """A text with what may be shown in place of what may not."""
        for pattern, shown in self._patterns:
            text = pattern.sub(shown, text)
        return text

    def in_value(self, value: Any) -> Any:
        """What JSON or YAML holds, with each text in it as `in_text` has it."""
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, dict):
            return {self.in_value(key): self.in_value(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.in_value(one) for one in value]
        return value

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern, str | Callable]]:
        """What is looked for, and what stands in its place; frames first, which a home may hold."""
        patterns = []
        for folder in sorted(self.frames, key=len, reverse=True):
            shown = f".../{Path(folder).name}"
            for spelt, written in _spellings(folder, shown).items():
                patterns.append((re.compile(re.escape(spelt)), _always(written)))
        if len(Path(self.home).parts) >= SHORTEST:
            for spelt in _spellings(self.home.lstrip("/"), ""):
                own = ROOT_OF_PATH + re.escape(spelt) + END_OF_NAME
                patterns.append((re.compile(own), "~"))
        return [*patterns, (OTHER_HOMES, "~")]


def _always(text: str) -> Callable[[re.Match], str]:
    """The text, whatever was found: a replacement in which no backslash has a meaning."""
    return lambda _: text


def _spellings(path: str, shown: str) -> dict[str, str]:
    """A path as text, HTML, JSON and an address spell it, each with what is shown in its place."""
    spell = (str, quote, lambda text: json.dumps(text)[1:-1], lambda text: repr(text)[1:-1])
    spellings = {}
    for spelt in spell:
        one, other = spelt(path), spelt(shown)
        spellings[one] = other
        for quotes in (True, False):
            spellings[html.escape(one, quotes)] = html.escape(other, quotes)
    return spellings


NOTHING = Hidden()


def hidden_in(*folders: Path) -> Hidden:
    """What must not leave this machine of what results folders hold."""
    frames = set()
    for common in [one for folder in folders for one in _profiles_of(folder)]:
        if is_private(common):
            frames |= _names_of(common.frames_from)
    home = os.path.expanduser("~")
    return Hidden(tuple(frames), home if home.startswith("/") else "")


def has_private_frames(folder: Path) -> bool:
    """Whether frames in a folder's notebooks may not be handed on, as far as is known."""
    profiles = _profiles_of(folder)
    return not profiles or any(is_private(common) for common in profiles)


def is_private(common: Common) -> bool:
    """Whether frames come from a folder that may not be handed on."""
    return common.frames_from != SYNTHETIC and not common.share_frames


def _names_of(folder: str) -> set[str]:
    """How a folder may be named: as it was stated, in full, without links, from notebooks/."""
    path = Path(folder).expanduser()
    names = {folder, str(path.absolute()), str(path.resolve())}
    names |= {os.path.relpath(name, NOTEBOOKS) for name in names}
    return {name for name in names if len(Path(name).parts) >= SHORTEST}


def _profiles_of(folder: Path) -> list[Common]:
    """What profiles say of frames: the run's; of chapters opened by hand those that they name."""
    if not is_by_hand(folder):
        return [knobs_of(folder, "common")]
    found = []
    for path in chapters_in(folder):
        if named := PROFILE.search(_parameters_of(path)):
            with contextlib.suppress(BadInput):  # a profile that is no longer there
                found.append(load_profile(named[2]).common)
    return found


def _parameters_of(path: Path) -> str:
    """The source of a notebook's parameters cell; "" where it has none."""
    import nbformat

    cells = nbformat.read(path, as_version=4).cells
    sources = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    return "\n".join(sources)

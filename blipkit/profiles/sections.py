"""Which sections a profile has, and where each one's knobs stand: beside the code that uses
them.
"""

import pkgutil
from collections.abc import Iterable
from dataclasses import fields
from functools import cache

from blipkit.errors import BadInput
from blipkit.paths import NOTEBOOKS, chapters_in
from blipkit.profiles.knobs import Section

# a chapter -> those whose records its figures are made of
MADE_OF = {
    "05_cost": ("03_parity", "04_concurrency", "08_arrivals"),
    "08_arrivals": ("03_parity", "04_concurrency"),
    "10_capacity": ("04_concurrency", "08_arrivals"),
}
LAST_OF_MAIN = "05_cost"  # chapters that tell what the main job asks; later ones take longer
# A section is looked up by name when a profile is read: a chapter's code lies above this folder.
HOMES = {
    "common": "blipkit.profiles.common:Common",
    "environment": "blipkit.machine.knobs:Environment",
    "components": "blipkit.model.knobs:Components",
    "trace": "blipkit.runners.knobs:Trace",
    "parity": "blipkit.parity.knobs:Parity",
    "concurrency": "blipkit.load.knobs:Concurrency",
    "arrivals": "blipkit.arrivals.knobs:Arrivals",
    "cost": "blipkit.cost.knobs:Cost",
    "service": "blipkit.service.knobs:Service",
    "capacity": "blipkit.capacity.knobs:Capacity",
}


@cache
def sections() -> dict[str, type[Section]]:
    """Name of each section -> its class."""
    return {name: pkgutil.resolve_name(place) for name, place in HOMES.items()}


def section_class(name: str) -> type[Section]:
    """The class of one section's knobs."""
    return sections()[name]


def section_of(stem: str) -> str:
    """Profile section of a chapter: `parity` for 03_parity."""
    return stem.partition("_")[2]


@cache
def chapters() -> tuple[str, ...]:
    """Stems of the notebooks in running order; each has a section of its own."""
    stems = tuple(path.stem for path in chapters_in(NOTEBOOKS))
    for stem in stems:
        if section_of(stem) not in HOMES:
            expected = "expected a line in blipkit/profiles/sections.py that names its knobs"
            raise BadInput(f"{stem}.ipynb has no section {section_of(stem)!r}; {expected}")
    return stems


def in_running_order(stems: Iterable[str]) -> list[str]:
    """Chapters by number, but for those that an earlier one is made of: they run before it."""

    def place(stem: str) -> tuple[str, bool]:
        readers = [reader for reader, read in MADE_OF.items() if stem in read]
        first = min([stem, *readers])
        return first, first == stem

    return sorted(stems, key=place)


def behind(stems: Iterable[str], ran: Iterable[str]) -> list[str]:
    """Those of these chapters whose figures are made of others than what just ran has left."""
    ran = set(ran)
    left = [stem for stem in stems if stem not in ran]
    return in_running_order(stem for stem in left if ran.intersection(MADE_OF.get(stem, ())))


def main_chapters() -> tuple[str, ...]:
    """The chapters of a run where neither it nor its profile names any: later ones run by name."""
    return tuple(stem for stem in chapters() if stem <= LAST_OF_MAIN)


def homes_of(knob: str) -> list[str]:
    """The sections that have a knob of this name."""
    return [
        name for name, cls in sections().items() if knob in {known.name for known in fields(cls)}
    ]

"""How long will the platform live? Dated facts with their sources, platform.yaml, and the gate that
shows them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import yaml

from blipkit.display.tables import show_table
from blipkit.records.gates import Gate, decide
from blipkit.records.typed import records_of
from blipkit.runners.neuron.options import WHEELS

OLD_DAYS = 180  # facts that were read longer ago are a caveat themselves
TRACE_UNTIL = (2, 9)  # torch-neuronx with trace has torch's version, and ends there
FACTS_FILE = "blipkit/runners/neuron/platform.yaml"


@dataclass(frozen=True)
class Announcement:
    """What the vendor announced, since when, and the page of aws-neuron-sdk that says so."""

    what: str
    since: date
    source: str


@dataclass(frozen=True)
class Release:
    """A release of the Neuron SDK that has torch-neuronx for Inf2.

    packages: name -> version; python: versions that they exist for; driver, runtime: versions of
    aws-neuronx-dkms and aws-neuronx-runtime-lib.
    """

    sdk: str
    date: date
    packages: Mapping[str, str]
    python: list[str]
    driver: str
    runtime: str


@dataclass(frozen=True)
class PlatformFacts:
    """What is known about the platform, and the day that the vendor's pages were read.

    pinned: the SDK of this kit; releases: newest first.
    """

    read: date
    facts: list[Announcement]
    pinned: str
    releases: list[Release]

    def table(self) -> None:
        """Show what was announced."""
        announced = "Announced by AWS (aws-neuron/aws-neuron-sdk)"
        show_table(records_of(self.facts), f"{announced}, read {self.read}")


@cache
def platform_facts() -> PlatformFacts:
    """What platform.yaml says."""
    document = yaml.safe_load(Path(__file__).with_name("platform.yaml").read_text(encoding="utf-8"))
    return PlatformFacts(
        read=document["read"],
        facts=[Announcement(**fact) for fact in document["facts"]],
        pinned=document["pinned"],
        releases=[Release(**release) for release in document["releases"]],
    )


def other_product(torch_neuronx: str | None) -> str:
    """What an installed torch-neuronx is where it is not the one with `trace`, and what to install;
    "" where it is, or there is none.
    """
    if numbers(torch_neuronx)[:2] <= TRACE_UNTIL:
        return ""
    pinned = release_of(None)
    packages = " ".join(f"{name}=={version}" for name, version in pinned.packages.items())
    what = f"torch-neuronx {torch_neuronx} is TorchNeuron, for Trn2 and Trn3, without trace"
    name = "since SDK 2.33 it has that name"
    install = f"pip install {packages} torch==2.9.1 --extra-index-url {WHEELS}"
    return f"{what}; {name}; in an environment of its own, {install}"


def release_of(torch_neuronx: str | None) -> Release:
    """The SDK release of an installed torch-neuronx, or else the one that this kit is pinned to."""
    platform = platform_facts()
    version = (torch_neuronx or "").partition("+")[0]
    for release in platform.releases:
        if release.packages["torch-neuronx"] == version:
            return release
    return next(release for release in platform.releases if release.sdk == platform.pinned)


def support_gate(today: date | None = None) -> Gate:
    """WARN as long as the platform's end is announced, with the dates; measured: how old the facts
    are, in days.
    """
    platform = platform_facts()
    age = ((today or date.today()) - platform.read).days
    caveats = [f"{fact.what} (since {fact.since})" for fact in platform.facts]
    advice = f"pin SDK {platform.pinned}, never the latest, and plan for what comes after it"
    if age > OLD_DAYS:
        caveats.insert(0, f"these facts were read {age} days ago")
        advice = f"read the vendor's announcements again and bring {FACTS_FILE} up to date"
    return decide(
        "platform_support",
        kind="answer",
        holds=not caveats,
        tolerable=True,
        measured=age,
        limit=OLD_DAYS,
        unit="days since these facts were read",
        evidence="published",
        reason=f"{'; '.join(caveats)}; as read on {platform.read}",
        next=advice,
    )


def is_at_least(version: str | None, expected: str) -> bool:
    """Whether a version is there, and not older than another."""
    return numbers(version) >= numbers(expected)


def numbers(version: str | None) -> tuple[int, ...]:
    """The leading numbers of a version: (2, 9, 1) of 2.9.1+cpu, none where there is no version."""
    leading = re.match(r"[\d.]*", version or "")[0]
    return tuple(map(int, re.findall(r"\d+", leading)))

"""How long will the platform live? Dated facts with their sources, platform.yaml, and the gate that
shows them.
"""

from datetime import date
from functools import cache
from pathlib import Path

import yaml

from blipkit.records.gates import Gate

OLD_DAYS = 180  # facts that were read longer ago are a caveat themselves


@cache
def platform() -> dict:
    """read, a date; facts: what, since, source; pinned; releases of the SDK that have
    torch-neuronx, newest first.
    """
    return yaml.safe_load(Path(__file__).with_name("platform.yaml").read_text(encoding="utf-8"))


def release_of(torch_neuronx: str | None) -> dict:
    """The SDK release of an installed torch-neuronx, else the one that this kit is pinned to."""
    known = platform()["releases"]
    plain = (torch_neuronx or "").partition("+")[0]
    pinned = next(one for one in known if one["sdk"] == platform()["pinned"])
    return next((one for one in known if one["torch-neuronx"] == plain), pinned)


def support_gate(today: date | None = None) -> Gate:
    """WARN as long as the platform's end is announced, with the dates; measured: how old the facts
    are, in days.
    """
    about = platform()
    age = ((today or date.today()) - about["read"]).days
    said = [f"{fact['what']} (since {fact['since']})" for fact in about["facts"]]
    advice = f"pin SDK {about['pinned']}, never the latest, and plan for what comes after it"
    if age > OLD_DAYS:
        said.insert(0, f"these facts were read {age} days ago")
        advice = (
            "read the vendor's announcements again and bring "
            "blipkit/runners/neuron/platform.yaml up to date"
        )
    status = "PASS"
    if said:
        status = "WARN"
    reason = f"{'; '.join(said)}; as read on {about['read']}"
    return Gate(
        "platform_support",
        "answer",
        status,
        age,
        OLD_DAYS,
        "published",
        reason,
        advice,
    )

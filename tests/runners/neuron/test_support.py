"""The platform's announced end is shown with dates, and facts that were read long ago are a caveat themselves."""

from datetime import timedelta

import pytest

from blipkit.runners.neuron.support import OLD_DAYS, platform, release_of, support_gate


@pytest.mark.parametrize("days", [0, OLD_DAYS, OLD_DAYS + 1, 1000])
def test_announcements_warn_and_old_facts_say_how_old(days):
    """WARN with every date; older than 180 days, the age comes first."""
    gate = support_gate(platform()["read"] + timedelta(days=days))
    assert gate.status == "WARN" and gate.measured == days and gate.evidence == "published"
    assert all(str(fact["since"]) in gate.reason for fact in platform()["facts"])
    assert gate.reason.startswith(f"these facts were read {days} days ago") == (days > OLD_DAYS)


def test_without_announcements_the_gate_passes(monkeypatch):
    """The gate can hold: nothing announced, facts that are fresh."""
    monkeypatch.setattr("blipkit.runners.neuron.support.platform", lambda: {**about, "facts": []})
    about = platform.__wrapped__()
    assert support_gate(about["read"]).status == "PASS"


def test_a_release_is_found_by_its_wheel():
    """Else it is the one that the kit is pinned to, which the image and the environment name too."""
    assert release_of("2.9.0.2.14.27725")["sdk"] == "2.30.0"
    assert (
        release_of(None)["sdk"]
        == release_of("2.9.0.2.15.32035+rehearsal")["sdk"]
        == platform()["pinned"]
    )
    assert all(isinstance(one["torch-neuronx"], str) for one in platform()["releases"])

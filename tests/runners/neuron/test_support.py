"""The platform's announced end is shown with dates, and facts that were read long ago are a caveat themselves."""

from dataclasses import replace
from datetime import timedelta

import pytest
from studies import displayed

from blipkit.runners.neuron.support import OLD_DAYS, platform_facts, release_of, support_gate


@pytest.mark.parametrize("days", [0, OLD_DAYS, OLD_DAYS + 1, 1000])
def test_announcements_warn_and_old_facts_say_how_old(days):
    """WARN with every date; older than 180 days, the age comes first."""
    facts = platform_facts()
    gate = support_gate(facts.read + timedelta(days=days))
    assert gate.status == "WARN" and gate.measured == days and gate.evidence == "published"
    assert (gate.limit, gate.unit) == (OLD_DAYS, "days since these facts were read")
    assert all(str(fact.since) in gate.reason for fact in facts.facts)
    assert gate.reason.startswith(f"these facts were read {days} days ago") == (days > OLD_DAYS)


def test_without_announcements_the_gate_passes(monkeypatch):
    """The gate can hold: nothing announced, facts that are fresh."""
    fresh = replace(platform_facts(), facts=[])
    monkeypatch.setattr("blipkit.runners.neuron.support.platform_facts", lambda: fresh)
    assert support_gate(fresh.read).status == "PASS"


def test_a_release_is_found_by_its_wheel():
    """Else it is the one that the kit is pinned to, which the image and the environment name too."""
    assert release_of("2.9.0.2.14.27725").sdk == "2.30.0"
    pinned = platform_facts().pinned
    assert release_of(None).sdk == release_of("2.9.0.2.15.32035+rehearsal").sdk == pinned
    for release in platform_facts().releases:
        assert all(isinstance(version, str) for version in release.packages.values())


def test_what_was_announced_is_shown_with_its_dates_and_pages(monkeypatch):
    """A row for each fact, and the day that the pages were read."""
    shown = displayed(monkeypatch)
    platform_facts().table()
    ((page, text),) = shown
    assert page.count("<tr>") == len(platform_facts().facts)
    assert str(platform_facts().read) in text and "announce-maintenance" in text

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_lines import made_line, sound_run

from blipkit.service.reconcile import reconcile

OUTCOMES = st.lists(st.sampled_from(["answered", "refused", "rejected", "failed"]), min_size=1)
FAULTS = ("lost", "double", "answers_differ", "unaccounted", "unknown")


def faults_of(found) -> dict[str, tuple[str, ...]]:
    """The kinds of faults that were found, with their ids."""
    return {name: getattr(found, name).ids for name in FAULTS if getattr(found, name)}


@given(OUTCOMES)
@settings(max_examples=50)
def test_none_is_invented(outcomes):
    """Ledgers without a fault have none, and every request is counted under what its client saw."""
    found = reconcile(*sound_run(outcomes))
    assert faults_of(found) == {} and found.is_sound and not found.executed_twice
    counted = [found.answered, *map(len, (found.refused, found.rejected, found.failed))]
    assert counted == [outcomes.count(o) for o in ("answered", "refused", "rejected", "failed")]
    assert sum(counted) == found.sent == len(outcomes)


@given(OUTCOMES, st.data())
@settings(max_examples=100)
def test_what_is_planted_is_found(outcomes, data):
    """A lost, a doubled, a changed, a missing and a made-up request: each is named, and nothing else is."""
    client, api, inference = sound_run(["answered", *outcomes])
    at = data.draw(st.integers(0, len(client) - 1))
    one = client[at].request_id
    plant = data.draw(st.sampled_from(["lost", "unsaid", "client twice", "api twice", "stranger"]))
    sent = []
    if plant == "lost":
        client[at] = made_line(one, "client", "lost")
    elif plant == "unsaid":
        sent.append(client.pop(at).request_id)
    elif plant == "client twice":
        client.append(made_line(one, "client", "refused"))
    elif plant == "api twice":
        api.append(made_line(one, "api", "failed"))
    else:
        api.append(made_line("z", "api"))
    expected = {
        "lost": {"lost": (one,)},
        "unsaid": {"lost": (one,)},
        "client twice": {"double": (one,)},
        "api twice": {"double": (one,)},
        "stranger": {"unknown": ("z",)},
    }
    found = reconcile(client, api, inference, sent)
    assert faults_of(found) == expected[plant] and not found.is_sound
    statuses = [gate.status for gate in found.gates(switches=1)]
    assert "FAIL" in statuses[:2]


@pytest.mark.parametrize("tier", ["client", "api"])
def test_an_answer_that_changes_on_its_way_is_found(tier):
    """What a tier hands on is what it was given."""
    client, api, inference = sound_run(["answered"] * 3)
    ledger = {"client": client, "api": api}[tier]
    ledger[1] = made_line("r1", tier, answers="other")
    found = reconcile(client, api, inference)
    assert faults_of(found) == {"answers_differ": ("r1",)}


def test_an_answer_that_a_tier_does_not_know_of_is_found():
    """The client has an answer, and the inference tier no line of it, or one that says that it failed."""
    client, api, inference = sound_run(["answered"] * 3)
    failed = [inference[0], made_line("r1", "inference", "failed"), inference[2]]
    for executions in (failed, [inference[0], inference[2]]):
        found = reconcile(client, api, executions)
        assert faults_of(found) == {"unaccounted": ("r1",)}
        assert found.gates()[0].status == "FAIL"


@pytest.mark.parametrize("outcome", ["refused", "rejected"])
def test_a_client_that_is_refused_what_was_answered_has_two_outcomes(outcome):
    """As by a proxy between both: it would send the request again."""
    client, api, inference = sound_run(["answered"] * 3)
    client[1] = made_line("r1", "client", outcome)
    found = reconcile(client, api, inference)
    assert faults_of(found) == {"double": ("r1",)} and found.gates()[1].status == "FAIL"


def test_a_retry_is_executed_twice_and_no_fault():
    """Two executions, of which one was handed on, are one outcome, even where backends answer differently."""
    client, api, inference = sound_run(["answered", "answered"])
    inference.append(made_line("r1", "inference", answers="other", attempt=2))
    found = reconcile(client, api, inference)
    assert found.is_sound and found.executed_twice.ids == ("r1",)
    assert [gate.status for gate in found.gates(1)] == ["PASS"] * 3


def test_a_tier_without_a_ledger_is_not_asked():
    """Where backends are somebody else's, client and API tier are held against each other."""
    client, api, _ = sound_run(["answered", "failed"])
    assert reconcile(client, api, None).is_sound
    assert reconcile(client, None, None).is_sound


def test_a_failed_request_fails_the_switch_and_a_refused_one_does_not():
    """Backpressure is an answer of its own; an error of the service is not."""
    refused = reconcile(*sound_run(["answered", "refused"])).gates(switches=2)
    failed = reconcile(*sound_run(["answered", "failed"])).gates(switches=2)
    assert [gate.status for gate in refused] == ["PASS", "PASS", "PASS"]
    assert [gate.status for gate in failed] == ["PASS", "PASS", "FAIL"]
    assert failed[2].measured == 1 and "failed 1 (r1)" in failed[2].reason


def test_both_bounds_are_stated():
    """Nothing lost in 40,000 requests bounds it per request; 100 switches bound it per switch much less."""
    client = [made_line(f"r{number}") for number in range(40_000)]
    lost, _, failed = reconcile(client, None, None).gates(switches=100)
    assert "per request 7.5e-05" in lost.reason
    assert "100 switches, so that per switch it is below 0.03" in failed.reason


def test_nothing_sent_or_nothing_switched_is_not_run():
    """A gate that nothing was measured for says so."""
    assert {gate.status for gate in reconcile([], [], []).gates(3)} == {"NOT-RUN"}
    gates = reconcile(*sound_run(["answered"])).gates()
    assert [gate.status for gate in gates] == ["PASS", "PASS", "NOT-RUN"]

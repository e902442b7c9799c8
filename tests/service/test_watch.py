import pytest

from blipkit.errors import BadInput
from blipkit.service.watch import (
    FAILURES,
    FLIPS,
    LATENESS,
    Rules,
    Watch,
    pairs_needed,
    requests_needed,
)


def made_watch(share: float = 0.5, **rules) -> Watch:
    watch = Watch(Rules(**rules))
    watch.begin_step(share)
    return watch


def test_nothing_seen_is_no_evidence():
    """An e-value of 1, a p-value of 1."""
    evidence = made_watch().evidence()
    assert evidence.e_value == evidence.p_value == 1 and not evidence.goes_back


@pytest.mark.parametrize("signal", [FAILURES, LATENESS, FLIPS])
def test_each_signal_goes_back_and_is_named(signal):
    """Failures, late requests and flips of the candidate alone, each."""
    watch = made_watch()
    for _ in range(100):
        if signal == FLIPS:
            watch.pair(flipped=True)
        else:
            watch.request(0.5, True, failed=signal == FAILURES, late=signal == LATENESS)
    evidence = watch.evidence()
    assert evidence.goes_back and evidence.worst == signal and evidence.p_value <= 0.05


def test_the_primarys_failures_are_none_of_the_candidates():
    """Where the primary alone fails, nothing goes back."""
    watch = made_watch()
    for _ in range(500):
        watch.request(0.5, False, failed=True, late=False)
        watch.request(0.5, True, failed=False, late=False)
    assert watch.evidence().p_value == 1 and not watch.evidence().goes_back


def test_a_limit_once_reached_stays_so():
    """What comes later does not take a rollback back: else looks would count."""
    watch = made_watch(0.05)
    for _ in range(3):
        watch.request(0.05, True, failed=True, late=False)
    assert watch.evidence().goes_back
    for _ in range(100):
        watch.request(0.05, False, failed=True, late=False)
    evidence = watch.evidence()
    assert evidence.goes_back and evidence.p_value < 0.05 and evidence.e_value < 1


def test_shadows_count_only_where_answers_are_compared():
    """Without a shadow, two signals share the chance, and no pair is waited for."""
    watch = made_watch(0.5, compares=False)
    for _ in range(requests_needed(watch.rules, 0.5, 5)):
        watch.request(0.5, True, failed=False, late=False)
    assert watch.lacking() == ""


def test_what_is_lacking_is_said():
    """Requests of this step, then pairs, which count from the beginning."""
    watch = made_watch(0.05)
    needed = requests_needed(watch.rules, 0.05, 5)
    assert watch.lacking() == f"0 of {needed} requests to the candidate at this share"
    for _ in range(needed):
        watch.request(0.05, True, failed=False, late=False)
    assert watch.lacking() == "0 of 1211 frames compared"
    for _ in range(1211):
        watch.pair(flipped=False)
    assert watch.lacking() == ""
    watch.begin_step(0.5)
    assert "0 of" in watch.lacking() and "requests" in watch.lacking()


def test_copies_that_stop_hold_the_next_step():
    """At a later share some frames are compared again; with all traffic nobody answers beside the candidate."""
    for together in (1, 4):
        watch = made_watch(0.05, flips_together=together)
        for _ in range(pairs_needed(watch.rules)):
            watch.pair(flipped=False)
        for share, needed in ((0.5, 149 * together), (1.0, 0)):
            watch.begin_step(share)
            for _ in range(3_000):
                watch.request(share, False, failed=False, late=False)
                watch.request(share, True, failed=False, late=False)
            if needed:
                assert watch.lacking() == f"0 of {needed} frames compared at this share"
            for _ in range(needed):
                watch.pair(flipped=False)
            assert watch.lacking() == ""


def test_a_step_has_seen_what_was_sent_at_its_share():
    """While the primary is away the candidate gets all, and nothing shows beside whom it fails."""
    watch = made_watch(0.05, compares=False)
    needed = requests_needed(watch.rules, 0.05, 5)
    for _ in range(needed):
        watch.request(1.0, True, failed=False, late=False)
    assert watch.lacking() == f"0 of {needed} requests to the candidate at this share"
    for _ in range(needed):
        watch.request(100 * 0.05 / 100, True, failed=False, late=False)
    assert watch.lacking() == ""


def test_pauses_of_the_primary_are_waited_for():
    """Late requests of the primary in one go: as many of the candidate's count as one from then on."""
    watch = made_watch(0.05)
    before = requests_needed(watch.rules, 0.05, watch.together)
    for _ in range(50):
        watch.request(0.05, False, failed=False, late=True)
    assert watch.together == 50
    assert f"of {requests_needed(watch.rules, 0.05, 50)} requests" in watch.lacking()
    assert requests_needed(watch.rules, 0.05, 50) > before
    for _ in range(50):
        watch.request(0.05, True, failed=False, late=True)
    assert not watch.evidence().goes_back
    assert "1000000 late requests come in one go" in _with_together(10**6).lacking()


def _with_together(together: int) -> Watch:
    watch = made_watch(0.05)
    watch.together = together
    return watch


def test_frames_of_one_clip_count_once():
    """Four frames that flip together are worth one, and so many more have to be compared."""
    one, four = made_watch(), made_watch(flips_together=4)
    one.pair(True)
    for _ in range(4):
        four.pair(True)
    assert four.evidence().e_value == pytest.approx(one.evidence().e_value)
    assert pairs_needed(four.rules) > 2 * pairs_needed(one.rules)


def test_alone_a_candidate_is_held_against_the_primarys_past():
    """With all traffic there is no primary to compare with: more than it ever showed goes back."""
    for failing, goes_back in ((1, False), (30, True)):
        watch = made_watch(0.5)
        for _ in range(2_000):
            watch.request(0.5, False, failed=False, late=False)
        watch.begin_step(1.0)
        assert watch.lacking()
        for number in range(1_500):
            watch.request(1.0, True, failed=number < failing, late=False)
        assert watch.evidence().goes_back is goes_back


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"chance": 0}, "chance is 0; expected a share between 0 and 1"),
        ({"noticed": 1.5}, "noticed is 1.5"),
        ({"flip_limit": 0.05}, "flip_limit is 0.05 and noticed 0.02; expected a smaller limit"),
        ({"late_together": 0}, "late_together is 0; expected at least 1"),
        ({"flips_together": 0}, "flips_together is 0; expected at least 1"),
        ({"noticed": 0.0051}, "0.0051: no number of frames would show it; expected them apart"),
    ],
)
def test_rules_that_say_nothing_are_refused(rules, said):
    """Message: what was seen, and what was expected."""
    with pytest.raises(BadInput, match=said):
        Rules(**rules)

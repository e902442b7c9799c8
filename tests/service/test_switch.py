import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.errors import BadInput
from blipkit.service.switch import Plan, Side, Switch
from blipkit.service.watch import Rules

READY, GONE = Side(True, 1000.0), Side(False, 1000.0)
QUICK = Rules(noticed=0.4, noticed_late=0.9, surely=0.5, late_together=1, compares=False)


def both(primary=READY, candidate=READY) -> dict[str, Side]:
    return {"gpu": primary, "inf2": candidate}


def send(switch: Switch, count: int, failed=False) -> None:
    """So many of the candidate's requests at the share that the switch has."""
    for _ in range(count):
        switch.watch.request(switch.share, True, failed, late=False)


def see_primary(switch: Switch, count: int = 100) -> None:
    """So many of the primary's, that a candidate with all traffic is held against."""
    for _ in range(count):
        switch.watch.request(switch.share, False, failed=False, late=False)


def test_all_steps_are_taken_and_shares_are_those_of_the_plan():
    """0, 5, 50, 100 and back to 0, each once enough was seen, and then it is done."""
    switch = Switch(Plan("gpu", "inf2", rules=QUICK))
    see_primary(switch)
    seen = []
    for now in range(1000):
        decision = switch.look(now, both(), 100)
        seen.append((decision.action, decision.weights["inf2"]))
        send(switch, 1)
    shares = [share for action, share in seen if action == "stepped"]
    assert shares == [0.05, 0.5, 1.0, 0.0] and seen[-1] == ("done", 0.0)
    assert switch.is_over and not switch.went_back


events = st.lists(
    st.tuples(
        st.booleans(),
        st.booleans(),
        st.floats(0, 300),
        st.integers(0, 50),
        st.booleans(),
        st.floats(0, 20),
    ),
    max_size=60,
)


@given(events, st.lists(st.floats(0, 0.9) | st.just(1.0), max_size=5))
def test_weights_add_up_and_nobody_unready_gets_any(events, shares):
    """Whatever is ready, rated, asked for and seen: weights add up to 1, or there are none where nobody may have any."""
    switch = Switch(Plan("gpu", "inf2", (0.0, *shares), rules=QUICK))
    now, over, back = 0.0, False, False
    for primary, candidate, rated, count, failed, gap in events:
        now += gap
        before = switch.share
        decision = switch.look(now, both(Side(primary, rated), Side(candidate, rated)), 100)
        weights = decision.weights
        if not primary and not (candidate and switch.share):
            assert weights == {}
        else:
            assert sum(weights.values()) == pytest.approx(1)
            assert primary or weights["gpu"] == 0
            assert candidate or weights["inf2"] == 0
        if decision.action == "stepped":
            growing = switch.share if switch.share >= before else 1 - switch.share
            assert candidate and rated >= 1.2 * growing * 100
        assert not (over and decision.action != "done") or decision.action == "went back"
        assert not back or switch.share == 0
        over, back = switch.is_over, bool(switch.went_back)
        send(switch, count, failed)


def test_a_candidate_that_never_becomes_ready_gets_nothing():
    """However long it takes; and no step is taken for it."""
    switch = Switch(Plan("gpu", "inf2", rules=QUICK))
    for now in range(100):
        decision = switch.look(now, both(candidate=GONE), 100)
        assert decision.weights == {"gpu": 1, "inf2": 0} and decision.action == "held"
    assert decision.reason == "inf2 is not ready" and switch.share == 0


@pytest.mark.parametrize(("rated", "action"), [(5.99, "held"), (6.0, "stepped")])
def test_a_step_needs_room(rated, action):
    """5 % of 100 requests/s needs candidates rated for 6."""
    switch = Switch(Plan("gpu", "inf2"))
    switch.watch.pairs = 10_000
    decision = switch.look(0, both(candidate=Side(True, rated)), 100)
    assert decision.action == action
    if action == "held":
        assert decision.reason == (
            "inf2 is rated for 5.99 requests/s; expected 6, 1.2 times its share"
        )


def test_the_way_back_needs_room_too():
    """From all to none, the primary has to hold what comes to it."""
    switch = Switch(Plan("gpu", "inf2", (0.0, 1.0, 0.0), rules=QUICK))
    see_primary(switch)
    switch.look(0, both(), 100)
    send(switch, 100)
    small = both(primary=Side(True, 10.0))
    assert "gpu is rated for 10 requests/s" in switch.look(1, small, 100).reason
    assert switch.look(2, both(primary=GONE), 100).weights == {"gpu": 0, "inf2": 1}
    assert switch.look(3, both(), 100).action == "stepped" and switch.share == 0


def test_too_few_hold_the_step():
    """It says how many were seen, and how many are needed."""
    switch = Switch(Plan("gpu", "inf2"))
    decision = switch.look(0, both(), 100)
    assert (
        decision.action == "held" and decision.reason == "too few seen: 0 of 1211 frames compared"
    )
    for _ in range(1211):
        switch.watch.pair(False)
    assert switch.look(1, both(), 100).action == "stepped"
    assert switch.look(2, both(), 100).reason.startswith("too few seen: 0 of ")


def test_nothing_is_given_all_that_nobody_saw_beside_the_primary():
    """With all traffic a candidate is held against what the primary showed: where that is nothing, any failure would pass."""
    switch = Switch(Plan("gpu", "inf2", (0.0, 1.0), rules=QUICK))
    decision = switch.look(0, both(), 100)
    assert decision.action == "held"
    assert decision.reason == "too few seen: 0 of 29 requests to the primary, to compare with"
    see_primary(switch, 29)
    assert switch.look(1, both(), 100).action == "stepped"


def test_the_last_share_is_watched_too():
    """A plan that ends at 100 % is over once that has been seen, not when it is given; a fault that begins there goes back."""
    for failing in (False, True):
        switch = Switch(Plan("gpu", "inf2", (0.0, 1.0), step_s=5, rules=QUICK))
        see_primary(switch)
        assert switch.look(0, both(), 100).action == "held"
        assert switch.look(5, both(), 100).action == "stepped" and not switch.is_over
        assert switch.look(6, both(), 100).reason == "this share has been for 1 of 5 s"
        assert switch.look(11, both(), 100).reason.startswith("too few seen: 0 of ")
        send(switch, 200, failing)
        decision = switch.look(12, both(), 100)
        assert decision.action == ("went back" if failing else "done") and switch.is_over
        assert decision.weights["inf2"] == (not failing)


def test_a_step_lasts_as_long_as_it_should():
    """However much is seen in it."""
    switch = Switch(Plan("gpu", "inf2", step_s=30, rules=QUICK))
    assert switch.look(100, both(), 100).reason == "this share has been for 0 of 30 s"
    assert switch.look(129.9, both(), 100).action == "held"
    assert switch.look(130, both(), 100).action == "stepped"


def test_a_worse_candidate_goes_back_at_once_and_for_good():
    """To no share at all, and says why: signal, p, and the counts of both sides."""
    switch = Switch(Plan("gpu", "inf2", rules=QUICK))
    switch.look(0, both(), 100)
    assert switch.share == 0.05
    send(switch, 3, failed=True)
    decision = switch.look(1, both(), 100)
    assert decision.action == "went back" and decision.weights == {"gpu": 1, "inf2": 0}
    assert decision.reason.startswith("inf2 goes back: failures, p 0.00")
    assert "failed 3 of 3, beside 0 of 0" in decision.reason
    send(switch, 1000)
    after = switch.look(2, both(), 100)
    assert switch.look(3, both(primary=GONE), 100).weights == {}
    assert after.action == "done" and after.reason == decision.reason and after.weights["inf2"] == 0


def test_a_candidate_that_goes_away_gets_nothing_meanwhile():
    """Its share waits for it; nothing of it is sent elsewhere than to the primary."""
    switch = Switch(Plan("gpu", "inf2", (0.0, 0.5), rules=QUICK))
    switch.look(0, both(), 100)
    assert switch.look(1, both(candidate=GONE), 100).weights == {"gpu": 1, "inf2": 0}
    assert switch.look(2, both(), 100).weights == {"gpu": 0.5, "inf2": 0.5}


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"candidate": "gpu"}, "both backends are 'gpu'; expected two"),
        ({"shares": ()}, "expected 0 first"),
        ({"shares": (0.5, 1.0)}, "expected 0 first"),
        ({"shares": (0.0, 5.0)}, "share 5.0; expected one from 0 to 1"),
        ({"shares": (0.0, 0.99999)}, "nothing can be noticed; take 1, or a smaller one"),
        ({"headroom": 0.5}, "headroom is 0.5; expected at least 1"),
    ],
)
def test_plans_that_cannot_be_are_refused(plan, said):
    """Message: what was seen, and what was expected."""
    with pytest.raises(BadInput, match=said):
        Plan(**{"primary": "gpu", "candidate": "inf2", **plan})

"""What a decision lacks where two throughputs are not by the same, or a search is too coarse."""

from dataclasses import replace

import pytest
from made_up import WHOLE, system

from blipkit.arrivals.knobs import Arrivals
from blipkit.cost.decision import MOVE, NOT_ENOUGH, weigh
from blipkit.cost.knobs import Cost
from blipkit.cost.missing_rate import finer_search, same_basis
from blipkit.cost.offers import choose_offers
from blipkit.cost.prices import load_prices
from blipkit.cost.rows import CLOSED_LOOP
from blipkit.profiles.profile import load_profile

POISSON = "open arrivals, poisson"
BURSTS = "open arrivals, bursts"


def hours(folder, notebooks) -> float:
    return 0.25


def by(kind: str, basis: str, answers: float = 300.0, wide: float = 0.02):
    """A system whose throughput is by this."""
    return system(kind, answers, wide, conditions=replace(WHOLE, throughput_basis=basis))


def decided(candidate, incumbent):
    offers = choose_offers(Cost(), load_prices())
    return weigh([candidate, incumbent], offers, Cost(), hours)


@pytest.mark.parametrize(
    ("here", "there", "command"),
    [
        (POISSON, CLOSED_LOOP, "blipkit run gpu --only 08_arrivals --only 05_cost"),
        (CLOSED_LOOP, POISSON, "blipkit run inf2 --only 08_arrivals --only 05_cost"),
        (
            BURSTS,
            POISSON,
            "blipkit run gpu --only 08_arrivals --only 05_cost --set arrivals.pattern=bursts",
        ),
    ],
)
def test_a_side_with_a_rate_is_not_compared_with_one_without(here, there, command):
    """Not enough evidence; the command finds the rate on the side that lacks it."""
    decision = decided(by("neuron", here, 900.0), by("cuda", there))
    assert decision.answer == NOT_ENOUGH and decision.saving is None
    (step,) = decision.missing
    assert (step.command, step.hours) == (command, 0.25)
    assert f"is by {here}, of" in decision.reason and f"by {there}" in decision.reason
    assert "the rate of arrivals that holds the target" in step.what


@pytest.mark.parametrize("basis", [CLOSED_LOOP, POISSON])
def test_sides_with_one_basis_are_compared(basis):
    """Both by rates, or both by clients who wait."""
    assert same_basis(by("neuron", basis), by("cuda", basis), hours) is None
    assert decided(by("neuron", basis, 900.0), by("cuda", basis)).answer == MOVE


def test_a_side_stands_for_the_arm_whose_rate_was_found():
    """Another arm is cheaper by what clients who wait reach, which no rate of arrivals is compared with."""
    found = by("cuda", POISSON, 300.0)
    flattered = by("cuda", CLOSED_LOOP, 600.0)
    flattered = replace(flattered, row=replace(flattered.row, arm="eager float16 cuda"))
    offers = choose_offers(Cost(), load_prices())
    decision = weigh([by("neuron", POISSON, 900.0), flattered, found], offers, Cost(), hours)
    assert decision.answer == MOVE and decision.incumbent.arm == found.arm


def test_other_differences_keep_their_own_step():
    """04 settles those, 08 the rate."""
    candidate = by("neuron", POISSON, 900.0)
    row = candidate.row
    asked = replace(row.conditions, percentile=99.0)
    candidate = replace(candidate, row=replace(row, conditions=asked))
    commands = [step.command for step in decided(candidate, by("cuda", CLOSED_LOOP)).missing]
    assert [("04_concurrency" in one, "08_arrivals" in one) for one in commands] == [
        (True, False),
        (False, True),
    ]


def test_costs_that_cannot_be_told_apart_need_a_finer_search():
    """Not more load: rates nearer to each other, by runs as much longer, on both sides."""
    candidate = by("neuron", POISSON, 300.0 * 0.7582 / 1.006 * 1.02, wide=0.05)
    decision = decided(candidate, by("cuda", POISSON, wide=0.05))
    assert decision.answer == NOT_ENOUGH
    assert [step.command.partition(" --set")[0] for step in decision.missing] == [
        "blipkit run inf2 --only 08_arrivals --only 05_cost",
        "blipkit run gpu --only 08_arrivals --only 05_cost",
    ]
    for step in decision.missing:
        assert "a finer search for the rate on" in step.what
        assert "concurrency.seconds" not in step.command
        words = step.command.split("--set ")[1:]
        settings = [word.strip() for word in words]
        knobs = load_profile("tiny", settings=settings).section("arrivals")
        assert knobs.length > Arrivals().length and knobs.resolution < 0.1


def test_a_finer_search_is_longer_than_the_one_that_was_made(tmp_path):
    """Not than the default; and a cell may take as long as it needs."""
    (tmp_path / "profile.yaml").write_text("arrivals: {length: 25.0}")
    candidate = replace(by("neuron", POISSON, wide=0.05), folder=str(tmp_path))
    lengths = {}
    for one in (candidate, replace(candidate, folder="nowhere")):
        command = finer_search(one, 3.0, hours)[1].command
        profile = load_profile("tiny", settings=command.split(" --set ")[1:])
        lengths[one.folder] = profile.section("arrivals").length
        assert profile.section("common").cell_limit_s > 3600
    assert lengths[str(tmp_path)] == pytest.approx(5 * lengths["nowhere"], rel=0.01)


def test_costs_that_are_the_same_are_not_told_apart_in_a_day():
    """The hours end at a day, and the reason says so."""
    decision = decided(by("neuron", POISSON, 300.0 * 0.7582 / 1.006), by("cuda", POISSON))
    assert "not even a day of searching would tell" in decision.reason
    assert [step.hours for step in decision.missing] == [24, 24]

"""The report's summary: a camera a month is 10's where it ran, and what 09 saw while backends were switched."""

import shutil

import pytest
from bs4 import BeautifulSoup

from blipkit.capacity.gates import calibration_gate
from blipkit.capacity.rows import AnswerRow, CalibrationRow
from blipkit.cost.rows import PriceBasis
from blipkit.paths import PUBLISHED
from blipkit.records.results import Results
from blipkit.records.typed import write_typed
from blipkit.report.numbers import Served, four_numbers, read_money, read_served
from blipkit.report.page import write_report
from blipkit.statistics import Interval

PRICED = PUBLISHED / "amd-epyc-2-cores" / "tiny"


def answer(**changes) -> AnswerRow:
    values = {
        "family": "tracking",
        "policy": "target tracking",
        "aims": "aims at 40% of what a machine carries",
        "holds": True,
        "start_s": 480.0,
        "cameras": 300_000,
        "events_per_day": 48.0,
        "requests": 14_400_000,
        "days": 2,
        "machine_hours": Interval(66.0, 65.0, 67.0),
        "usd_per_day": Interval(6.6, 6.4, 6.8),
        "usd_per_month": Interval(201.0, 195.0, 207.0),
        "usd_per_camera_month": Interval(0.00067, 0.00065, 0.00069),
        "late": Interval(0.0123, 0.0, 0.02),
        "peak_machines": 6,
        "measured_on": "this machine",
        "checkpoint": "a hub's",
        "price": PriceBasis("us-east-1", "on_demand", "forecast", "m7i.large", "2026-07-20"),
        "best": True,
    }
    values.update(changes)
    return AnswerRow(**values)


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(PRICED, tmp_path / "tiny")


def text_of(folder) -> str:
    path, _ = write_report(folder)
    page = BeautifulSoup(path.read_text(), "html.parser")
    return " ".join(page.select_one("#money").find_next("ul").text.split())


def test_the_simulated_day_is_the_camera_a_month(folder):
    """With its interval, machines, lateness, and what it rests on; the evidence is forecast."""
    rows = [answer(family="fixed", best=False), answer()]
    write_typed(Results(folder, "10_capacity", "tiny"), "capacity", rows)
    text = text_of(folder)
    assert "A camera a month. 0.00067 USD of instances (interval 0.00065 to 0.00069)" in text
    # as many digits as in 10's own table
    assert "0.00069), 201 USD a month for 300,000 cameras" in text
    assert "300,000 cameras with 48 events a day each: target tracking" in text
    assert "2.8 machines on average and 6 at most; 1.2 % of the requests are late" in text
    assert "a forecast from this machine" in text and "demonstration" not in text


def test_a_folder_without_notebooks_has_no_switch_for_their_code(folder):
    """What is published has records alone: nothing would be shown or hidden."""
    path, _ = write_report(folder)
    assert 'id="show-code"' not in path.read_text()


def test_a_share_late_below_one_in_a_million_is_no_power_of_ten(folder):
    """Who reads the half page reads no 9.4e-05 %."""
    rows = [answer(late=Interval(9.4e-7, 0.0, 2e-6))]
    write_typed(Results(folder, "10_capacity", "tiny"), "capacity", rows)
    assert "6 at most; fewer than one in 1,000,000 of the requests are late" in text_of(folder)


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_fleet_of_a_machine_that_is_not_the_measured_one_says_so(folder, calibrated):
    """Who reads the dollars alone must know that nothing may be sized by them."""
    results = Results(folder, "10_capacity", "tiny")
    write_typed(results, "capacity", [answer()])
    error = 0.0 if calibrated else 0.3
    times = (Interval(10.0, 9.0, 11.0), 10.0, 0.0, 0.1)
    row = CalibrationRow(2, Interval(100.0, 99.0, 101.0), 130.0, error, 0.1, *times)
    gate = calibration_gate([row], 0.3, shared=True)
    assert (gate.limit, gate.unit) == ("each within 0.1", "mean error, as a share")
    write_typed(results, "gates_10_capacity", [gate])
    said = "Fleet calibration is WARN: measure 04 longer, on a quiet machine; do not size a fleet"
    assert (said in text_of(folder)) is not calibrated


def test_a_demonstration_model_is_called_one(folder):
    """Its figures are not BLIP's."""
    write_typed(
        Results(folder, "10_capacity", "tiny"), "capacity", [answer(checkpoint="builtin:tiny-pets")]
    )
    assert "which serves a demonstration model: no figure of BLIP's" in text_of(folder)


def test_without_chapter_10_nothing_is_simulated(folder):
    """The summary is 05's."""
    assert read_money(Results(folder), "g5.xlarge").simulated is None
    assert "A camera a month" not in text_of(folder)


def phase(**changes) -> Served:
    values = {"sent": 200, "answered": 199, "refused": 1, "rejected": 0, "failed": 0, "lost": 0}
    values |= {"double": 0, "switches": 5, "killed": 1, "stands_in": "a stands in for inf2"}
    return Served(**{**values, **changes})


def test_the_summary_says_what_became_of_requests_while_backends_were_switched(folder):
    """All phases together, how little so few requests show, and what stood in for what."""
    phases = [phase(), phase(sent=100, answered=100, refused=0, switches=3, killed=0)]
    write_typed(Results(folder, "09_service", "tiny"), "service", phases)
    text = text_of(folder)
    assert "While it moves. 300 requests, while backends were switched 8 times and 1 killed" in text
    assert "299 answered, 1 refused, 0 failed, 0 lost, 0 with two outcomes" in text
    assert "fewer than 0.99 % of requests come to harm" in text
    assert "Stand-ins: a stands in for inf2." in text
    card = four_numbers(Results(folder))[-1]
    assert (card.value, card.note.split(";")[0]) == ("0 of 300", "8 switches, 1 killed")
    assert "0.99 %" in card.interval and card.evidence == "measured"


def test_without_a_switch_the_summary_says_nothing_of_one(folder):
    """A chapter that stopped before it, or did not run."""
    assert read_served(Results(folder)) is None
    write_typed(Results(folder, "09_service", "tiny"), "service", [phase(switches=0)])
    assert read_served(Results(folder)) is None and "While it moves" not in text_of(folder)

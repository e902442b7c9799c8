"""A forecast is sealed, and scored against a measured run: here against planted ones."""

import json
from types import SimpleNamespace

import pytest

from blipkit.cost.expected import Range, expected_ranges, frame_ms
from blipkit.cost.forecast import (
    FILE,
    NOBODY,
    make_forecast,
    read_forecast,
    score,
    score_lines,
    show_forecast,
    write_forecast,
)
from blipkit.errors import BadInput, BlipkitError
from blipkit.paths import PUBLISHED
from blipkit.profiles.profile import load_profile

ARM = "neuron matmult bf16"


@pytest.fixture
def sealed():
    return make_forecast(load_profile("inf2"), "2026-11-28")


def plant(folder, evidence="measured", factor=1.0, forecast=None):
    """A made-up run whose every figure is the middle of its range, times a factor."""
    middle = {row.quantity: factor * (row.low + row.high) / 2 for row in forecast.ranges}
    point = {"servers": 1, "clients": 1, "best": True, "latency_ms": middle["service time"]}
    point["answers_per_s"] = middle["answers/s"]
    point["usd_per_million"] = middle["USD per million answers"]
    rows = {
        "artifacts": {"seconds": 60 * middle["compile time"]},
        "decisions": {"flip_rate": middle["share of flips"]},
        "cost": point,
    }
    (folder / "records").mkdir(parents=True)
    for kind, row in rows.items():
        text = json.dumps(dict(row, schema=1, kind=kind, arm=ARM, evidence=evidence))
        (folder / "records" / f"{kind}.jsonl").write_text(text + "\n")


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "inside"), (10.0, "outside")])
def test_a_planted_run_is_scored_range_by_range(sealed, tmp_path, factor, verdict):
    """In the middle each is inside; ten times that, each is outside, by how much over the nearer end."""
    plant(tmp_path, factor=factor, forecast=sealed)
    scores = score(sealed, tmp_path)
    assert {row.verdict for row in scores} == {verdict} and len(scores) == len(sealed.ranges)
    for row in scores:
        assert row.off == (pytest.approx(row.measured / row.high - 1) if row.off else 0)
    what, *lines = score_lines(sealed, tmp_path)
    assert what == f"of {ARM} on inf2.xlarge, sealed 2026-11-28"
    assert all(verdict in line for line in lines)


def test_below_its_range_is_outside_too(sealed, tmp_path):
    """A tenth of the middle is below every range that does not begin at zero."""
    plant(tmp_path, factor=0.1, forecast=sealed)
    verdicts = {row.quantity: (row.verdict, row.off) for row in score(sealed, tmp_path)}
    assert verdicts["share of flips"] == ("inside", 0)
    assert verdicts["answers/s"][0] == "outside" and verdicts["answers/s"][1] < 0


@pytest.mark.parametrize("evidence", ["emulated", "rehearsal", "forecast"])
def test_what_no_device_gave_scores_nothing(sealed, tmp_path, evidence):
    """A rehearsal or an emulation is no measurement, nor is an empty folder."""
    plant(tmp_path / "run", evidence, forecast=sealed)
    for folder in (tmp_path / "run", tmp_path / "empty"):
        assert {row.verdict for row in score(sealed, folder)} == {"not measured"}


def test_a_forecast_that_was_touched_is_refused(sealed, tmp_path):
    """Its digest is over all that it says; what is sealed is never replaced."""
    path = write_forecast(sealed, tmp_path)
    assert read_forecast(tmp_path) == sealed
    with pytest.raises(BadInput, match="sealed already"):
        write_forecast(sealed, tmp_path)
    document = json.loads(path.read_text())
    document["ranges"][2]["high"] *= 2
    path.write_text(json.dumps(document))
    with pytest.raises(BlipkitError, match="it was changed since"):
        read_forecast(tmp_path)


def test_a_profile_without_a_neuron_arm_has_no_forecast():
    """It says which profile, its arms, and what has one."""
    with pytest.raises(BadInput, match="profile tiny has no Neuron arm .*such as inf2"):
        make_forecast(load_profile("tiny"), "2026-11-28")


def test_three_questions_by_hand():
    """111 GFLOP at 36.1 % of 190 TFLOP/s are 1.62 ms, 16 GFLOP at 31.4 % are 0.27 ms: 530 frames/s; 237 at the other end."""
    shortest, longest = frame_ms(3)
    assert (round(1000 / shortest), round(1000 / longest)) == (530, 237)


def test_every_range_says_what_would_refute_it(sealed):
    """Low is below high; width, reason and refutation stand beside it."""
    for row in sealed.ranges:
        assert row.low < row.high and row.because and row.refuted_by
    assert (
        Range("x", "s", 2.0, 4.0, "", "").width == 2
        and Range("x", "s", 0.0, 4.0, "", "").width is None
    )
    dearer = expected_ranges(3, 2.0)[-1].low / expected_ranges(3, 1.0)[-1].low
    assert dearer == pytest.approx(2, rel=1e-2)


def test_the_published_forecast_is_as_it_was_sealed():
    """The one of inf2, whose machine is nobody yet."""
    forecast = read_forecast(PUBLISHED / NOBODY.replace(" ", "-") / "inf2")
    assert forecast.machine == NOBODY and forecast.evidence == "forecast"
    assert FILE == "forecast.json" and forecast.arm == ARM


def test_chapter_05_shows_what_is_sealed(sealed, tmp_path, capsys):
    """The folder's own forecast, with its scores; where there is none it says so."""
    results = SimpleNamespace(folder=tmp_path, provenance={"profile": "nothing"})
    show_forecast(SimpleNamespace(results=results))
    assert capsys.readouterr().out == "no forecast is sealed for nothing\n"
    write_forecast(sealed, tmp_path)
    show_forecast(SimpleNamespace(results=results))
    shown = capsys.readouterr().out
    assert "in no verdict and no saving" in shown and "answers/s; not measured" in shown

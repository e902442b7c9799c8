"""`blipkit capacity`: a backtest on a made-up export, chapter 10 alone, and the options that are refused."""

import pytest
from typer.testing import CliRunner

from blipkit.cli import app
from blipkit.errors import BadInput
from blipkit.profiles.profile import load_profile
from blipkit.records.results import Results
from blipkit.run.preflight import check

LINES = ["timestamp,requests,instances"]
LINES += [f"2026-11-28T18:{minute:02}:00Z,{150 if minute < 10 else 290},2" for minute in range(40)]


def backtest(folder, *options: str):
    path = folder / "metrics.csv"
    path.write_text("\n".join(LINES))
    words = ["capacity", "backtest", str(path), "--target", "100", "--start-s", "180", *options]
    return CliRunner().invoke(app, words)


def test_the_command_shows_both_counts(tmp_path):
    """A table by the hour, and how far apart they are."""
    result = backtest(tmp_path)
    assert result.exit_code == 0
    assert "40 minutes from 2026-11-28 18:00" in result.output
    assert "equal in 40.0% of the minutes; 0.60 instances off on average" in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--min", "5", "--max", "3"], "--max is 3, less than --min, 5"),
        (["--target", "0"], "--target is 0; expected more than zero"),
        (["--start-s", "-1"], "--start-s is -1; expected zero or more"),
        (["--warmup-s", "-1"], "--warmup-s is -1; expected zero or more"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path, options, words):
    """By their names."""
    error = backtest(tmp_path, *options).exception
    assert isinstance(error, BadInput) and words in str(error)


def test_a_plan_is_chapter_10_alone(monkeypatch, tmp_path):
    """With the address of a cluster as its knob."""
    asked = []

    def run_profile(profile, results, only):
        asked.append((profile.section("capacity").ray_address, results, only))
        return 0

    monkeypatch.setattr("blipkit.run.notebooks.run_profile", run_profile)
    words = ["capacity", "plan", "tiny", "--results", str(tmp_path), "--address", "10.0.0.1:6379"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert asked == [("10.0.0.1:6379", tmp_path, ["10_capacity"])]


def test_a_plan_without_records_is_refused(tmp_path):
    """Before anything runs, with what to run."""
    with pytest.raises(BadInput, match="no records of 04_concurrency; run 04_concurrency first"):
        check(load_profile("tiny"), tmp_path / "none", only=["10_capacity"])


def test_a_plan_for_another_target_than_was_recorded_is_refused(tmp_path):
    """The day would be judged by the record's target, and the one that was set silently by none."""
    profile = load_profile("tiny", ["concurrency.latency_limit_ms=50"])
    common = profile.common
    row = {"setting": "1-1", "checkpoint": common.checkpoint, "questions": common.questions}
    Results(tmp_path, "04_concurrency", "tiny").write(
        "concurrency", [{**row, "percentile": 90.0, "latency_limit_ms": 250.0}]
    )
    with pytest.raises(BadInput, match=r"latency_limit_ms 250\.0, the profile has 50"):
        check(profile, tmp_path, only=["10_capacity"])
    check(load_profile("tiny"), tmp_path, only=["10_capacity"])

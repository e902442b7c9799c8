"""What LoadGen says of a run, read from its detail log: a real one, and made-up ones."""

import json
import os
import socket
from pathlib import Path

import pytest

from blipkit.arrivals.judge_log import DETAIL, KEYS, Verdict, read_verdict, values_in
from blipkit.errors import BlipkitError

REAL = Path(__file__).parent / "loadgen_6_0_17_invalid.txt"
SAID = {
    "result_validity": "VALID",
    "result_perf_constraints_met": True,
    "early_stopping_met": True,
    "result_min_queries_met": True,
    "result_min_duration_met": True,
    "result_query_count": 739,
    "result_overlatency_query_count": 3,
    "early_stopping_result": " * Run successful.\n",
    "result_scheduled_samples_per_sec": 100,
    "result_completed_samples_per_sec": 99.5,
    "result_50.00_percentile_latency_ns": 1,
    "result_90.00_percentile_latency_ns": 2,
    "result_99.00_percentile_latency_ns": 3,
    "num_errors": 0,
    "loadgen_version": "6.0.17 @ d6147c7eb7",
}


def line_of(key: str, value) -> str:
    return f":::MLLOG {json.dumps({'key': key, 'value': value, 'time_ms': 0.1})}\n"


def left(folder: Path, text: str) -> Path:
    """A folder with a detail log."""
    (folder / DETAIL).write_text(text)
    return folder


def log_of(**changed) -> str:
    return "".join(line_of(key, value) for key, value in {**SAID, **changed}.items())


def test_a_real_log_is_read_whole(tmp_path):
    """LoadGen 6.0.17 at 300 queries/s on a server that takes 4 ms for each: every figure is there."""
    verdict = read_verdict(left(tmp_path, REAL.read_text()))
    assert verdict.validity == "INVALID" and verdict.queries == 400
    assert (verdict.p50_ns, verdict.p90_ns, verdict.p99_ns) == (175588889, 333774763, 372055916)
    assert (verdict.scheduled_per_s, verdict.completed_per_s) == (293.933, 230.273)
    assert verdict.early_stopping.startswith("* Run unsuccessful. * Processed 400 queries.")
    assert verdict.reasons == ["the target latency", "early stopping"]
    assert verdict.errors == 0 and verdict.loadgen.startswith("6.0.17")


def test_a_real_log_says_nothing_of_whose_machine_it_was():
    """LoadGen writes no path and no host's name, so its files may be published as they are."""
    text = REAL.read_text()
    for private in (socket.gethostname(), os.path.expanduser("~"), "/home/", "/tmp/"):
        assert private not in text


def test_a_made_up_log_is_read_alike(tmp_path):
    """Lines that are none of LoadGen's, and keys that nobody asks for, are skipped."""
    text = "a library's warning\n" + line_of("of_a_later_version", [1]) + log_of()
    verdict = read_verdict(left(tmp_path, text))
    assert verdict == Verdict(*[*SAID.values()][:7], "* Run successful.", *[*SAID.values()][8:])
    assert verdict.reasons == []


def test_what_is_said_last_counts():
    """LoadGen says some keys twice: as requested, and as effective."""
    assert values_in(line_of("a", 1) + line_of("a", 2)) == {"a": 2}


def test_a_line_that_is_cut_off_is_none(tmp_path):
    """Where the disk was full the verdict is missing, which the message names."""
    text = log_of()
    cut = text[: text.index('"result_validity"') + 20]
    with pytest.raises(BlipkitError, match="does not say result_validity, .*run the chapter again"):
        read_verdict(left(tmp_path, cut))


@pytest.mark.parametrize("key", sorted(KEYS.values()))
def test_a_verdict_is_whole_or_none(tmp_path, key):
    """A log that lacks any of the figures is no verdict."""
    text = "".join(line_of(one, value) for one, value in SAID.items() if one != key)
    with pytest.raises(BlipkitError, match=f"does not say {key}"):
        read_verdict(left(tmp_path, text))


def test_a_figure_of_another_type_is_refused(tmp_path):
    """A later LoadGen may write something else there."""
    with pytest.raises(BlipkitError, match="queries is 'many'; expected"):
        read_verdict(left(tmp_path, log_of(result_query_count="many")))


def test_without_a_log_there_is_no_verdict(tmp_path):
    """LoadGen was stopped before it began."""
    with pytest.raises(BlipkitError, match=f"left no {DETAIL}; expected"):
        read_verdict(tmp_path)

import threading
import time

import pandas
import pytest

from blipkit.artifacts import Artifact, Artifacts
from blipkit.buckets import Bucket
from blipkit.errors import BadInput
from blipkit.load import Load, best_cell, load_gates, measure_setting, summarise

ROWS = [
    {"servers": 1, "clients": 1, "p99_ms": 10.0, "answers_per_s": 100.0, "wrong": 0, "requests": 50},
    {"servers": 1, "clients": 4, "p99_ms": 60.0, "answers_per_s": 300.0, "wrong": 0, "requests": 50},
    {"servers": 2, "clients": 8, "p99_ms": 300.0, "answers_per_s": 400.0, "wrong": 0, "requests": 50},
]


def test_every_request_is_answered_once():
    """What clients sent is what servers answered, each with its own frame's answer."""
    answered, lock = [], threading.Lock()

    def answer(index):
        with lock:
            answered.append(index)
        return [str(index)]

    rows = Load([answer] * 2, [[str(i)] for i in range(5)], clients=3).run(warmup_s=0.0, seconds=0.2)
    assert len(rows) == len(answered) > 3
    assert all(right for *_, right in rows)
    assert {client for client, *_ in rows} == {0, 1, 2}


def test_times_are_in_order_and_nothing_of_the_warm_up_is_counted():
    """sent <= started <= finished, and the first is after the warm-up."""
    rows = Load([lambda i: time.sleep(0.002)], [None] * 2, 2).run(warmup_s=0.1, seconds=0.1)
    assert rows and all(0 <= sent <= started <= finished for _, _, sent, started, finished, _ in rows)


def test_a_closed_loop_holds_no_more_requests_than_clients():
    """A client waits for its answer before it asks again."""
    rows = Load([lambda i: time.sleep(0.001)] * 4, [None], 3).run(0.0, 0.2)
    frame = pandas.DataFrame(rows, columns=["client", "frame", "sent", "started", "finished", "right"])
    for _, own in frame.groupby("client"):
        assert (own.sent.iloc[1:].values >= own.finished.iloc[:-1].values).all()


def test_wrong_answers_and_crashes_are_counted_and_the_server_lives_on():
    """A request that fails is a wrong answer; the next one is served."""

    def answer(index):
        if index == 1:
            raise RuntimeError("poisoned")
        return ["changed" if index == 2 else "same"]

    rows = Load([answer], [["same"]] * 4, 1).run(0.0, 0.1)
    by_frame = {index: right for _, index, *_, right in rows}
    assert by_frame == {0: True, 1: False, 2: False, 3: True}


def test_the_summary_is_the_samples():
    """Counts, rates and percentiles follow from the raw latencies; an unknown end of an interval is None."""
    sent = [i * 0.01 for i in range(100)]
    frame = pandas.DataFrame(
        {"sent": sent, "started": sent, "finished": [s + 0.005 for s in sent], "right": [True] * 99 + [False]}
    )
    row = summarise(frame, seconds=1.0, questions=4)
    assert row["requests"] == 100 and row["answers_per_s"] == 400 and row["wrong"] == 1
    assert row["p50_ms"] == pytest.approx(5) and row["p99_high_ms"] is None and row["p50_high_ms"] == pytest.approx(5)


def test_requests_that_end_after_the_time_add_no_throughput():
    """An answer that comes late is in the latencies and not in the rate."""
    frame = pandas.DataFrame({"sent": [0.0, 0.5], "started": [0.0, 0.9], "finished": [0.5, 1.5], "right": [True, True]})
    assert summarise(frame, 1.0, 1)["requests_per_s"] == 1


def test_the_best_cell_is_the_fastest_within_the_target():
    """More answers do not help where p99 is beyond the target; none may be left."""
    assert best_cell(ROWS, 250)["clients"] == 4
    assert best_cell(ROWS, 5) is None


def test_a_wrong_answer_fails_and_a_late_one_warns_on_a_shared_machine():
    """Answer gates hold everywhere; timing gates warn where the machine is shared."""
    wrong = [{**ROWS[0], "wrong": 1}]
    assert [g.status for g in load_gates(wrong, 250, shared=True)] == ["FAIL", "PASS"]
    assert [g.status for g in load_gates(ROWS, 5, shared=True)] == ["PASS", "WARN"]
    assert [g.status for g in load_gates(ROWS, 5, shared=False)] == ["PASS", "FAIL"]


def test_no_request_at_all_is_invalid():
    """An empty measurement proves nothing."""
    assert [g.status for g in load_gates([{**ROWS[0], "requests": 0}], 250, False)] == ["INVALID"]


def test_an_emulated_arm_is_never_timed(tmp_path):
    """What it takes here says nothing of the device that it imitates."""
    manifest = {"runner": "neuron_emulated", "dtype": "matmult bf16", "device": "cpu"}
    artifacts = Artifacts([Artifact(tmp_path, manifest, Bucket())])
    with pytest.raises(BadInput, match="'neuron_emulated matmult bf16' imitates a device's numbers, not its speed"):
        measure_setting(artifacts, "builtin:tiny-pets", [], {}, servers=1, clients=1, seconds=1, warmup_s=0, threads=1)


def test_a_way_to_call_that_does_not_exist_is_refused():
    """The nearest right one is shown."""
    with pytest.raises(BadInput, match="call is 'pipelin'; did you mean 'pipeline'"):
        measure_setting(None, "x", [], {}, 1, 1, 1.0, 0, 1, call="pipelin")


@pytest.mark.parametrize("bad", [{"servers": 0}, {"clients": -1}, {"seconds": 0.0}, {"threads": 0}])
def test_counts_of_nothing_are_refused(bad):
    """Zero servers or clients cannot be measured, and no child is started to find out."""
    setting = {"servers": 1, "clients": 1, "seconds": 1.0, "threads": 1, **bad}
    with pytest.raises(BadInput, match=next(iter(bad))):
        measure_setting(None, "x", [], {}, warmup_s=0, **setting)

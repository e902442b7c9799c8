"""One setting in a fresh group of child processes: its requests, what was counted, and what goes wrong in it."""

import contextlib
import re
import threading
import time

import psutil
import pytest

from blipkit.errors import BadInput, BlipkitError
from blipkit.load.measure import Measured, measure_setting
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.load.summary import INVALID, STABLE, UNSTABLE, Basis, summarise, unaccounted
from blipkit.model.buckets import Bucket
from blipkit.runners.artifacts import Artifact, Artifacts
from blipkit.serving.answering import NOTHING, FrameSource

FRAMES = FrameSource("synthetic", 4, 3)
SERVE, ASK, WORK = (
    "blipkit.serving.process:serve",
    "blipkit.load.clients:ask",
    "blipkit.runners.workers:work",
)


def setting(servers=1, clients=1, call="pipeline", placement="threads") -> Setting:
    return Setting("null float32", call, placement, servers, clients)


def workload(seconds=0.3, warmup_s=0.1, seed=0, checkpoint="x", questions=()) -> Workload:
    return Workload(checkpoint, questions, FRAMES, seconds, warmup_s, seed=seed)


BRIEFLY, PLAINLY = workload(), ServerOptions()


def measure(
    setting: Setting, work: Workload = BRIEFLY, options: ServerOptions = PLAINLY
) -> Measured:
    """The harness alone: everything but a model."""
    return measure_setting(Artifacts([]), setting, work, options)


def process_of(what: str, parent: psutil.Process | None = None) -> psutil.Process:
    """The child whose command line has `what` in it, as soon as it is there; not those of a run in the background."""
    for _ in range(1200):
        for one in (parent or psutil.Process()).children():
            with contextlib.suppress(psutil.Error):
                if what in one.cmdline():
                    return one
        time.sleep(0.05)
    raise AssertionError(f"no child {what}")


def kill_when_it_serves(*path: str) -> list[int]:
    """Kill the last of `path`, each a child of the one before, when clients have asked for a while; its CPU cores."""
    cores = []

    def run() -> None:
        process_of(ASK)  # they come last: from here on it serves
        time.sleep(0.8)
        process = None
        for what in path:
            process = process_of(what, process)
        cores.extend(process.cpu_affinity())
        process.kill()

    threading.Thread(target=run, daemon=True).start()
    return cores


def test_a_setting_is_measured_and_every_request_counted():
    """Four clients on two servers: both sides count the same, frames come in passes, the machine is in the picture."""
    found = measure(setting(2, 4, NOTHING), workload(seed=7))
    requests, counts = found.requests, found.counts
    assert counts["answered"] == counts["sent"] == len(requests) > 100 and unaccounted(counts) == 0
    assert set(requests.client) == {0, 1, 2, 3} and set(requests.status) == {"answered"}
    passes = (
        requests.sort_values("number").frame[: 4 * (len(requests) // 4)].to_numpy().reshape(-1, 4)
    )
    assert (abs(passes.sum(axis=1) - 6) == 0).all(), "each frame once per pass"
    assert (requests.scheduled < 0).any() and requests.scheduled.max() < 0.3
    assert counts["problem"] == "" and 0 < counts["host_percent"] <= 100 and found.executions == []
    assert {"at", "ours", "memory_gib"} <= set(found.samples[0].columns())
    assert summarise(requests.assign(run=0), [counts], Basis(1, 4, 90))["state"] in (
        STABLE,
        UNSTABLE,
    )


def test_a_limit_refuses_what_is_beyond_and_batches_are_served_together():
    """Six clients, three requests inside, which wait for a fourth: the others are refused, and every one is counted."""
    found = measure(
        setting(1, 6, NOTHING), options=ServerOptions(limit=3, batch=4, batch_wait_s=0.02)
    )
    counts = found.counts
    assert counts["refused"] > 0 and counts["sent"] == counts["answered"] + counts["refused"]
    assert unaccounted(counts) == 0 and found.requests["size"].max() == 3


@pytest.mark.parametrize(
    ("killed", "told"),
    [(SERVE, "the servers: .* died .SIGKILL"), (ASK, "the clients: .* died .SIGKILL")],
)
def test_what_dies_marks_the_row_and_loses_nothing_uncounted(killed, told):
    """A server or the clients killed mid-load: what was answered before is kept, the row is INVALID and says why."""
    kill_when_it_serves(killed)
    found = measure(setting(1, 2, NOTHING), workload(seconds=20.0, warmup_s=0.0))
    assert re.search(told, found.counts["problem"]) and len(found.requests) > 100
    if killed == SERVE:
        assert (
            found.counts["sent"] == found.counts["answered"] + found.counts["lost"]
            and found.counts["lost"] <= 2
        )
    row = summarise(found.requests.assign(run=0), [found.counts], Basis(1, 2, 90))
    assert row["state"] == INVALID and found.counts["problem"].partition(" ")[0] in row["reason"]


def test_a_worker_process_killed_mid_load_leaves_the_others():
    """Two processes serve, each its own requests, one is killed: its request fails, the rest is answered, and it is told."""
    cores = kill_when_it_serves(SERVE, WORK)
    found = measure(setting(2, 2, NOTHING, "processes"), workload(seconds=2.5))
    counts = found.counts
    assert len(cores) == 1, "each keeps to a core of its own"
    assert (
        counts["failed"] == 1 and "was given up" in counts["problem"] and unaccounted(counts) == 0
    )
    assert set(found.requests.worker) == {0, 1} and set(found.requests.status) == {
        "answered",
        "failed",
    }
    lost_at = found.requests[found.requests.status == "failed"].received.iloc[0]
    assert (found.requests[found.requests.status == "answered"].received > lost_at).sum() > 3


def test_what_cannot_start_raises(tmp_path):
    """A setting that never served is no row: the notebook stops with what kept it from starting."""
    (tmp_path / "compiled.pt").write_bytes(b"")
    manifest = {"runner": "eager", "dtype": "float32", "device": "cpu", "file": "compiled.pt"}
    artifacts = Artifacts([Artifact(tmp_path, manifest, Bucket())])
    with pytest.raises(BlipkitError, match=f"artifact {tmp_path.name} is damaged: .*manifest.json"):
        measure_setting(
            artifacts, setting(), workload(0.2, 0.0, 0, "builtin:tiny-pets", ["x"]), ServerOptions()
        )


def test_an_emulated_arm_is_never_timed(tmp_path):
    """What it takes here says nothing of the device that it imitates."""
    manifest = {"runner": "neuron_emulated", "dtype": "matmult bf16", "device": "cpu"}
    artifacts = Artifacts([Artifact(tmp_path, manifest, Bucket())])
    with pytest.raises(
        BadInput, match="'neuron_emulated matmult bf16' imitates a device's numbers, not its speed"
    ):
        measure_setting(artifacts, setting(), workload(), ServerOptions())


def test_a_way_to_call_that_does_not_exist_is_refused():
    """The nearest right one is shown."""
    with pytest.raises(BadInput, match="call is 'pipelin'; did you mean 'pipeline'"):
        measure_setting(None, setting(call="pipelin"), workload(), ServerOptions())


@pytest.mark.parametrize(
    "bad", [{"servers": 0}, {"clients": -1}, {"seconds": 0.0}, {"threads": 0}, {"batch": 0}]
)
def test_counts_of_nothing_are_refused(bad):
    """Zero servers or clients cannot be measured, and no child is started to find out."""
    given = {"servers": 1, "clients": 1, "seconds": 1.0, "threads": 1, "batch": 1, **bad}
    one = setting(given["servers"], given["clients"])
    options = ServerOptions(given["threads"], given["batch"])
    with pytest.raises(
        BadInput,
        match=r"servers, clients, seconds, threads or batch is (0|-1|0.0); expected more than zero",
    ):
        measure_setting(None, one, workload(given["seconds"]), options)

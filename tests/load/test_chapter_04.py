"""Chapter 04 on a virtual clock: its own cells, with settings that a simulated machine answers, and faults planted there."""

import json
import random
import shutil
from dataclasses import replace
from typing import ClassVar

import pandas
import pytest
import yaml
from conftest import run_chapter
from load_rows import counted, run_counts
from virtual import Ended, drive

from blipkit.errors import GateFailed
from blipkit.load.counts import RunCounts
from blipkit.load.measure import Measured
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.machine import host
from blipkit.machine.monitor import Usage
from blipkit.records.results import Results
from blipkit.runners.artifacts import Artifacts
from blipkit.serving.answering import NOTHING
from blipkit.serving.scheduler import Dispatcher

SERVICE_S, THINK_S = 0.01, 0.001
COMMON = {"arms": ["torchscript float32"], "shared": False}
KNOBS = {
    "servers": [1, 2],
    "clients": [1, 2, 4],
    "seconds": 6.0,
    "think_ms": 1e3 * THINK_S,
    "percentile": 99.0,
    "latency_limit_ms": 30.0,
}


class Loaded:
    """Stands in for a `Host`: counts how often pipelines are loaded, and whether they are closed."""

    opened: ClassVar[list["Loaded"]] = []

    def __init__(self, artifacts, setting: Setting, work, options, servers: int):
        self.setting, self.servers, self.is_fit, self.closed = setting, servers, True, False
        self.expected = []
        self.opened.append(self)

    def close(self) -> None:
        self.closed = True


class Machine:
    """Stands in for `measure_on`: exact service times on a virtual clock, two processors, and what goes wrong."""

    def __init__(self, drift: float = 0.0, problem: dict | None = None):
        self.drift, self.problem, self.asked = drift, problem or {}, []
        self.seconds: dict[str, float] = {}  # call -> measured time

    def __call__(
        self, host: "Loaded", setting: Setting, work: Workload, options: ServerOptions
    ) -> Measured:
        call, servers, clients = setting.call, setting.servers, setting.clients
        self.asked.append((call, servers, clients, options.limit, work.seed))
        self.seconds[call] = work.seconds
        rng, begun = random.Random(work.seed), []

        def service() -> float:
            begun.append(1)
            each = 1e-4 if call == NOTHING else SERVICE_S
            return each * rng.uniform(0.95, 1.05) * (1 + self.drift * len(begun) / 600)

        def again() -> float:
            return rng.expovariate(1 / work.think_s)

        dispatcher = Dispatcher(servers, options.limit or clients)
        served = drive(dispatcher, [0.0] * clients, service, again, end_s=work.seconds)
        requests = requests_of(served)
        counts = counts_of(requests, work.seconds, self.problem.get((servers, clients), ""))
        rows = [(at, at, at, 0.0, 1.0) for at in (0.0, work.seconds)]
        columns = ["at", "ours", "busy", "steal", "memory_gib"]
        samples = pandas.DataFrame(rows, columns=columns)
        return Measured(requests, counts, samples, None, 1.0)


def requests_of(served: list[Ended]) -> pandas.DataFrame:
    """As the clients would have written them."""
    names = {"arrived": "scheduled", "finished": "received"}
    requests = pandas.DataFrame(served).rename(columns=names).assign(worker=0, batch=0, frame=0)
    requests["number"] = range(len(served))
    requests["sent"], requests["dequeued"] = requests.scheduled, requests.started
    requests["finished"] = requests.received
    requests["status"] = [
        "refused" if start != start else "answered" for start in requests.started.astype(float)
    ]
    return requests


def counts_of(requests: pandas.DataFrame, seconds: float, problem: str) -> RunCounts:
    """Clients and servers counted alike."""
    answered = int((requests.status == "answered").sum())
    refused = len(requests) - answered
    counts = run_counts(len(requests), seconds, answered=answered, refused=refused, problem=problem)
    machine = Usage(host_percent=2.0)
    return counted(counts, server_answered=answered, server_refused=refused, machine=machine)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the chapter on a machine; its rows by (servers, clients), and its gates by name."""

    def run(machine: Machine, common=COMMON, **knobs):
        Loaded.opened.clear()
        monkeypatch.setattr("blipkit.load.runs.open_host", Loaded)
        monkeypatch.setattr("blipkit.load.runs.measure_on", machine)
        monkeypatch.setattr("blipkit.load.runs.trace", lambda *_, **__: Artifacts([]))
        try:
            run_chapter("04_concurrency", {**KNOBS, "results": str(tmp_path), **knobs}, common)
        except GateFailed as error:
            assert "FAIL" in str(error) or "INVALID" in str(error)
        assert all(host.closed for host in Loaded.opened)
        results = Results(tmp_path)
        rows = {(r["servers"], r["clients"]): r for r in results.read("concurrency")[3:]}
        return rows, {gate.gate: gate for gate in results.gates()}, results

    return run


def test_a_sound_machine_gets_a_recommendation_that_another_seed_confirms(run):
    """Two servers for four clients: 200 requests a second at 20 ms; again on another seed the p99 target holds."""
    rows, gates, results = run(Machine())
    assert {gate.status for gate in gates.values()} == {"PASS"}, gates
    best = next(cell for cell, row in rows.items() if row["best"])
    assert best == (2, 4) and rows[best]["requests_per_s"] == pytest.approx(2 / SERVICE_S, rel=0.05)
    assert rows[1, 1]["mean_ms"] == pytest.approx(10, rel=0.02) and rows[1, 4][
        "ratio"
    ] == pytest.approx(1, abs=0.05)
    admitted = results.read("admission")[0]
    assert admitted["clients"] == 8 and admitted["limit"] == 4 and admitted["refused"] > 100
    assert admitted["pause_ms"] == pytest.approx(5, rel=0.1)
    assert 0 < admitted["fewest_answers"] <= admitted["requests"] / 8 <= admitted["most_answers"]
    again, gates, _ = run(Machine(), {**COMMON, "seed": 99})
    assert again[best]["best"] and again[best]["p99_ms"] <= KNOBS["latency_limit_ms"]


def test_a_target_below_the_service_time_is_a_finding(run):
    """Not reachable; fastest is so and so: the gate fails, and nothing is limited."""
    rows, gates, results = run(Machine(), latency_limit_ms=5.0)
    target = gates["latency target"]
    assert target.status == "FAIL" and "not reachable here; fastest is 1" in target.next
    assert gates["admission control"].status == "NOT-RUN" and not any(
        row["best"] for row in rows.values()
    )
    assert results.read("admission") == []


def test_an_unstable_machine_is_refused_a_verdict(run):
    """Service that grows from request to request: no setting is stable, and the reason is said."""
    rows, gates, _ = run(Machine(drift=1.0))
    assert {row["state"] for row in rows.values()} == {"unstable"}
    assert gates["latency target"].status == gates["stable load"].status == "INVALID"
    assert "latency rises by" in gates["latency target"].reason and not any(
        r["best"] for r in rows.values()
    )


def test_a_run_that_goes_wrong_marks_its_row_and_the_grid_goes_on(run):
    """A server died in 2-4: that row is INVALID with the reason, the best of the others is recommended."""
    rows, gates, _ = run(Machine(problem={(2, 4): "worker 0 was given up: died (SIGKILL)"}))
    assert (
        rows[2, 4]["state"] == "INVALID"
        and rows[2, 4]["reason"] == "worker 0 was given up: died (SIGKILL)"
    )
    assert rows[2, 2]["best"] and len(rows) == 6 and gates["stable load"].status == "WARN"


def test_a_setting_without_one_answer_is_a_row_too(run):
    """Its servers died at once: INVALID, no figures, and the rest of the grid is recommended from, and drawn."""
    machine = Machine(problem={(2, 1): "the servers: died"})

    def measure(artifacts, setting: Setting, work: Workload, options: ServerOptions) -> Measured:
        measured = machine(artifacts, setting, work, options)
        if (setting.servers, setting.clients) != (2, 1):
            return measured
        counts = counted(measured.counts, sent=0, answered=0, server_received=0, server_answered=0)
        return replace(measured, requests=measured.requests[:0], counts=counts)

    rows, gates, _ = run(measure)
    assert rows[2, 1]["state"] == "INVALID" and rows[2, 1]["mean_ms"] is None and rows[2, 4]["best"]
    assert gates["stable load"].status == "WARN" and gates["latency target"].status == "PASS"


def test_a_full_disk_marks_the_row_and_the_grid_goes_on(run, monkeypatch):
    """What could not be written is in its row, and said there; the records are all there."""
    write = Results.write_samples

    def full(self, name, frame):
        if name.endswith("1-2-0"):
            raise OSError(28, "No space left on device")
        write(self, name, frame)

    monkeypatch.setattr(Results, "write_samples", full)
    rows, gates, _ = run(Machine())
    assert (
        rows[1, 2]["state"] == "INVALID"
        and "was not kept: No space left on device" in rows[1, 2]["reason"]
    )
    assert (
        rows[1, 2]["requests"] > 500
        and rows[2, 4]["best"]
        and gates["latency target"].status == "PASS"
    )


def test_pipelines_are_loaded_once_for_all_settings_of_an_arm_and_placement(run):
    """The harness alone, the runner that does nothing in both ways, the arm; and the arm again for admission control."""
    machine = Machine()
    run(machine)
    assert machine.seconds == {"nothing": 0.4, "pipeline": 6.0, "pipeline from JPEG": 5.0}
    loads = [(host.setting.arm, host.setting.call, host.servers) for host in Loaded.opened]
    assert [arm for arm, _, _ in loads] == [*3 * ["null float32"], *2 * COMMON["arms"]]
    assert [call for _, call, _ in loads][:3] == ["nothing", "pipeline", "pipeline from JPEG"]
    assert [servers for _, _, servers in loads][:4] == [1, 1, 1, max(KNOBS["servers"])]


def test_repeats_measure_the_whole_grid_again_on_other_seeds(run):
    """Three passes: each setting three times, a grid between two of them, and the interval is that of three."""
    machine = Machine()
    rows, _, _ = run(machine, repeats=3, servers=[1], clients=[1, 2])
    grid = [asked for asked in machine.asked if asked[0] == "pipeline"]
    assert [(s, c) for _, s, c, _, _ in grid[:3]] == [(1, 1), (1, 1), (1, 2)]
    assert {seed for *_, seed in grid} == {3, 4, 5}
    assert rows[1, 2]["runs"] == 3


def replay(recorded, folder, common=COMMON) -> Results:
    """The chapter's records in `folder`, replayed from `recorded`, whatever its gates say."""
    (recorded / "run.json").write_text(json.dumps({"started": "2026-01-01 00:00 UTC"}))
    (recorded / "environment.json").write_text(json.dumps(host.describe().facts()))
    (recorded / "profile.yaml").write_text(yaml.safe_dump({"common": common, "concurrency": KNOBS}))
    run_chapter("04_concurrency", {"results": str(folder), "replay": str(recorded)}, common)
    return Results(folder)


def rows_without_origin(results: Results, kind: str) -> list[dict]:
    """Records of a kind, but for what a replay marks."""
    marks = ("evidence", "replayed_on", "profile")
    return [{k: v for k, v in row.items() if k not in marks} for row in results.read(kind)]


KINDS = (
    "pictures",
    "concurrency",
    "runs",
    "executions",
    "scalability",
    "server_scaling",
    "admission",
    "admission_runs",
)


def test_a_replay_gives_the_same_records_and_gates(run, tmp_path):
    """From the requests and counts that were recorded, every row and every gate comes out again."""
    _, _, first = run(Machine())
    again = replay(first.folder, tmp_path / "replay")
    for kind in KINDS:
        assert rows_without_origin(again, kind) == rows_without_origin(first, kind), kind
    judged = [
        [(g.gate, g.status, g.measured) for g in results.gates()] for results in (first, again)
    ]
    assert judged[0] == judged[1] and len(judged[0]) == 7
    assert {row["evidence"] for row in again.read("concurrency")} == {"recorded"}


@pytest.mark.parametrize("lost", ["records/runs.jsonl", "samples/requests"])
def test_a_replay_that_lacks_what_rows_came_from_keeps_the_rows_and_judges_nothing(
    run, tmp_path, lost, capsys
):
    """The recorded rows stay, for 05 to read; every gate that rests on requests is NOT-RUN."""
    _, _, first = run(Machine())
    gone = first.folder / lost
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    again = replay(first.folder, tmp_path / "replay")
    assert rows_without_origin(again, "concurrency") == rows_without_origin(first, "concurrency")
    assert {gate.status for gate in again.gates()} == {"NOT-RUN"} and len(again.gates()) == 7
    assert not again.has("admission") and "what rests on them is NOT-RUN" in capsys.readouterr().out


def test_a_replay_of_an_older_kits_folder_stops_nowhere(run, tmp_path):
    """It has rows of other keys and nothing else: none of them is taken over, and nothing is judged."""
    _, _, first = run(Machine())
    for path in (*first.folder.glob("records/*.jsonl"), *first.folder.glob("samples/*.parquet")):
        if path.stem != "concurrency":
            path.unlink()
    shutil.rmtree(first.folder / "samples/requests")
    path = first.folder / "records/concurrency.jsonl"
    rows = [
        {k: v for k, v in row.items() if k != "within_target"} for row in first.read("concurrency")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = replay(first.folder, tmp_path / "replay")
    assert {gate.status for gate in again.gates()} == {"NOT-RUN"} and not again.has("concurrency")


def test_a_replay_of_a_kit_without_frames_that_travel_gives_its_rows_again(run, tmp_path):
    """Two rows of overhead, runs that say their tries and no pause: all is judged as it was, and the host's share says of what it is."""
    _, _, first = run(Machine())
    for kind in ("runs", "concurrency", "admission_runs"):
        path = first.folder / f"records/{kind}.jsonl"
        rows = [row for row in first.read(kind) if row["call"] != "pipeline from JPEG"]
        for row in rows:
            row["tries"] = 2
            row.pop("pause_s", None)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    next(first.folder.glob("samples/requests/*JPEG*")).unlink()
    again = replay(first.folder, tmp_path / "replay")
    rows = again.read("concurrency")
    assert [row["call"] for row in rows] == ["nothing", *7 * ["pipeline"]]
    gates = {gate.gate: gate for gate in again.gates()}
    assert {gate.status for gate in gates.values()} == {"PASS"}
    assert gates["host share"].reason.endswith("for clients and preprocessing")
    assert again.read("admission")[0]["pause_ms"] is None


def test_a_replay_without_the_run_with_a_limit_lacks_that_gate_alone(run, tmp_path):
    """The grid is judged as recorded; admission control is NOT-RUN."""
    _, _, first = run(Machine())
    (first.folder / "records/admission_runs.jsonl").unlink()
    again = {gate.gate: gate.status for gate in replay(first.folder, tmp_path / "replay").gates()}
    assert again.pop("admission control") == "NOT-RUN" and set(again.values()) == {"PASS"}

"""Chapter 05 on made-up records: its own cells, with both machines measured, one of them, or none that holds its target."""

import math
from dataclasses import replace

import matplotlib.pyplot as plt
import pytest
from conftest import run_chapter
from made_up import rate_row
from older_kit import older_folder

from blipkit.arrivals.gates import GATES as ARRIVAL_GATES
from blipkit.arrivals.rows import RateRow
from blipkit.cost.prices import TABLE as PRICES
from blipkit.cost.rows import MeasuredSetting
from blipkit.machine import host
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.records.typed import record_of, write_typed
from blipkit.statistics import UNKNOWN, Interval

MACHINES = {
    "gpu": {"name": "NVIDIA A10G", "gpus": ["NVIDIA A10G"], "neuron_devices": [], "cores": 4},
    "inf2": {"name": "Neuron x1", "gpus": [], "neuron_devices": ["neuron0"], "cores": 4},
}
ARMS = {
    "gpu": {"eager float32 cuda": 60.0, "torchscript float16 cuda": 250.0},
    "inf2": {"neuron matmult bf16": 500.0},
}
ASKED = {
    "shared": False,
    "threads": 1,
    "questions": ["is the dog barking?"],
    "frames_digest": "f1",
    "call": "pipeline",
    "think_ms": 0.0,
    "repeat_share": 0.0,
}
DEMAND = {"cameras": 200_000, "events_per_day": 96.0}
DEMAND |= {"utilisation": 0.33, "incumbent_utilisation": 0.33}
PRICED_AS = {"gpu": "g5.xlarge", "inf2": "inf2.xlarge"}
GATES = [
    "answers under load",
    "requests conserved",
    "latency target",
    "execution parity",
    "execution load",
    "platform_support",
]


def rows_of(arm: str, rate: float, wide: float, best: bool) -> list[MeasuredSetting]:
    """One client on one server, and four on two, as 04 records them; answers of four questions a request."""
    rows = []
    for servers, clients, times, chosen in ((1, 1, 0.4, False), (2, 4, 1.0, best)):
        around = Interval(1.0, 1 - wide, 1 + wide)
        answers = around.times(rate * times)
        rows.append(
            MeasuredSetting(
                arm=arm,
                servers=servers,
                clients=clients,
                requests_per_s=answers.times(1 / 4),
                answers_per_s=answers,
                within_target=0.995,
                percentile=99.0,
                latency_ms=around.times(40.0),
                latency_limit_ms=250.0,
                state="stable",
                seconds=15.0,
                runs=1,
                best=chosen,
            )
        )
    return rows


def close(figure, *_, **__) -> None:
    """In place of showing a figure, which takes a second."""
    plt.close(figure)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """run("inf2", rates=..., wide=..., **knobs): what 05 makes of that machine's records; its Results."""

    def run(
        name: str,
        rates=None,
        wide=0.02,
        best=True,
        failed=(),
        work=(),
        judged=(),
        limits=(),
        rows=None,
        arrivals=(),
        **knobs,
    ) -> Results:
        monkeypatch.setattr("blipkit.cost.figures.show", close)
        monkeypatch.setattr(
            host,
            "describe",
            lambda: host.Machine(**MACHINES[name], versions={"transformers": "5.23.0"}),
        )
        folder, rates = tmp_path / name, rates or ARMS[name]
        made = [row for arm, rate in rates.items() for row in rows_of(arm, rate, wide, best)]
        asked = {**ASKED, **dict(work)}
        records = [{**record_of(row), **asked} for row in rows or made]
        stamps = {"weights_digest": "w1", "pixel_digest": "p1", "checkpoint": "a hub's"}
        Results(folder, "04_concurrency", name, **stamps).write("concurrency", records)
        names = [
            *GATES,
            *(f"decisions {arm}" for arm in rates),
            *(f"parity {arm} pipeline" for arm in rates),
        ]
        gates = [Gate(gate, "answer", "FAIL" if gate in failed else "PASS") for gate in names]
        stamps |= dict(judged)
        parity = Results(folder, "03_parity", name, **stamps)
        parity.write_gates(gates)
        parity.write("limits_03_parity", [{"limits": {"flip_limit": 0.02, **dict(limits)}}])
        if arrivals:
            open_loop = Results(folder, "08_arrivals", name, **stamps)
            write_typed(open_loop, "rates", arrivals)
            open_loop.write_gates([Gate(gate, "timing", "PASS") for gate in ARRIVAL_GATES])
        Results(folder, "00_environment", name).write("environment", [MACHINES[name]])
        knobs |= {"priced_as": PRICED_AS[name], "results": str(folder), "profile": name}
        run_chapter("05_cost", knobs)
        return Results(folder)

    return run


def gate_of(results: Results, name: str) -> Gate:
    return next(gate for gate in results.gates() if gate.gate == name)


def test_both_sides_measured_give_a_verdict_and_its_effects(run):
    """Inf2 against the GPU as people leave it and as it could be: the verdict is on the better one, at the stated use of both."""
    gpu = run("gpu")
    busy = {"utilisation": 0.33, "incumbent_utilisation": 0.165}
    inf2 = run("inf2", beside=[str(gpu.folder)], **busy)
    eager, compiled = inf2.read("savings")
    assert eager["throughput_effect"] == pytest.approx(60 / 500) and compiled[
        "throughput_effect"
    ] == pytest.approx(0.5)
    assert (
        compiled["price_effect"] == pytest.approx(0.7582 / 1.006)
        and compiled["utilisation_effect"] == 0.5
    )
    assert eager["comparable"] and compiled["comparable"]
    saving = gate_of(inf2, "saving of inf2.xlarge")
    assert saving.status == "PASS" and saving.measured == pytest.approx(1 - 0.7582 / 1.006 / 4)
    assert "torchscript float16 cuda" in saving.reason and inf2.read("missing") == []
    cost = next(row for row in inf2.read("cost") if row["best"])
    assert cost["evidence"] == "measured" and cost["usd_per_million"] == pytest.approx(
        0.7582 / 3600 / (500 * 0.995) * 1e6
    )


def test_purchase_options_and_regions_are_never_mixed(run):
    """A GPU that was priced in Tokyo is compared at this run's region; its own record stays as it was."""
    gpu = run("gpu", region="ap-northeast-1", incumbents=["g5.xlarge"])
    inf2 = run("inf2", beside=[str(gpu.folder)])
    assert {row["usd_per_hour"] for row in gpu.read("cost")} == {1.459}
    assert {row["price_effect"] for row in inf2.read("savings")} == {0.7582 / 1.006}
    assert gate_of(inf2, "saving of inf2.xlarge").measured == pytest.approx(1 - 0.7582 / 1.006 / 2)


def test_a_setting_without_one_answer_is_priced_at_nothing(run):
    """Its servers died: no cost, and the rest of the chapter stands."""
    slow, fast = rows_of("neuron matmult bf16", 500.0, 0.02, True)
    nothing = Interval(0.0, 0.0, 0.0)
    dead = {"requests_per_s": nothing, "answers_per_s": nothing, "latency_ms": UNKNOWN}
    rows = run("inf2", rows=[fast, replace(slow, within_target=None, **dead)]).read("cost")
    assert [row["usd_per_million"] is None for row in rows] == [False, True]


def test_the_fleet_and_the_payback_follow_the_knobs(run):
    """Twice the cameras, twice the machines, the operating point's first; with all one-off costs stated there are months, without them a reason."""
    gpu = run("gpu", **DEMAND)
    (compiled, eager), beside = gpu.read("fleet"), [str(gpu.folder)]
    events = 200_000 * 96 / 86400
    assert (
        compiled["machines"] == -(-events // (250 / 4 * 0.33))
        and eager["machines"] > 4 * compiled["machines"] - 4
    )
    assert gpu.read("payback")[0]["reason"].startswith("NOT-RUN")
    assert (
        run("inf2", beside=beside, **DEMAND)
        .read("payback")[0]["reason"]
        .startswith("not stated: engineer_days")
    )
    spent = {
        "engineer_days": 5.0,
        "usd_per_engineer_day": 1000.0,
        "parallel_days": 7.0,
        "compile_hours": 1.0,
        "stranded_usd": 0.0,
    }
    paid = run("inf2", beside=beside, one_off=spent, **DEMAND).read("payback")
    assert all(row["one_off_usd"] > 5000 and row["months"] > 0 for row in paid)


def rate_of(arm: str, per_s: float) -> RateRow:
    """The rate of Poisson arrivals that the recommended setting holds, of four answers each."""
    ends = (0.98 * per_s, 1.02 * per_s)
    target = {"percentile": 99.0, "limit_ms": 250.0, "latency_limit_ms": 250.0}
    return rate_row(per_s, *ends, answers=4, arm=arm, frames_digest="f1", **target)


def test_both_sides_by_arrivals_give_a_verdict(run, capsys):
    """08's rates on both machines: the saving is theirs, and the chapter says by what."""
    gpu_arm, inf2_arm = "torchscript float16 cuda", "neuron matmult bf16"
    gpu = run("gpu", {gpu_arm: 250.0}, arrivals=[rate_of(gpu_arm, 40.0)])
    inf2 = run("inf2", beside=[str(gpu.folder)], arrivals=[rate_of(inf2_arm, 100.0)])
    saving = gate_of(inf2, "saving of inf2.xlarge")
    assert saving.measured == pytest.approx(1 - 0.7582 / 1.006 * 40 / 100)
    said = "open arrivals, poisson: rate that holds p99 <= 250 ms"
    assert f"{said}: 400.0 answers/s, 99.0% in time: 396.0 good ones/s" in capsys.readouterr().out
    assert said in gate_of(inf2, "dollars per million answers").reason


@pytest.mark.parametrize("with_rates", ["gpu", "inf2"])
def test_a_side_by_arrivals_is_not_compared_with_one_by_clients_who_wait(run, with_rates):
    """NOT-RUN, and the step is to run 08 on the other side."""
    arms = {"gpu": "torchscript float16 cuda", "inf2": "neuron matmult bf16"}
    arrivals = {name: [] for name in arms}
    arrivals[with_rates] = [rate_of(arms[with_rates], 60.0)]
    gpu = run("gpu", {arms["gpu"]: 250.0}, arrivals=arrivals["gpu"])
    inf2 = run("inf2", beside=[str(gpu.folder)], arrivals=arrivals["inf2"])
    gate = gate_of(inf2, "saving of inf2.xlarge")
    (lacking,) = set(arms) - {with_rates}
    assert gate.status == "NOT-RUN" and "by closed loop" in gate.reason
    (step,) = inf2.read("missing")
    assert step["command"] == f"blipkit run {lacking} --only 08_arrivals --only 05_cost"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"failed": ["decisions neuron matmult bf16"]}, "decisions neuron matmult bf16 is FAIL"),
        ({"work": {"repeat_share": 0.5}}, "both machines differ in repeat share"),
        ({"judged": {"weights_digest": "w2"}}, "judged with weights digest w2, the load with w1"),
        ({"judged": {"weights_digest": None}}, "judged with weights digest not recorded"),
        ({"work": {"frames_digest": None}}, "not recorded: frames digest"),
        ({"limits": {"flip_limit": 0.5}}, "both machines differ in parity limits"),
        ({"wide": 0.9}, "includes zero"),
        ({"best": False}, "no measured run on inf2.xlarge"),
    ],
)
def test_what_is_not_comparable_gets_no_verdict(run, change, reason):
    """A failed parity, other work, other weights judged than loaded, looser limits, an interval that includes zero, no setting within the target: NOT-RUN, with the reason."""
    inf2 = run("inf2", beside=[str(run("gpu").folder)], **change)
    gate = gate_of(inf2, "saving of inf2.xlarge")
    assert gate.status == "NOT-RUN" and reason in gate.reason and inf2.read("missing")
    if change == {"best": False}:
        assert gate_of(inf2, "dollars per million answers").status == "NOT-RUN"


def test_a_wide_interval_is_a_warning_with_the_minutes(run):
    """Half the interval's width above 10 % of the figure: WARN, and how much more load."""
    narrow, wide = (gate_of(run("gpu", wide=wide), "cost interval") for wide in (0.05, 0.2))
    assert (narrow.status, wide.status) == ("PASS", "WARN") and narrow.measured == pytest.approx(
        0.05
    )
    assert wide.next.startswith("run 0.8 more minutes of load")


def test_published_figures_never_stand_in_a_verdict(run):
    """The anchors and the mixes of purchase options are records of their own kind, with their evidence."""
    gpu = run("gpu")
    assert {row["evidence"] for row in gpu.read("anchors")} == {"published"}
    assert {row["evidence"] for row in gpu.read("mixes")} == {"mixed options"}
    a100 = next(
        row
        for row in gpu.read("anchors")
        if row["instance"] == "p4d.24xlarge" and row["answers_per_s"] == 729
    )
    assert a100["usd_per_million"] == pytest.approx(21.957642 / 8 / 3600 / 729 * 1e6)


def test_the_sensitivity_holds_the_measured_interval_and_the_regions(run):
    """Each knob from end to end: an answer's cost at both ends, the widest swing first."""
    rows = {row["what"]: row for row in run("gpu", utilisation=0.3).read("sensitivity")}
    assert set(rows) == {"answers_per_s", "usd_per_hour", "utilisation"}
    assert (rows["usd_per_hour"]["from"], rows["usd_per_hour"]["to"]) == (1.006, 1.459)
    assert rows["utilisation"]["at_to"] == pytest.approx(rows["utilisation"]["at_from"] / 4)
    swings = [row["swing"] for row in rows.values()]
    assert swings == sorted(swings, reverse=True)


def test_a_replay_of_an_older_kits_folder_shows_what_rests_on_prices(tmp_path, monkeypatch, capsys):
    """Its rows of 04 lack what a cost is made of: nothing is priced, and what 83 % takes is there all the same."""
    monkeypatch.setattr("blipkit.cost.figures.show", close)
    folder, own = older_folder(tmp_path / "older"), tmp_path / "own"
    run_chapter("05_cost", {"results": str(own), "replay": str(folder), "profile": "cpu"})
    results = Results(own)
    assert {gate.gate: gate.status for gate in results.gates() if gate.gate != "price age"} == {
        "dollars per million answers": "NOT-RUN",
        "cost interval": "NOT-RUN",
        "saving of inf2.xlarge": "NOT-RUN",
    }
    empty = ("cost", "points", "fleet", "sensitivity", "savings")
    assert [results.read(kind) for kind in empty] == [[]] * len(empty)
    assert results.read("baselines") and results.read("mixes") and results.read("missing")
    assert "records of 'concurrency' are of an older kit" in capsys.readouterr().out


def test_contracts_stand_beside_the_list_prices(run, tmp_path):
    """What each side really pays is a fourth effect, a row of its own and a sentence; the verdict stays at list prices."""
    own = tmp_path / "mine.csv"
    header = PRICES.read_text().splitlines()[0]
    row = "{},us-east-1,ours,{},4,16,x,1,24,our contract,2026-11-01"
    own.write_text("\n".join([header, row.format("g5.xlarge", 0.503), ""]))
    paid = {"own_prices": str(own), "contracted": {"incumbent": "ours"}}
    gpu = run("gpu", rates={"torchscript float16 cuda": 250.0})
    inf2 = run("inf2", beside=[str(gpu.folder)], **paid)
    listed, contracted = inf2.read("savings")
    assert contracted["option"] == "as contracted: on_demand, the list price, against ours"
    assert (listed["contract_effect"], contracted["contract_effect"]) == (1.0, 2.0)
    names = ("price_effect", "throughput_effect", "utilisation_effect", "contract_effect")
    assert 1 - contracted["saving"] == pytest.approx(math.prod(contracted[name] for name in names))
    gate = gate_of(inf2, "saving of inf2.xlarge")
    assert gate.measured == listed["saving"] and "which the verdict does not use" in gate.reason


def test_an_incumbent_without_a_price_there_is_left_out_by_name(run, capsys):
    """g6.xlarge has no row in eu-west-1: the others are compared, and it is named."""
    run("gpu", region="eu-west-1")
    assert "left out, without a price there: g6.xlarge" in capsys.readouterr().out

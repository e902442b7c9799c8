from dataclasses import replace

import pytest
from compiling import BUCKET, build, compiled_row, failed_row, failure
from studies import displayed, recorded, statuses, study_of

from blipkit.runners.arms import Arm, parse_arm
from blipkit.runners.artifacts import Artifact, Artifacts, CompileJob, Manifest
from blipkit.runners.compile import NotCompiled, plan
from blipkit.runners.compiled import (
    Compiled,
    Forecast,
    SecondCall,
    compile_again,
    compile_arms,
    forecast_compiles,
    predicted_mb,
)

ARMS = ["torchscript float32", "neuron_emulated matmult bf16"]
NAMES = ("image_encoder", "text_encoder", "text_decoder")


@pytest.fixture(scope="module")
def compiled(small, tmp_path_factory):
    """(study, what its arms came to), compiled once for these tests."""
    study = study_of("02_trace", tmp_path_factory.mktemp("results"), small, arms=ARMS)
    return study, compile_arms(study)


def test_every_component_of_every_arm_has_a_row(compiled):
    """Sizes beside what weights alone take; an emulated arm says that it is, and has no seconds of its own."""
    study, result = compiled
    assert [(row.arm, row.component) for row in result.rows] == [
        (arm, name) for arm in ARMS for name in NAMES
    ]
    for row in result.rows:
        weights = study.components[row.component].weights
        assert row.predicted_mb == weights * 4 / 1e6 and row.mb > 0.9 * row.predicted_mb
        assert (row.seconds is None) == row.arm.startswith("neuron_emulated")
        assert row.predicted_s is None and row.key
    evidence = [row["evidence"] for row in study.results.read("artifacts")]
    assert evidence == ["measured"] * 3 + ["emulated"] * 3
    assert statuses(result.gates()) == {"every component compiles": "PASS"} and result.failed == []


def test_a_second_call_compiles_nothing(compiled):
    """It finds all of them; one that was compiled again fails the gate."""
    study, first = compiled
    again = compile_again(study, first)
    assert again.recompiled == 0 and str(again) == "0 of 6 components compiled again"
    assert statuses(again.gates()) == {"second call compiles nothing": "PASS"}
    assert [row["evidence"] for row in study.results.read("second_call")] == ["measured"] * 3 + [
        "emulated"
    ] * 3
    one_more = SecondCall([*again.rows[1:], replace(again.rows[0], skipped=False)])
    (gate,) = one_more.gates()
    assert (gate.status, gate.measured, gate.limit) == ("FAIL", 1, 0)


def test_what_was_compiled_is_drawn_and_tabled(compiled, monkeypatch, capsys):
    """Sizes, then seconds where an arm has any; every row; that neuronx-cc was not called."""
    _, result = compiled
    shown = displayed(monkeypatch)
    result.figure()
    result.table()
    result.arguments()
    assert len(shown) == 3
    (_, sizes), (_, seconds), (page, table) = shown
    assert sizes.startswith(
        "6 compiled components of 2 arms, in the bucket 1f-2q-8t-2c-3a: measured is "
    )
    assert seconds.startswith(
        "3 compiled components of one arm, in the bucket 1f-2q-8t-2c-3a: they took "
    )
    assert table.splitlines()[0] == "Compiled components" and page.count("<tr>") == 6
    assert "neuronx-cc was not called" in capsys.readouterr().out


@pytest.fixture
def failing(small, tmp_path, monkeypatch):
    """A study whose float32 text encoder cannot be compiled; the other components can."""
    study = study_of("02_trace", tmp_path, small, arms=ARMS)
    calls = []

    def artifact(name: str) -> Artifact:
        manifest = Manifest(build(component=name), "k", "compiled.pt", 1.0, 2_000_000, "here", "")
        return Artifact(tmp_path / name, manifest, BUCKET)

    def trace_arms(*arguments, **options):
        calls.append(arguments)
        raise NotCompiled(
            [failure(ARMS[0], "text_encoder", "saw NCC_EVRF001")],
            [Artifacts(map(artifact, ("image_encoder", "text_decoder")))],
        )

    monkeypatch.setattr("blipkit.runners.compiled.trace_arms", trace_arms)
    return study, calls


def test_what_cannot_be_compiled_fails_its_gate_and_the_others_are_kept(failing, monkeypatch):
    """The reason stands in the gate and in the table; a second call is not made, since it would try again for as long."""
    study, calls = failing
    result = compile_arms(study)
    (gate,) = result.gates()
    assert (gate.gate, gate.status, gate.measured, gate.reason) == (
        "every component compiles",
        "FAIL",
        1,
        "saw NCC_EVRF001",
    )
    rows = study.results.read("artifacts")
    assert [row["component"] for row in rows] == ["image_encoder", "text_decoder", "text_encoder"]
    assert rows[-1]["failed"] == "saw NCC_EVRF001" and rows[-1]["predicted_mb"] > 0
    again = compile_again(study, result)
    assert len(calls) == 1 and statuses(again.gates()) == {
        "second call compiles nothing": "NOT-RUN"
    }
    assert str(again) == "second call: not made, 1 components were not compiled"
    shown = displayed(monkeypatch)
    result.table()
    result.figure()
    assert "saw NCC_EVRF001" in shown[0][1] and len(shown) == 3


def test_what_neuronx_cc_was_told_is_shown_word_for_word(monkeypatch):
    """One line an arm, with how its version reads the casts; an arm that never got flags, since it failed, has none."""
    flags = {"compiler_args": ["--target", "inf2", "--auto-cast", "none"], "casts_as_read": "none"}
    row = compiled_row(arm="neuron none", flags=flags)
    rows = [row, row, failed_row("neuron all bf16")]
    shown = displayed(monkeypatch)
    Compiled(rows).arguments()
    ((page, text),) = shown
    assert (
        page.count("<tr>") == 1
        and "--target inf2 --auto-cast none" in text
        and "all bf16" not in text
    )


def test_an_adopted_file_has_a_line_of_its_own(monkeypatch):
    """Beside the arm's: what it was told, if anybody said it, and how it reads that; its gate is a warning."""
    told = {"compiler_args": ["--target", "inf2", "--auto-cast", "none"], "casts_as_read": "none"}
    ours = compiled_row(arm="neuron none", flags=told)
    words = "compiled by: unknown; weights: unknown; casts: unknown"
    unsaid = {"casts_as_read": "unknown"}
    theirs = replace(ours, component="text_encoder", flags=unsaid, adopted=words, seconds=None)
    shown = displayed(monkeypatch)
    result = Compiled([ours, theirs])
    result.arguments()
    result.table()
    (page, arguments), (_, table) = shown
    assert page.count("<tr>") == 2 and "neuron none, adopted text_encoder" in arguments
    assert arguments.count("unknown") == 2 and words in table
    gate = result.gates()[1]
    assert (gate.gate, gate.status, gate.measured) == ("adopted components", "WARN", 1)
    assert gate.reason == f"text_encoder of neuron none: {words}" and "03" in gate.next
    assert [gate.gate for gate in Compiled([ours]).gates()] == ["every component compiles"]


def test_the_forecast_counts_what_neuronx_cc_has_to_compile(small, tmp_path, monkeypatch):
    """No component of another runner, and none that is there; its hours cost what the instance does."""
    study = study_of("02_trace", tmp_path, small, knobs={"compile_on": "inf2.8xlarge"}, arms=ARMS)
    result = forecast_compiles(study, usd_per_hour=2.0)
    assert result.forecast == Forecast(compiles=0, minutes=0, usd=0.0)
    assert (
        str(result)
        == "0 components for neuronx-cc to compile; forecast: 0 minutes, 0.00 USD on inf2.8xlarge"
    )
    assert study.results.read("compile_forecast")[0]["evidence"] == "forecast"

    there = tmp_path / "there"
    there.mkdir()
    folders = [
        ("image_encoder", there),
        ("text_encoder", tmp_path / "shared"),
        ("text_encoder", tmp_path / "shared"),
        ("text_decoder", tmp_path / "two"),
    ]
    arm = Arm("neuron", "none")
    jobs = [CompileJob(name, BUCKET, arm, folder) for name, folder in folders]
    monkeypatch.setattr("blipkit.runners.compiled.plan", lambda *_: jobs)
    weights = sum(study.components[name].weights for name in NAMES[1:])
    forecast = forecast_compiles(study, usd_per_hour=2.0).forecast
    assert forecast.compiles == 2 and forecast.minutes == pytest.approx(weights * 210 / 304e6 / 60)
    assert forecast.usd == pytest.approx(forecast.minutes / 60 * 2)


def test_the_forecast_asks_the_plan_that_trace_follows(small, tmp_path):
    """The folders that it looks for are those that compiling fills."""
    study = study_of("02_trace", tmp_path, small, arms=ARMS[:1])
    jobs = plan(
        study.components,
        study.artifacts,
        [parse_arm(ARMS[0])],
        study.buckets,
        study.common.compiler_flags,
    )
    assert not any(job.folder.is_dir() for job in jobs)
    compile_arms(study)
    assert all(job.folder.is_dir() for job in jobs)


@pytest.mark.parametrize(
    ("arm", "mb"),
    [
        ("torchscript float32", 4.0),
        ("torchscript bfloat16", 2.0),
        ("eager autocast bfloat16", 4.0),
        ("neuron all bf16", 4.0),
    ],
)
def test_a_million_weights_take_their_bytes(arm, mb):
    """4 bytes each in float32 and where only products are cast, 2 in the half formats."""
    assert predicted_mb(10**6, parse_arm(arm)) == mb


def test_in_a_replay_what_was_not_recorded_is_not_run(small, tmp_path, capsys, monkeypatch):
    """Lines say so, nothing is drawn, the gates are NOT-RUN; an older kit's rows without flags are read as they are."""
    shown = displayed(monkeypatch)
    study = study_of(
        "02_trace", tmp_path / "out", small, replay=recorded(tmp_path / "bare"), arms=ARMS
    )
    result = compile_arms(study)
    again, forecast = compile_again(study, result), forecast_compiles(study, 1.0)
    result.table()
    result.figure()
    print(again, forecast)
    assert capsys.readouterr().out.count("not recorded") == 3 and shown == []
    assert statuses([*result.gates(), *again.gates()]) == {
        "every component compiles": "NOT-RUN",
        "second call compiles nothing": "NOT-RUN",
    }
    assert study.results.lacking == {"artifacts", "second_call", "compile_forecast"}

    old = {
        "weights_digest": small.digest,
        "arm": ARMS[0],
        "component": "image_encoder",
        "bucket": "b",
    }
    old |= {"seconds": 2.7, "mb": 1.9, "predicted_mb": 1.8, "skipped": False, "key": "k"}
    study = study_of(
        "02_trace",
        tmp_path / "older",
        small,
        replay=recorded(tmp_path / "far", artifacts=[old]),
        arms=ARMS,
    )
    result = compile_arms(study)
    result.arguments()
    assert statuses(result.gates()) == {"every component compiles": "PASS"}

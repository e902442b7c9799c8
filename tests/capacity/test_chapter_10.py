"""Chapter 10 on a made-up machine: its own cells, once, and what they found; and what keeps it from running."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import run_chapter
from made_fleet import measured_folder, service_of, setting_of
from studies import displayed

from blipkit.capacity import WhatIf
from blipkit.capacity.candidates import Carried, alike, candidates
from blipkit.capacity.comparison import _with_figures, as_wide_as
from blipkit.capacity.control import ScalingEvent
from blipkit.capacity.measured import measured_machine
from blipkit.capacity.money import migration
from blipkit.capacity.opened import came_at
from blipkit.capacity.planned import check_asked_alike
from blipkit.capacity.runs import Outcome
from blipkit.capacity.sensitivity import SwingRow, Swings, _Varied
from blipkit.cost.dollars import Swing
from blipkit.cost.rows import PriceBasis
from blipkit.errors import BadInput, NotMeasured
from blipkit.profiles.profile import load_profile
from blipkit.records.results import Results
from blipkit.records.typed import keys_of
from blipkit.run.preflight import check_chapters, use_absolute_folders
from blipkit.statistics import Interval

KNOBS = {
    "cameras": 8000,
    "events_per_day": 96.0,
    "start_s": [60.0, 600.0],
    "seeds": 2,
    "policies": ["fixed", "tracking", "yesterday", "gpu_overflow"],
}
STARTS = {"start_s": 5.0, "zones": 5.0, "metric_delay_s": 6.0}  # knob -> USD a day at its other end


def close(figure, *_, **__) -> None:
    plt.close(figure)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The chapter's names after its cells ran once, with a GPU's records beside."""
    folder = measured_folder(tmp_path_factory.mktemp("own"))
    gpu = measured_folder(tmp_path_factory.mktemp("gpu"), mean_s=0.1)
    knobs = {**KNOBS, "results": str(folder), "frame_kb": 30.0}
    knobs["instances"] = {"gpu_results": str(gpu), "gpu_priced_as": "g5.xlarge"}
    knobs["beside"] = {"cdn_usd_per_gb": 0.1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blipkit.capacity.figures.show", close)
        names, _ = run_chapter("10_capacity", knobs)
    return names, Results(folder)


def test_every_family_has_its_cheapest_and_one_is_the_best(ran):
    """Four answers; the best holds, is the cheapest of those, and has an interval around it."""
    rows = ran[1].read("capacity")
    assert [row["family"] for row in rows] == KNOBS["policies"]
    holding = [row for row in rows if row["holds"]]
    (best,) = [row for row in rows if row["best"]]
    assert best["usd_per_day"] == min(row["usd_per_day"] for row in holding)
    assert best["usd_per_day_low"] < best["usd_per_day"] < best["usd_per_day_high"]
    assert best["late"] <= 0.1 and best["evidence"] == "forecast"
    month = best["usd_per_day"] * 730 / 24
    assert best["usd_per_camera_month"] == pytest.approx(month / 8000)
    fixed = next(row for row in rows if row["family"] == "fixed")
    assert best["usd_per_day"] < 0.8 * fixed["usd_per_day"]


def test_the_next_leaner_policy_was_tried_and_does_not_hold(ran):
    """The cheapest of those that hold is the answer's, and what is leaner does not."""
    rows = ran[1].read("capacity_tried")
    tracked = [row for row in rows if row["family"] == "tracking"]
    holding = [row for row in tracked if row["holds"]]
    chosen = min(holding, key=lambda row: row["usd_per_day"])
    answer = next(row for row in ran[1].read("capacity") if row["family"] == "tracking")
    assert chosen["aims"] == answer["aims"]
    leaner = [row for row in tracked if not row["holds"]]
    assert leaner and all(row["usd_per_day"] < 1.02 * chosen["usd_per_day"] for row in leaner)


def test_every_family_that_can_hold_has_a_policy_that_does(ran):
    """None is shown that was chosen in one day and does not hold in the days drawn anew."""
    rows = ran[1].read("capacity")
    assert all(row["holds"] and row["days"] == 2 and row["refused"] < 0.001 for row in rows)


def test_every_table_and_figure_says_whose_it_is(tmp_path, monkeypatch, capsys):
    """A demonstration model's figures say so, each of them, and what is pasted as well."""
    shown, figures = displayed(monkeypatch), []
    monkeypatch.setattr(
        "blipkit.capacity.figures.show", lambda one, words, _: figures.append(words)
    )
    folder = measured_folder(tmp_path, checkpoint="builtin:tiny-pets")
    knobs = {**KNOBS, "policies": ["tracking"], "start_s": [60.0], "seeds": 1, "cameras": 3000}
    run_chapter("10_capacity", {**knobs, "results": str(folder)})
    plt.close("all")
    whose = "a demonstration model: not BLIP's figures"
    titles = [text.partition("\n")[0] for _, text in shown]
    titles = [title for title in titles if title != "Gates" and "knobs" not in title]
    assert len(titles) >= 9 and all(whose in title for title in titles), titles
    assert len(figures) == 2 and all(whose in words for words in figures)
    said = capsys.readouterr().out
    assert (
        "its rate is from 04's closed loop: clients that wait for their answers; forecast" in said
    )
    assert whose in said


def test_a_ramp_says_when_capacity_really_came():
    """Launched at minute 100, the second try; in service from 107 on."""
    ready = np.zeros((1440, 2), np.int64)
    ready[:, 0] = 2
    ready[107:, 0] = 3
    event = ScalingEvent(6000.0, (2, 0), (3, 0), "above")
    assert came_at(SimpleNamespace(ready=ready), event) == 107
    ready[107:, 0] = 2
    assert came_at(SimpleNamespace(ready=ready), event) == 1439


def test_its_gates_pass_where_the_machine_is_met_and_requests_are_kept(ran):
    """The made-up machine was made by the same closed loop."""
    statuses = {gate.gate: gate.status for gate in ran[1].gates()}
    assert statuses == dict.fromkeys(
        ["fleet calibration", "fleet conservation", "fleet target"], "PASS"
    )
    rows = ran[1].read("capacity_calibration")
    assert [row["clients"] for row in rows] == [1, 2, 8]


def test_the_formula_of_05_stands_beside_the_simulation(ran):
    """Always busy is the least; the simulated fleet costs more."""
    always, busy, simulated = ran[1].read("capacity_formula")
    assert always["usd_per_month"] < busy["usd_per_month"]
    assert always["usd_per_month"] < simulated["usd_per_month"]
    assert "always busy" in always["how"]
    ratio = simulated["usd_per_month"] / always["usd_per_month"]
    assert always["simulated_over_it"] == pytest.approx(ratio) and ratio > 1
    assert simulated["simulated_over_it"] == 1.0


def test_each_assumption_alone_moves_the_dollars(ran):
    """Twice the events cost more than half of them, a faster machine less; the widest comes first."""
    rows = {row["what"]: row for row in ran[1].read("capacity_sensitivity")}
    assert rows["events_per_day"]["at_from"] < rows["events_per_day"]["at_to"]
    assert rows["carried_per_s"]["at_from"] >= rows["carried_per_s"]["at_to"]
    assert rows["zones"]["at_from"] <= rows["zones"]["at_to"]
    swings = [row["swing"] for row in rows.values()]
    assert swings == sorted(swings, reverse=True) and rows["zones"]["evidence"] == "forecast"


def test_what_was_not_stated_is_not_made_up(ran):
    """The CDN has its rate and frames; the rest says what is missing."""
    rows = {row["what"]: row for row in ran[1].read("capacity_beside")}
    assert rows["CDN"]["usd_per_day"] == pytest.approx(8000 * 96 * 30 / 1e6 * 0.1, rel=1e-3)
    assert rows["logs"]["usd_per_day"] is None
    assert rows["logs"]["because"] == "not stated: logs_usd_per_gb, log_kb"


def test_both_fleets_are_paid_while_a_migration_lasts(ran):
    """A day of GPUs, as all else is a day's, and seven days of both in words; without the days it is not stated."""
    comparison = ran[0]["comparison"]
    row = migration(comparison, 7.0)
    both = 7 * (comparison.best.usd_per_day.value + row.usd_per_day)
    assert row.usd_per_day > 2 * 24 * 1.0
    assert row.because == f"for 7 days, in which both fleets take {both:.2f} USD"
    assert migration(comparison, None).because == "not stated: cost.one_off.parallel_days"


def test_a_day_is_kept_minute_by_minute(ran):
    """1,440 of them, in the samples and in the picture."""
    minutes = ran[1].read_samples("capacity")
    assert len(minutes) == 1440 and (minutes.machines >= minutes.in_service).all()
    assert minutes.requests_per_s.max() > 2 * minutes.requests_per_s.mean()


def test_the_policy_can_be_pasted(ran):
    """A document for each command; where it tracks, its target is per minute."""
    (row,) = ran[1].read("capacity_policy")
    document = row["document"]
    assert json.loads(json.dumps(document)) == document
    assert document["update-auto-scaling-group"]["MinSize"] == 2
    assert "04's closed loop" in row["derived_from"]


def test_a_slower_start_is_no_cheaper_in_lateness(ran):
    """The axis of starts, the slowest of which the policy was chosen for: it holds at each."""
    rows = ran[1].read("capacity_starts")
    assert [row["start_s"] for row in rows] == [60.0, 600.0] and all(row["holds"] for row in rows)


@pytest.mark.parametrize("family", ["fixed", "scheduled", "gpu_overflow"])
def test_twice_the_cameras_take_twice_the_machines_of_a_policy_that_counts_them(ran, family):
    """A policy that aims alike, on another day, is none with as many machines."""
    planned = ran[0]["planned"]
    carried = Carried(*planned.carried_per_s)
    found = candidates(family, planned.scenario, carried, planned.knobs)
    more = replace(planned.scenario, demand=planned.scenario.demand.times(2.0))
    for one in found[::8]:
        other = alike(one, more, carried, planned.knobs)
        few, many = (policy.first(60 * 8.0)[0] for policy in (one.policy, other.policy))
        assert many == pytest.approx(2 * few, abs=2) or family == "gpu_overflow"
        if family == "gpu_overflow":
            assert other.policy.base == pytest.approx(2 * one.policy.base, abs=2)
            assert other.policy.reactive == one.policy.reactive


@pytest.mark.parametrize(("most", "machines"), [(3, 3), (2, 2)])
def test_a_fixed_fleet_is_named_by_the_machines_that_it_has(ran, most, machines):
    """No more than the group may have, though the mean load alone takes three."""
    planned = ran[0]["planned"]
    scenario = replace(planned.scenario, rules=replace(planned.scenario.rules, most=most))
    found = candidates("fixed", scenario, Carried(*planned.carried_per_s), planned.knobs)
    assert [one.policy.machines for one in found] == [machines]


@pytest.mark.parametrize("family", ["tracking", "tracking_10s", "yesterday", "gpu_overflow"])
def test_every_policy_that_tracks_has_the_cooldowns_that_were_stated(ran, family):
    """Of each way, or what is compared are other rules."""
    planned = ran[0]["planned"]
    knobs = replace(planned.knobs, group={"out_cooldown_s": 600.0, "in_cooldown_s": 900.0})
    found = candidates(family, planned.scenario, Carried(*planned.carried_per_s), knobs)
    tracks = [getattr(one.policy, "reactive", one.policy) for one in found]
    assert {(one.out_cooldown_s, one.in_cooldown_s) for one in tracks} == {(600.0, 900.0)}


def test_a_files_day_has_no_events_a_camera_to_vary(ran):
    """Whatever the file is called."""
    planned = ran[0]["planned"]
    of_file = replace(planned, knobs=replace(planned.knobs, shape="/data/day.txt"))
    assert "events_per_day" not in _Varied(of_file, None).ranges()
    assert "events_per_day" in _Varied(planned, None).ranges()


def test_refusals_are_those_of_all_days(ran):
    """As lateness is: the mean of the days drawn anew, not the first one's."""
    planned, comparison = ran[0]["planned"], ran[0]["comparison"]
    row = comparison.best
    day = Outcome(48.0, 5.0, 0.01, 0.002, 3, 2, 4, 100, 0, True)
    days = [day, replace(day, refused=0.0)]
    assert _with_figures(planned, row, comparison.chosen[row.family], days).refused == 0.001


def test_hours_are_as_wide_as_their_dollars(ran):
    """Out to the days at the ends of what 04 measured, and no less than the days drawn anew."""
    row = replace(ran[0]["comparison"].best, machine_hours=Interval(48.0, 47.9, 48.1))
    ends = [Outcome(hours, 2 * hours, 0, 0, 0, 0, 4, 100, 0, True) for hours in (40.0, 44.0)]
    wide = as_wide_as(row, ends, cameras=8000)
    assert wide.machine_hours == Interval(48.0, 40.0, 48.1)
    assert wide.usd_per_day.high == max(row.usd_per_day.high, 88.0)


def test_events_of_a_day_are_those_that_it_has(ran):
    """As stated on an ordinary day; a storm adds its own."""
    planned = ran[0]["planned"]
    assert planned.events_per_day == pytest.approx(96.0, abs=1e-3)
    half = replace(planned, scenario=replace(planned.scenario, demand=halved(planned)))
    assert half.events_per_day == pytest.approx(48.0, abs=1e-3)


def halved(planned):
    """As many cameras, half as many requests."""
    return replace(planned.scenario.demand.times(0.5), cameras=planned.scenario.demand.cameras)


def test_answers_say_what_they_rest_on(ran):
    """Machine, checkpoint, price with its date, and who said what a machine carries."""
    best = next(row for row in ran[1].read("capacity") if row["best"])
    assert best["checkpoint"] == "a hub's" and "setting 2-4" in best["measured_on"]
    assert set(keys_of(PriceBasis)) - {"evidence"} <= set(best)
    assert best["instance"] == "m7i.large" and best["requests"] == pytest.approx(768_000, rel=0.01)


def test_other_cameras_and_policies_by_the_counts_alone(ran, monkeypatch):
    """What a slider asks for: twice the cameras cost about twice as much, by any of the policies."""
    shown = displayed(monkeypatch)
    what_if = WhatIf(ran[0]["comparison"])
    for policy in range(4):
        what_if.show(cameras=16_000.0, policy=float(policy), generosity=1.0)
    assert len(shown) == 4 and all("16,000 cameras" in text for _, text in shown)


def test_what_if_begins_with_the_policy_that_was_chosen(ran, monkeypatch):
    """Else its first table is dearer than the chapter's answer."""
    shown = displayed(monkeypatch)
    comparison = ran[0]["comparison"]
    WhatIf(comparison).explore()
    aims = comparison.chosen[comparison.best.family].words
    assert aims in shown[0][1] and comparison.best.policy in shown[0][1]


def test_a_knob_that_moves_no_dollars_is_explained(monkeypatch, capsys):
    """Where a machine is paid for as long, however late it starts."""
    displayed(monkeypatch)
    rows = [SwingRow(Swing(what, 0.0, 1.0, 5.0, at, at - 5.0)) for what, at in STARTS.items()]
    Swings(rows, "whose").table()
    assert capsys.readouterr().out.startswith("start_s: hardly any dollars")


def test_where_no_policy_holds_the_chapter_says_so(tmp_path, monkeypatch, capsys):
    """Two machines at most for the load of many: a finding, which warns, and nothing to paste."""
    monkeypatch.setattr("blipkit.capacity.figures.show", close)
    folder = measured_folder(tmp_path)
    knobs = {**KNOBS, "policies": ["tracking"], "group": {"max_machines": 2.0}, "start_s": [60.0]}
    run_chapter("10_capacity", {**knobs, "results": str(folder)})
    (gate,) = [one for one in Results(folder).gates() if one.gate == "fleet target"]
    assert gate.status == "WARN" and "no policy that was tried holds" in gate.reason
    (kept,) = [one for one in Results(folder).gates() if one.gate == "fleet conservation"]
    assert kept.status == "NOT-RUN"
    (row,) = Results(folder).read("capacity")
    assert not row["holds"] and row["usd_per_day"] is None
    assert row["aims"] == "none that was tried has the capacity, within the group's most machines"
    said = capsys.readouterr().out
    assert "no policy holds, so no day is shown" in said and "none to paste" in said


def refused(folder, **knobs) -> None:
    run_chapter("10_capacity", {**KNOBS, "policies": ["tracking"], "results": str(folder), **knobs})


def test_without_records_of_04_it_is_not_run(tmp_path):
    """Named, with what to run."""
    with pytest.raises(NotMeasured, match="no records of 'concurrency'"):
        refused(tmp_path)


def test_an_unstable_machine_of_our_own_is_not_believed(tmp_path):
    """On a machine that is not shared, nothing unstable is recommended, so nothing is simulated."""
    service = service_of()
    rows = [setting_of(count, service, False, state="unstable") for count in (2, 4)]
    with pytest.raises(NotMeasured, match="no setting of 04_concurrency holds.*unstable"):
        refused(measured_folder(tmp_path, settings=rows))


def test_a_gpu_with_another_model_is_no_overflow(tmp_path):
    """Its times would be of other answers."""
    own = measured_folder(tmp_path / "own")
    gpu = measured_folder(tmp_path / "gpu", weights_digest="w2", checkpoint="another's")
    instances = {"gpu_results": str(gpu), "gpu_priced_as": "g5.xlarge"}
    with pytest.raises(NotMeasured, match="served another's, the fleet a hub's; measure the same"):
        refused(own, policies=["gpu_overflow"], instances=instances)


def test_a_gpu_that_was_asked_otherwise_is_no_overflow(tmp_path):
    """What it carries is of other requests, or within another target."""
    own = measured_machine(Results(measured_folder(tmp_path / "own")))
    questions = ["is the dog barking?", "is the dog playing?"]
    gpu = measured_machine(
        Results(measured_folder(tmp_path / "gpu", asked={"questions": questions}))
    )
    check_asked_alike(own, own)
    with pytest.raises(NotMeasured, match="the fleet differ in questions; measure both alike"):
        check_asked_alike(own, gpu)


def test_settings_with_batches_alone_are_not_simulated(tmp_path):
    """Their times are of batches; the message says what to measure."""
    rows = [setting_of(4, service_of(), True, batch_size=4)]
    folder = measured_folder(tmp_path, settings=rows)
    with pytest.raises(NotMeasured, match="add 1 to concurrency.batch_sizes"):
        refused(folder)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"cameras": 0}, "capacity: cameras is 0; expected more than zero"),
        ({"group": {"max_machines": 1.0}}, "max_machines is 1, and 2 zones take 2"),
        ({"faults": {"launch_failure_share": 1.0}}, "no machine can ever start"),
        ({"start_s": [90_000.0]}, "no machine that is launched ever serves"),
        ({"faults": {"retry": 1.0}}, "capacity.faults: unknown 'retry'; did you mean 'retr"),
        ({"policies": ["gpu_overflow"]}, "no GPU was measured; name a GPU's results folder"),
        ({"instances": {"gpu_priced_as": "g5.xlarge"}}, "has gpu_priced_as, and no GPU's machines"),
        ({"instances": {"gpu_results": "nowhere"}}, "no results of 04_concurrency in nowhere"),
        ({"policies": ["fixed", "tracking", "fixed"]}, "fixed stands twice; name it once"),
        ({"policies": ["best"]}, "policies is 'best'; known: fixed"),
        ({"shape": "/nowhere/day.csv"}, "/nowhere/day.csv: No such file"),
        ({"time_zones": {"0": 0.4}}, "add up to 0.4; expected 1"),
        ({"instances": {"api_priced_as": "m9.huge"}}, "no price for m9.huge"),
        ({"beside": {"cdn": 0.1}}, "capacity.beside: unknown 'cdn'"),
        ({"bursts": {"at_once": 0.0}}, "at_once is 0; expected a whole number from 1 to 1,000"),
        ({"bursts": {"at_once": 2.5}}, "at_once is 2.5; expected a whole number"),
        ({"bursts": {"storm_share": 0.1, "storm_s": 0.0}}, "storm_s is 0; expected more than zero"),
        ({"bursts": {"storm_share": 2.0}}, "storm_share is 2; expected a share, at most 1"),
        ({"bursts": {"storm_at_h": 24.0}}, "storm_at_h is 24; expected an hour of the day"),
        ({"faults": {"retries": 40.0}}, "retries is 40; expected a whole number from 0 to 10"),
        ({"faults": {"retry_s": 1e9}}, "retry_s is 1e+09; expected a day at most"),
        ({"group": {"max_machines": 7.5}}, "max_machines is 7.5; expected a whole number"),
        ({"zones": 1}, "zone_lost is true with one zone"),
        ({"events_per_day": 1e9}, "requests a day; expected at most 1e+10"),
        ({"cameras": 1, "events_per_day": 0.01}, "0.01 requests a day; expected at least 24"),
        ({"bursts": {"repeats": 5.0, "repeat_s": 3600.0}}, "5 repeats, 3600 s apart; expected 600"),
        ({"bursts": {"storm_share": 0.1, "storm_at_h": 23.5, "storm_s": 3600.0}}, "ends after the"),
        ({"faults": {"metric_delay_s": 1e9}}, "metric_delay_s is 1e+09; expected less than a day"),
        ({"beside": {"api_requests_per_s": 0.0}}, "api_requests_per_s is 0; expected more than"),
        ({"time_zones": {"0": 1.5, "3": -0.5}}, "time_zones.3 is -0.5; expected more than zero"),
    ],
)
def test_knobs_that_mean_no_day_are_refused_before_anything_runs(knobs, words):
    """By `check`, which a run calls first; exit status 2."""
    with pytest.raises(BadInput, match=re.escape(words)):
        settings = [f"capacity.{name}={json.dumps(value)}" for name, value in knobs.items()]
        profile = load_profile("smoke", settings)
        use_absolute_folders(profile)
        check_chapters(profile, {"10_capacity"}, [])

"""What is rehearsed, on a made-up stage: schedules, shares, kills, and what becomes of a phase."""

import json
import time
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from ledger_lines import made_line

from blipkit.frames.source import FrameSource
from blipkit.service import rehearse, rolling
from blipkit.service.hops import hop_rows
from blipkit.service.ledger import LedgerLine, line_text
from blipkit.service.rehearse import Load, Phase, kill_and_restart, pair_rows, phase_row, shares
from blipkit.service.rolling import Watched


class MadeUpStage:
    """Tiers that do what they are told, and whose ledgers a test writes."""

    def __init__(self, folder):
        self.pairs = folder / "pairs.jsonl"
        self.pairs.write_text("")
        self.done: list = []
        self.ledgers: dict[str, list[LedgerLine]] = {"api": [], "gpu": [], "inf2": []}
        self.not_ready: dict[str, str] = {}
        self.refuses = ""

    def ledger_path(self, name):
        return self.pairs.with_name(f"{name}.jsonl")

    def served(self, line):
        """A line of the API tier's."""
        self.ledgers["api"].append(line)
        with open(self.ledger_path("api"), "a") as file:
            file.write(line_text(line))

    def ledger(self, *names):
        return [line for name in names for line in self.ledgers[name]]

    def why_not_ready(self, name):
        return self.not_ready.get(name, "")

    def route(self, weights):
        self.done.append(dict(weights))
        return self.refuses

    def __getattr__(self, name):
        return lambda *what, **how: self.done.append((name, *what))

    def answer(self, request_id, primary, candidate, backend="gpu"):
        """A pair: what both answered about one request, with margins that no rounding reaches."""

        def body(text, by):
            answers = [{"question": "q", "text": text, "probability": 0.9, "margin": 4.0}]
            return json.dumps({"answers": answers, "backend": by})

        line = {"request_id": request_id, "primary": body(primary, backend)}
        line["candidate"] = body(candidate, "inf2")
        with open(self.pairs, "a") as file:
            file.write(json.dumps(line) + "\n")


@pytest.fixture
def stage(tmp_path):
    return MadeUpStage(tmp_path)


def phase_of(count: int, name: str = "p") -> Phase:
    return Phase(name, [f"{name}-{n}" for n in range(count)], rehearse.time.perf_counter(), 5.0)


def test_cameras_send_by_a_schedule_of_their_seed():
    """The same times for the same seed, in order, about as many as the rate says."""
    load = Load(50.0, 20.0, FrameSource("synthetic", 4, 3), ["q"], seed=7)
    times = load.times()
    assert times == load.times() == sorted(times) and 0 <= times[0] <= times[-1] < 20
    assert abs(len(times) - 1000) < 150
    assert Load(50.0, 20.0, load.frames, ["q"], seed=8).times() != times


def test_shares_are_percent_of_both():
    """What the candidate has not, the primary has."""
    assert shares(5) == {"gpu": 95.0, "inf2": 5.0}


def test_weights_that_are_refused_are_noted_and_no_switch(stage):
    """What was done is in the events, with the reason where it was not."""
    phase = phase_of(0)
    rehearse.set_weights(stage, phase, shares(5))
    stage.refuses = "inf2 was never ready"
    assert rehearse.set_weights(stage, phase, shares(50)) == "inf2 was never ready"
    assert [event.what for event in phase.events] == [
        "gpu=95, inf2=5",
        "refused: inf2 was never ready",
    ]
    assert phase.switches == 1 and phase.events[1].weights == {}


def test_a_switch_kills_in_the_middle_of_the_step_and_waits(stage, monkeypatch):
    """Every share in turn, at one of them a kill, a start, and a wait for both tiers to see it."""
    clock = SimpleNamespace(sleep=print, time=time.time, perf_counter=time.perf_counter)
    monkeypatch.setattr(rehearse, "time", clock)
    phase = phase_of(0)
    rehearse.switch_by_steps(stage, phase, (0, 50, 100), 0.0, kill_at=50)
    said = ["kill", "start", "wait_until_ready", "wait_until_routed"]
    assert stage.done == [shares(0), shares(50), *((one, "inf2") for one in said), shares(100)]
    assert (phase.switches, phase.killed) == (3, 1)
    assert kill_and_restart and phase.events[2].what == "inf2 is killed"


def test_a_phase_counts_what_became_of_its_own_requests(stage):
    """By the ledgers of all three; a request of another phase is none of it; a retry is counted."""
    phase = phase_of(3)
    phase.lines = [made_line("p-0"), made_line("p-1"), made_line("p-2", outcome="refused")]
    api = [made_line("p-0", "api", attempt=2), made_line("p-1", "api"), made_line("q-9", "api")]
    stage.ledgers["api"] = [*api, made_line("p-2", "api", outcome="refused")]
    stage.ledgers["inf2"] = [made_line("p-0", "inference"), made_line("p-1", "inference")]
    row = phase_row(stage, phase, "a stand-in")
    assert (row.sent, row.answered, row.refused, row.lost, row.double) == (3, 2, 1, 0, 0)
    assert row.retried == 1 and row.p50_ms == row.p99_ms == 12.5
    phase.lines.pop(0)
    assert phase_row(stage, phase, "").lost == 1


def test_what_was_done_is_counted_from_the_schedules_beginning():
    """As requests are, by the same clock."""
    phase = phase_of(0)
    phase.note("inf2 is killed", shares(50))
    phase.end(rehearse.time.time() - 2)
    assert phase.events[0].at_s == pytest.approx(2, abs=0.5) and phase.began_s > 0


def test_pairs_are_those_of_the_phase_that_the_primary_answered(stage):
    """A copy of what the candidate itself answered compares nothing."""
    stage.answer("p-1", "yes", "no")
    stage.answer("p-2", "yes", "yes", backend="inf2")
    stage.answer("q-0", "yes", "yes")
    with open(stage.pairs, "a") as file:
        file.write('{"request_id": "p-0", "primary": "{}", "candidate": ""}\n')  # had no answers
    (row,) = pair_rows(stage, phase_of(3))
    assert (row.request_id, row.at_s) == ("p-1", 1.0)
    assert [one.text for one in row.pair().candidate] == ["no"]


def watched_run(stage, flips, count: int = 60) -> tuple[Phase, Watched, list[str]]:
    """A switch that sees one pair a look; flips: of a pair's number, whether it flipped."""
    phase, watched = phase_of(count), Watched(stage, 0.1, {})
    watched.set(phase, 0.0)
    actions = []
    for number in range(count):
        stage.answer(f"p-{number}", "yes", "no" if flips(number) else "yes")
        stage.served(made_line(f"p-{number}", "api"))
        actions.append(watched.look(phase, 12.0))
    return phase, watched, actions


def test_a_candidate_that_answers_wrongly_is_taken_back(stage):
    """It steps on good answers, goes back on bad ones, and its share is 0 from then on."""
    phase, watched, actions = watched_run(stage, lambda number: number > 30 and number % 3 == 0, 90)
    assert "stepped" in actions and "went back" in actions
    assert actions.index("stepped") <= 30 < actions.index("went back")
    assert watched.percent == 0.0 and stage.done[-1] == shares(0)
    assert any("unexcused flips" in event.what for event in phase.events)


def test_a_candidate_that_agrees_keeps_its_share(stage):
    """No flip, no way back."""
    _, watched, actions = watched_run(stage, lambda number: False)
    assert "went back" not in actions and watched.percent == 20.0


def test_a_request_counts_against_who_was_asked_first(stage):
    """One that the primary answered at the second attempt has failed at the candidate."""
    _, watched, _ = watched_run(stage, lambda number: False, count=2)
    line = made_line("p-x", "api", attempt=2)
    watched.line(line, watched.clock.steady())
    assert (watched.switch.watch.candidate.failed, watched.switch.watch.primary.failed) == (1, 0)


@pytest.mark.parametrize(
    ("outcome", "failed", "late"),
    [("failed", 1, 0), ("rejected", 1, 0), ("refused", 0, 1), ("answered", 0, 0)],
)
def test_no_answer_counts_against_who_gave_none(stage, outcome, failed, late):
    """A candidate that refuses or rejects is not better than one that answers; what no backend was asked counts for nobody."""
    watched = Watched(stage, 0.1, {})
    watched.set(phase_of(0), 20.0)
    line = made_line("p-x", "api", outcome)
    for backend in ("inf2", ""):
        watched.line(replace(line, backend=backend), watched.clock.steady())
    watch = watched.switch.watch
    assert (watch.candidate.requests, watch.primary.requests) == (1, 0)
    assert (watch.candidate.failed, watch.candidate.late) == (failed, late)


def test_a_candidate_that_refuses_everything_goes_back(stage):
    """Though it answers nothing wrongly."""
    watched, phase = Watched(stage, 0.1, {}), phase_of(0)
    watched.set(phase, 20.0)
    for number in range(200):
        ours = number % 5 == 0
        line = made_line(f"p-{number}", "api", "refused" if ours else "answered")
        backend = "inf2" if ours else "gpu"
        watched.line(replace(line, backend=backend), watched.clock.steady() + 1)
    assert watched.look(phase, 12.0) == "went back"
    assert any("lateness" in event.what for event in phase.events)


def test_weights_that_are_refused_are_asked_for_again(stage):
    """The share is what the API tier has, not what was wished; the next look tries once more."""
    phase, watched = phase_of(0), Watched(stage, 0.1, {})
    watched.set(phase, 20.0)  # the switch itself is still at 0
    stage.refuses = "no backend with a weight would be ready"
    watched.look(phase, 12.0)
    assert watched.percent == 20.0 and watched._shares == [0.0, 0.2]
    stage.refuses = ""
    watched.look(phase, 12.0)
    assert watched.percent == 0.0 and watched._shares == [0.0, 0.2, 0.0]


def test_a_load_ends_before_the_phase_is_judged(stage, monkeypatch):
    """The planted fault begins with the first step, and the loop ends once it went back."""
    phase, looks = phase_of(9), iter(["held", "stepped", "held", "went back"])
    watched = SimpleNamespace(set=lambda *_: None, percent=20.0, look=lambda *_: next(looks))
    monkeypatch.setattr(rolling, "under_load", lambda *_: nullcontext(phase))
    load = Load(12.0, 30.0, FrameSource("synthetic", 1, 3), ["q"])
    assert rolling.roll_back(stage, load, watched) is phase
    assert stage.done == [("plant", "inf2")] and next(looks, None) is None


def test_a_load_that_ends_before_says_why_nothing_went_back(stage, monkeypatch):
    """What was decided last, in its own words."""
    phase = phase_of(9)
    watched = SimpleNamespace(set=lambda *_: None, percent=0.0, reason="too few seen")
    watched.look = lambda *_: "held"
    monkeypatch.setattr(rolling, "under_load", lambda *_: nullcontext(phase))
    monkeypatch.setattr(rolling, "LOOK_S", 0.0)
    rolling.roll_back(stage, Load(12.0, 0.01, FrameSource("synthetic", 1, 3), ["q"]), watched)
    assert [event.what for event in phase.events] == ["did not go back: too few seen"]


def test_the_parts_of_a_request_are_all_of_it():
    """Each millisecond is counted once."""
    inference = {"queue": 1.0, "decode": 2.0, "answer": 10.0, "total": 13.0}
    rows = hop_rows(20.0, {"inference": inference, "api": {"backend": 15.5, "total": 17.0}})
    assert sum(row.ms for row in rows) == pytest.approx(20.0)
    assert [round(row.ms, 3) for row in rows] == [3.0, 1.5, 2.5, 1.0, 2.0, 10.0]

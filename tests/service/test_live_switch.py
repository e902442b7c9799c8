"""A switch at a made-up API tier that writes its files, on a clock that only tests turn."""

import json
import re
from dataclasses import dataclass, field, replace

import pytest
from ledger_lines import made_line

from blipkit.errors import BadInput
from blipkit.service import following
from blipkit.service.feed import LEDGER, PAIRS, Clock, Files
from blipkit.service.following import Followed
from blipkit.service.ledger import line_text
from blipkit.service.live_switch import Bounds, LiveSwitch, check_start
from blipkit.service.route_client import API, NoTier, Route, Routed, WeightsRefused
from blipkit.service.routing import Router
from blipkit.service.switch import Plan
from blipkit.service.watch import Rules

QUICK = Rules(noticed=0.3, noticed_late=0.9, surely=0.8, flip_limit=0.05)
PLAN = Plan("gpu", "inf2", (0.0, 0.05, 0.5, 1.0), rules=QUICK)
RATE = 100  # requests/s


def never(number: int) -> bool:
    return False


@dataclass
class MadeUpTier:
    """An API tier that answers as a test says, and whose time passes while somebody sleeps."""

    folder: object
    now: float = 0.0
    sent: int = 0
    fails: object = never  # the candidate, of a request's number
    flips: object = never
    rate: int = RATE
    not_ready: set = field(default_factory=set)
    refuses: str = ""
    gone: bool = False
    loses_reply: bool = False
    at: object = lambda tier: None  # what happens as time passes
    base: str = API
    done: list = field(default_factory=list)
    unix: float = 1000.0  # when it began, by a clock that somebody may set
    lines: dict = field(default_factory=lambda: {"ledger": 0, "pairs": 0})
    is_shadow: bool | None = None
    disk_is_full: bool = False

    def __post_init__(self):
        self.router = Router({"gpu": 100.0, "inf2": 0.0})
        self.clock = Clock(lambda: self.unix + self.now, lambda: self.now, self.sleep)
        self.ledger, self.pairs = (self.folder / f"{name}.jsonl" for name in ("ledger", "pairs"))

    def route(self):
        if self.gone:
            raise NoTier(f"{self.base}/v1/route: ConnectError: refused")
        backends = {
            name: Routed(
                weight, f"http://{name}", name not in self.not_ready, "status 503", self.is_shadow
            )
            for name, weight in self.router.weights.items()
        }
        return Route(backends, dict(self.lines))

    def set(self, weights):
        if self.refuses:
            raise WeightsRefused(self.refuses)
        self.done.append(weights["inf2"])
        self.router.set(weights)
        if self.loses_reply:
            raise NoTier("ReadTimeout")
        return self.route()

    def sleep(self, seconds):
        """Requests come, and are written down; a copy of each that the primary answered is a pair."""
        for _ in range(round(seconds * self.rate)):
            self.now += 1 / self.rate
            self.sent += 1
            self.serve(f"r{self.sent}")
        if not self.rate:
            self.now += seconds
        self.at(self)

    def serve(self, request_id):
        name = self.router.choose({"gpu", "inf2"} - self.not_ready)
        line = made_line(request_id, "api")
        if name is None:
            return
        if name == "inf2" and self.fails(self.sent):
            line = replace(line, outcome="failed", status=502)
        line = replace(line, backend=name, at_s=self.unix + self.now)
        self.write("ledger", line_text(line))
        if name == "gpu":
            self.pair(request_id, "no" if self.flips(self.sent) else "yes")

    def pair(self, request_id, theirs, question="q"):
        def body(text, by, asked):
            answers = [{"question": asked, "text": text, "probability": 0.9, "margin": 4.0}]
            return json.dumps({"answers": answers, "backend": by})

        line = {"request_id": request_id, "primary": body("yes", "gpu", "q")}
        line["candidate"] = body(theirs, "an arm", question)
        self.write("pairs", json.dumps(line) + "\n")

    def write(self, name, text):
        if name in self.lines:
            self.lines[name] += 1
        if not self.disk_is_full:
            add(getattr(self, name), text)


def add(path, text: str) -> None:
    with open(path, "a") as file:
        file.write(text)


@pytest.fixture
def tier(tmp_path):
    return MadeUpTier(tmp_path)


def switch_of(tier, plan=PLAN, **bounds) -> LiveSwitch:
    pairs = Followed(tier.pairs, PAIRS) if plan.rules.compares else None
    files = Files(Followed(tier.ledger, LEDGER), pairs)
    held = replace(Bounds(0.1, 250.0, {}, most_s=600.0), **bounds)
    said: list[str] = []
    live = LiveSwitch(plan, tier, files, held, said.append, tier.clock)
    live.said = said
    return live


def test_a_clean_candidate_gets_everything(tier):
    """Step by step, each held until enough was seen; then it is done, with status 0."""
    live = switch_of(tier)
    assert live.run() == 0
    assert tier.done == [0, 5, 50, 100] and tier.router.weights == {"gpu": 0, "inf2": 100}
    steps = [line for line in live.said if " gets " in line]
    assert steps == [
        "inf2 gets 5 %; weights: gpu=95 inf2=5",
        "inf2 gets 50 %; weights: gpu=50 inf2=50",
        "inf2 gets 100 %; weights: gpu=0 inf2=100",
    ]
    assert live.said[-1] == "done: all steps were taken; weights: gpu=0 inf2=100"
    assert any(line.startswith("holds at 5 %: too few seen: ") for line in live.said)
    assert len(live.said) < 20  # what it holds for is said when it changes, not at each look


def test_all_steps_are_taken_by_the_rules_of_production(tier):
    """Thousands of requests, whatever a test's own rules are."""
    tier.rate = 1000
    live = switch_of(tier, Plan("gpu", "inf2", (0.0, 0.5, 1.0)))
    assert live.run() == 0 and tier.sent > 2000
    assert any("of 1211 frames compared" in line for line in live.said)


def test_a_share_stays_as_long_as_it_has_to(tier):
    """However much was seen."""
    tier.rate = 20
    live = switch_of(tier, replace(PLAN, step_s=30.0))
    assert live.run() == 0 and tier.now >= 120
    assert any("of 30 s" in line for line in live.said)


def test_a_candidate_that_answers_otherwise_goes_back(tier):
    """At a share of 0 as at any other: status 1, and why."""
    tier.flips = lambda number: number % 3 == 0
    live = switch_of(tier)
    assert live.run() == 1 and tier.router.weights["inf2"] == 0 and tier.done == [0]
    assert live.said[-1].startswith("inf2 goes back: unexcused flips, p ")
    assert live.said[-1].endswith("weights: gpu=100 inf2=0")


UNANSWERED = '{"request_id": "r", "primary": "{\\"backend\\": \\"gpu\\"}", "candidate": ""}\n'


@pytest.mark.parametrize(
    "happens",
    [
        lambda tier: tier.pair("r", "yes", question="another?"),
        lambda tier: tier.write("pairs", UNANSWERED),
    ],
)
def test_a_reply_that_compares_with_nothing_is_a_flip(tier, happens):
    """A candidate that answers another question, or fails or rejects its copy, is no better than one that answers wrongly."""
    tier.rate = 0
    tier.at = happens
    live = switch_of(tier)
    assert live.run() == 1 and "unexcused flips" in live.said[-1]


def test_a_candidate_that_fails_goes_back(tier):
    """Once it has a share, which is taken back."""
    tier.fails = lambda number: True
    live = switch_of(tier)
    assert live.run() == 1 and tier.done == [0, 5, 0]
    assert "inf2 goes back: failures, p " in live.said[-1]


def test_a_way_back_that_is_refused_is_tried_again(tier):
    """Until the tier takes it: the candidate went back when it has nothing any more."""
    since = []

    def happen(tier):
        if tier.done[-1] == 5:
            since.append(tier.now)
            tier.fails = lambda number: True
            tier.refuses = "no backend would be ready" if tier.now < since[0] + 20 else ""

    tier.at = happen
    live = switch_of(tier)
    assert live.run() == 1 and tier.done == [0, 5, 0] and tier.now >= since[0] + 20
    assert any("goes back" in line and "no backend would be ready" in line for line in live.said)
    assert live.said[-1] == "weights: gpu=100 inf2=0"


def test_too_few_requests_hold_until_the_time_is_over(tier):
    """What is still needed is said; the weights stay, with the way back, and the status is 1."""
    tier.at = lambda tier: setattr(tier, "rate", 0 if tier.done[-1] else RATE)
    live = switch_of(tier, most_s=90.0)
    assert live.run() == 1 and tier.router.weights["inf2"] == 5 and tier.now < 95
    assert any("requests to the candidate at this share (" in line for line in live.said)
    ended = "--most-s 90 is over: too few seen: "
    assert live.said[-1].startswith(ended)
    stays = "weights stay as they are: gpu=95 inf2=5; to go back: blipkit route gpu=100 inf2=0"
    assert live.said[-1].endswith(stays)


def test_nothing_is_stepped_while_the_ledger_says_nothing(tier):
    """A file of another tier's would have a candidate served unwatched."""
    tier.lines = {}  # an older tier, which does not count them
    tier.ledger = tier.folder / "elsewhere.jsonl"
    files = replace(PLAN, rules=replace(QUICK, compares=False))
    live = switch_of(tier, files, most_s=30.0)
    live.files.ledger.path = tier.folder / "mine.jsonl"
    assert live.run() == 1 and tier.done == [0]
    assert "holds at 0 %: no request of its backends came to" in live.said[0]
    assert "--most-s 30 is over: no request came to" in live.said[-1]


def test_a_candidate_that_is_too_small_is_held(tier):
    """1.2 times its share of what the ledger says was asked for in the last seconds."""
    live = switch_of(tier, rated_per_s={"inf2": 20.0}, most_s=30.0)
    assert live.run() == 1 and tier.done == [0, 5]
    assert "inf2 is rated for 20 requests/s; expected 60" in live.said[-1]


def test_one_that_is_not_ready_gives_its_share_up_and_gets_it_back(tier):
    """Both are said."""

    def happen(tier):
        tier.not_ready = {"inf2"} if 1000 < tier.sent < 1300 else set()

    tier.at = happen
    live = switch_of(tier, replace(PLAN, step_s=8.0))
    assert live.run() == 0 and tier.done[:4] == [0, 5, 0, 5]
    assert "weights: gpu=100 inf2=0; inf2 is not ready: status 503" in live.said
    assert "weights: gpu=95 inf2=5" in live.said


def test_a_tier_that_stops_answering_ends_it(tier):
    """After some seconds, with the weights as they were last known."""
    tier.at = lambda tier: setattr(tier, "gone", tier.done[-1] == 5)
    tier.base = "http://127.0.0.1:9000"
    live = switch_of(tier)
    assert live.run() == 1
    assert any("ConnectError: refused; asked again for 10 s" in line for line in live.said)
    back = "to go back: blipkit route gpu=100 inf2=0 --api http://127.0.0.1:9000"
    assert live.said[-1].endswith(f"weights as last known: gpu=95 inf2=5; {back}")


def test_a_tier_that_is_away_for_a_moment_does_not(tier):
    """As while it is busy."""
    tier.at = lambda tier: setattr(tier, "gone", 2 < tier.now < 6)
    assert switch_of(tier).run() == 0


def test_weights_whose_reply_was_lost_are_known_at_the_next_look(tier):
    """They are this switch's own, not somebody else's."""
    tier.at = lambda tier: setattr(tier, "loses_reply", tier.sent < 3000)
    live = switch_of(tier)
    assert live.run() == 0 and tier.done == [0, 5, 50, 100]


def test_weights_of_somebody_else_end_it(tier):
    """Two who set weights would undo each other's; a tier that was restarted has its first ones."""

    def happen(tier):
        if tier.done[-1] == 5:
            tier.router.set({"gpu": 70.0, "inf2": 30.0})

    tier.at = happen
    live = switch_of(tier)
    assert live.run() == 1 and tier.router.weights["inf2"] == 30
    said = "somebody else has set weights, or restarted the tier: this switch had set gpu=95 inf2=5"
    assert live.said[-1].startswith(said) and "as they are: gpu=70 inf2=30" in live.said[-1]


def test_weights_that_nobody_may_set_from_here_end_it_at_once(tier):
    """Not hours later, at the first step."""
    tier.refuses = "weights are set from this machine alone: nothing was set"
    live = switch_of(tier)
    assert live.run() == 1 and tier.sent == 0
    assert live.said == [f"{tier.refuses}; weights stay as they are: gpu=100 inf2=0"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "ledger",
            "hello\n",
            r"ledger\.jsonl, byte 0: .*expected what this tier's `blipkit api --ledger`",
        ),
        ("ledger", line_text(made_line("a", "inference")), "tier is 'inference'; expected what"),
        ("pairs", '{"request_id": "a"}\n', r"pairs\.jsonl, byte 0 is no pair; expected what"),
    ],
)
def test_files_of_something_else_end_it(tier, name, text, said):
    """By the place of the line; the weights stay."""
    live, tier.rate = switch_of(tier), 0
    tier.at = lambda tier: add(getattr(tier, name), text)
    assert live.run() == 1
    assert re.search(said, live.said[-1])
    assert live.said[-1].endswith("weights stay as they are: gpu=100 inf2=0")


def test_a_cut_last_line_is_read_when_it_is_whole(tier):
    """A look may come in the middle of a line, in either file."""
    live, tier.rate = switch_of(tier), 0
    text = line_text(replace(made_line("a", "api"), at_s=1000.0))
    tier.pair("a", "yes")
    whole = tier.pairs.read_text()
    for path, content in ((tier.ledger, text), (tier.pairs, whole)):
        path.write_text(content[:20])
    live.begin()
    live.look()
    assert (live.switch.watch.primary.requests, live.switch.watch.pairs) == (0, 0)
    add(tier.ledger, text[20:])
    add(tier.pairs, whole[20:])
    live.look()
    assert (live.switch.watch.primary.requests, live.switch.watch.pairs) == (1, 1)


@pytest.mark.parametrize("by_s", [-3600, 3600])
def test_a_clock_that_is_set_changes_nothing(tier, by_s):
    """What has a share is found to fail, and what there is room for is stepped to, whatever the lines' time is."""

    def happen(tier):
        if tier.done[-1] == 5 and tier.unix == 1000:
            tier.unix += by_s

    tier.at = happen
    assert switch_of(tier, rated_per_s={"inf2": 130.0}).run() == 0
    tier.router.set({"gpu": 100.0, "inf2": 0.0})
    tier.unix, tier.fails = 1000, lambda number: tier.unix != 1000
    live = switch_of(tier)
    assert live.run() == 1 and "inf2 goes back: failures" in live.said[-1]


def test_lines_that_the_files_lack_end_it(tier):
    """On a full disk nobody would see what becomes of the requests; so where the tier writes elsewhere."""
    tier.at = lambda tier: setattr(tier, "disk_is_full", tier.done[-1] == 5)
    live = switch_of(tier)
    assert live.run() == 1 and tier.done == [0, 5]
    said = (
        r"(ledger|pairs)\.jsonl lacks \d+ lines that the tier had to write; expected .* has room; "
    )
    assert re.search(said + "weights stay as they are: gpu=95 inf2=5; to go back", live.said[-1])


def test_lines_are_not_missed_where_more_are_there_than_are_read_at_once(tier, monkeypatch):
    """They come at the next looks."""

    def burst(tier):
        if tier.sent == 300:
            for number in range(600):
                tier.serve(f"x{number}")

    tier.at = burst
    monkeypatch.setattr(following, "MOST", 40_000)
    live = switch_of(tier)
    assert live.run() == 0 and not live.files.ledger.is_behind


def test_a_tier_that_is_started_again_before_the_first_step_may_go_on(tier):
    """It counts its lines anew; one that sends no copies any more is none that can be watched."""

    def restart(tier):
        if tier.sent == 200:
            tier.lines = {"ledger": 0, "pairs": 0}

    tier.at = restart
    assert switch_of(tier).run() == 0
    tier.router.set({"gpu": 100.0, "inf2": 0.0})
    tier.at = lambda tier: setattr(tier, "is_shadow", False)
    live = switch_of(tier)
    assert live.run() == 1 and "inf2 is no shadow of the API tier" in live.said[-1]


def test_what_stood_in_the_files_before_is_not_counted(tier):
    """It is of another candidate, perhaps."""
    tier.flips = lambda number: True
    tier.sleep(5)
    tier.flips = never
    assert switch_of(tier).run() == 0


def test_without_answers_failures_and_lateness_alone_are_watched(tier):
    """No file of pairs is looked at."""
    tier.flips = lambda number: True
    rules = replace(QUICK, compares=False)
    assert switch_of(tier, replace(PLAN, rules=rules)).run() == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plan": Plan("gpus", "inf2")}, "PRIMARY is 'gpus'; did you mean 'gpu'?"),
        ({"plan": Plan("gpu", "inf")}, "CANDIDATE is 'inf'; did you mean 'inf2'?"),
        (
            {"not_ready": {"inf2"}},
            r"inf2 is not ready \(status 503\); expected both to be: nothing was set",
        ),
        ({"weights": (90.0, 10.0)}, "weights are gpu=90 inf2=10; expected gpu=100: blipkit route"),
        ({"shadow": False}, "inf2 is no shadow of the API tier: no answers come; expected"),
    ],
)
def test_what_cannot_begin_is_refused(tier, change, said):
    """Before anything is set: bad input."""
    tier.not_ready = change.get("not_ready", set())
    tier.router.set(dict(zip(("gpu", "inf2"), change.get("weights", (100.0, 0.0)), strict=True)))
    tier.is_shadow = change.get("shadow")
    with pytest.raises(BadInput, match=said):
        check_start(tier.route(), change.get("plan", PLAN))
    assert tier.done == []


def test_a_shadow_is_not_needed_where_answers_are_not_watched(tier):
    """Nor is anything said of it by an older tier."""
    check_start(tier.route(), PLAN)
    tier.is_shadow = False
    check_start(tier.route(), replace(PLAN, rules=replace(QUICK, compares=False)))

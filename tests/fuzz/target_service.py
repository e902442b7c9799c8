"""What tiers and other people's endpoints write: logs of two, ledgers, metric lines, and rules for alerts."""

import contextlib
import json
import random
from itertools import product
from pathlib import Path

import mutators
from campaign import Target
from sandbox import Case

from blipkit.errors import BadInput
from blipkit.service.alerts import compare_alerts, parse_rule
from blipkit.service.feed import Feed, Files
from blipkit.service.following import Followed
from blipkit.service.ledger import LedgerFile, LedgerLine, read_ledger
from blipkit.service.metric_lines import read_lines, values_of
from blipkit.service.metrics import Meter
from blipkit.service.reconcile import reconcile
from blipkit.service.replies import join_logs
from blipkit.service.shadow import Tally
from blipkit.service.switch import Plan, Side, Switch

LOGS = ("a.jsonl", "b.jsonl")
FILES = ("ledger.jsonl", "pairs.jsonl")
OUTCOMES = ("answered", "refused", "rejected", "failed")
ANSWERS = [{"question": "is it?", "text": "yes", "probability": 0.9, "margin": 1.5}]
RULES = ("yes in 2 of 5 frames of a camera", "yes to 'is it?' in 1 of 1 frame")


def log_line(number: int, text: str, **more) -> str:
    answer = {"question": "is it?", "text": text, "probability": 0.9, "margin": 1.5}
    return json.dumps({"request_id": f"r{number}", "answers": [answer, answer], **more})


def log_seeds(place: Path) -> None:
    """Logs of two: with cameras and times, and without."""
    for name, more in {"full": {"camera": "porch", "at_s": 1.5}, "bare": {}}.items():
        (place / name).mkdir()
        for log, texts in zip(LOGS, (["yes", "no", "yes"], ["yes", "yes", "yes"]), strict=True):
            lines = [log_line(number, text, **more) for number, text in enumerate(texts)]
            (place / name / log).write_text("\n".join(lines) + "\n")
        if more:  # alerts are a camera's
            (place / name / "rule.txt").write_text(RULES[0])


def spoil_logs(case: Case) -> None:
    """A change in one of the logs, or something else in its place; or another rule."""
    rng = case.rng
    if rng.random() < 0.2:
        rule = rng.choice([*mutators.WORDS, rng.choice(RULES) + rng.choice(mutators.WORDS)])
        (case.folder / "rule.txt").write_text(rule, errors="surrogatepass")
        case.did.append(f"rule {rule[:40]!r}")
    _spoil_lines(case, case.folder / rng.choice(LOGS))


def _spoil_lines(case: Case, path: Path) -> None:
    if case.rng.random() < 0.08:
        case.did.append(mutators.replace_file(case.rng, path, case.world))
        return
    written, said = mutators.spoil_json_lines(case.rng, path.read_text())
    path.write_bytes(written)
    case.did.append(said)


def read_logs(case: Case) -> None:
    """What `blipkit shadow --logs` does: join, count, judge, and look at alerts."""
    path = case.folder / "rule.txt"
    rules = []
    if path.is_file():
        rules.append(parse_rule(path.read_bytes().decode(errors="surrogatepass")))
    tally = Tally(1e-4)
    for pair in join_logs(*map(Path, LOGS)).pairs:
        tally.add(pair)
    tally.summary()
    tally.gate(0.02)
    for rule in rules:
        compare_alerts(rule, tally.pairs)


def line_seeds(place: Path) -> None:
    """A ledger of all outcomes, and three periods of metrics."""
    folder = place / "tier"
    folder.mkdir()
    outcomes = {"answered": 200, "refused": 503, "rejected": 400, "failed": 500, "lost": 0}
    with LedgerFile(folder / "ledger.jsonl") as ledger:
        for number, (outcome, status) in enumerate(outcomes.items()):
            line = LedgerLine(f"r{number}", "client", outcome, status, "gpu", 1, 5.0, 9.5, "ab")
            ledger.add(line)
    meter, draw, lines = Meter("api", {"Fleet": "a"}, source="s"), random.Random(1), []
    for period in range(3):
        meter.add("requests", 150)
        for _ in range(150):
            meter.observe("latency_ms", draw.random())
        lines += meter.lines(1000 * period)
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


def spoil_lines(case: Case) -> None:
    """A change in either file, or something else in its place."""
    _spoil_lines(case, case.folder / case.rng.choice(("ledger.jsonl", "metrics.jsonl")))


def read_tier(case: Case) -> None:
    """What the chapter does with both."""
    problem = None
    try:
        lines = read_ledger([Path("ledger.jsonl")])
        reconcile(lines, None, None).gates(1)
    except BadInput as error:
        problem = error
    metrics = read_lines([Path("metrics.jsonl")])
    sum(values_of(metrics, "latency_ms", "api"))
    if problem:
        raise problem


def switch_seeds(place: Path) -> None:
    """What an API tier writes, by which a switch is told: a ledger, and pairs."""
    folder = place / "api"
    folder.mkdir()
    with LedgerFile(folder / FILES[0]) as ledger:
        for number, (backend, outcome) in enumerate(product(("gpu", "inf2", ""), OUTCOMES)):
            line = LedgerLine(f"r{number}", "api", outcome, 200, backend, 1, 5.0, 9.5, "ab")
            ledger.add(line)
    bodies = [json.dumps({"backend": "gpu", "answers": ANSWERS}) for _ in range(2)]
    lines = [
        json.dumps(
            dict(zip(("request_id", "primary", "candidate"), (f"r{n}", *bodies), strict=True))
        )
        for n in range(3)
    ]
    (folder / FILES[1]).write_text("\n".join(lines) + "\n")


def spoil_switch(case: Case) -> None:
    """A change in either file, or something else in its place."""
    _spoil_lines(case, case.folder / case.rng.choice(FILES))


def read_switch(case: Case) -> None:
    """What `blipkit switch` does with both, as they come, and what it decides then."""
    names = [Path(f"come-{name}") for name in FILES]
    feed = Feed(
        Switch(Plan("gpu", "inf2")), Files(*(Followed(name, "again") for name in names)), 0.1, 250.0
    )
    for name, come in zip(FILES, names, strict=True):
        with contextlib.suppress(FileNotFoundError):
            Path(name).rename(come)
    feed.read()
    sides = {name: Side(True, 9.0) for name in ("gpu", "inf2")}
    feed.decide(1.0, sides, 1.0, lambda weights: "")


TARGETS = [
    Target("switch", 900, 6, switch_seeds, spoil_switch, read_switch),
    Target("logs", 900, 6, log_seeds, spoil_logs, read_logs),
    Target("tier lines", 900, 6, line_seeds, spoil_lines, read_tier),
]

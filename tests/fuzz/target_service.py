"""What tiers and other people's endpoints write: logs of two, ledgers, metric lines, and rules for alerts."""

import json
import random
from pathlib import Path

import mutators
from campaign import Target
from sandbox import Case

from blipkit.errors import BadInput
from blipkit.service.alerts import compare_alerts, parse_rule
from blipkit.service.ledger import LedgerFile, LedgerLine, read_ledger
from blipkit.service.metric_lines import read_lines, values_of
from blipkit.service.metrics import Meter
from blipkit.service.reconcile import reconcile
from blipkit.service.replies import join_logs
from blipkit.service.shadow import Tally

LOGS = ("a.jsonl", "b.jsonl")
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


TARGETS = [
    Target("logs", 900, 6, log_seeds, spoil_logs, read_logs),
    Target("tier lines", 900, 6, line_seeds, spoil_lines, read_tier),
]

"""What a candidate does to alerts: a rule over the last frames of a camera, applied to the answers
of both.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from blipkit.errors import BadInput, shown
from blipkit.service.shadow import Pair
from blipkit.statistics import Interval, wilson

FORM = re.compile(
    r"\s*(?P<answer>.+?)\s+(?:to\s+(?P<quote>['\"])(?P<question>.+?)(?P=quote)\s+)?"
    r"in\s+(?P<hits>\d{1,6})\s+of\s+(?P<frames>\d{1,6})\s+frames?(?:\s+of\s+a\s+camera)?\s*",
    re.DOTALL,
)
EXPECTED = (
    "expected such as: yes in 2 of 5 frames of a camera; "
    "or of one question: yes to 'is the dog barking?' in 2 of 5 frames of a camera"
)


@dataclass(frozen=True)
class AlertRule:
    """An alert begins where at least `hits` of a camera's last `frames` frames had this answer, and
    did not before. question: "" for each question on its own.
    """

    answer: str
    hits: int
    frames: int
    question: str = ""

    def __str__(self) -> str:
        asked = f" to {self.question!r}" if self.question else ""
        return f"{self.answer}{asked} in {self.hits} of {self.frames} frames of a camera"

    def alerts_in(self, answers: Sequence[str]) -> list[int]:
        """The places of the frames at which an alert begins, in a camera's frames in order."""
        found, hits, was_on = [], 0, False
        for place, answer in enumerate(answers):
            hits += answer == self.answer
            if place >= self.frames:
                hits -= answers[place - self.frames] == self.answer
            is_on = hits >= self.hits
            if is_on and not was_on:
                found.append(place)
            was_on = is_on
        return found


def parse_rule(text: str) -> AlertRule:
    """A rule as people write it; BadInput says what is expected."""
    found = FORM.fullmatch(text)
    if not found:
        raise BadInput(f"rule {shown(text)}; {EXPECTED}")
    hits, frames = int(found["hits"]), int(found["frames"])
    if not 1 <= hits <= frames:
        problem = f"rule {shown(text)}: {hits} of {frames} frames"
        raise BadInput(f"{problem}; expected at least 1, and no more than there are; {EXPECTED}")
    return AlertRule(found["answer"], hits, frames, found["question"] or "")


@dataclass(frozen=True)
class AlertChange:
    """What the candidate does to the alerts of a rule.

    cameras: how many were looked at; alerts: the primary's; lost: of these, those that the
    candidate never raises, or only a window of the rule or more away; added: what it raises
    beside; per 1,000: of the primary's alerts lost, of the candidate's added.
    """

    rule: str
    cameras: int
    alerts: int
    candidate_alerts: int
    lost: int
    added: int
    lost_per_1000: Interval
    added_per_1000: Interval


def compare_alerts(rule: AlertRule, pairs: Iterable[Pair]) -> AlertChange:
    """The alerts of both, camera by camera and question by question.

    BadInput where no pair names a camera, or none has the rule's question.
    """
    series = _series(rule, pairs)
    alerts = candidate_alerts = kept = 0
    for answers in series.values():
        first = rule.alerts_in([primary for primary, _ in answers])
        second = rule.alerts_in([candidate for _, candidate in answers])
        alerts += len(first)
        candidate_alerts += len(second)
        kept += _matched(first, second, rule.frames)
    lost, added = alerts - kept, candidate_alerts - kept
    return AlertChange(
        rule=str(rule),
        cameras=len({camera for camera, _ in series}),
        alerts=alerts,
        candidate_alerts=candidate_alerts,
        lost=lost,
        added=added,
        lost_per_1000=wilson(lost, alerts).times(1000),
        added_per_1000=wilson(added, candidate_alerts).times(1000),
    )


def _series(rule: AlertRule, pairs: Iterable[Pair]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(camera, question) -> both answers' texts, frame by frame in order of time."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    asked: set[str] = set()
    for pair in sorted(pairs, key=lambda pair: pair.at_s):
        for first, second in zip(pair.primary, pair.candidate, strict=True):
            asked.add(first.question)
            if pair.camera and rule.question in ("", first.question):
                found[pair.camera, first.question].append((first.text, second.text))
    check_rule(rule, asked, bool(found))
    return found


def check_rule(rule: AlertRule, asked: Collection[str], has_cameras: bool) -> None:
    """Refuse a rule about a question that is not asked, or where no frame says its camera."""
    if rule.question and rule.question not in asked:
        raise BadInput(f"rule {shown(str(rule))}: that was not asked, but {shown(sorted(asked))}")
    if not has_cameras:
        advice = "put each camera's frames into a folder of its own, or its name into the log"
        raise BadInput(f"rule {shown(str(rule))}: no frame says which camera it is of; {advice}")


def _matched(first: Sequence[int], second: Sequence[int], window: int) -> int:
    """How many alerts of the first have one of the second less than a window away, each its own."""
    matched, left = 0, list(second)
    for place in first:
        left = [other for other in left if other > place - window]
        if left and left[0] < place + window:
            left.pop(0)
            matched += 1
    return matched

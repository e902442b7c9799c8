"""What the metrics say of a live shadow's answers: how many differ, and how many beyond rounding.

What is rounding is 03's rule.
"""

from blipkit.errors import BadInput
from blipkit.parity.answers import unexcused_flips
from blipkit.reading.json_text import parse_object
from blipkit.service.metrics import Meter
from blipkit.service.mirror import Compared
from blipkit.service.replies import answers_in
from blipkit.service.shadow import Pair

COUNTS = ("shadow_answers", "shadow_flips", "shadow_unexcused", "shadow_unreadable")


def begin_counts(meter: Meter) -> None:
    """So that a line has them from the first period on."""
    for name in COUNTS:
        meter.add(name, 0)


def count_flips(meter: Meter, excused_margin: float, compared: Compared) -> None:
    """Tell the metrics how many answers were compared, differ, and differ beyond rounding.

    excused_margin: nats, below which a flip is rounding. An open answer that differs is counted as
    a flip alone: its margin is not sent.
    """
    try:
        bodies = (compared.primary, compared.candidate)
        primary, candidate = (answers_in(parse_object(body)) for body in bodies)
        answers = Pair(compared.request_id, "", 0.0, primary, candidate).answer_pairs()
    except (ValueError, BadInput):
        meter.add("shadow_unreadable")
        return
    meter.add("shadow_answers", len(answers))
    meter.add("shadow_flips", sum(one.flipped for one in answers))
    meter.add("shadow_unexcused", len(unexcused_flips(answers, excused_margin)))

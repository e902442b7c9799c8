import json

import pytest

from blipkit.service.live_flips import begin_counts, count_flips
from blipkit.service.metrics import Meter
from blipkit.service.mirror import Compared

EXCUSED = 0.1  # nats


def body(*answers) -> bytes:
    """A reply with answers, each its text and margin."""
    said = [
        {"question": f"q{n}", "text": text, "probability": 0.9, "margin": margin}
        for n, (text, margin) in enumerate(answers)
    ]
    return json.dumps({"answers": said}).encode()


def counted(primary: bytes, candidate: bytes) -> dict[str, float]:
    """What the metrics were told of one pair."""
    meter = Meter("api", {})
    begin_counts(meter)
    count_flips(meter, EXCUSED, Compared("r", primary, candidate))
    return {name.removeprefix("shadow_"): int(one.total) for name, one in meter.counts.items()}


@pytest.mark.parametrize(
    ("margin", "candidate", "unexcused"),
    [
        (0.05, ("no", 0.04), 0),  # rounding reaches it
        (0.5, ("no", 0.04), 1),
        (0.5, ("yes", None), 1),  # is no number
        (None, ("no", None), 0),  # open answers have no margin
    ],
)
def test_a_flip_is_excused_as_03_says(margin, candidate, unexcused):
    """All that differ are counted, and apart from them those that no rounding excuses."""
    found = counted(body(("yes", margin), ("no", 3.0)), body(candidate, ("no", 3.0)))
    assert found == {"answers": 2, "flips": 1, "unexcused": unexcused, "unreadable": 0}


@pytest.mark.parametrize(
    "candidate", [b"", b"[]", b"{}", body(("yes", 1.0)), body(("yes", 1.0), (7, 1.0))]
)
def test_a_reply_of_another_form_is_no_pair(candidate):
    """Nothing is compared, and nothing breaks; it is counted."""
    found = counted(body(("yes", 1.0), ("no", 1.0)), candidate)
    assert found == {"answers": 0, "flips": 0, "unexcused": 0, "unreadable": 1}

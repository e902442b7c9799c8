"""What `blipkit api` sends to its shadow, and the file that says what both answered."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from blipkit.errors import BadInput, nearest
from blipkit.run.tier_files import lines_option, opening

if TYPE_CHECKING:
    from blipkit.service.backends import Backend
    from blipkit.service.knobs import Service
    from blipkit.service.metrics import Meter
    from blipkit.service.mirror import Mirror

PAIRS = lines_option("--pairs", "a line for each copy: what the shadow answered, and who was asked")


def check_pairs(pairs: str | None, shadow: str, on: str) -> None:
    """Refuse a file of pairs where there would be none."""
    if pairs and not shadow:
        raise BadInput("--pairs without --shadow: nobody gets copies; expected --shadow NAME, too")
    if pairs and on == "ray":
        raise BadInput("--pairs is not written on Ray; expected --on uvicorn, or no --pairs")


@contextlib.contextmanager
def pairs_to(path: str | None) -> Iterator[Callable]:
    """What has an API tier write down its shadow's pairs; nothing does where no file is named."""
    from blipkit.service.json_lines import LineFile
    from blipkit.service.pairs import keep_pairs

    if not path:
        yield lambda tier: None
        return
    with opening("--pairs", path, LineFile) as file:
        yield lambda tier: keep_pairs(tier, file)


def mirror_to(
    shadow: str, share: float, backends: list["Backend"], knobs: "Service", meter: "Meter"
) -> "Mirror | None":
    """What copies a share of requests to the backend `shadow`; none where that is ""."""
    by_name = {one.name: one for one in backends}
    if shadow and shadow not in by_name:
        raise BadInput(f"--shadow {shadow!r}; {nearest(shadow, by_name)}")
    if not 0 < share <= 1:
        raise BadInput(f"--sample {share:g}; expected a share above 0, at most 1")
    if not shadow:
        return None

    from blipkit.service.live_flips import begin_counts, count_flips
    from blipkit.service.mirror import Mirror

    begin_counts(meter)
    compare = partial(count_flips, meter, knobs.excused_margin)
    return Mirror(by_name[shadow], share, knobs.shadow_queue, compare)

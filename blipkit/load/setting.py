"""A setting, and what is asked of it; plain values, each with its unit."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Protocol

from blipkit.errors import BadInput, nearest, shown
from blipkit.frames.source import FrameSource
from blipkit.serving.answering import known_calls
from blipkit.serving.placement import PLACEMENTS


@dataclass(frozen=True)
class Setting:
    """An arm, a placement, S servers and C clients under load.

    arm: its text, such as "torchscript float32"; call: one of `known_calls`, such as NOTHING for
    the harness alone; placement: one of PLACEMENTS; servers, clients: how many; batch_size:
    requests that a server takes at once, if so many wait.
    """

    arm: str
    call: str
    placement: str
    servers: int
    clients: int
    batch_size: int = 1

    @property
    def words(self) -> list[str]:
        """Each of its values as text; a batch of one is not said."""
        *words, batch_size = map(str, astuple(self))
        if self.batch_size == 1:
            return words
        return [*words, f"batch {batch_size}"]

    def samples_name(self, run: int) -> str:
        """The name of the samples that keep the requests of one of its runs."""
        words = [word.replace(" ", "-") for word in self.words]
        return "requests/" + "-".join([*words, str(run)])

    def __str__(self) -> str:
        return ", ".join(self.words)


COLUMNS = tuple(one.name for one in fields(Setting))  # of tables and samples


class Placed(Protocol):
    """A setting, or a row that says as much of one."""

    arm: str
    placement: str
    servers: int
    clients: int
    batch_size: int


def name_of(row: Placed) -> str:
    """A setting's name: #servers-#clients, its placement if that is not threads, and its batch."""
    words = [f"{row.servers}-{row.clients}"]
    if row.placement != "threads":
        words.append(row.placement)
    if row.batch_size != 1:
        words.append(f"batch {row.batch_size}")
    return " ".join(words)


def differ_in_clients(one: Placed, other: Placed) -> bool:
    """Whether two settings with the same call differ in nothing but clients, if at all."""
    places = [(row.arm, row.placement, row.servers, row.batch_size) for row in (one, other)]
    return places[0] == places[1]


@dataclass(frozen=True)
class Workload:
    """What clients ask, and for how long.

    checkpoint: its source; questions: about each frame, as a profile writes them; frames: which
    ones; seconds: the measured time; warmup_s: of a round of warm-up; think_s: mean time that a
    client lets pass before it asks again; repeat_share: of requests about the frame before; seed:
    of the order of the frames.
    """

    checkpoint: str
    questions: Sequence
    frames: FrameSource
    seconds: float
    warmup_s: float
    think_s: float = 0.0
    repeat_share: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class ServerOptions:
    """How servers serve.

    threads: torch's own, of each server; batch_wait_s: how long the first request of a batch waits
    for the others; limit: requests in flight at most, more are refused; 0 for no limit;
    start_gap_s: between the starts of two serving processes.
    """

    threads: int = 1
    batch_wait_s: float = 0.0
    limit: int = 0
    start_gap_s: float = 0.0


def check_setting(setting: Setting, work: Workload, options: ServerOptions) -> None:
    """Refuse what cannot be measured, before any child is started."""
    known = {"call": known_calls(), "placement": tuple(PLACEMENTS)}
    for field, names in known.items():
        value = getattr(setting, field)
        if value not in names:
            raise BadInput(f"{field} is {shown(value)}; {nearest(value, names)}")
    counts = (setting.servers, setting.clients, setting.batch_size, work.seconds, options.threads)
    if min(counts) <= 0:
        problem = f"servers, clients, batch_size, seconds or threads is {min(counts)}"
        raise BadInput(f"{problem}; expected more than zero")

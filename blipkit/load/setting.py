"""What is measured as one: a setting, and what is asked of it; plain values, each with its unit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from blipkit.errors import BadInput, nearest
from blipkit.serving.answering import CALLS, NOTHING, FrameSource
from blipkit.serving.placement import PLACEMENTS

COLUMNS = ("arm", "call", "placement", "servers", "clients")  # a Setting's, as records have them


@dataclass(frozen=True)
class Setting:
    """An arm, a placement, S servers and C clients under load.

    arm: its text, such as "torchscript float32"; call: one of CALLS, or NOTHING for the harness
    alone; placement: one of PLACEMENTS; servers, clients: how many.
    """

    arm: str
    call: str
    placement: str
    servers: int
    clients: int

    @property
    def row(self) -> dict[str, str | int]:
        """As records have it."""
        return asdict(self)

    @property
    def name(self) -> str:
        """#servers-#clients, and where its servers are if not in threads."""
        return name_of(self.row)

    def samples_name(self, run: int) -> str:
        """What the requests of one of its runs are kept as."""
        words = [str(value).replace(" ", "-") for value in self.row.values()]
        return "requests/" + "-".join([*words, str(run)])

    def is_that_of(self, row: dict) -> bool:
        """Whether a record is of this setting."""
        return all(row[column] == value for column, value in self.row.items())

    def __str__(self) -> str:
        return ", ".join(str(value) for value in self.row.values())


def name_of(row: dict) -> str:
    """How a record's setting is called: #servers-#clients, and its placement if not threads."""
    if not isinstance(row, dict):
        row = vars(row)
    name = f"{row['servers']}-{row['clients']}"
    if row["placement"] == "threads":
        return name
    return f"{name} {row['placement']}"


def setting_of(row: dict) -> Setting:
    """A record's setting."""
    return Setting(**{column: row[column] for column in COLUMNS})


@dataclass(frozen=True)
class Workload:
    """What clients ask, and for how long.

    checkpoint: its source; questions: about each frame, as a profile writes them; frames: which
    ones; seconds: how long is measured; warmup_s: of a round of warm-up; think_s: mean time that a
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

    threads: torch's own, of each server; batch: requests that a server takes at once; batch_wait_s:
    how long the first of them waits for the others; limit: requests inside at most, more are
    refused; 0 for no limit.
    """

    threads: int = 1
    batch: int = 1
    batch_wait_s: float = 0.0
    limit: int = 0


def check_setting(setting: Setting, work: Workload, options: ServerOptions) -> None:
    """Refuse what cannot be measured, before any child is started to find out."""
    known = {"call": (*CALLS, NOTHING), "placement": tuple(PLACEMENTS)}
    for what, names in known.items():
        seen = getattr(setting, what)
        if seen not in names:
            raise BadInput(f"{what} is {seen!r}; {nearest(seen, names)}")
    counts = (setting.servers, setting.clients, work.seconds, options.threads, options.batch)
    if min(counts) <= 0:
        said = f"servers, clients, seconds, threads or batch is {min(counts)}"
        raise BadInput(f"{said}; expected more than zero")

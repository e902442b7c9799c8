"""What runs in a replica on Ray Serve: a tier's app, with the files that it writes.

Each replica is a process of its own, perhaps on another machine: it writes files of its own, whose
names have its id.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette

from blipkit.errors import BlipkitError
from blipkit.service.api import Api, api_app
from blipkit.service.inference import Inference, Model, Room, inference_app
from blipkit.service.json_lines import LineFile
from blipkit.service.ledger import LedgerFile, LedgerLine
from blipkit.service.metrics import Meter
from blipkit.service.tiers import Tier


@dataclass(frozen=True)
class Written:
    """What replicas write. ledger, metrics: files on their machines, "" for none; every_s: between
    two lines of metrics.
    """

    ledger: str = ""
    metrics: str = ""
    every_s: float = 10.0


MakeApi = Callable[[Meter, Callable[[LedgerLine], None]], Api]


def inference_replica(
    load: Callable[[], Model], room: Room, backend: str, written: Written, replica: str
) -> Starlette:
    """The app of an inference tier, whose model is loaded and answers its probes.

    backend: as its metrics call it; replica: its id.
    """
    meter = Meter("inference", {"Backend": backend})
    tier = Inference(load, room, meter, ledger_of(written, replica))
    tier.load_now()
    if reason := tier.why_not_ready():
        raise BlipkitError(reason)
    return writing_metrics(inference_app(tier), tier, written, replica)


def api_replica(make: MakeApi, closed: str, written: Written, replica: str) -> Starlette:
    """The app of an API tier. closed: why its weights cannot be set over HTTP, "" where they can;
    replica: its id.
    """
    tier = make(Meter("api", {}), ledger_of(written, replica))
    tier.closed = closed
    return writing_metrics(api_app(tier), tier, written, replica)


def ledger_of(written: Written, replica: str) -> Callable[[LedgerLine], None]:
    """What takes the lines of a replica's ledger."""
    if not written.ledger:
        return lambda line: None
    return LedgerFile(file_of(written.ledger, replica)).add


def file_of(path: str, replica: str) -> Path:
    """A replica's own file: its id stands before the ending."""
    whole = Path(path)
    return whole.with_name(f"{whole.stem}-{replica}{whole.suffix}")


def writing_metrics(app: Starlette, tier: Tier, written: Written, replica: str) -> Starlette:
    """The same app, which ends a period of its tier's metrics again and again as long as it
    lives: a tier keeps the latencies of a period until it ends.
    """
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with metrics_to(written, replica) as emit:
            async with inner(app):
                writing = asyncio.create_task(_write_periods(tier, written.every_s, emit))
                yield
                writing.cancel()
            tier.write_metrics(emit)

    app.router.lifespan_context = lifespan
    return app


@contextlib.contextmanager
def metrics_to(written: Written, replica: str):
    """What takes the lines of a replica's metrics."""
    if not written.metrics:
        yield lambda line: None
        return
    with LineFile(file_of(written.metrics, replica)) as file:
        yield lambda line: file.add_text(f"{line}\n")


async def _write_periods(tier: Tier, every_s: float, emit: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(every_s)
        tier.write_metrics(emit)

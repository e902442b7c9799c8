"""The process that serves: it places the pipelines, learns the right answers, and serves."""

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from blipkit.records.typed import row_of
from blipkit.runners.neuron.proof import Settled, settle
from blipkit.serving.answering import Answering, Handler
from blipkit.serving.placement import PLACEMENTS
from blipkit.serving.protocol import digest
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import Server, ServerReport

# in the folder that server and clients share
READY = "ready.json"
SOCKET = "socket"


@dataclass(frozen=True)
class Service:
    """What a process serves, and how; plain values, as a child gets JSON.

    answering: what answers; placement: one of PLACEMENTS; cores: numbers of the NeuronCores, none
    elsewhere; servers, clients: how many; limit: requests in flight at most; batch: requests that a
    server takes at once; batch_wait_s: how long the first of them waits for the others; overdue_s:
    what a batch may take until its server is given up.
    """

    answering: Answering
    placement: str
    cores: list[int]
    servers: int
    clients: int
    limit: int
    batch: int
    batch_wait_s: float
    overdue_s: float

    def dispatcher(self) -> Dispatcher:
        """What decides which server gets which request."""
        return Dispatcher(
            workers=self.servers,
            limit=self.limit,
            batch=self.batch,
            wait_s=self.batch_wait_s,
            overdue_s=self.overdue_s,
        )


@dataclass(frozen=True)
class ServiceReport:
    """What came of serving. settled: what the processes sent to NeuronCores, None without any."""

    server: ServerReport
    settled: Settled | None


def serve(folder: str, service: dict[str, Any]) -> dict[str, Any]:
    """In the child: place the pipelines, learn the right answers without load, then serve; returns
    a `ServiceReport` as JSON has it.

    folder: where the socket is, and READY, which appears when it serves and holds the digest of
    the right answers about each frame; service: a `Service`, as JSON has it.
    """
    return asdict(report_of_serving(Path(folder), row_of(Service, service)))


def report_of_serving(folder: Path, service: Service) -> ServiceReport:
    """Serve until the last client has left."""
    with contextlib.ExitStack() as stack:
        place = PLACEMENTS[service.placement]
        servers = place(stack, service.servers, service.cores, service.answering)
        frames = len(service.answering.frames.load())
        expected = digests_without_load(servers.handlers[0], frames)
        address = str(folder / SOCKET)
        server = Server(servers.handlers, service.dispatcher(), address, service.clients)
        write_ready(folder, expected)
        report = server.run()
        settled = None
        if service.cores:
            settled = settle(servers.executed())
        return ServiceReport(report, settled)


def digests_without_load(handler: Handler, count: int) -> list[int]:
    """Digests of the answers about each of `count` frames, one frame at a time."""
    digests = []
    for index in range(count):
        digests += [digest(texts) for texts in handler([index])]
    return digests


def write_ready(folder: Path, expected: list[int]) -> None:
    """Write READY, with the digests of the right answers; the file is whole, or not there."""
    part = folder / f"{READY}.part"
    part.write_text(json.dumps(expected))
    part.rename(folder / READY)

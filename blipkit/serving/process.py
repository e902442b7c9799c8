"""The process that serves: it places the pipelines, learns the right answers, and serves."""

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from blipkit.runners.neuron.proof import settle
from blipkit.serving.answering import Answering
from blipkit.serving.placement import PLACEMENTS
from blipkit.serving.protocol import digest
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import Server

# in the folder that server and clients share
READY = "ready.json"
SOCKET = "socket"


@dataclass(frozen=True)
class Service:
    """Who serves; plain values, as a child gets JSON.

    answering: what answers; placement: one of PLACEMENTS; cores: numbers of the NeuronCores, none
    elsewhere; servers, clients: how many; limit: requests inside at most; batch: requests that a
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

    @classmethod
    def of_json(cls, told: dict) -> "Service":
        """As `dataclasses.asdict` wrote it."""
        plain = {name: value for name, value in told.items() if name != "answering"}
        return cls(answering=Answering.of_json(told["answering"]), **plain)

    def dispatcher(self) -> Dispatcher:
        """Who decides which server gets which request."""
        return Dispatcher(
            workers=self.servers,
            limit=self.limit,
            batch=self.batch,
            wait_s=self.batch_wait_s,
            overdue_s=self.overdue_s,
        )


def serve(folder: str, told: dict) -> dict:
    """In the child: place the pipelines, learn the right answers without load, then serve.

    folder: where the socket is, and what says that it serves: READY, the digest of the right
    answers about each frame; told: a `Service`, as JSON has it. What `Server.run` counted, and
    settled: what the processes sent to NeuronCores, None where there are none.
    """
    service = Service.of_json(told)
    with contextlib.ExitStack() as stack:
        place = PLACEMENTS[service.placement]
        servers = place(stack, service.servers, service.cores, service.answering)
        expected = digests_without_load(servers.asks[0], len(service.answering.frames.load()))
        address = str(Path(folder, SOCKET))
        server = Server(servers.asks, service.dispatcher(), address, service.clients)
        say_ready(Path(folder), expected)
        counted = server.run()
        counted["settled"] = None
        if service.cores:
            counted["settled"] = asdict(settle(servers.executed()))
        return counted


def digests_without_load(ask, count: int) -> list[int]:
    """Of the answers about each of `count` frames, asked one by one."""
    digests = []
    for index in range(count):
        digests += [digest(texts) for texts in ask([index])]
    return digests


def say_ready(folder: Path, expected: list[int]) -> None:
    """Write READY; it is whole, or not there."""
    part = folder / f"{READY}.part"
    part.write_text(json.dumps(expected))
    part.rename(folder / READY)

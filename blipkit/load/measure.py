"""Load: S servers answer what C closed-loop clients ask, measured in a fresh group of child processes for every setting.

A request is a frame's index; serving it is everything from the decoded frame to the answers of all questions. Latency
is from when a client meant to send to when it has its answer, so that whoever delays a request is charged for it. Left out:
loading, decoding image files, and the warm-up, which is recorded with times below zero.
"""

import collections
import contextlib
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from blipkit.errors import BadInput, BlipkitError, nearest
from blipkit.frames.frames import load_frames
from blipkit.load.clients import FIELDS, FORMATS, TRIES, WARMUP_ROUNDS
from blipkit.machine import child
from blipkit.machine.monitor import EVERY_S, Monitor, share
from blipkit.runners.arms import check_timed
from blipkit.runners.artifacts import Artifacts
from blipkit.runners.neuron.messages import explained
from blipkit.runners.neuron.proof import LINGER_S, Watch, settle
from blipkit.runners.workers import check_host_memory
from blipkit.serving.placement import CALLS, NOTHING, PLACEMENTS, START_S, copies_of, neuron_cores, predicted_gib
from blipkit.serving.protocol import STATUSES
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import COUNTED, Server, digest

Measured = collections.namedtuple("Measured", "requests counts samples executions")  # see measure_setting
PATIENCE_S = 120  # that a request may take, after which its worker is given up
STOP_S = 60  # allowance for a child to finish what it has begun


def measure_setting(artifacts: Artifacts, checkpoint: str, questions: list, frames: dict, servers: int, clients: int,
                    seconds: float, warmup_s: float, threads: int, call: str = "pipeline", placement: str = "threads",
                    limit: int = 0, batch: int = 1, batch_wait_s: float = 0.0, **asking) -> Measured:  # fmt: skip
    """Start the servers in one child and the clients in another, and let these ask for `seconds`.

    frames: what `load_frames` takes. threads: torch's own, of each server. call: see CALLS, or NOTHING for the harness
    alone; placement: see PLACEMENTS. limit: requests inside at most, more are refused; 0 for no limit. batch: requests
    served at once, which wait at most batch_wait_s for each other. asking: think_s, repeat_share and seed of `Clients`. A
    server or client that dies is a `problem` of the run; what cannot even start raises.

    Measured.requests: a pandas frame, FIELDS of each request, times in s from the start of measuring, status in words.
    counts: what clients and server counted, shares of the CPU, `problem`: what went wrong, in words. samples: the machine's,
    `at` on the requests' clock. executions: what proves that a Neuron device executed it; none elsewhere.
    """
    for what, seen, known in (("call", call, (*CALLS, NOTHING)), ("placement", placement, PLACEMENTS)):
        if seen not in known:
            raise BadInput(f"{what} is {seen!r}; {nearest(seen, known)}")
    if (least := min(servers, clients, seconds, threads, batch)) <= 0:
        raise BadInput(f"servers, clients, seconds, threads or batch is {least}; expected more than zero")
    for artifact in artifacts:
        check_timed(artifact.arm)
    cores = neuron_cores(artifacts)
    copies = copies_of(placement, servers, cores)
    forecast = {"predicted_host_gib": predicted_gib(artifacts, copies)}
    if copies > 1:
        check_host_memory(f"{copies} pipelines", forecast["predicted_host_gib"])
    most_s = WARMUP_ROUNDS * warmup_s + TRIES * seconds + PATIENCE_S + STOP_S
    asked = {"checkpoint": checkpoint, "questions": questions, "frames": frames, "call": call, "torch_threads": threads}
    asked["pieces"] = [(str(artifact.folder), asdict(artifact.bucket)) for artifact in artifacts]
    dispatch = {"limit": limit or clients, "batch": batch, "wait_s": batch_wait_s, "overdue_s": PATIENCE_S}
    placed = {"placement": placement, "cores": cores, "servers": servers, "clients": clients, "dispatch": dispatch}
    asking |= {"count": clients, "warmup_s": warmup_s, "seconds": seconds, "patience_s": PATIENCE_S + 1}
    told, found, problems = {}, {}, []
    with explained(), contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="blipkit-")))
        watch = stack.enter_context(Watch()) if cores else None
        monitor, pool = stack.enter_context(Monitor()), stack.enter_context(ThreadPoolExecutor(1))
        placed |= {"threads": threads, "timeout_s": START_S * copies + LINGER_S + most_s, "folder": str(folder)}
        placed["environment"] = watch.environment if watch else {}
        serving = pool.submit(child.call, "blipkit.load.measure:serve", asked=asked, **placed)
        while not (folder / "ready.json").exists():
            with contextlib.suppress(TimeoutError):
                serving.result(timeout=0.01)  # raises what kept it from starting
        asking |= {"address": str(folder / "socket"), "record": str(folder / "requests")}
        asking["expected"] = json.loads((folder / "ready.json").read_text())
        try:
            told = child.call("blipkit.load.clients:ask", timeout_s=most_s, **asking)
        except BlipkitError as error:
            problems.append(f"the clients: {error}")
        try:
            found = serving.result()
        except BlipkitError as error:
            problems.append(f"the servers: {error}")
        requests, start = read_requests(folder / "requests", told.pop("start", None))
        executions = [{**watch.row(found["settled"]), **forecast}] if watch and found else []
    samples = [{**row, "at": row["at"] - start} for row in monitor.rows]
    within = [row for row in samples if -EVERY_S <= row["at"] <= seconds + EVERY_S]
    counts = dict.fromkeys((*STATUSES, "sent", "twice", "warmup_rounds", "tries", "clients_cpu_s"), 0) | told
    counts |= {f"server_{name}": found.get(name, 0) for name in COUNTED}
    counts |= {"seconds": seconds, "cores": os.cpu_count(), "problem": "; ".join(problems + found.get("problems", []))}
    return Measured(requests, counts | share(within, os.cpu_count()), samples, executions)


def read_requests(path: Path, start: float | None):
    """What the clients wrote, as a pandas frame with times from `start`, or from the first request where that is lost."""
    import pandas

    path.touch()
    requests = pandas.DataFrame(np.fromfile(path, FORMATS))
    start = requests.scheduled.min() if start is None and len(requests) else start or 0.0
    requests[[name for name, code in FIELDS.items() if code == "d"]] -= start
    return requests.assign(status=[STATUSES[status] for status in requests.status]), start


def serve(placement, cores, servers, clients, dispatch, folder, asked) -> dict:
    """In the child: place the pipelines, learn the right answers without load, then serve until the clients have left."""
    with contextlib.ExitStack() as stack:
        asks, executed = PLACEMENTS[placement](stack, servers, cores, asked)
        count = len(load_frames(**asked["frames"]))
        expected = [digest(texts) for index in range(count) for texts in asks[0]([index])]
        server = Server(asks, Dispatcher(servers, **dispatch), f"{folder}/socket", clients)
        part = Path(folder, "ready.part")
        part.write_text(json.dumps(expected))
        part.rename(Path(folder, "ready.json"))  # whole, or not there
        return {**server.run(), "settled": settle(executed()) if cores else None}

"""Load: S server threads answer what C closed-loop clients ask, in a child process per setting.

A request is a frame's index; serving it is everything from the decoded frame to the answers of all questions. A client
sends its next request when it has its answer. Latency is from the client's put to its get. Left out: warm-up, loading,
and decoding image files. What the servers share is the setting's placement.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from blipkit import child
from blipkit.arms import check_timed
from blipkit.artifacts import Artifacts
from blipkit.errors import BadInput, nearest
from blipkit.frames import load_frames
from blipkit.neuron_errors import explained
from blipkit.proof import LINGER_S, Watch, settle
from blipkit.records import Gate, judge
from blipkit.serving import CALLS, PLACEMENTS, START_S, copies_of, neuron_cores, predicted_gib
from blipkit.workers import check_host_memory

STOP_S = 60  # allowance for a child to finish what it has begun


def measure_setting(artifacts: Artifacts, checkpoint: str, questions: list, frames: dict, servers: int, clients: int,
                    seconds: float, warmup_s: float, threads: int, call: str = "pipeline", placement: str = "threads"):  # fmt: skip
    """Run one setting in a child; its requests as a pandas frame, times in seconds from the start of measuring.

    frames: what `load_frames` takes. threads: torch's own threads per server. call: `pipeline`, or `generate` for
    transformers' own loop on the plugged-in pieces, one question a call. placement: see PLACEMENTS. The frame's
    attrs["executions"] hold the rows that prove what a Neuron device executed.
    """
    import pandas

    for what, seen, known in (("call", call, CALLS), ("placement", placement, PLACEMENTS)):
        if seen not in known:
            raise BadInput(f"{what} is {seen!r}; {nearest(seen, known)}")
    for name, value in (("servers", servers), ("clients", clients), ("seconds", seconds), ("threads", threads)):
        if value <= 0:
            raise BadInput(f"{name} is {value}; expected more than zero")
    for artifact in artifacts:
        check_timed(artifact.arm)
    cores = neuron_cores(artifacts)
    copies = copies_of(placement, servers, cores)
    forecast = {"predicted_host_gib": predicted_gib(artifacts, copies)}
    if copies > 1:
        check_host_memory(f"{copies} pipelines", forecast["predicted_host_gib"])
    asked = {"checkpoint": checkpoint, "questions": questions, "frames": frames, "call": call}
    asked |= {"folders": [str(a.folder) for a in artifacts], "buckets": [asdict(a.bucket) for a in artifacts]}
    with explained() if cores else contextlib.nullcontext(), Watch() if cores else contextlib.nullcontext() as watch:
        found = child.call(
            "blipkit.load:serve",
            timeout_s=START_S * copies + warmup_s + seconds + LINGER_S + STOP_S,
            threads=threads,
            environment=watch.environment if cores else {},
            placement=placement,
            cores=cores,
            servers=servers,
            clients=clients,
            seconds=seconds,
            warmup_s=warmup_s,
            torch_threads=threads,
            asked=asked,
        )
    requests = pandas.DataFrame(found["rows"], columns=["client", "frame", "sent", "started", "finished", "right"])
    requests.attrs["executions"] = [{**watch.row(found["settled"]), **forecast}] if cores else []
    return requests


def serve(placement, cores, servers, clients, seconds, warmup_s, torch_threads, asked) -> dict:
    """In the child: place the pipelines, learn the right answers without load, then let clients ask."""
    with contextlib.ExitStack() as stack:
        asks, executed = PLACEMENTS[placement](stack, servers, cores, {**asked, "torch_threads": torch_threads})
        expected = [asks[0](index) for index in range(len(load_frames(**asked["frames"])))]
        rows = Load(asks, expected, clients).run(warmup_s, seconds)
        return {"rows": rows, "settled": settle(executed()) if cores else None}


@dataclass
class Load:
    """asks: for each server, index -> texts; expected: the texts that each index gave without load."""

    asks: list[Callable]
    expected: list
    clients: int

    def run(self, warmup_s: float, seconds: float) -> list[tuple]:
        """[(client, frame, sent, started, finished, right)] of requests sent in the measured time."""
        requests: queue.Queue = queue.Queue(maxsize=4 * self.clients)
        done: list[list[tuple]] = [[] for _ in range(self.clients)]  # one list per client: no lock in the timed path
        start = time.perf_counter() + warmup_s
        end = start + seconds
        servers = [threading.Thread(target=self._server, args=(requests, ask), daemon=True) for ask in self.asks]
        clients = [
            threading.Thread(target=self._client, args=(requests, i, end, done[i]), daemon=True)
            for i in range(self.clients)
        ]
        for thread in (*servers, *clients):
            thread.start()
        for thread in clients:
            thread.join()
        for _ in servers:
            requests.put(None)
        for thread in servers:  # a thread inside torch while the interpreter ends would abort the process
            thread.join()
        rows = sorted((row for rows in done for row in rows), key=lambda row: row[2])
        return [
            (c, f, sent - start, began - start, ended - start, ok)
            for c, f, sent, began, ended, ok in rows
            if sent >= start
        ]

    def _server(self, requests: queue.Queue, ask: Callable) -> None:
        while (request := requests.get()) is not None:
            index, reply = request
            started = time.perf_counter()
            try:
                reply.put((started, ask(index)))
            except Exception as error:  # the client counts it as a wrong answer; the server lives on
                reply.put((started, error))

    def _client(self, requests: queue.Queue, number: int, end: float, rows: list) -> None:
        reply: queue.Queue = queue.Queue()
        count = len(self.expected)
        index = number * count // self.clients  # clients ask about different frames at a time
        while (sent := time.perf_counter()) < end:
            requests.put((index, reply))
            started, answers = reply.get()
            finished = time.perf_counter()
            rows.append((number, index, sent, started, finished, answers == self.expected[index]))
            index = (index + 1) % count


def summarise(requests, seconds: float, questions: int) -> dict:
    """A setting's row: requests and answers per second, latency percentiles in ms, with their 95 % intervals."""
    from blipkit.statistics import percentile, rate

    latency = (requests.finished - requests.sent) * 1e3
    per_second = rate(requests.finished, seconds)
    row = {"requests": len(requests), "requests_per_s": per_second[0]}
    row |= {f"answers_per_s{end}": questions * r for end, r in zip(("", "_low", "_high"), per_second, strict=True)}
    for q in (50, 90, 99):
        value, low, high = percentile(latency, q) if len(latency) else (float("nan"),) * 3
        row |= {f"p{q}_ms": value, f"p{q}_low_ms": _finite(low), f"p{q}_high_ms": _finite(high)}
    return row | {
        "queued_ms": ((requests.started - requests.sent) * 1e3).mean(),
        "wrong": int((~requests.right.astype(bool)).sum()),
    }


def _finite(value: float) -> float | None:
    """None where n is too small to bound the percentile."""
    return value if value not in (float("inf"), float("-inf")) else None


def best_cell(rows: list[dict], p99_limit_ms: float) -> dict | None:
    """The row with the most answers per second whose p99 is within the limit."""
    return max(
        (row for row in rows if row["p99_ms"] <= p99_limit_ms), key=lambda row: row["answers_per_s"], default=None
    )


def load_gates(rows: list[dict], p99_limit_ms: float, shared: bool) -> list[Gate]:
    """Answers under load equal those without (answer); some setting holds the latency target (timing)."""
    wrong, asked = sum(row["wrong"] for row in rows), sum(row["requests"] for row in rows)
    if asked == 0:
        return [
            Gate(
                "answers under load",
                "answer",
                "INVALID",
                0,
                None,
                reason="no request finished in the measured time",
                next="raise concurrency.seconds",
            )
        ]
    same = judge(
        "answers under load",
        "answer",
        wrong,
        0,
        reason=f"requests of {asked} whose answers differ from those given without load",
        next="look at samples/requests.parquet",
    )
    fastest = min(row["p99_ms"] for row in rows)
    target = judge(
        "latency target",
        "timing",
        fastest,
        p99_limit_ms,
        shared=shared,
        reason="p99 of the fastest setting, ms",
        next=f"not reachable here; the fastest setting has p99 {fastest:.0f} ms",
    )
    return [same, target]

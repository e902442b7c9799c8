"""MLPerf's LoadGen asks the servers, in a process of its own: it says when, and it measures."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from blipkit.arrivals.clients import Sender, Sending
from blipkit.arrivals.judge_settings import Judging
from blipkit.load.clients import ClientCounts, ClientReport
from blipkit.serving.protocol import ANSWERED, LOST, NOT_SERVED, Served

LOOK_S = 0.05  # between two looks whether LoadGen has sent its last query
BEYOND = 2  # times the target: so late, at least, is what was never answered rightly


@dataclass(frozen=True)
class Asking:
    """What LoadGen judges, and how; plain values, as a child gets JSON.

    judging: a `Judging`; sending: a `Sending`, whose offer has the warm-up before LoadGen begins;
    logs: the folder for LoadGen's files.
    """

    judging: dict[str, Any]
    sending: dict[str, Any]
    logs: str


class Judged(Sender):
    """The servers at `address` as LoadGen asks them: in its thread, while another one listens.

    completed: tells LoadGen which of its queries are answered. What is refused, fails, gets lost or
    is answered wrongly counts there as later than any target.
    """

    def __init__(
        self,
        address: str,
        asking: Asking,
        expected: list[int],
        record: BinaryIO,
        completed: Callable[[Sequence[int]], None],
    ):
        super().__init__(address, Sending(**asking.sending), expected, record)
        self.judging = Judging(**asking.judging)
        self.completed = completed
        self.lock = threading.RLock()  # of what both threads touch
        self.numbers = itertools.count()
        self.queries: dict[int, int] = {}  # number of a request -> LoadGen's own
        self.spoilt: list[int] = []  # LoadGen's queries without a right answer
        self.last_sent = 0.0
        self.all_sent = threading.Event()

    def warm_up(self) -> None:
        """Ask one request after another, without LoadGen."""
        end = time.perf_counter() + self.offer.warmup_s
        while self.connections and time.perf_counter() < end:
            self._send(next(self.numbers), time.perf_counter())
            self._hear_rest(self.sending.patience_s)

    def issue(self, samples: Sequence) -> None:
        """In LoadGen's thread: send its queries. It does not say when they were due."""
        for sample in samples:
            with self.lock:
                number = next(self.numbers)
                self.queries[number] = sample.id
                self.frames = iter([sample.index])
                self.last_sent = time.perf_counter()
                self._send(number, self.last_sent)
                if number not in self.in_flight:  # no connection took it
                    self.spoilt.append(self.queries.pop(number))

    def listen(self) -> None:
        """Tell LoadGen what is answered until all is; then what never was, as late."""
        while not self._is_over():
            for key, _ in self.selector.select(LOOK_S):
                with self.lock:
                    self._receive(key.data, key.fileobj)
        for number in list(self.in_flight):
            self._end(number, LOST)
        if self.spoilt:
            late = self.last_sent + BEYOND * self.judging.limit_ms / 1e3
            time.sleep(max(late - time.perf_counter(), 0))
            self.completed(self.spoilt)

    def _is_over(self) -> bool:
        """Whether every query was sent, and none is still waited for."""
        if not self.all_sent.is_set():
            return False
        waited_s = time.perf_counter() - self.last_sent
        return not self.in_flight or waited_s > self.sending.patience_s

    def _end(
        self, number: int, status: int, served: Served = NOT_SERVED, received: float = 0.0
    ) -> None:
        super()._end(number, status, served, received)
        query = self.queries.pop(number, None)
        if query is None:  # of the warm-up
            return
        if status == ANSWERED:
            self.completed([query])
        else:
            self.spoilt.append(query)

    def report(self, start: float, cpu_s: float) -> ClientReport:
        """Hang up; what was counted. start: when LoadGen began; cpu_s: CPU time since."""
        for connection in list(self.connections):
            self._leave(connection)
        return ClientReport(ClientCounts(clients_cpu_s=cpu_s, **self.counts), start)


def ask(record: str, address: str, expected: list[int], asking: dict[str, Any]) -> dict[str, Any]:
    """In the child: LoadGen's Server scenario; a `ClientReport`. LoadGen's files are in `logs`.

    asking: an `Asking`; both as JSON has them.
    """
    import mlperf_loadgen

    def completed(queries: Sequence[int]) -> None:
        responses = [mlperf_loadgen.QuerySampleResponse(query, 0, 0) for query in queries]
        mlperf_loadgen.QuerySamplesComplete(responses)

    plan = Asking(**asking)
    with open(record, "wb") as file:
        judged = Judged(address, plan, expected, file, completed)
        judged.warm_up()
        listener = threading.Thread(target=judged.listen, daemon=True)
        listener.start()
        start = time.perf_counter()
        cpu_before = time.process_time()
        run_loadgen(judged, len(expected), plan.logs)
        listener.join()
        cpu_s = time.process_time() - cpu_before
        return asdict(judged.report(start, cpu_s))


def run_loadgen(judged: Judged, frames: int, logs: str) -> None:
    """LoadGen's test, from its first query to its last answer, and its files in the folder `logs`.

    frames: how many different ones may be asked about.
    """
    import mlperf_loadgen

    outputs = mlperf_loadgen.LogOutputSettings()
    outputs.outdir = logs
    log = mlperf_loadgen.LogSettings()
    log.log_output = outputs
    log.enable_trace = False
    system = mlperf_loadgen.ConstructSUT(judged.issue, judged.all_sent.set)
    library = mlperf_loadgen.ConstructQSL(frames, frames, _nothing, _nothing)
    settings = settings_of(judged.judging)
    try:
        mlperf_loadgen.StartTestWithLogSettings(system, library, settings, log, "")
    finally:
        mlperf_loadgen.DestroyQSL(library)
        mlperf_loadgen.DestroySUT(system)


def _nothing(samples: Sequence) -> None:
    """Frames are in the servers' memory already; there are none to load, or to let go of."""


def settings_of(judging: Judging):
    """LoadGen's own settings for a rate that is to be judged."""
    import mlperf_loadgen

    settings = mlperf_loadgen.TestSettings()
    settings.scenario = mlperf_loadgen.TestScenario.Server
    settings.mode = mlperf_loadgen.TestMode.PerformanceOnly
    settings.server_target_qps = judging.rate_per_s
    settings.server_target_latency_ns = round(1e6 * judging.limit_ms)
    settings.server_target_latency_percentile = judging.percentile / 100
    settings.min_query_count = judging.queries
    settings.min_duration_ms = round(1e3 * judging.least_s)
    settings.schedule_rng_seed = judging.schedule_seed
    settings.sample_index_rng_seed = judging.schedule_seed
    settings.qsl_rng_seed = judging.schedule_seed
    return settings

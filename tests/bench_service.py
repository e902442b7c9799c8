"""What a hop costs here, in one run: the kit's own sockets, a bare app, each tier, Ray Serve with and without its settings for throughput, and the metrics: `make bench-service`. Writes records to results/bench-service/."""

import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import httpx
from bench import measure_null
from made_up_tiers import QUESTION, MadeUp, picture

from blipkit.machine import child, host
from blipkit.paths import ROOT
from blipkit.records.documents import write_machine
from blipkit.records.results import Results
from blipkit.records.run_record import this_minute
from blipkit.records.typed import write_typed
from blipkit.service.api import Limits
from blipkit.service.camera_clients import form_of
from blipkit.service.children import AT, Backends
from blipkit.service.hops import cost_row
from blipkit.service.inference import Inference, Room, inference_app
from blipkit.service.metrics import Meter
from blipkit.service.on_ray import FAST, Cluster, Deployed, on_ray
from blipkit.service.replicas import Written, inference_replica
from blipkit.service.rows import HopCost
from blipkit.service.running import Times, listen, run_tier, url_of
from blipkit.service.stage import where_asked

HERE = Path(__file__).parent
PATHS = ":".join(map(str, (ROOT, HERE, HERE / "service")))
FORM = form_of(picture(size=(64, 64)), [QUESTION])
REQUESTS = 300


@dataclass(frozen=True)
class MetricsCost:
    """What the metrics take of a request, us, the lines of each period included."""

    requests: int
    us: float


def metrics_cost(requests: int = 200_000) -> MetricsCost:
    """A tier's calls of its meter for each request, a period every 1,000."""
    meter = Meter("api", {})
    started = time.perf_counter()
    for number in range(requests):
        meter.add("requests")
        meter.add("requests_gpu")
        meter.observe("latency_ms", number % 97)
        if number % 1000 == 999:
            meter.lines(number)
    return MetricsCost(requests, round(1e6 * (time.perf_counter() - started) / requests, 3))


def serve_made_up() -> None:
    """In a child: an inference tier around a model that takes no time."""
    with listen(0) as listening:
        print(AT + url_of(listening), flush=True)
        tier = Inference(MadeUp(), Room(2, 64), Meter("inference", {}), lambda line: None)
        run_tier(tier, inference_app(tier), listening, Times(), print, lambda line: None)


def load_made_up():
    """In a replica: the same model."""
    return MadeUp()()


@contextmanager
def started(target: str, **asked):
    """Where a child that serves is asked."""
    process = child.start(target, asked, environment={"PYTHONPATH": PATHS})
    try:
        yield where_asked(process, target)
    finally:
        process.kill()


def wait(client: httpx.Client, url: str) -> None:
    while True:
        try:
            if client.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)


def behind_api(stack: ExitStack, url: str, folder: Path) -> str:
    """An API tier before one backend; where it is asked."""
    backends = Backends({"gpu": url}, {"gpu": 100.0}, Limits())
    asked = {"backends": asdict(backends), "folder": str(folder)}
    return stack.enter_context(started("blipkit.service.children:serve_api", **asked))


def cost(client: httpx.Client, way: str, url: str) -> HopCost:
    cost_row(client, way, url, [FORM], 20)  # warms up
    return cost_row(client, way, url, [FORM], REQUESTS)


def own_sockets() -> HopCost:
    """The harness of 04, which is no HTTP: one client, one server, no model."""
    requests = measure_null(1, 1, 3.0).requests
    ms = 1000 * (requests.received - requests.scheduled)[requests.scheduled >= 0]
    return HopCost("own sockets", len(ms), round(ms.mean(), 3), round(ms.quantile(0.99), 3))


def hops(folder: Path) -> list[HopCost]:
    """One client, one request after another, by each way."""
    rows = [own_sockets()]
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=60, trust_env=False))
        bare = stack.enter_context(started("blipkit.service.children:serve_bare"))
        rows.append(cost(client, "a bare app", bare))
        inference = stack.enter_context(started("bench_service:serve_made_up"))
        wait(client, inference)
        rows.append(cost(client, "the inference tier", inference))
        api = behind_api(stack, inference, folder / "api")
        wait(client, api)
        rows.append(cost(client, "both tiers", api))
    return rows


def on_ray_rows(folder: Path, fast: bool) -> list[HopCost]:
    """The same with the inference tier on Ray Serve; its settings are read once in a process."""
    words = "on Ray, its settings for throughput" if fast else "on Ray, as it is"
    with listen(0) as taken:
        port = taken.getsockname()[1]
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=60, trust_env=False))
        build = partial(inference_replica, load_made_up, Room(2, 64), "gpu", Written())
        deployed = Deployed("inference", build, in_flight=64)
        url = stack.enter_context(on_ray(deployed, Cluster(port=port, fast=fast)))
        rows = [cost(client, f"the inference tier {words}", url)]
        api = behind_api(stack, url, folder / words.replace(" ", "-"))
        wait(client, api)
        return [*rows, cost(client, f"both tiers, inference {words}", api)]


def main() -> None:
    """`python tests/bench_service.py`; each way that Ray is set in a process of its own."""
    with tempfile.TemporaryDirectory() as made:
        rows = hops(Path(made))
        for fast in (False, True):
            rows += [HopCost(**row) for row in apart(Path(made), fast)]
    metrics = metrics_cost()
    for row in rows:
        print(f"{row.way}: mean {row.mean_ms} ms, p99 {row.p99_ms} ms")
    print(f"metrics: {metrics.us} us a request")
    folder = ROOT / "results" / "bench-service"
    results = Results(folder, profile="bench", recorded=this_minute())
    write_typed(results, "hops", rows)
    write_typed(results, "metrics_cost", [metrics])
    write_machine(folder, host.describe())


def apart(folder: Path, fast: bool) -> list[dict]:
    """Rows of a process of its own, as plain values."""
    environment = {"PYTHONPATH": PATHS}
    if not fast:
        environment.update(dict.fromkeys(FAST, "0"))
    asked = {"folder": str(folder), "fast": fast}
    return child.call("bench_service:plain_rows", timeout_s=400, environment=environment, **asked)


def plain_rows(folder: str, fast: bool) -> list[dict]:
    """In a child: `on_ray_rows` of plain values."""
    return [asdict(row) for row in on_ray_rows(Path(folder), fast)]


if __name__ == "__main__":
    main()

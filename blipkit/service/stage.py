"""The two tiers on one machine: two inference servers and an API tier, each a process of its own,
which stand for machines. What happens to them is said by whoever rehearses.
"""

import contextlib
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx

from blipkit.errors import BlipkitError
from blipkit.machine import child
from blipkit.service.api import Limits
from blipkit.service.children import AT, LEDGER, METRICS, PAIRS, PLANTED, Backends, Serving
from blipkit.service.inference import Room
from blipkit.service.ledger import LedgerLine, read_ledger
from blipkit.service.loading import Plan
from blipkit.service.wire import ROUTE_PATH

START_S = 120  # that a tier may take to say where it is asked, and until it is ready
END_S = 30  # that it may take to end
LOOK_S = 0.05


@dataclass
class Running:
    """A tier that runs. child: its process; url: where it is asked."""

    child: child.Child
    url: str


def where_asked(process: child.Child, function: str, most_s: float = START_S) -> str:
    """Where a child that serves is asked, once it says so; BlipkitError where it ends or takes
    longer.
    """
    ends = time.perf_counter() + most_s
    while time.perf_counter() < ends:
        has_ended = process.has_ended
        for line in process.printed.splitlines():
            if line.startswith(AT):
                return line.removeprefix(AT)
        if has_ended:
            break
        time.sleep(LOOK_S)
    process.kill()
    printed = process.printed.strip() or "nothing"
    raise BlipkitError(f"{function} did not say where it is asked; it printed: {printed}")


class Stage:
    """An API tier, "api", before an inference tier for each plan; all of it ends with `close`.

    folder: for their ledgers, metrics and pairs; forked: whether their processes may be.
    """

    def __init__(self, folder: Path, forked: bool = True):
        self.folder = folder
        self.forked = forked
        self.tiers: dict[str, Running] = {}
        self.servings: dict[str, Serving] = {}
        self.client = httpx.Client(timeout=START_S, trust_env=False)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """End what still runs, the API tier first, and wait for it."""
        for name in sorted(self.tiers):  # api stands before gpu and inf2
            self.end(name)
        self.client.close()

    def open_inference(self, plans: Mapping[str, Plan], room: Room, planted: float = 0.0) -> None:
        """Start an inference tier for each plan, side by side, and wait until all are ready.

        planted: share of frames that one answers wrongly, once `plant` says so.
        """
        for name, plan in plans.items():
            self.servings[name] = Serving(plan, room, str(self.folder / name), planted=planted)
        with ThreadPoolExecutor(len(plans)) as pool:
            list(pool.map(self.start, plans))
        for name in plans:
            self.wait_until_ready(name)

    def open_api(
        self, weights: Mapping[str, float], limits: Limits, shadow: str = "", share: float = 1.0
    ) -> None:
        """Start the API tier before the inference tiers, and wait until it is ready."""
        urls = {name: self.tiers[name].url for name in weights}
        backends = Backends(urls, dict(weights), limits, shadow, share)
        asked = {"backends": asdict(backends), "folder": str(self.folder / "api")}
        self.tiers["api"] = self._started("serve_api", asked)
        self.wait_until_ready("api")

    def open_bare(self) -> str:
        """Start an app that does nothing; where it is asked."""
        self.tiers["bare"] = self._started("serve_bare", {})
        return self.tiers["bare"].url

    def start(self, name: str, **changed) -> None:
        """Start an inference tier, where it was asked before if it was; changed: of its
        `Serving`.
        """
        serving = replace(self.servings[name], **changed)
        tier = self._started("serve_inference", {"serving": asdict(serving)})
        port = int(tier.url.rpartition(":")[2])
        self.servings[name] = replace(self.servings[name], port=port)
        self.tiers[name] = tier

    def _started(self, function: str, asked: dict) -> Running:
        """A child that serves, once it has said where."""
        target = f"blipkit.service.children:{function}"
        process = child.start(target, asked, threads=1, forked=self.forked)
        return Running(process, where_asked(process, function))

    def wait_until_ready(self, name: str, most_s: float = START_S) -> float:
        """Wait for a tier; how long it took, s. BlipkitError where it takes too long, or ends."""
        started = time.perf_counter()
        reason = ""
        while time.perf_counter() < started + most_s:
            reason = self.why_not_ready(name)
            if not reason:
                return time.perf_counter() - started
            if self.tiers[name].child.has_ended:
                printed = self.tiers[name].child.printed.strip() or "nothing"
                raise BlipkitError(f"{name} ended before it was ready; it printed: {printed}")
            time.sleep(LOOK_S)
        raise BlipkitError(f"{name} was not ready after {most_s:g} s: {reason}")

    def why_not_ready(self, name: str) -> str:
        """Why a tier is not ready, "" where it is."""
        try:
            reply = self.client.get(f"{self.tiers[name].url}/readyz")
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        return reply.json()["reason"]

    def wait_until_routed(self, name: str, most_s: float = START_S) -> None:
        """Wait until the API tier, too, has seen that a backend is ready."""
        ends = time.perf_counter() + most_s
        while not self._ask_route("GET").json()["backends"][name]["ready"]:
            if time.perf_counter() > ends:
                raise BlipkitError(f"the API tier did not see that {name} is ready")
            time.sleep(LOOK_S)

    def route(self, weights: Mapping[str, float]) -> str:
        """Set the API tier's weights; why they were not taken, "" where they were."""
        reply = self._ask_route("PUT", json={"weights": dict(weights)})
        if reply.status_code == 200:
            return ""
        return str(reply.json()["detail"])

    def _ask_route(self, method: str, **what) -> httpx.Response:
        """The API tier's reply; BlipkitError with what it printed, where it gives none."""
        api = self.tiers["api"]
        try:
            return self.client.request(method, api.url + ROUTE_PATH, **what)
        except httpx.HTTPError as error:
            printed = api.child.printed.strip() or "nothing"
            raise BlipkitError(f"the API tier: {error}; it printed: {printed}") from error

    def plant(self, name: str) -> None:
        """Have an inference tier answer wrongly from now on."""
        (self.folder / name / PLANTED).touch()

    def kill(self, name: str) -> None:
        """End a tier at once, whatever it has (SIGKILL)."""
        self.tiers[name].child.kill()
        with contextlib.suppress(BlipkitError):
            self.tiers.pop(name).child.result(END_S)

    def end(self, name: str) -> str:
        """Tell a tier to end, and wait for it; what went wrong, "" where nothing did."""
        tier = self.tiers.pop(name)
        tier.child.tell_to_end()
        try:
            tier.child.result(END_S)
        except BlipkitError as error:
            return str(error)
        return ""

    def ledger_path(self, name: str) -> Path:
        """The file of a tier's ledger."""
        return self.folder / name / LEDGER

    def ledger(self, *names: str) -> list[LedgerLine]:
        """The lines of tiers' ledgers."""
        paths = map(self.ledger_path, names)
        return read_ledger(path for path in paths if path.exists())

    def metrics(self, name: str) -> Path:
        """The file of a tier's metrics."""
        return self.folder / name / METRICS

    @property
    def pairs(self) -> Path:
        """The file of what the shadow answered."""
        return self.folder / "api" / PAIRS

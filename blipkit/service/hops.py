"""One request by hand, and what the tiers add to the model's own time."""

import time
from collections.abc import Sequence
from statistics import mean

import httpx

from blipkit.service.camera_clients import EncodedForm
from blipkit.service.rehearse import quantile
from blipkit.service.rows import HopCost, HopRow
from blipkit.service.wire import PATH

MODEL = ("decode", "answer")  # what takes as long without any tier


def ask(client: httpx.Client, url: str, form: EncodedForm) -> tuple[float, dict]:
    """How long a reply took, ms, and what it says."""
    started = time.perf_counter()
    headers = {"Content-Type": form.content_type}
    reply = client.post(url + PATH, content=form.content, headers=headers)
    took_ms = 1000 * (time.perf_counter() - started)
    reply.raise_for_status()
    return took_ms, reply.json()


def hop_rows(took_ms: float, timings_ms: dict[str, dict[str, float]]) -> list[HopRow]:
    """A request's way through both tiers, each part counted once. took_ms: as its client saw it;
    timings_ms: as the reply has them.
    """
    inference, api = timings_ms["inference"], timings_ms["api"]
    between = api["backend"] - inference["total"]
    return [
        HopRow("client to API", "form, connection, and back", took_ms - api["total"]),
        HopRow("API", "reads, routes, writes its ledger", api["total"] - api["backend"]),
        HopRow("API to inference", "form, connection, and back", between),
        HopRow("inference", "waits for a thread", inference["queue"]),
        HopRow("inference", "decodes the image", inference["decode"]),
        HopRow("inference", "answers", inference["answer"]),
    ]


def cost_row(
    client: httpx.Client, way: str, url: str, forms: Sequence[EncodedForm], requests: int
) -> HopCost:
    """What a way adds: requests one after another, each without what its model took."""
    added = []
    for number in range(requests):
        took_ms, reply = ask(client, url, forms[number % len(forms)])
        inference = reply.get("timings_ms", {}).get("inference", {})
        added.append(took_ms - sum(inference.get(part, 0.0) for part in MODEL))
    return HopCost(way, requests, round(mean(added), 3), round(quantile(added, 0.99), 3))

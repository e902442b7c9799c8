"""What runs in a replica on Ray, without Ray: its app, its own files, and its metrics."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from made_up_tiers import MadeUp, client_of, form

from blipkit.errors import BlipkitError
from blipkit.service.api import Api, Limits
from blipkit.service.backends import Backend
from blipkit.service.inference import Room
from blipkit.service.ledger import read_ledger
from blipkit.service.metric_lines import read_lines, values_of
from blipkit.service.replicas import Written, api_replica, file_of, inference_replica
from blipkit.service.routing import Router
from blipkit.service.wire import PATH, ROUTE_PATH


def raising():
    raise RuntimeError("no file")


def test_a_replica_that_would_answer_wrongly_does_not_start():
    """It raises, so that Serve never puts it before requests; so does one that cannot be loaded."""
    assert inference_replica(MadeUp(), Room(), "gpu", Written(), "a").routes
    with pytest.raises(BlipkitError, match="a probe is answered 'yes'; the reference answers 'no'"):
        inference_replica(MadeUp(probe="no"), Room(), "gpu", Written(), "a")
    with pytest.raises(BlipkitError, match="it could not be loaded: no file"):
        inference_replica(raising, Room(), "gpu", Written(), "a")


def asked(app, requests: int, wait_s: float) -> None:
    """The app is asked as long as its lifespan lasts."""

    async def run():
        async with app.router.lifespan_context(app), client_of(app) as client:
            for number in range(requests):
                reply = await client.post(PATH, **form(), headers={"X-Request-Id": f"r{number}"})
                assert reply.status_code == 200
            await asyncio.sleep(wait_s)

    asyncio.run(run())


def test_each_replica_writes_files_of_its_own(tmp_path):
    """Every request is in the ledger and in the metrics, those of the last period too, with the backend's name."""
    written = Written(str(tmp_path / "ledger.jsonl"), str(tmp_path / "metrics.jsonl"), 0.05)
    for replica in ("a", "b"):
        app = inference_replica(MadeUp(), Room(), "gpu", written, replica)
        asked(app, 3, 0.12)
    assert file_of(written.ledger, "a") == Path(tmp_path, "ledger-a.jsonl")
    ledger = read_ledger(sorted(tmp_path.glob("ledger-*.jsonl")))
    assert [line.request_id for line in ledger] == ["r0", "r1", "r2"] * 2
    lines = read_lines(sorted(tmp_path.glob("metrics-*.jsonl")))
    assert len(lines) >= 6 and sum(values_of(lines, "requests")) == 6
    assert len(values_of(lines, "latency_ms")) == 6
    assert {line.dimensions["Backend"] for line in lines} == {"gpu"}


def test_a_replica_that_writes_nothing_keeps_no_latencies():
    """A period ends there, too: what was seen in it is not kept for ever."""
    tiers = []

    def make(meter, write) -> Api:
        tiers.append(
            Api([Backend("gpu", "http://a")], Router({"gpu": 100.0}), Limits(), meter, write)
        )
        return tiers[0]

    async def run():
        app = api_replica(make, "", Written(every_s=0.02), "a")
        async with app.router.lifespan_context(app), client_of(app) as client:
            assert (await client.post(PATH, **form())).status_code == 503
            while tiers[0].meter.values["latency_ms"].values:
                await asyncio.sleep(0.01)

    asyncio.run(run())


def test_weights_are_not_set_where_any_caller_may_seem_to_be_this_machine():
    """A tier that is closed says why, and where they are set."""

    def make(meter, write) -> Api:
        return Api([Backend("gpu", "http://a")], Router({"gpu": 100.0}), Limits(), meter, write)

    async def put(closed: str) -> httpx.Response:
        app = api_replica(make, closed, Written(), "a")
        async with app.router.lifespan_context(app), client_of(app) as client:
            return await client.put(ROUTE_PATH, content=json.dumps({"weights": {"gpu": 100}}))

    reply = asyncio.run(put("it listens on 0.0.0.0"))
    assert reply.status_code == 403 and reply.json()["detail"] == "it listens on 0.0.0.0"
    assert asyncio.run(put("")).status_code == 409

"""The API tier in this process, before inference tiers without sockets: routing, retries, copies."""

import asyncio
import json
from collections import Counter

import httpx
import pytest
from made_up_tiers import MadeUp, Tiers, form

from blipkit.errors import BadInput
from blipkit.service.backends import Backend
from blipkit.service.ledger import answers_digest
from blipkit.service.mirror import Mirror
from blipkit.service.reconcile import reconcile
from blipkit.service.wire import PATH, ROUTE_PATH


def two(**options) -> Tiers:
    weights = options.pop("weights", {"gpu": 75.0, "inf2": 25.0})
    return Tiers({"gpu": MadeUp("gpu"), "inf2": MadeUp("inf2")}, weights, **options)


def test_a_request_is_answered_by_a_backend_and_says_how_long_each_hop_took():
    """Shares as the weights say; id, backend and both hops in the reply; the ledgers agree."""
    tiers = two()

    async def run():
        async with tiers.open() as client:
            return await tiers.ask(client, 8)

    replies = asyncio.run(run())
    bodies = [reply.json() for reply in replies]
    assert Counter(body["backend"] for body in bodies) == {"gpu": 6, "inf2": 2}
    assert [body["request_id"] for body in bodies] == [f"r{n}" for n in range(8)]
    timings = bodies[0]["timings_ms"]
    assert timings["inference"]["total"] <= timings["api"]["backend"] <= timings["api"]["total"]
    lines = [line for tier in tiers.inference.values() for line in tier.ledger]
    clients = [line.__class__(**{**vars(line), "tier": "client"}) for line in tiers.ledger]
    found = reconcile(clients, tiers.ledger, lines)
    assert found.is_sound and found.answered == 8
    assert tiers.ledger[0].answers == answers_digest(["yes"]) and tiers.ledger[0].attempt == 1


DEATHS = [
    httpx.ConnectError("refused"),
    httpx.ReadError("reset"),
    httpx.RemoteProtocolError("disconnected"),
]


@pytest.mark.parametrize("death", DEATHS, ids=lambda one: type(one).__name__)
def test_a_request_whose_backend_dies_is_answered_elsewhere(death):
    """Attempt 2, at the other backend, which then gets all of it; the ledger says so."""
    tiers = two()

    async def run():
        async with tiers.open() as client:
            tiers.wires["gpu"].dies = death
            replies = await tiers.ask(client, 4)
            return replies, (await client.get(ROUTE_PATH)).json()

    replies, route = asyncio.run(run())
    assert [reply.status_code for reply in replies] == [200] * 4
    assert [line.attempt for line in tiers.ledger] == [2, 1, 1, 1]
    assert {line.backend for line in tiers.ledger} == {"inf2"}
    assert [line.attempt for line in tiers.inference["inf2"].ledger] == [2, 1, 1, 1]
    assert route["backends"]["gpu"]["reason"].startswith(type(death).__name__)


def test_where_nobody_else_can_answer_the_request_has_failed():
    """502, once, and the next one is refused, as no backend is ready; after a look, they are asked again."""
    tiers = two(weights={"gpu": 100.0, "inf2": 0.0})

    async def run():
        async with tiers.open() as client:
            tiers.wires["gpu"].dies = httpx.ReadError("reset")
            replies = await tiers.ask(client, 2)
            ready = await client.get("/readyz")
            tiers.wires["gpu"].dies = None
            await tiers.api.look()
            return [*replies, *await tiers.ask(client, 1)], ready

    (failed, refused, again), ready = asyncio.run(run())
    assert failed.status_code == 502 and "gpu: ReadError: reset" in failed.json()["detail"]
    assert refused.status_code == 503 and refused.headers["Retry-After"] == "1"
    assert (
        "no backend with a weight is ready: gpu (100 %): ReadError: reset; inf2 (0 %): ready"
        in refused.json()["detail"]
    )
    assert ready.status_code == 503 and again.status_code == 200
    assert tiers.ledger.outcomes == [("failed", 502), ("refused", 503), ("answered", 200)]
    assert not tiers.inference["inf2"].ledger, "a backend of weight 0 gets nothing"


SAID = [
    (
        httpx.Response(503, headers={"Retry-After": "7"}, json={"detail": "full"}),
        503,
        "refused",
        "full",
    ),
    (httpx.Response(503, text="Service Unavailable"), 503, "refused", "Service Unavailable"),
    (httpx.Response(422, json={"detail": "no bucket fits"}), 422, "rejected", "no bucket fits"),
    (httpx.Response(500, json={"detail": "RuntimeError"}), 500, "failed", "RuntimeError"),
    (
        httpx.Response(200, text="<html>"),
        502,
        "failed",
        "replied with 200, and no answers: '<html>'",
    ),
    (httpx.Response(301, text=""), 502, "failed", "replied with 301"),
]


@pytest.mark.parametrize(("said", "status", "outcome", "detail"), SAID)
def test_what_a_backend_says_instead_of_answers_is_handed_on(said, status, outcome, detail):
    """Refused stays refused, with its Retry-After; rejected stays rejected; what is no answer is none. Nothing is sent twice."""
    tiers = two()

    async def run():
        async with tiers.open() as client:
            tiers.wires["gpu"].says = said
            return (await tiers.ask(client, 1))[0]

    reply = asyncio.run(run())
    assert reply.status_code == status and detail in reply.json()["detail"]
    assert tiers.ledger.outcomes == [(outcome, status)] and tiers.ledger[0].backend == "gpu"
    assert reply.headers.get("Retry-After") == {503: said.headers.get("Retry-After", "1")}.get(
        status
    )
    assert len(tiers.wires["gpu"].seen) == 1 and not tiers.wires["inf2"].seen


def test_a_backend_that_gives_no_reply_in_time_has_failed():
    """504 with the limit, and no second execution: it may still be at work."""
    tiers = two(timeout_s=7)

    async def run():
        async with tiers.open() as client:
            tiers.wires["gpu"].dies = httpx.ReadTimeout("")
            return (await tiers.ask(client, 1))[0]

    reply = asyncio.run(run())
    assert (reply.status_code, reply.json()["detail"]) == (504, "gpu gave no reply in 7 s")
    assert not tiers.wires["inf2"].seen


def test_one_backend_is_enough_to_be_ready():
    """The other's health is a metric, and no reason to fail the tier."""
    tiers = two()

    async def run():
        await tiers.inference["gpu"].warm()
        async with tiers.open(warm=False) as client:
            ready, metrics = await client.get("/readyz"), (await client.get("/metrics")).text
            return ready, metrics, await tiers.ask(client, 3)

    ready, metrics, replies = asyncio.run(run())
    assert ready.status_code == 200 and {reply.json()["backend"] for reply in replies} == {"gpu"}
    assert (
        'blipkit_ready_inf2{tier="api"} 0.0' in metrics
        and 'blipkit_ready_gpu{tier="api"} 1.0' in metrics
    )


def test_a_backend_without_a_weight_shares_no_requests():
    """What one target gets, by which a fleet is scaled, is of those that get requests, not of all that are ready."""
    tiers = two(weights={"gpu": 100.0, "inf2": 0.0})

    async def run():
        async with tiers.open() as client:
            await tiers.ask(client, 6)
            return json.loads(tiers.api.end_period(1)[0])

    line = asyncio.run(run())
    assert line["requests_per_target"] == 6 and line["ready_inf2"] == 1
    assert line["errors_gpu"] == line["errors_inf2"] == line["requests_inf2"] == 0


def put(tiers: Tiers, weights, host="127.0.0.1", warm=True) -> tuple[httpx.Response, list]:
    """The reply to other weights, and who answers the next four requests."""

    async def run():
        async with tiers.open(warm=warm, host=host) as client:
            reply = await client.put(ROUTE_PATH, json=weights)
            return reply, await tiers.ask(client, 4)

    reply, replies = asyncio.run(run())
    return reply, [one.json().get("backend") for one in replies]


def test_weights_are_set_while_it_runs():
    """From the next request on; what is set is read again."""
    reply, backends = put(two(), {"weights": {"inf2": 100}})
    assert reply.status_code == 200 and reply.json()["weights"] == {"gpu": 0.0, "inf2": 100.0}
    assert backends == ["inf2"] * 4


REFUSED = [
    ({"weights": {"inf": 100}}, 422, "did you mean 'inf2'?"),
    ({"weights": {"gpu": 50}}, 422, "are 50 in all; expected 100"),
    ({"gpu": 50}, 422, 'no weights; expected {"weights": '),
    ([], 422, "no JSON object"),
]


@pytest.mark.parametrize(("weights", "status", "said"), REFUSED)
def test_weights_that_are_none_change_nothing(weights, status, said):
    """422 with the reason; the old ones hold."""
    reply, backends = put(two(), weights)
    assert reply.status_code == status and said in reply.json()["detail"]
    assert Counter(backends) == {"gpu": 3, "inf2": 1}


def test_a_backend_that_was_never_ready_gets_no_traffic():
    """409 with what it said of itself; one that was ready once may have a weight, and is watched."""
    tiers = two(weights={"gpu": 100.0, "inf2": 0.0})
    asyncio.run(tiers.inference["gpu"].warm())
    reply, backends = put(tiers, {"weights": {"gpu": 95, "inf2": 5}}, warm=False)
    assert reply.status_code == 409 and backends == ["gpu"] * 4
    assert (
        reply.json()["detail"]
        == "inf2 was never ready (loading), so it gets no traffic; see http://inf2/readyz"
    )


def test_nobody_switches_to_what_is_not_ready():
    """A candidate that was ready and is not gets no switch that leaves nobody; the old weights hold."""
    tiers = two(weights={"gpu": 100.0, "inf2": 0.0})

    async def run():
        async with tiers.open() as client:
            tiers.inference["inf2"].leaving = True
            refused = await client.put(ROUTE_PATH, json={"weights": {"inf2": 100}})
            taken = await client.put(ROUTE_PATH, json={"weights": {"gpu": 50, "inf2": 50}})
            return refused, taken, await tiers.ask(client, 4)

    refused, taken, replies = asyncio.run(run())
    assert refused.status_code == 409 and taken.status_code == 200
    assert (
        "no backend with a weight would be ready (gpu: ready; inf2: leaving"
        in refused.json()["detail"]
    )
    assert {reply.json()["backend"] for reply in replies} == {"gpu"}


def test_weights_are_set_from_this_machine_alone():
    """Who reaches the tier over a network may ask, not route."""
    reply, backends = put(two(), {"weights": {"inf2": 100}}, host="10.0.0.7")
    assert reply.status_code == 403 and "not from 10.0.0.7" in reply.json()["detail"]
    assert Counter(backends) == {"gpu": 3, "inf2": 1}


def test_beyond_its_room_the_tier_refuses():
    """One in flight of one: the second is refused at once, and nothing is sent."""
    tiers = two(in_flight=1)

    async def run():
        async with tiers.open() as client:
            tiers.models["gpu"].free.clear()
            first = asyncio.create_task(client.post(PATH, **form()))
            while not tiers.wires["gpu"].seen:
                await asyncio.sleep(0.001)
            second = await client.post(PATH, **form())
            tiers.models["gpu"].free.set()
            return second, await first

    second, first = asyncio.run(run())
    assert second.status_code == 503 and first.status_code == 200
    assert sum(len(wire.seen) for wire in tiers.wires.values()) == 1


def shadowed(share: float, count: int, hold: bool = False) -> tuple[Tiers, list[httpx.Response]]:
    """Requests of which a share goes to the candidate, too; hold: it answers no copy until all were sent."""
    tiers = two(weights={"gpu": 100.0, "inf2": 0.0}, shadow=share)

    async def run():
        async with tiers.open() as client:
            if hold:
                tiers.models["inf2"].free.clear()
            replies = await tiers.ask(client, count)
            tiers.models["inf2"].free.set()
            copies = tiers.api.mirror.copies
            while copies.compared + copies.dropped + copies.failed < copies.offered:
                await asyncio.sleep(0.001)
            return replies

    return tiers, asyncio.run(run())


def test_copies_go_to_the_candidate_and_into_no_ledger():
    """Each with the same id and body; both replies are handed on; callers see the primary alone."""
    tiers, replies = shadowed(0.99, 3)
    assert {reply.json()["backend"] for reply in replies} == {"gpu"}
    assert [one.request_id for one in tiers.compared] == ["r0", "r1", "r2"]
    assert tiers.inference["inf2"].ledger == [] and len(tiers.ledger) == 3
    sent, copy = tiers.wires["gpu"].seen[0], tiers.wires["inf2"].seen[0]
    assert sent.content == copy.content and copy.headers["X-Shadow"] == "1"


def test_the_sample_is_the_same_each_time_and_as_large_as_asked():
    """Chosen by the id: about a fifth of 2,000."""
    mirror = Mirror(Backend("inf2", "http://inf2"), 0.2, 1, print)
    chosen = [mirror.wants(f"camera-{n}") for n in range(2000)]
    assert chosen == [mirror.wants(f"camera-{n}") for n in range(2000)]
    assert abs(sum(chosen) - 400) < 80


def test_a_candidate_is_not_compared_with_itself():
    """What it answered as a backend is not copied to it: with half of the traffic, half is compared."""
    tiers = two(weights={"gpu": 50.0, "inf2": 50.0}, shadow=0.99)

    async def run():
        async with tiers.open() as client:
            replies = await tiers.ask(client, 6)
            copies = tiers.api.mirror.copies
            while copies.compared < 3:
                await asyncio.sleep(0.001)
            return replies, copies

    replies, copies = asyncio.run(run())
    assert Counter(reply.json()["backend"] for reply in replies) == {"gpu": 3, "inf2": 3}
    assert copies.offered == copies.compared == 3


def test_behind_one_url_the_reply_says_who_answered():
    """As behind a load balancer, whose weights the API tier does not know: still no copy of its own answers."""
    tiers = two(weights={"gpu": 100.0, "inf2": 0.0}, shadow=0.99)
    tiers.models["gpu"].name = "inf2"

    async def run():
        async with tiers.open() as client:
            return await tiers.ask(client, 2)

    replies = asyncio.run(run())
    assert {reply.json()["backend"] for reply in replies} == {"gpu"}
    assert tiers.api.mirror.copies.offered == 0


def test_an_overloaded_candidate_costs_copies_alone():
    """With room for two, and two at work, the rest is dropped and counted; every caller has its answers."""
    tiers, replies = shadowed(0.99, 9, hold=True)
    copies = tiers.api.mirror.copies
    assert [reply.status_code for reply in replies] == [200] * 9
    assert copies.dropped >= 9 - 4 and copies.compared + copies.dropped == copies.offered == 9


@pytest.mark.parametrize("error", [RuntimeError("gone"), BadInput("no bucket holds it")])
def test_a_candidate_that_fails_is_counted(error):
    """No caller notices; the copy is a failed one, whose caller would have had no answers: so is one that it rejects, as where no bucket fits."""
    tiers = two(weights={"gpu": 100.0, "inf2": 0.0}, shadow=0.99)

    async def run():
        async with tiers.open() as client:
            tiers.models["inf2"].raises = error
            replies = await tiers.ask(client, 2)
            while tiers.api.mirror.copies.failed < 2:
                await asyncio.sleep(0.001)
            return replies, (await client.get("/metrics")).text

    replies, metrics = asyncio.run(run())
    assert [reply.status_code for reply in replies] == [200, 200]
    assert 'blipkit_shadow_failed{tier="api"} 2.0' in metrics
    assert [one.candidate for one in tiers.compared] == [b"", b""]


def test_a_candidate_that_refuses_copies_is_no_worse_for_it():
    """It had no room, and nothing is known of its answers."""
    tiers = two(weights={"gpu": 100.0, "inf2": 0.0}, shadow=0.99)

    async def run():
        async with tiers.open() as client:
            tiers.inference["inf2"].taken = 99
            await tiers.ask(client, 2)
            while tiers.api.mirror.copies.failed < 2:
                await asyncio.sleep(0.001)

    asyncio.run(run())
    assert tiers.compared == []

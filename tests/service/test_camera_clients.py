"""Clients by a schedule: nobody waits, every request ends in one line, charged from when it was due."""

import asyncio
import time

import httpx
import pytest
from made_up_tiers import QUESTION, Kept, MadeUp, client_of, picture, tier_of

from blipkit.service.camera_clients import BEGIN_S, Cameras, form_of
from blipkit.service.inference import inference_app
from blipkit.service.ledger import answers_digest
from blipkit.service.reconcile import reconcile

FORM = form_of(picture(), [QUESTION])


def test_every_request_ends_in_one_line():
    """With the tier's answers, under an id of its own; the tier's ledger agrees."""
    tier, written = tier_of(MadeUp(), in_flight=99), Kept()

    async def run():
        await tier.warm()
        forms = [FORM, form_of(picture("blue"), [QUESTION, QUESTION])]
        async with client_of(inference_app(tier)) as client:
            return await Cameras(client, forms, "c", written).follow([n / 500 for n in range(20)])

    asked = asyncio.run(run())
    assert sorted(line.request_id for line in asked.lines) == sorted(f"c-{n}" for n in range(20))
    assert asked.lines == written and {line.outcome for line in asked.lines} == {"answered"}
    by_id = {line.request_id: line.answers for line in asked.lines}
    assert by_id["c-0"] == answers_digest(["yes"]) and by_id["c-1"] == answers_digest(["no", "no"])
    assert {line.backend for line in asked.lines} == {"gpu"}
    assert reconcile(asked.lines, None, tier.ledger).is_sound
    assert len(asked.lag_ms) == 20 and asked.lag_p99_ms == max(asked.lag_ms)


def followed(handler, times) -> list:
    """The lines of clients before whatever a function replies."""

    async def run():
        transport = httpx.MockTransport(handler)
        async with httpx.AsyncClient(transport=transport, base_url="http://tier") as client:
            return (await Cameras(client, [FORM]).follow(times)).lines

    return asyncio.run(run())


def test_nobody_waits_for_anybodys_answer():
    """The second request is due at once, and answered while the first is held; what is charged begins when it was due."""
    held = asyncio.Event()

    async def handler(request):
        if request.headers["X-Request-Id"] == "camera-0":
            await held.wait()
        else:
            held.set()
        return httpx.Response(200, json={"answers": [{"text": "yes"}]})

    lines = followed(handler, [0.0, 0.05])
    assert [line.request_id for line in sorted(lines, key=lambda one: one.latency_ms)] == [
        "camera-1",
        "camera-0",
    ]
    assert max(line.latency_ms for line in lines) >= 50 and BEGIN_S > 0


def test_what_was_late_to_send_is_charged_for_it():
    """A loop that is blocked sends late; the latency has it, counted from the schedule."""

    async def handler(request):
        if request.headers["X-Request-Id"] == "camera-0":
            time.sleep(0.1)  # whoever blocks the loop
        return httpx.Response(200, json={"answers": []})

    lines = followed(handler, [0.0, 0.01])
    assert all(line.latency_ms >= 85 for line in lines)


ENDS = [
    (0, "lost"),
    (200, "answered"),
    (503, "refused"),
    (422, "rejected"),
    (500, "failed"),
    (504, "failed"),
    (301, "failed"),
]


@pytest.mark.parametrize(("status", "outcome"), ENDS)
def test_each_end_is_one_outcome(status, outcome):
    """Lost where no reply came; refused is no failure."""

    def handler(request):
        if not status:
            raise httpx.ReadError("gone")
        return httpx.Response(status, json={"answers": [{"text": "yes"}], "detail": ""})

    (line,) = followed(handler, [0.0])
    assert (line.outcome, line.status, line.attempt) == (outcome, status, 1)
    assert bool(line.answers) == (status == 200)


def test_a_reply_of_another_form_is_no_answer():
    """A page with status 200 has failed the request."""
    (line,) = followed(lambda request: httpx.Response(200, text="<html>"), [0.0])
    assert (line.outcome, line.status, line.answers) == ("failed", 200, "")

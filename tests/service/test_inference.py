"""The inference tier in this process: what it answers, refuses, and says of itself."""

import asyncio
import errno
import json
import os

import pytest
from made_up_tiers import QUESTION, MadeUp, asking, client_of, form, picture, tier_of

from blipkit.errors import BadInput
from blipkit.service import inference
from blipkit.service.inference import Model, first_wrong, inference_app
from blipkit.service.ledger import answers_digest
from blipkit.service.tiers import UNWRITTEN
from blipkit.service.wire import LARGEST_BODY, PATH, About

POST = ("POST", PATH)


def test_a_request_gets_its_answers_and_who_gave_them():
    """An answer to each question, in their order, the id that came with it, and how long each part took."""
    how = form(questions=(QUESTION, "is it blue?")) | {"headers": {"X-Request-Id": "c1"}}
    (reply,), tier = asking(requests=[(*POST, how)])
    said = reply.json()
    assert reply.status_code == 200 and reply.headers["X-Request-Id"] == said["request_id"] == "c1"
    assert [one["question"] for one in said["answers"]] == [QUESTION, "is it blue?"]
    assert said["answers"][0] == {
        "question": QUESTION,
        "text": "yes",
        "probability": 0.9,
        "margin": 2.5,
    }
    assert (said["model"], said["arm"], said["backend"]) == ("made-up", "made_up float32", "gpu")
    assert set(said["timings_ms"]["inference"]) == {"queue", "decode", "answer", "total"}
    (line,) = tier.ledger
    assert (line.request_id, line.tier, line.backend, line.attempt) == ("c1", "inference", "gpu", 1)
    assert line.answers == answers_digest(["yes", "yes"])


MULTIPART = "multipart/form-data; boundary=x"
ILL = (
    b'--x\r\nContent-Disposition: form-data; name="question"\r\n\r\n' + b"\xff" * 70 + b"\r\n--x--"
)
REJECTED = [
    (
        {"content": b"{}", "headers": {"Content-Type": "application/json"}},
        415,
        "content type 'application/json'; expected multipart/form-data",
    ),
    ({"content": b""}, 415, "content type ''"),
    (
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        400,
        "the form is ill-formed: Missing boundary",
    ),
    (
        {"content": b"x" * (LARGEST_BODY + 1)},
        413,
        "more than 8 MiB in a request; send a smaller image",
    ),
    (form(picture(size=(64, 64))[:-40]), 422, "image cannot be decoded"),
    (form(b"hello"), 415, "expected a JPEG or a PNG"),
    (
        {"content": ILL, "headers": {"Content-Type": f"{MULTIPART}; charset=undefined"}},
        400,
        "the form is ill-formed: ",
    ),
    (form(questions=["is it?"] * 10_000), 400, "Too many fields"),
    (form(questions=["is it?" * 300_000]), 400, "Part exceeded maximum size"),
    (
        form() | {"headers": [("X-Request-Id", "a"), ("x-request-id", "b")]},
        400,
        "X-Request-Id stands 2 times; expected it once",
    ),
    (form(kind="captions"), 422, "kind 'captions'"),
    (form(questions=()), 422, "no question"),
    (form() | {"headers": {"X-Request-Id": "a b"}}, 400, "X-Request-Id is 'a b'"),
]


@pytest.mark.parametrize(("how", "status", "said"), REJECTED)
def test_an_ill_formed_request_is_rejected_with_the_reason(how, status, said):
    """4xx, as a problem in JSON, and in the ledger as rejected, unless it has no id."""
    (reply,), tier = asking(requests=[(*POST, how)])
    assert reply.status_code == status and said in reply.json()["detail"]
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json()["title"] == "rejected" and reply.json()["status"] == status
    assert tier.ledger.outcomes == ([] if said.startswith("X-") else [("rejected", status)])


def test_a_ledger_that_takes_nothing_costs_no_answer(capsys):
    """On a full disk the caller is answered; it is said once, and each line that is missing is counted."""
    model, requests = MadeUp(), [(*POST, form())] * 2
    tier = tier_of(model)

    def full(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def ask():
        tier.write = full
        await tier.warm()
        async with client_of(inference_app(tier)) as client:
            return [await client.request(method, path, **how) for method, path, how in requests]

    assert [reply.status_code for reply in asyncio.run(ask())] == [200, 200]
    tier.write_metrics(full)
    assert tier.meter.counts[UNWRITTEN].total == 3
    ledger, metrics = capsys.readouterr().err.splitlines()
    assert "a line of the ledger could not be written: No space left on device; free" in ledger
    assert (
        "a line of the metrics" in metrics and "unwritten_lines counts what is missing" in metrics
    )


def test_no_more_is_read_than_memory_holds(monkeypatch):
    """Beyond its room and those that are being read, a request is refused before its body is here."""
    monkeypatch.setattr(inference, "READING", 1)
    tier = tier_of(MadeUp(), in_flight=1)
    begun = []

    async def slow():
        begun.append(1)
        yield b"x"
        await asyncio.sleep(20)

    async def ask():
        await tier.warm()
        async with client_of(inference_app(tier)) as client:
            first = [asyncio.create_task(client.post(PATH, content=slow())) for _ in range(2)]
            while len(begun) < 2:
                await asyncio.sleep(0.001)
            third = await client.post(PATH, **form())
            for one in first:
                one.cancel()
            return third

    third = asyncio.run(ask())
    assert (
        third.status_code == 503
        and third.json()["detail"] == "2 requests are being read; ask again"
    )


def test_a_body_without_a_length_is_cut_off_where_it_grows_too_large():
    """The limit holds for what comes, not only for what is announced."""

    async def endless():
        for _ in range(LARGEST_BODY // 2**16 + 2):
            yield bytes(2**16)

    (reply,), _ = asking(requests=[(*POST, {"content": endless()})])
    assert reply.status_code == 413


def test_a_question_that_no_bucket_holds_is_rejected_with_the_bucket_to_add():
    """What the pipeline refuses is the caller's to mend: 422 with its words; a model that breaks is 500."""
    model = MadeUp()
    tier = tier_of(model)

    async def ask(error):
        model.raises = error
        async with client_of(inference_app(tier)) as client:
            return await client.post(PATH, **form())

    async def both():
        await tier.warm()
        return await ask(BadInput("no bucket fits: add one with tokens >= 12")), await ask(
            RuntimeError("the device is gone")
        )

    long, broken = asyncio.run(both())
    assert long.status_code == 422 and "add one with tokens >= 12" in long.json()["detail"]
    assert (
        broken.status_code == 500 and "RuntimeError: the device is gone" in broken.json()["detail"]
    )
    assert tier.ledger.outcomes == [("rejected", 422), ("failed", 500)]


def test_beyond_its_room_requests_are_refused_at_once():
    """Two served or waiting, the third is 503 with Retry-After; the two are answered all the same."""
    model = MadeUp()
    tier = tier_of(model, servers=1, in_flight=2)

    async def ask():
        await tier.warm()
        model.free.clear()
        async with client_of(inference_app(tier)) as client:
            first = [asyncio.create_task(client.post(PATH, **form())) for _ in range(2)]
            while tier.taken < 2:
                await asyncio.sleep(0.001)
            metrics = (await client.get("/metrics")).text
            third = await client.post(PATH, **form())
            model.free.set()
            return third, [await one for one in first], metrics

    third, first, metrics = asyncio.run(ask())
    assert third.status_code == 503 and third.headers["Retry-After"] == "1"
    assert third.json()["detail"] == "2 requests are in flight, 1 served at once; ask again"
    assert [one.status_code for one in first] == [200, 200]
    assert sorted(tier.ledger.outcomes) == [("answered", 200), ("answered", 200), ("refused", 503)]
    assert 'blipkit_queue_depth{tier="inference"} 1.0' in metrics
    assert 'blipkit_in_flight{tier="inference"} 2.0' in metrics


def readiness(tier) -> list[tuple[int, str]]:
    """Before it is warm, after, and once it was told to end: status of /readyz, and the reason."""

    async def look():
        async with client_of(inference_app(tier)) as client:
            replies = [await client.get("/readyz"), await client.post(PATH, **form())]
            await tier.warm()
            replies += [await client.get("/readyz"), await client.get("/livez")]
            tier.leaving = True
            return [*replies, await client.get("/readyz"), await client.post(PATH, **form())]

    replies = asyncio.run(look())
    return [(one.status_code, one.text) for one in replies]


def test_it_is_ready_when_it_is_warm_and_no_longer_when_it_leaves():
    """Loading: 503 to readiness and requests; warm: 200; leaving: not ready, and it still answers."""
    before, early, warm, lives, leaving, late = readiness(tier_of(MadeUp()))
    assert before == (503, '{"ready":false,"reason":"loading"}') and early[0] == 503
    assert "not ready: loading" in early[1]
    assert warm == (200, '{"ready":true,"reason":""}') and lives == (200, "alive\n")
    assert leaving[0] == 503 and "told to end" in leaving[1] and late[0] == 200


def test_one_that_answers_a_probe_otherwise_than_the_reference_is_never_ready():
    """It says which probe; no request is answered by it."""
    _, _, warm, _, _, late = readiness(tier_of(MadeUp(probe="no")))
    assert warm[0] == late[0] == 503
    assert (
        "about a probe is answered 'yes'; the reference answers 'no'"
        in json.loads(warm[1])["reason"]
    )


def test_one_that_cannot_be_loaded_is_never_ready():
    """The reason stands in /readyz, and is kept for whoever runs the process."""

    def load():
        raise RuntimeError("no such file")

    tier = tier_of(load)
    _, _, warm, _, _, _ = readiness(tier)
    assert warm[0] == 503 and "it could not be loaded: no such file" in warm[1]
    assert isinstance(tier.problem, RuntimeError)


def test_a_model_without_probes_is_not_trusted():
    """Nothing says that it answers rightly."""
    assert "no probes" in first_wrong(Model(About("m", "a", "b"), MadeUp().answer, []))


def test_a_copy_is_answered_and_in_no_ledger():
    """Whoever sent the request has its outcome elsewhere."""
    (reply,), tier = asking(requests=[(*POST, form() | {"headers": {"X-Shadow": "1"}})])
    assert reply.status_code == 200 and tier.ledger == []


@pytest.mark.parametrize(("method", "path", "status"), [("GET", PATH, 405), ("GET", "/v2", 404)])
def test_what_is_not_there_is_said_in_the_same_form(method, path, status):
    """404 and 405 are problems in JSON, too."""
    (reply,), _ = asking(requests=[(method, path, {})])
    assert (
        reply.status_code == status and "/openapi.json says what there is" in reply.json()["detail"]
    )

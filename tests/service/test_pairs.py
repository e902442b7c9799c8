"""What a primary and its shadow answered, as an API tier writes it down and as it is read again."""

import asyncio
import errno
from types import SimpleNamespace

import pytest
from made_up_tiers import MadeUp, Tiers

from blipkit.errors import BadInput
from blipkit.service.json_lines import LineFile, read_json_lines
from blipkit.service.pairs import keep_pairs, pair_in


def asked(pairs, count: int = 3) -> Tiers:
    """Requests to a tier whose candidate contradicts the primary every second time."""
    ready = []  # its probes it answers as it should
    wrong = MadeUp("inf2", flips=lambda number: bool(ready) and number % 2 == 1)
    models = {"gpu": MadeUp("gpu"), "inf2": wrong}
    tiers = Tiers(models, {"gpu": 100.0, "inf2": 0.0}, shadow=0.99)
    keep_pairs(tiers.api, pairs)

    async def run():
        async with tiers.open() as client:
            wrong.asked.clear()
            ready.append(True)
            await tiers.ask(client, count)
            copies = tiers.api.mirror.copies
            while copies.compared + copies.dropped + copies.failed < count:
                await asyncio.sleep(0.001)
            tiers.route = (await client.get("/v1/route")).json()

    asyncio.run(run())
    return tiers


def test_each_copy_that_was_answered_is_a_pair(tmp_path):
    """With both replies; what is counted of them is counted as before, and the tier says who its shadow is."""
    path = tmp_path / "pairs.jsonl"
    with LineFile(path) as file:
        tiers = asked(file)
    pairs = [pair_in(record, "inf2") for _, record in read_json_lines(path, "")]
    assert sorted(pair.request_id for pair in pairs) == ["r0", "r1", "r2"]
    assert sum(one.flipped for pair in pairs for one in pair.answer_pairs()) == 2
    assert len(tiers.compared) == 3
    backends = tiers.route["backends"]
    assert (backends["gpu"]["is_shadow"], backends["inf2"]["is_shadow"]) == (False, True)


def test_a_full_disk_is_counted_and_no_copy_fails(capsys):
    """As a line of the ledger that no file took; the route says how many lines there should be."""

    def full(text):
        raise OSError(errno.ENOSPC, "No space left on device")

    tiers = asked(SimpleNamespace(add_text=full))
    copies = tiers.api.mirror.copies
    assert (copies.compared, copies.failed) == (3, 0)
    assert tiers.api.meter.counts["unwritten_lines"].period == 3
    assert tiers.route["lines"] == {"ledger": 3, "pairs": 3}
    assert capsys.readouterr().err.count("a line of the pairs could not be written") == 1


def record_of(primary: str, candidate: str) -> dict:
    return {"request_id": "r", "primary": primary, "candidate": candidate}


SAID = '{"backend": "gpu", "answers": [{"question": "q", "text": "yes"}]}'


def test_what_cannot_be_compared_is_told_from_what_is_no_pair():
    """Answers to another question, or none, are the candidate's doing; a line without both is not one of these."""
    assert pair_in(record_of(SAID, SAID), "inf2").primary[0].text == "yes"
    assert pair_in(record_of(SAID, SAID), "gpu") is None  # it answered the caller itself
    with pytest.raises(BadInput, match="candidate answered"):
        pair_in(record_of(SAID, SAID.replace('"q"', '"other"')), "inf2")
    with pytest.raises(ValueError, match="answers is None"):
        pair_in(record_of(SAID, "{}"), "inf2")
    with pytest.raises(ValueError, match="Expecting value"):
        pair_in(record_of(SAID, ""), "inf2")
    with pytest.raises(KeyError):
        pair_in({"request_id": "r"}, "inf2")

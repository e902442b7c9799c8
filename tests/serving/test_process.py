"""The process that serves is told all in JSON, and says when it serves."""

import json
import threading
from dataclasses import asdict

import pytest

from blipkit.load.clients import Asking, Clients
from blipkit.serving.answering import NOTHING, Answering, FrameSource
from blipkit.serving.process import READY, SOCKET, Service, serve
from blipkit.serving.protocol import digest

ANSWERING = Answering(
    "builtin:tiny-pets",
    [("a folder", {"frames": 1})],
    ["x"],
    FrameSource("synthetic", 3, 7),
    NOTHING,
    1,
)


def service(**changed) -> Service:
    told = {"placement": "threads", "cores": [], "servers": 2, "clients": 1, "limit": 4, "batch": 1}
    return Service(answering=ANSWERING, batch_wait_s=0.0, overdue_s=20.0, **{**told, **changed})


def test_what_a_child_is_told_survives_json():
    """Its frames and its pipeline are the same again, as far as anybody asks."""
    again = Service.of_json(json.loads(json.dumps(asdict(service()))))
    assert again.answering.frames == ANSWERING.frames and again.dispatcher().limit == 4
    assert json.dumps(asdict(again)) == json.dumps(asdict(service()))


@pytest.mark.parametrize("placement", ["threads", "processes"])
def test_it_says_when_it_serves_and_what_the_right_answers_are(tmp_path, placement):
    """READY holds a digest for each frame; who connects then is answered."""
    told = {}
    child = threading.Thread(
        target=lambda: told.update(serve(str(tmp_path), asdict(service(placement=placement))))
    )
    child.start()
    while not (tmp_path / READY).exists():
        child.join(0.01)
        assert child.is_alive()
    expected = json.loads((tmp_path / READY).read_text())
    assert expected == [digest([])] * 3
    with open(tmp_path / "requests", "wb") as record:
        asking = Asking(1, seconds=0.1, warmup_s=0.0, patience_s=5.0)
        asked = Clients(str(tmp_path / SOCKET), asking, expected, record).run()
    child.join(30)
    assert told["answered"] == asked["answered"] == asked["sent"] > 0
    assert told["problems"] == [] and told["settled"] is None

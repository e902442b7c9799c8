"""The process that serves gets its plan as JSON, and says when it serves."""

import json
import threading
from dataclasses import asdict

import pytest

from blipkit.load.clients import Asking, Clients
from blipkit.records.typed import row_of
from blipkit.serving.answering import NOTHING, Answering, ArtifactPlace, FrameSource
from blipkit.serving.process import READY, SOCKET, Service, ServiceReport, serve
from blipkit.serving.protocol import digest

ANSWERING = Answering(
    "builtin:tiny-pets",
    [ArtifactPlace("a folder", {"frames": 1})],
    ["x"],
    FrameSource("synthetic", 3, 7),
    NOTHING,
    1,
)


def service(**changed) -> Service:
    plan = {"placement": "threads", "cores": [], "servers": 2, "clients": 1, "limit": 4, "batch": 1}
    return Service(answering=ANSWERING, batch_wait_s=0.0, overdue_s=20.0, **{**plan, **changed})


def test_a_childs_plan_survives_json():
    """Its frames and its pipeline are the same again."""
    again = row_of(Service, json.loads(json.dumps(asdict(service()))))
    assert again == service() and again.dispatcher().limit == 4


@pytest.mark.parametrize("placement", ["threads", "processes"])
def test_it_says_when_it_serves_and_what_the_right_answers_are(tmp_path, placement):
    """READY holds a digest for each frame; who connects then is answered."""
    returned = {}
    child = threading.Thread(
        target=lambda: returned.update(serve(str(tmp_path), asdict(service(placement=placement))))
    )
    child.start()
    while not (tmp_path / READY).exists():
        child.join(0.01)
        assert child.is_alive()
    expected = json.loads((tmp_path / READY).read_text())
    assert expected == [digest([])] * 3
    with open(tmp_path / "requests", "wb") as record:
        asking = Asking(1, seconds=0.1, warmup_s=0.0, timeout_s=5.0)
        asked = Clients(str(tmp_path / SOCKET), asking, expected, record).run().counts
    child.join(30)
    report = row_of(ServiceReport, json.loads(json.dumps(returned)))
    assert report.server.counts.answered == asked.answered == asked.sent > 0
    assert report.server.problems == [] and report.settled is None

"""The process that serves gets its plan as JSON, and serves one setting after another."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest

from blipkit.frames.source import FrameSource
from blipkit.load.clients import Asking, Clients
from blipkit.records.typed import row_of
from blipkit.serving.answering import NOTHING, Answering, ArtifactPlace
from blipkit.serving.placement import PLACEMENTS, Servers
from blipkit.serving.process import Plan, RightAnswers, Serve, Service, Settle, load
from blipkit.serving.protocol import digest

ANSWERING = Answering(
    "builtin:tiny-pets",
    [ArtifactPlace("a folder", {"frames": 1})],
    ["x"],
    FrameSource("synthetic", 3, 7),
    NOTHING,
    1,
)


def plan(placement: str) -> Plan:
    return Plan(ANSWERING, placement, [], 2)


def test_a_childs_plan_survives_json():
    """Its frames and its pipeline are the same again."""
    again = row_of(Plan, json.loads(json.dumps(asdict(plan("threads")))))
    assert again == plan("threads")


@pytest.mark.parametrize("placement", ["threads", "processes"])
def test_it_serves_one_setting_after_another(tmp_path, placement, monkeypatch):
    """Each on a socket and with a dispatcher of its own; the right answers are a digest a frame."""
    monkeypatch.setattr("blipkit.serving.process.settle", list)
    answer = load(asdict(plan(placement)))
    assert answer(RightAnswers()) == [digest([])] * 3
    for servers in (1, 2):
        address = str(tmp_path / f"socket-{servers}")
        service = Service(servers, 2, 4, 1, 0.0, 20.0, address)
        assert answer(service) is None and service.dispatcher().limit == 4
        with ThreadPoolExecutor(1) as pool:
            serving = pool.submit(answer, Serve())
            asked = ask(address, tmp_path)
            report = serving.result(30)
        assert report.counts.answered == asked.answered == asked.sent > 0
        assert report.problems == []
    answer(Settle())  # which ends the processes


def ask(address: str, folder):
    """What two clients counted that asked for a while."""
    with open(folder / "requests", "wb") as record:
        asking = Asking(2, seconds=0.1, warmup_s=0.0, timeout_s=5.0)
        return Clients(address, asking, [digest([])] * 3, record).run().counts


def test_processes_of_its_own_end_by_themselves_once_all_is_settled(monkeypatch):
    """Asked while they live what they sent, then ended, before it says so: a driver may count only then."""
    order = []

    def place(stack, servers, cores, answering):
        stack.callback(order.append, "ended")
        return Servers([], lambda: order.append("asked"))

    monkeypatch.setitem(PLACEMENTS, "processes", place)
    monkeypatch.setattr("blipkit.serving.process.settle", lambda sent: order.append("settled"))
    load(asdict(plan("processes")))(Settle())
    assert order == ["asked", "settled", "ended"]

"""The inference tier on Ray Serve: the same app, its room, and nothing left running."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest
from made_up_tiers import MadeUp, form

from blipkit.errors import BadInput
from blipkit.service import on_ray
from blipkit.service.inference import Model, Room
from blipkit.service.on_ray import FAST, FILES, PORTS, Cluster, Deployed
from blipkit.service.replicas import Written, inference_replica
from blipkit.service.running import listen
from blipkit.service.wire import PATH


def test_what_its_user_has_set_holds(monkeypatch):
    """Settings for throughput on a cluster of our own, its files in a folder that is removed; on one that exists, neither."""
    name, *others = FAST
    monkeypatch.setattr(os, "environ", {name: "0"})
    on_ray.set_variables(Cluster(address="10.0.0.1:6379"), "/x")
    assert not any(other in os.environ for other in (*others, *FILES))
    on_ray.set_variables(Cluster(), "/x")
    assert os.environ[name] == "0" and {os.environ[other] for other in others} == {"1"}
    assert all(os.environ[file].startswith("/x") for file in FILES)
    assert len({os.environ[port] for port in PORTS}) == len(PORTS), "each another free one"


def test_ports_for_ray_are_free_and_none_that_a_connection_gets_by_itself(monkeypatch):
    """Each another one; none that somebody has; where there are too few, a sentence."""
    ports = on_ray.free_ports(5)
    assert len(set(ports)) == 5 and set(ports) <= set(on_ray.NOT_GIVEN)
    monkeypatch.setattr(on_ray, "NOT_GIVEN", range(ports[0], ports[0] + 2))
    with listen(ports[0]):
        assert on_ray.free_ports(1) == [ports[0] + 1]
        with pytest.raises(BadInput, match="no 2 ports are free from"):
            on_ray.free_ports(2)
    assert on_ray.with_port(Cluster(port=0)).port in on_ray.NOT_GIVEN
    with pytest.raises(BadInput, match="no such host"):
        on_ray.with_port(Cluster(port=0, host="no.such.host.invalid"))


def test_what_ray_leaves_behind_is_ended(tmp_path):
    """Whatever has the folder of ours in its command, and nothing else."""
    mine, other = (
        subprocess.Popen([sys.executable, "-c", "input()", str(folder)], stdin=subprocess.PIPE)
        for folder in (tmp_path / "a" / "haproxy.cfg", tmp_path / "b")
    )
    on_ray.end_left_over(str(tmp_path / "a"))
    assert mine.wait(10) < 0 and other.poll() is None
    other.communicate(b"\n", timeout=10)


def test_a_cluster_that_exists_is_asked_where_it_is():
    """Nothing is made for it; one of our own has no dashboard, a small store, and its files in the folder."""
    assert on_ray.ray_options(Cluster(address="10.0.0.1:6379"), "/x")["address"] == "10.0.0.1:6379"
    ours = on_ray.ray_options(Cluster(), "/x")
    assert ours["address"] == "local", "whatever RAY_ADDRESS says"
    assert ours["_temp_dir"] == "/x" and not ours["include_dashboard"]


def test_a_shell_that_is_closed_ends_it_in_order(monkeypatch, hangups):
    """SIGHUP is as SIGTERM: the context that ends the replicas is left."""
    left = []

    @contextlib.contextmanager
    def on(*_):
        yield "http://tier"
        left.append("in order")

    monkeypatch.setattr(on_ray, "on_ray", on)
    before = {sig: signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGINT)}
    deployed = Deployed("inference", None)
    try:
        on_ray.serve_on_ray(deployed, Cluster(), lambda _: os.kill(os.getpid(), signal.SIGHUP))
    finally:
        for sig, what in before.items():
            signal.signal(sig, what)
    assert left == ["in order"]


def test_a_cluster_that_dies_while_it_is_connected_to_is_waited_for_no_longer(monkeypatch, capsys):
    """Ray would wait for ever; the process ends, with what to look at."""
    statuses = []
    monkeypatch.setattr(on_ray.os, "_exit", statuses.append)
    with on_ray.ended_after(0.01, "Ray did not let us in"):
        while not statuses:
            time.sleep(0.01)
    assert statuses == [1] and capsys.readouterr().err == "blipkit: Ray did not let us in\n"
    with on_ray.ended_after(0.05, "Ray did not let us in"):
        pass
    time.sleep(0.1)
    assert statuses == [1]


def rays() -> set[str]:
    """Processes of Ray's."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True).stdout
    names = ("ray::", "raylet", "gcs_server", "haproxy")
    return {line for line in listed.splitlines() if any(name in line for name in names)}


def slow():
    """A model that takes a while, made in a replica, where this file need not be known."""
    model = MadeUp()()

    def answer(picture, questions):
        time.sleep(0.2)
        return model.answer(picture, questions)

    return Model(model.about, answer, model.probes)


NOTHING = Written()


def inference_of(load, written: Written = NOTHING, name: str = "inference") -> Deployed:
    """An inference tier with room for two."""
    build = partial(inference_replica, load, Room(1, 2), "gpu", written)
    return Deployed(name, build, in_flight=2)


@pytest.mark.service
def test_replicas_answer_refuse_and_end(monkeypatch):
    """The form, the document and readiness as on uvicorn; beyond its room 503; then no process is left."""
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    with listen(0) as taken:
        port = taken.getsockname()[1]
    before = rays()
    with (
        on_ray.on_ray(inference_of(slow), Cluster(port=port)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        assert (
            client.get("/readyz").json()["ready"] and client.get("/openapi.json").status_code == 200
        )
        reply = client.post(PATH, **form(), headers={"X-Request-Id": "r1"})
        assert reply.status_code == 200 and reply.json()["request_id"] == "r1"
        assert client.post(PATH, **form(kind="captions")).status_code == 422
        with ThreadPoolExecutor(16) as pool:
            replies = list(
                pool.map(lambda _: httpx.post(url + PATH, **form(), timeout=60), range(16))
            )
        statuses = {one.status_code for one in replies}
        assert statuses == {200, 503}, statuses
    for _ in range(100):
        if rays() == before:
            break
        time.sleep(0.1)
    assert rays() == before

"""`blipkit serve` and `blipkit api` on the command line: what they refuse, and both as people start them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from started import Started
from typer.testing import CliRunner

from blipkit import cli
from blipkit.errors import BadInput, BlipkitError
from blipkit.frames.frames import load_frames
from blipkit.machine.scratch import socket_folder
from blipkit.run.serving import serve_here, weights_of
from blipkit.run.tier_files import Place, check_apart, ledger_to, lines_to
from blipkit.service import extra
from blipkit.service.inference import Room
from blipkit.service.ledger import read_ledger
from blipkit.service.metric_lines import read_lines, values_of
from blipkit.service.reconcile import reconcile
from blipkit.service.running import Times, listen

GPU, INF2 = "gpu=http://127.0.0.1:1", "inf2=http://127.0.0.1:2"
REFUSED = [
    (["api"], "no --backend; expected at least one, such as gpu=http://127.0.0.1:8001"),
    (["api", "--backend", "http://a"], "--backend 'http://a'; expected name=url"),
    (["api", "--backend", "GPU=http://a"], "the name of small letters"),
    (["api", "--backend", "gpu=ftp://a"], "'ftp://a' is no URL of a tier"),
    (["api", "--backend", "gpu=http://a:x"], "'http://a:x' is no URL of a tier"),
    (["api", "--backend", GPU, "--backend", GPU], "--backend gpu stands twice"),
    (["api", "--backend", "gpu-=http://a"], "the name of small letters"),
    (["api", "--backend", "ms=http://a"], "requests_ms is a metric of another kind; rename it"),
    (["api", "--backend", "per-target=http://a"], "requests_per_target is a metric of another"),
    (
        ["api", "--backend", GPU, "--backend", "inf2=http://127.0.0.1:1/"],
        "inf2 and gpu are both http://127.0.0.1:1; expected each to have a URL of its own",
    ),
    (["api", "--backend", GPU, "--ledger", "-"], "--ledger -: only metrics are printed"),
    (
        ["api", "--backend", GPU, "--port", "0", "--ledger", "/none/there"],
        "--ledger /none/there: No such file",
    ),
    (["api", "--backend", GPU, "--port", "0", "--metrics", "/none/there"], "--metrics /none/there"),
    (["api", "--backend", GPU, "--pairs", "a"], "--pairs without --shadow: nobody gets copies"),
    (
        ["api", "--backend", GPU, "--shadow", "gpu", "--on", "ray", "--pairs", "a"],
        "--pairs is not written on Ray",
    ),
    (
        ["api", "--backend", GPU, "--shadow", "gpu", "--port", "0", "--pairs", "/none/there"],
        "--pairs /none/there: No such file",
    ),
    (
        ["api", "--backend", GPU, "--shadow", "gpu", "--ledger", "a", "--pairs", "./a"],
        "--ledger and --pairs are both a; expected a file for each",
    ),
    (["serve", "smoke", "--ledger", "a", "--metrics", "a"], "--ledger and --metrics are both a;"),
    (["api", "--backend", GPU, "--host", ""], "--host is empty; expected an address"),
    (["api", "--backend", GPU, "--host", "::zz"], "no such host; pass a --host"),
    (["api", "--backend", GPU, "--host", "192.0.2.1"], "pass a --host that is an address of this"),
    (["api", "--backend", GPU, "--address", "auto"], "--replicas and --address are Ray's"),
    (["api", "--backend", GPU, "--on", "ray", "--metrics", "-"], "what replicas print nobody sees"),
    (["serve", "smoke", "--on", "ray", "--name", "\u00e9"], "dimension Backend is 'é'; expected"),
    (["api", "--backend", GPU, "--weight", "gpu=90"], "are 90 in all; expected 100"),
    (["api", "--backend", GPU, "--weight", "gpu"], "weight 'gpu'; expected each backend once"),
    (["api", "--backend", GPU, "--weight", "gpu=x"], "weight of gpu is 'x'; expected percent"),
    (
        ["api", "--backend", GPU, "--backend", INF2, "--shadow", "inf"],
        "--shadow 'inf'; did you mean 'inf2'?",
    ),
    (
        ["api", "--backend", GPU, "--shadow", "gpu", "--sample", "0"],
        "--sample 0; expected a share above 0",
    ),
    (
        ["api", "--backend", GPU, "--set", "service.timeout=3"],
        "unknown key 'timeout'; did you mean 'timeout_s'?",
    ),
    (["serve", "smoke", "--on", "rays"], "--on 'rays'; did you mean 'ray'?"),
    (["serve", "smoke", "--replicas", "2"], "--replicas and --address are Ray's; add --on ray"),
    (["serve", "smoke", "--on", "ray", "--replicas", "0"], "--replicas 0; expected at least 1"),
    (["serve", "smoke", "--arm", "eager float32"], "is none of smoke's"),
    (["serve", "inf2"], "arm 'neuron matmult bf16'"),
    (["serve", "smoke", "--ledger", "/"], "--ledger / is a folder; expected a file"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_cannot_be_is_refused_before_anything_listens(monkeypatch, words, said):
    """As bad input, with what was expected, before Ray is missed: installing it would not help."""
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name in extra.RAY else name)
    done = CliRunner().invoke(cli.app, words)
    assert isinstance(done.exception, BadInput) and said in str(done.exception)


def test_certificates_that_cannot_be_read_are_refused_before_anything_listens(monkeypatch):
    """No backend could be asked with them."""
    monkeypatch.setenv("SSL_CERT_FILE", "/none/there")
    done = CliRunner().invoke(cli.app, ["api", "--backend", GPU, "--port", "0"])
    assert isinstance(done.exception, BadInput) and "SSL_CERT_FILE is" in str(done.exception)


@pytest.mark.parametrize("words", [["serve", "smoke"], ["api", "--backend", GPU]])
def test_without_the_extra_one_sentence_says_what_installs_it(monkeypatch, words):
    """Nothing else of the kit needs it."""
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "uvicorn" else name)
    done = CliRunner().invoke(cli.app, words)
    expected = "serving over HTTP needs uvicorn, not installed here: pip install 'blipkit[service]'"
    assert isinstance(done.exception, BadInput) and str(done.exception) == expected


def test_weights_are_read_as_they_are_written():
    """A backend that is not named gets nothing; one that stands twice is refused."""
    assert weights_of(["gpu=97.5", "inf2=2.5"], ["gpu", "inf2"]) == {"gpu": 97.5, "inf2": 2.5}
    with pytest.raises(BadInput, match="weight 'gpu=50'; expected each backend once"):
        weights_of(["gpu=50", "gpu=50"], ["gpu"])


def test_lines_go_where_they_are_asked_to_go(tmp_path, capsys):
    """Into a file, which is added to; printed, for -; nowhere, for none."""
    for text in ("a", "b"):
        with lines_to(str(tmp_path / "metrics")) as emit:
            emit(text)
    assert (tmp_path / "metrics").read_text() == "a\nb\n"
    with lines_to("-") as emit, lines_to(None) as nowhere, ledger_to(None) as write:
        emit("printed")
        nowhere("lost")
        write("lost")
    assert capsys.readouterr().out == "printed\n"


def test_what_is_no_file_may_take_lines_of_two_kinds():
    """Nothing is spoilt on /dev/null, nor where there is no file, or it is printed."""
    check_apart({"--ledger": "/dev/null", "--metrics": "/dev/null"})
    check_apart({"--ledger": None, "--metrics": "-", "--pairs": None})


@pytest.mark.service
def test_both_tiers_as_people_start_them(tmp_path):
    """Two inference tiers, one API tier, curl's form; each leaves with status 0, and the ledgers agree."""
    results = ["--results", str(tmp_path / "results")]
    quick = ["--set", "service.leave_s=0.2", "--set", "service.health_every_s=0.1"]
    arms = {"gpu": "torchscript float32", "inf2": "neuron_emulated matmult bf16"}
    started = [
        Started(
            *("serve", "smoke", "--port", "0", "--name", name, "--arm", arm, *results, *quick),
            *("--ledger", str(tmp_path / f"{name}.jsonl")),
        )
        for name, arm in arms.items()
    ]
    words = [f"--backend={name}={one.url}" for name, one in zip(arms, started, strict=True)]
    words += ["--weight", "gpu=50", "--weight", "inf2=50", "--ledger", str(tmp_path / "api.jsonl")]
    api = Started("api", "--port", "0", *words, *quick)
    load_frames("synthetic", 1, 3, False)[0].image.save(frame := tmp_path / "dog.jpg")
    curl = ["curl", "-sS", "-F", f"image=@{frame}", "-F", "question=is the dog barking?"]
    ids = [f"c{number}" for number in range(6)]
    for one in ids:
        done = subprocess.run(
            [*curl, "-H", f"X-Request-Id: {one}", f"{api.url}/v1/answers"],
            capture_output=True,
            check=True,
        )
        assert b'"text": "no"' in done.stdout, done
    route = httpx.get(f"{api.url}/v1/route").json()
    assert {name: one["was_ready"] for name, one in route["backends"].items()} == dict.fromkeys(
        arms, True
    )
    assert [one.end() for one in started] == [0, 0] and api.end(signal.SIGINT) == 0
    tiers = [read_ledger([tmp_path / f"{name}.jsonl"]) for name in ("api", "gpu", "inf2")]
    found = reconcile(tiers[0], tiers[0], tiers[1] + tiers[2], ids)
    assert found.is_sound and found.answered == len(tiers[0]) == 6
    assert {line.backend for line in tiers[0]} == set(arms)
    assert not os.popen(f"ps -o pid= --ppid {started[0].process.pid}").read()


def test_it_says_that_it_loads_once_a_signal_ends_it_in_order(monkeypatch, hangups):
    """Whoever reads that line may end it: SIGTERM's and SIGHUP's own ends would be statuses -15 and -1."""
    heard = []

    def say(line):
        handlers = [signal.getsignal(sig) for sig in (signal.SIGTERM, signal.SIGHUP)]
        heard.append((line.rpartition(": ")[2], handlers))

    def load(plan):
        raise RuntimeError("no such file")

    monkeypatch.setattr("blipkit.run.tier_files.say_line", say)
    monkeypatch.setattr("blipkit.service.loading.load", load)
    plan = SimpleNamespace(backend="gpu")
    with pytest.raises(BlipkitError, match="it could not be loaded: no such file"):
        serve_here(plan, Room(), Times(), Place("127.0.0.1", 0, None, None))
    ((state, handlers),) = heard
    assert state == "loading" and signal.SIG_DFL not in handlers


@pytest.mark.service
def test_one_that_is_told_to_end_while_it_loads_ends_at_once(tmp_path):
    """Nothing it has is worth waiting for: status 0."""
    started = Started(
        "serve", "smoke", "--port", "0", "--results", str(tmp_path), "--set", "service.leave_s=0"
    )
    while not any(line.endswith(": loading") for line in started.said):
        assert started.process.poll() is None, started.said
        time.sleep(0.02)
    begun = time.monotonic()
    assert started.end() == 0 and not any(line.endswith(": ready") for line in started.said)
    assert time.monotonic() - begun < 30


@pytest.mark.service
def test_both_tiers_on_ray_as_people_start_them(tmp_path):
    """Each in replicas of a cluster of its own, both on one machine: weights are set as on uvicorn, and every replica's ledger and metrics are there."""
    results = ["--results", str(tmp_path / "results"), "--on", "ray", "--port", "0"]
    files = [f"--{what}={tmp_path}/gpu-{what}.jsonl" for what in ("ledger", "metrics")]
    gpu = Started("serve", "smoke", *results, "--name", "gpu", *files)
    words = [f"--backend=gpu={gpu.url}", "--ledger", str(tmp_path / "api.jsonl"), "--port", "0"]
    api = Started("api", "--on", "ray", *words, "--set", "service.health_every_s=0.1")
    load_frames("synthetic", 1, 3, False)[0].image.save(frame := tmp_path / "dog.jpg")
    with httpx.Client(base_url=api.url, timeout=60, trust_env=False) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.1)
        for number in range(4):
            reply = client.post(
                "/v1/answers",
                files={"image": frame.read_bytes()},
                data={"question": "is the dog barking?"},
                headers={"X-Request-Id": f"r{number}"},
            )
            assert reply.status_code == 200 and reply.json()["backend"] == "gpu", reply.text
        weights = client.put("/v1/route", json={"weights": {"gpu": 100}})
        assert weights.json()["weights"] == {"gpu": 100}
    assert [api.end(), gpu.end()] == [0, 0]
    api_ledger = read_ledger(tmp_path.glob("api-*.jsonl"))
    found = reconcile(api_ledger, api_ledger, read_ledger(tmp_path.glob("gpu-ledger-*.jsonl")))
    assert found.is_sound and found.answered == 4
    (metrics,) = tmp_path.glob("gpu-metrics-*.jsonl")
    assert sum(values_of(read_lines([metrics]), "requests")) == 4


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def cluster_of_two_cpus():
    """Where a cluster of somebody else's is asked; it is ended with the context."""
    with listen(0) as taken:
        port = taken.getsockname()[1]
    words = [Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--num-cpus=2"]
    words += ["--include-dashboard=false", f"--port={port}"]
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    with socket_folder() as folder:  # Ray's sockets have long names
        cluster = subprocess.Popen([*words, f"--temp-dir={folder}"], env=environment)
        try:
            while not answers(port):
                assert cluster.poll() is None
                time.sleep(0.2)
            yield f"127.0.0.1:{port}"
            assert cluster.poll() is None, "whoever used it has ended it"
        finally:
            cluster.terminate()
            cluster.wait(60)


@pytest.mark.service
def test_a_cluster_that_exists_is_used_and_left_as_it_was(tmp_path, monkeypatch):
    """More replicas than CPUs are refused, and so is a second tier of the same kind; when the first has ended, the cluster serves nothing, and lives."""
    with listen(0) as taken:
        port = str(taken.getsockname()[1])
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # as both sides have no token
    with cluster_of_two_cpus() as address:
        there = ["--on", "ray", "--address", address, "--results", str(tmp_path), "--port", port]
        many = Started("serve", "smoke", *there, "--replicas", "3")
        assert many.ended() == 1
        assert "3 replicas need a CPU each; 127.0.0.1:" in many.said[-1], many.said
        first = Started("serve", "smoke", *there)
        url = first.url
        assert httpx.get(f"{url}/readyz", timeout=30).json() == {"ready": True, "reason": ""}
        second = Started("serve", "smoke", *there)
        assert second.ended() == 1
        assert "serves an application inference already; end that one" in second.said[-1]
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 200
        assert first.end() == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/readyz", timeout=30)

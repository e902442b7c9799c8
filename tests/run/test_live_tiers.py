"""`blipkit shadow` and `blipkit route` with real tiers around made-up models, on loopback."""

import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blipkit import cli

httpx = pytest.importorskip("httpx", reason="needs the extra service")
uvicorn = pytest.importorskip("uvicorn", reason="needs the extra service")
sys.path.append(str(Path(__file__).parent.parent / "service"))
from made_up_tiers import QUESTION, Kept, MadeUp, form, picture, tier_of  # noqa: E402
from started import Started  # noqa: E402

from blipkit.service.api import Api, Limits, api_app  # noqa: E402
from blipkit.service.backends import Backend  # noqa: E402
from blipkit.service.inference import inference_app  # noqa: E402
from blipkit.service.metrics import Meter  # noqa: E402
from blipkit.service.routing import Router  # noqa: E402
from blipkit.service.running import listen, url_of  # noqa: E402


@pytest.fixture
def start():
    """Starts an app in a thread, and returns its URL once it answers."""
    servers = []

    def started(app) -> str:
        listening = listen(0)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return url_of(listening)

    yield started
    for server, thread in servers:
        server.should_exit = True
        thread.join(20)


def wait_until_ready(*urls: str) -> None:
    for url in urls:
        while httpx.get(f"{url}/readyz", trust_env=False).status_code != 200:
            time.sleep(0.01)


def run(*words):
    return CliRunner().invoke(cli.app, list(map(str, words)))


def test_the_commands_and_the_tiers_understand_each_other(start, tmp_path):
    """Two backends are compared frame by frame; then the API tier's weights are set, and said."""
    for camera, colour in (("porch", "red"), ("garden", "black")):
        (tmp_path / camera).mkdir()
        for name in ("1.png", "2.png"):
            (tmp_path / camera / name).write_bytes(picture(colour))
    gpu, inf2 = (start(inference_app(tier_of(MadeUp(name)))) for name in ("gpu", "inf2"))
    wait_until_ready(gpu, inf2)
    ends = ["--primary", gpu, "--candidate", inf2, "--frames", tmp_path, "--question", QUESTION]
    done = run("shadow", *ends, "--twice", 1, "--alert", "yes in 2 of 2 frames")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "frames compared: 4, with a flip that no rounding excuses: 0" in done.output
    assert "the primary, asked twice: 4 frames, answered otherwise 0" in done.output
    assert "1 of 2 cameras; lost 0" in done.output

    backends = [Backend("gpu", gpu), Backend("inf2", inf2)]
    router = Router({"gpu": 100.0, "inf2": 0.0})
    api = start(api_app(Api(backends, router, Limits(), Meter("api", {}), Kept())))
    wait_until_ready(api)
    while "not ready" in (said := run("route", "--api", api).output):
        time.sleep(0.01)
    assert f"gpu 100 %, {gpu}, ready" in said and f"inf2 0 %, {inf2}, ready" in said
    done = run("route", "gpu=90", "inf2=10", "--api", api)
    assert done.output == "before: gpu=100 inf2=0; now: gpu=90 inf2=10\n"
    assert router.weights == {"gpu": 90, "inf2": 10}


@pytest.mark.service
def test_a_switch_of_a_real_api_tier_goes_back_or_through(start, tmp_path):
    """Told by the tier's own files: a candidate that answers otherwise is found at a share of 0; one whose answers are not watched gets all."""
    wrong = MadeUp("inf2", flips=lambda count: count > 10)
    gpu, inf2 = (start(inference_app(tier_of(one, 2, 64))) for one in (MadeUp("gpu"), wrong))
    wait_until_ready(gpu, inf2)
    files = ["--ledger", str(tmp_path / "api.jsonl"), "--pairs", str(tmp_path / "pairs.jsonl")]
    words = [f"--backend=gpu={gpu}", f"--backend=inf2={inf2}", "--shadow=inf2", "--sample=1"]
    api = Started("api", "--port", "0", *words, *files, "--set", "service.health_every_s=0.1")
    url = api.url
    ended = threading.Event()

    def send():
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            while not ended.is_set():
                client.post("/v1/answers", **form())

    cameras = [threading.Thread(target=send) for _ in range(4)]
    for one in cameras:
        one.start()
    try:
        common = ["switch", "gpu", "inf2", "--api", url, "--step-s", "0", "--late-ms", "5000"]
        back = Started(*common, *files)
        assert back.ended() == 1, back.said
        assert "inf2 goes back: unexcused flips" in back.said[-1], back.said
        through = Started(*common, *files[:2], "--without-answers", "--steps", "0,50,100")
        assert through.ended() == 0, through.said
        assert through.said[-1].endswith("done: all steps were taken; weights: gpu=0 inf2=100")
    finally:
        ended.set()
        for one in cameras:
            one.join(30)
        assert api.end() == 0

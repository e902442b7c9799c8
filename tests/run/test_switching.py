"""`blipkit route` on the command line: what it refuses, sets and says."""

import contextlib
import os
import signal
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from made_up_route import open_route
from typer.testing import CliRunner

from blipkit import cli
from blipkit.errors import BadInput, BlipkitError
from blipkit.run import switching
from blipkit.service import route_client
from blipkit.service.route_client import NoTier, RouteClient

RULE = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/cams/1/2/3"


def run(*words):
    return CliRunner().invoke(cli.app, ["route", *map(str, words)])


@pytest.fixture
def tier():
    pytest.importorskip("httpx", reason="needs the extra service")
    with open_route() as server:
        yield server


def test_weights_are_set_and_both_are_said(tier):
    """From the next request on; the weights before stand beside, to go back."""
    done = run("gpu=90", "inf2=10", "--api", tier.url)
    assert done.exit_code == 0, done.exception
    assert done.output == "before: gpu=100 inf2=0 cpu=0; now: gpu=90 inf2=10 cpu=0\n"
    assert tier.route["weights"]["inf2"] == 10


def test_without_weights_it_says_how_it_is(tier):
    """Each backend, its share, and whether it is ready."""
    output = run("--api", tier.url).output
    assert "gpu 100 %, http://gpu, ready" in output
    assert "cpu 0 %, http://cpu, not ready: status 503" in output


def test_a_backend_that_gets_more_has_to_be_ready_and_hold_it(tier):
    """Else nothing is set."""
    for words, said in (
        (["gpu=90", "cpu=10"], "cpu is not ready (status 503), and gets no more: nothing was set"),
        (
            ["gpu=90", "inf2=10", "--rated", "inf2=11", "--demand", "100"],
            "inf2 is rated for 11 requests/s; expected 12, 1.2 times its share: nothing was set",
        ),
        (
            ["gpu=90", "inf2=10", "--rated", "gpu=11", "--demand", "100"],
            "inf2 gets more, and nobody says what it holds; "
            "expected --rated inf2=REQUESTS_PER_S beside --demand",
        ),
        (
            ["gpu=90", "inf2=10", "--rated", "inf=11", "--demand", "100"],
            "--rated names 'inf'; did you mean 'inf2'?",
        ),
    ):
        done = run(*words, "--api", tier.url)
        assert isinstance(done.exception, BlipkitError) and str(done.exception) == said
    assert tier.route["weights"]["gpu"] == 100
    assert (
        run("gpu=90", "inf2=10", "--rated", "inf2=12", "--demand", 100, "--api", tier.url).exit_code
        == 0
    )


def test_what_the_tier_refuses_is_said(tier):
    """Bad weights are bad input; all else is an error, with what it said."""
    tier.refuses = 422, {"detail": "weights are 90 in all"}
    done = run("gpu=90", "inf2=10", "--api", tier.url)
    assert isinstance(done.exception, BadInput) and "weights are 90 in all" in str(done.exception)
    tier.refuses = 409, {"detail": "inf2 was never ready"}
    done = run("gpu=90", "inf2=10", "--api", tier.url)
    assert not isinstance(done.exception, BadInput)
    assert str(done.exception).endswith("/v1/route: inf2 was never ready: nothing was set")
    tier.refuses = 500, {"detail": "a fault"}
    done = run("gpu=90", "inf2=10", "--api", tier.url)
    assert "status 500: a fault; expected what `blipkit api` says" in str(done.exception)


def test_a_tier_that_is_none_is_said(tier):
    """Nobody there, or somebody else."""
    pytest.importorskip("httpx", reason="needs the extra service")
    done = run("--api", "http://127.0.0.1:9")
    assert "expected the API tier there: blipkit api, or --api" in str(done.exception)
    tier.route = {"hello": 1}
    assert "expected what `blipkit api` says" in str(run("--api", tier.url).exception)


def test_a_tier_that_trickles_is_not_waited_for(monkeypatch):
    """Byte by byte, each in time: the whole reply has one time."""
    pytest.importorskip("httpx", reason="needs the extra service")
    monkeypatch.setattr(route_client, "TIMEOUT_S", 0.5)

    def trickle(listening: socket.socket) -> None:
        one, _ = listening.accept()
        with one, contextlib.suppress(OSError):
            one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
            for _ in range(200):
                one.sendall(b" ")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=trickle, args=(listening,), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(NoTier, match="no whole reply in 0.5 s; expected the API tier there"):
            RouteClient(f"http://127.0.0.1:{listening.getsockname()[1]}").route()
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gpu"], "weight 'gpu'; expected each backend once, such as gpu=90"),
        (["gpu=x"], "weight 'gpu=x'"),
        (["gpu=50", "gpu=50"], "weight 'gpu=50'; expected each backend once"),
        (["gpu=nan"], "weight 'gpu=nan'"),
        (["gpu=90", "inf2=20"], "weights (gpu=90, inf2=20) are 110 in all; expected 100"),
        (["gpu=-10", "inf2=110"], "weight of gpu is -10"),
        (["--demand", "-1"], "--demand is -1.0; expected a number, 0 or more"),
        (["--rated", "gpu=5"], "--rated is said and --demand is not"),
        (["--demand", "5"], "--demand is said and --rated is not"),
        (["--alarm", "p99"], "--alarm is looked at with --alb alone"),
        (["--watch", 15], "--watch is said and no --alarm to look at"),
        (["--api", "tier"], "--api 'tier'; expected such as http://127.0.0.1:8080"),
        (["--alb", RULE], "--alb without weights"),
        (["--alb", "rule", "gpu=95", "inf2=5"], "--alb 'rule'; expected arn:aws"),
        (["--alb", RULE, "gpu=99.5", "inf2=0.5"], "expected whole percents: ALB takes no others"),
    ],
)
def test_what_cannot_be_set_is_refused(words, said):
    """Before anything is asked: bad input."""
    done = run(*words)
    assert isinstance(done.exception, BadInput) and said in str(done.exception)


@pytest.fixture
def balancer(monkeypatch):
    """What is done to a made-up rule of a load balancer, sticky, whose alarms have no data."""
    from blipkit.service import alb

    group = alb.Group("arn", "cameras-inf2", 0, healthy=3)
    seen = []

    class Made:
        def state(self, rule, names):
            groups = {"gpu": alb.Group("arn2", "cameras-gpu", 100, 2), "inf2": group}
            sticky = {"Enabled": True, "DurationSeconds": 60}
            config = {"TargetGroups": [], "TargetGroupStickinessConfig": sticky}
            return alb.RuleState(rule, [{"Type": "forward", "ForwardConfig": config}], groups)

        def set(self, state, weights):
            seen.append(dict(weights))

        def alarm_states(self, names):
            return dict.fromkeys(names, "INSUFFICIENT_DATA")

    monkeypatch.setattr(alb, "connect", lambda rule: Made())
    monkeypatch.setattr(switching, "time", SimpleNamespace(sleep=seen.append))
    return seen


WATCHED = ["--rated", "inf2=2", "--demand", 100, "--alarm", "p99", "--watch", 15]


def test_a_load_balancer_that_is_told_to_end_gets_its_old_weights_back(
    balancer, hangups, monkeypatch
):
    """By a service manager, or as the shell is closed, which says so twice."""

    def tell(seconds):
        os.kill(os.getpid(), signal.SIGHUP)

    monkeypatch.setattr(switching, "time", SimpleNamespace(sleep=tell))
    done = run("--alb", RULE, "gpu=95", "inf2=5", *WATCHED)
    assert "interrupted by SIGHUP: the old weights are set again" in str(done.exception)
    assert balancer == [{"gpu": 95, "inf2": 5}, {"gpu": 100, "inf2": 0}]


def test_a_load_balancer_is_set_and_watched(balancer):
    """Its weights before and now, which alarms are looked at and for how long, and the end."""
    done = run("--alb", RULE, "gpu=95", "inf2=5", *WATCHED)
    assert done.exit_code == 0, done.exception
    assert done.output.splitlines() == [
        "before: gpu=100 inf2=0; to be set: gpu=95 inf2=5",
        "the rule is sticky: a caller stays with its group for up to 60 s",
        "looking at p99 for 15 s",
        "set, and no alarm went off",
        "without data to the end, so that they said nothing: p99",
    ]
    assert balancer == [{"gpu": 95, "inf2": 5}, 10, 10]

"""`blipkit switch` on the command line: what it refuses, how it ends, and what it leaves."""

import errno
import io
import os
import signal
from types import SimpleNamespace

import pytest
from made_up_route import open_route
from typer.testing import CliRunner

from blipkit import cli
from blipkit.errors import BadInput, BlipkitError
from blipkit.run import watching
from blipkit.run.watching import run_until_told, say, shares_in
from blipkit.service.watch import Rules, pairs_needed


def run(*words):
    return CliRunner().invoke(cli.app, ["switch", *map(str, words)])


@pytest.fixture
def tier():
    pytest.importorskip("httpx", reason="needs the extra service")
    with open_route() as server:
        yield server


@pytest.fixture
def files(tmp_path):
    """The options that name what the tier writes."""
    (tmp_path / "ledger").touch()
    return ["--ledger", tmp_path / "ledger", "--pairs", tmp_path / "pairs"]


def test_it_begins_holds_and_ends_where_no_request_comes(tier, files, tmp_path):
    """Status 1, weights as they were; a file that is not there yet is said."""
    done = run("gpu", "inf2", *files, "--api", tier.url, "--most-s", 0.001)
    assert done.exit_code == 1, done.exception
    *before, holds, last = done.output.splitlines()
    assert before == [
        "from gpu to inf2: 0,5,50,100 %, each for 60 s at least",
        "before the first step 1211 frames are compared, and 149 at each share after it but 100 %",
        "--rated inf2=PER_S is not said: nobody looks whether it has room",
        f"{tmp_path / 'pairs'} is not there yet; it is read once it is",
    ]
    assert "holds at 0 %: no request of its backends came to" in holds
    assert last.endswith("; weights stay as they are: gpu=100 inf2=0 cpu=0")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gpus", "inf2"], "PRIMARY is 'gpus'; did you mean 'gpu'?"),
        (["gpu", "inf"], "CANDIDATE is 'inf'; did you mean 'inf2'?"),
        (["gpu", "cpu"], "cpu is not ready (status 503)"),
        (["inf2", "gpu"], "weights are gpu=100 inf2=0 cpu=0; expected inf2=100"),
        (["gpu", "inf2", "--pairs", "/"], "--pairs / is a folder; expected a file"),
    ],
)
def test_what_the_tier_has_not_is_refused(tier, files, words, said):
    """Before anything is set: bad input."""
    done = run(*words[:2], *files, "--api", tier.url, *words[2:])
    assert isinstance(done.exception, BadInput) and said in str(done.exception)
    assert tier.route["weights"]["gpu"] == 100


def test_frames_that_flip_together_take_more_frames(tier, files):
    """As those of a clip: the option is the rule's."""
    words = ["--flips-together", 10, "--rated", "inf2=9", "--most-s", 0.001]
    said = run("gpu", "inf2", *files, "--api", tier.url, *words).output
    needed = pairs_needed(Rules(flips_together=10))
    assert needed > 3 * 1211 and f"before the first step {needed} frames are compared" in said
    assert "--rated" not in said


def test_a_backend_without_copies_is_refused(tier, files):
    """No pair would ever come; without answers, none is needed."""
    tier.route["backends"]["inf2"] = tier.route["backends"]["gpu"] | {"is_shadow": False}
    done = run("gpu", "inf2", *files, "--api", tier.url)
    assert isinstance(done.exception, BadInput)
    assert "expected the tier to run with --shadow inf2 --pairs FILE" in str(done.exception)
    alone = [*files[:2], "--without-answers", "--most-s", 0.001]
    assert run("gpu", "inf2", *alone, "--api", tier.url).exit_code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--ledger is not said; expected the FILE of blipkit api --ledger FILE"),
        (
            ["--ledger", "a"],
            "--pairs is not said, so that answers would not be watched; expected the FILE of "
            "blipkit api --shadow inf2 --pairs FILE, or --without-answers",
        ),
        (["--ledger", "a", "--pairs", "b", "--without-answers"], "beside --without-answers"),
        *(
            (["--ledger", "a", "--without-answers", *words], f"{words[0]} stands beside --without")
            for words in (["--excused", "1"], ["--parity", "."], ["--flips-together", "2"])
        ),
        (["--steps", "5,50"], "--steps '5,50'; expected percents that begin at 0 and rise"),
        (["--steps", "0,50,5"], "--steps '0,50,5'; expected percents"),
        (["--steps", "0,5,5"], "--steps '0,5,5'; expected percents"),
        (["--steps", "0"], "--steps '0'; expected percents"),
        (["--steps", "0,five"], "--steps '0,five'; expected percents"),
        (["--steps", "0,101"], "--steps '0,101'; expected percents"),
        (["--steps", "0,nan"], "--steps '0,nan'; expected percents"),
        (["--steps", "0,99.9"], "nothing can be noticed; take 1, or a smaller one"),
        (["--step-s", "-1"], "--step-s is -1; expected seconds, 0 or more"),
        (["--late-ms", "0"], "--late-ms is 0; expected a number above 0"),
        (["--most-s", "nan"], "--most-s is nan; expected a number above 0"),
        (["--rated", "inf=3"], "--rated names 'inf'; did you mean 'inf2'?"),
        (["--rated", "gpu=3"], "gpu, which gets less and less; expected --rated inf2=PER_S alone"),
        (["--pairs", "a"], "--ledger and --pairs are both"),
        (["--flips-together", "0"], "--flips-together is 0; expected frames, at least 1"),
        (["--flips-together", "9999"], "9999 frames flip together: no number of frames would show"),
        (["--excused", "1", "--parity", "."], "--excused stands beside --parity; expected the one"),
        (["--rated", "inf2=0"], "--rated inf2=0; expected requests/s, above 0"),
        (["--excused", "-1"], "--excused is -1.0; expected nats"),
        (["--arm", "a"], "--arm 'a' without --parity"),
        (["--api", "tier"], "--api 'tier'; expected such as"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(words, said):
    """Before any tier is asked: bad input."""
    given = words if not words or "--ledger" in words else ["--ledger=a", "--pairs=b", *words]
    done = run("gpu", "inf2", *given)
    assert isinstance(done.exception, BadInput) and said in str(done.exception)


def test_two_backends_are_needed():
    """One that replaces itself is bad input."""
    done = run("gpu", "gpu", "--ledger=a", "--pairs=b")
    assert str(done.exception) == "both backends are 'gpu'; expected two"


def test_a_tier_that_is_not_there_is_said(files):
    """As by `blipkit route`."""
    pytest.importorskip("httpx", reason="needs the extra service")
    done = run("gpu", "inf2", *files, "--api", "http://127.0.0.1:9")
    assert isinstance(done.exception, BlipkitError) and "blipkit api, or" in str(done.exception)


def test_steps_are_percents():
    """Shares of the candidate's."""
    assert shares_in("0, 2.5,100") == (0.0, 0.025, 1.0)


def test_a_switch_goes_on_where_nobody_reads_what_it_says(monkeypatch, capsys):
    """A full disk, or a pipe that was closed, ends no switch in its middle; it is said among the errors."""

    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(watching.time, "strftime", lambda form: "12:00:00")
    monkeypatch.setattr("sys.stdout", Full())
    say("holds")
    assert capsys.readouterr().err == "12:00:00 holds\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_told_to_end_it_leaves_the_weights_and_says_the_way_back(
    monkeypatch, capsys, number, status
):
    """By Ctrl-C or SIGTERM, each with its status, and the signal is as it was before."""
    monkeypatch.setattr(watching.time, "strftime", lambda form: "12:00:00")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    before = signal.getsignal(signal.SIGTERM)
    words = "weights stay as they are: gpu=95 inf2=5; to go back: blipkit route gpu=100 inf2=0"
    live = SimpleNamespace(run=lambda: os.kill(os.getpid(), number), standing=lambda: words)
    assert run_until_told(live) == status
    assert capsys.readouterr().out == f"12:00:00 told to end; {words}\n"
    assert signal.getsignal(signal.SIGTERM) is before

"""`blipkit shadow` on the command line: what it refuses, and what it says."""

import json

import pytest
from typer.testing import CliRunner

from blipkit import cli
from blipkit.errors import BadInput, BlipkitError

ASKED = ("is it barking?", "is it playing?")


def run(*words):
    return CliRunner().invoke(cli.app, ["shadow", *map(str, words)])


@pytest.fixture
def logs(tmp_path):
    """Two logs of 200 frames of one camera; the candidate's is another in `differs` frames."""

    def write(differs=(), margin=3.0):
        paths = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
        for side, path in enumerate(paths):
            lines = []
            for number in range(200):
                texts = ["yes" if number % 20 < 2 else "no"] * 2
                if side and number in differs:
                    texts[0] = {"yes": "no", "no": "yes"}[texts[0]]
                answers = [
                    {"question": q, "text": t, "probability": 0.9, "margin": margin}
                    for q, t in zip(ASKED, texts, strict=True)
                ]
                row = {"request_id": f"r{number}", "camera": "porch", "answers": answers}
                lines.append(json.dumps(row))
            path.write_text("\n".join(lines) + "\n")
        return paths

    return write


def test_logs_that_agree_pass(logs):
    """Counts with intervals, the alerts of a rule, the gate; exit 0."""
    done = run("--logs", *logs(), "--alert", "yes in 2 of 5 frames of a camera")
    assert done.exit_code == 0, done.output
    assert "frames compared: 200, with a flip that no rounding excuses: 0" in done.output
    assert "answers: 400, flipped 0: 0.00%" in done.output
    assert "lost 0, per 1,000 0.0" in done.output and "20 of 1 cameras" in done.output
    assert done.output.splitlines()[-1].startswith("shadow agrees: PASS")


def test_logs_that_differ_fail(logs):
    """The flips with their margins, what they do to alerts; exit 1."""
    differs = range(0, 200, 20)
    done = run("--logs", *logs(differs), "--alert", "yes to 'is it barking?' in 2 of 5 frames")
    assert done.exit_code == 1
    assert "r0: is it barking? yes (3 nats), candidate no (3 nats)" in done.output
    assert "lost 10, per 1,000 1000.0" in done.output
    assert "shadow agrees: FAIL" in done.output.splitlines()[-1]


def test_a_margin_that_is_excused_does_not_fail(logs):
    """As 03 says of the precision: --excused."""
    done = run("--logs", *logs([3, 25], margin=0.01), "--excused", 0.02)
    assert done.exit_code == 0 and "unexcused 0" in done.output


def test_03s_own_margin_excuses(logs, tmp_path):
    """--parity reads what 03 measured for the arm, its baseline's flips among it; an arm that is none is refused."""
    folder = tmp_path / "results"
    (folder / "records").mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    paths = logs([3, 25], margin=0.01)
    assert "has no parity_noise.jsonl" in str(run("--logs", *paths, "--parity", folder).exception)
    row = {"arm": "torchscript bfloat16", "evidence": "measured", "baseline": "eager bfloat16"}
    row |= {"excused_margin": 0.02, "baseline_frames": 200, "baseline_flips": 2, "schema": 1}
    (folder / "records/parity_noise.jsonl").write_text(json.dumps(row) + "\n")
    done = run("--logs", *paths, "--parity", folder)
    assert done.exit_code == 0, done.exception
    assert "excused, as 03 found for torchscript bfloat16: 0.02 nats" in done.output
    assert "unexcused 0" in done.output
    many = run("--logs", *logs(range(20), margin=0.01), "--parity", folder)
    assert many.exit_code == 1 and "2 of 200 with eager bfloat16" in many.output
    refused = run("--logs", *paths, "--parity", folder, "--arm", "torchscript bfloat15")
    assert "did you mean 'torchscript bfloat16'?" in str(refused.exception)
    assert "without --parity" in str(run("--logs", *paths, "--arm", "x").exception)


def test_what_stands_in_one_log_alone_is_counted(logs):
    """Nothing is left out silently."""
    first, second = logs()
    second.write_text("".join(second.read_text().splitlines(keepends=True)[:150]))
    done = run("--logs", first, second, "--alert", "yes in 2 of 5 frames")
    said = done.output
    assert "shadow agrees: WARN: 50 of 200 requests are missing in the candidate's log" in said
    assert done.exit_code == 0
    assert "a.jsonl: 50 requests that the other log does not have" in said
    assert "50 frames that not both answered are in no alert of these" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--primary is not said; expected it, or --logs"),
        (["--primary", "http://a"], "--candidate is not said"),
        (["--primary", "http://a", "--candidate", "http://b"], "--frames is not said"),
        (
            ["--primary", "http://a", "--candidate", "http://b", "--frames", "."],
            "--question is not said",
        ),
        (
            [
                "--primary",
                "http://a",
                "--candidate",
                "http://a/",
                "--frames",
                ".",
                "--question",
                "q",
            ],
            "are both http://a",
        ),
        (["--sample", "0"], "--sample is 0.0; expected a share"),
        (["--limit", "2"], "--limit is 2.0"),
        (["--twice", "-1"], "--twice is -1.0"),
        (["--excused", "nan"], "--excused is nan; expected nats"),
        (["--alert", "yes"], "expected such as: yes in 2 of 5 frames"),
        (["--logs", "a", "b", "--primary", "http://a"], "--logs stands beside endpoints"),
        (["--logs", "a", "b", "--sample", 0.5], "--logs stands beside endpoints"),
        (["--logs", "a", "b", "--twice", 0], "--logs stands beside endpoints"),
        (["--logs", "gone", "gone"], "gone: No such file"),
    ],
)
def test_what_cannot_be_compared_is_refused(words, said):
    """Before anything is asked: bad input."""
    done = run(*words)
    assert isinstance(done.exception, BadInput) and said in str(done.exception)


def test_a_rule_that_cannot_be_answered_is_refused_first(tmp_path):
    """Before any frame is asked about: no cameras, or a question that is none of those."""
    pytest.importorskip("httpx", reason="needs the extra service")
    (tmp_path / "1.jpg").write_bytes(b"\xff\xd8\xff")
    ends = ["--primary", "http://127.0.0.1:9", "--candidate", "http://127.0.0.1:10"]
    ends += ["--frames", tmp_path, "--question", "q"]
    done = run(*ends, "--alert", "yes in 2 of 5 frames")
    assert "no frame says which camera" in str(done.exception) and "Connect" not in done.stderr
    done = run(*ends, "--alert", "yes to 'p' in 2 of 5 frames")
    assert isinstance(done.exception, BadInput) and "that was not asked" in str(done.exception)


def test_nobody_there_is_said(tmp_path):
    """Each frame with its reason, and that none was compared: an error, no bad input."""
    pytest.importorskip("httpx", reason="needs the extra service")
    (tmp_path / "1.jpg").write_bytes(b"\xff\xd8\xff")
    ends = ["--primary", "http://127.0.0.1:9", "--candidate", "http://127.0.0.1:10"]
    done = run(*ends, "--frames", tmp_path, "--question", "q")
    assert isinstance(done.exception, BlipkitError) and not isinstance(done.exception, BadInput)
    assert "ConnectError" in done.stderr and "not compared: 1 of 1 frames" in done.stderr

import json
import resource
import signal

import pytest
from ledger_lines import made_line

from blipkit.errors import BadInput
from blipkit.service import json_lines
from blipkit.service.json_lines import LineFile, end_of_lines
from blipkit.service.ledger import LedgerFile, answers_digest, line_text, read_ledger


def test_what_is_added_is_read_back(tmp_path):
    """Lines come back as they were, in order, from several files."""
    lines = [made_line("a"), made_line("b", outcome="lost"), made_line("a", "api", answers="ä\n")]
    for name, some in {"one": lines[:2], "two": lines[2:]}.items():
        with LedgerFile(tmp_path / name) as ledger:
            for line in some:
                ledger.add(line)
    assert read_ledger([tmp_path / "one", tmp_path / "two"]) == lines


def test_a_line_is_in_the_file_at_once_and_a_file_goes_on(tmp_path):
    """A tier that is killed has lost nothing that it added, and started again it goes on in the file."""
    path = tmp_path / "ledger.jsonl"
    first, second = LedgerFile(path), LedgerFile(path)
    first.add(made_line("a"))
    second.add(made_line("b"))
    assert [line.request_id for line in read_ledger([path])] == ["a", "b"]
    first.close()
    second.close()


def test_a_killed_writers_half_line_spoils_no_other(tmp_path):
    """Whoever goes on in its file begins a line of its own; what is no beginning of an object stays, ended."""
    path = tmp_path / "ledger.jsonl"
    path.write_text(line_text(made_line("a")) + line_text(made_line("b"))[:40])
    for name in ("c", "d"):
        with LedgerFile(path) as ledger:
            ledger.add(made_line(name))
    assert [line.request_id for line in read_ledger([path])] == ["a", "c", "d"]
    path.write_text("what somebody wrote")
    with LedgerFile(path) as ledger:
        ledger.add(made_line("a"))
    assert path.read_text() == "what somebody wrote\n" + line_text(made_line("a"))


def test_the_end_of_whole_lines_is_found_however_far_back(tmp_path, monkeypatch):
    """In pieces, from the end; what a killed process left behind it is removed."""
    path = tmp_path / "lines.jsonl"
    monkeypatch.setattr(json_lines, "TAIL", 4)
    for text, end in (("", 0), ("ab", 0), ("a\n", 2), ("a\nbcdefghij", 2), ("abcdefgh\n", 9)):
        path.write_text(text)
        with open(path, "rb") as file:
            assert end_of_lines(file) == end, text
    path.write_text('{}\n{"reply": "a long one')
    LineFile(path).close()
    assert path.read_text() == "{}\n"


def test_what_a_full_disk_does_not_take_leaves_no_half_line(tmp_path):
    """The next line that it takes is whole, and the file can be read."""
    path = tmp_path / "ledger.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a limit stands for a full disk
    try:
        with LedgerFile(path) as ledger:
            ledger.add(made_line("a"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40, hard))
            for name in ("b", "c"):
                with pytest.raises(OSError, match="File too large"):
                    ledger.add(made_line(name))
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            ledger.add(made_line("d"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, was)
    assert [line.request_id for line in read_ledger([path])] == ["a", "d"]


def test_an_unfinished_last_line_is_no_line(tmp_path):
    """A process that was killed while it wrote leaves half a line; the others count."""
    path = tmp_path / "ledger.jsonl"
    path.write_text(line_text(made_line("a")) + line_text(made_line("b"))[:40])
    assert [line.request_id for line in read_ledger([path])] == ["a"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": "maybe"}, "outcome is 'maybe'; expected"),
        ({"latency_ms": "12"}, "latency_ms is '12'; expected"),
        ({"request_id": ""}, "request_id is ''; expected a text"),
        ({"attempt": None}, "attempt is None; expected"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path, change, said):
    """File, line, key, what was seen and what was expected."""
    path = tmp_path / "ledger.jsonl"
    spoilt = json.dumps(json.loads(line_text(made_line("b"))) | change)
    path.write_text(line_text(made_line("a")) + spoilt + "\n")
    with pytest.raises(BadInput, match=f"ledger.jsonl, line 2: {said}"):
        read_ledger([path])


def test_what_is_no_json_or_lacks_a_key_is_named(tmp_path):
    """As for a log of somebody else."""
    path = tmp_path / "ledger.jsonl"
    path.write_text("hello\n")
    with pytest.raises(BadInput, match="line 1: .*take a ledger"):
        read_ledger([path])
    path.write_text('{"request_id": "a"}\n')
    with pytest.raises(BadInput, match="line 1: .* has no tier, outcome"):
        read_ledger([path])


def test_a_digest_tells_answers_apart():
    """By their texts, their order and where one ends."""
    several = [["yes", "no"], ["no", "yes"], ["yesno"], ["yes", "no", ""], ["yes"], []]
    assert len({answers_digest(texts) for texts in several}) == len(several)
    assert answers_digest(["yes", "no"]) == answers_digest(iter(["yes", "no"]))
    assert len(answers_digest(["\ud800"])) == 32  # of a text that no file could hold

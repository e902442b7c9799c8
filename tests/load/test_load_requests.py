"""The clients' file is read back as it was written."""

from blipkit.load.requests import RECORD, read_requests
from blipkit.serving.protocol import ANSWERED, LOST, NOT_SERVED


def write(path, *due: float) -> None:
    """A request for each time, answered but the last, which is lost."""
    statuses = [ANSWERED] * (len(due) - 1) + [LOST]
    rows = [
        (0, number, 0, status, at, at, *NOT_SERVED, at + 1)
        for number, (at, status) in enumerate(zip(due, statuses, strict=True))
    ]
    path.write_bytes(b"".join(RECORD.pack(*row) for row in rows))


def test_times_count_from_the_start_of_measuring(tmp_path):
    """What came before has times below zero; a status is a word."""
    write(tmp_path / "requests", 99.0, 101.0)
    requests, start = read_requests(tmp_path / "requests", 100.0)
    assert (
        start == 100.0
        and list(requests.scheduled) == [-1.0, 1.0]
        and list(requests.received) == [0.0, 2.0]
    )
    assert list(requests.status) == ["answered", "lost"]


def test_without_a_start_they_count_from_the_first_request(tmp_path):
    """The clients died before they told; where they wrote nothing, there is nothing."""
    write(tmp_path / "requests", 99.0, 101.0)
    requests, start = read_requests(tmp_path / "requests", None)
    assert start == 99.0 and list(requests.scheduled) == [0.0, 2.0]
    nothing, start = read_requests(tmp_path / "absent", None)
    assert len(nothing) == 0 and start == 0.0
